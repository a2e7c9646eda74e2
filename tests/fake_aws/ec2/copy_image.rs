//! CopyImage: into the region of the call, from the one that it names.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::text;
use super::create_image::{check_name, fate, publish};
use super::errors::{check_id, invalid, missing, not_found};
use super::launch::key;
use super::model::{Home, Image, Mapping};
use super::snapshots::{self, NewSnapshot};
use super::state::{ImageFate, TokenUse};
use super::tags;
use super::timeline::Timeline;

/// "100 concurrent AMI copies per destination region."
const AT_ONCE: usize = 100;

pub fn copy_image(world: &mut World, call: &Incoming<'_>) -> Reply {
    let (now, home, params) = (call.now, Home::of(call.caller), call.params);
    let token = params.get("ClientToken").map(|token| (home.clone(), token.to_owned()));
    if let Some(used) = token.as_ref().and_then(|token| world.ec2.tokens.get(token)) {
        if used.params != params.without(&["ClientToken", "DryRun"]) {
            return Err(Failure::bad(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request.",
            ));
        }
        let id = used.made.first().cloned().unwrap_or_default();
        return Ok(Done::xml(vec![text("imageId", &id)]));
    }
    let region = params.get("SourceRegion").ok_or_else(|| missing("SourceRegion"))?;
    if !world.regions.iter().any(|known| known == region) {
        return Err(invalid(format!("Value ({region}) for parameter sourceRegion is invalid.")));
    }
    let id = params.get("SourceImageId").ok_or_else(|| missing("SourceImageId"))?;
    check_id("ami-", id)?;
    let there = Home { account: home.account.clone(), region: region.to_owned() };
    let source = world.ec2.images.get(id).filter(|image| image.seen_by(&there, now)).cloned();
    let source = source.ok_or_else(|| not_found("ami-", id))?;
    if *source.state.at(now) != "available" {
        return Err(Failure::bad("InvalidAMIID.Unavailable", format!("The image ID '{id}' is not available")));
    }
    let name = check_name(world, call, &home)?;
    let specified = tags::specified(call, &["image", "snapshot"])?;
    let pending =
        |image: &&Image| image.home == home && image.source_instance.is_none() && *image.state.at(now) == "pending";
    if world.ec2.images.values().filter(pending).count() >= AT_ONCE {
        let message = "Too many concurrent copies are in progress in the destination region";
        return Err(Failure::bad("ResourceLimitExceeded", message));
    }
    let encrypt = params.flag("Encrypted")?.unwrap_or(false) || world.ec2.encryption_by_default;
    let image = world.id("ami");
    let own =
        world.ec2.pokes.copies.get_mut(&home.region).filter(|fates| !fates.is_empty()).map(|fates| fates.remove(0));
    let named = params.get("KmsKeyId").map(|named| key(Some(named), &home));
    if own.is_some() {
        world.ec2.pokes.images.splice(0..0, own);
    } else if let Some(named) = &named
        && (named.split(':').nth(3) != Some(home.region.as_str()) || world.ec2.dead_keys.contains(named))
    {
        // "AWS authenticates the KMS key asynchronously": the call is answered, and the copy fails.
        let takes = world.latencies.image;
        world.ec2.pokes.images.insert(0, ImageFate::Fails(takes));
    }
    let (state, reason, takes) = fate(world, now);
    let mut mappings = Vec::new();
    for mapping in &source.mappings {
        let encrypted = mapping.encrypted || encrypt;
        let kms_key = encrypted.then(|| key(params.get("KmsKeyId"), &home));
        let snapshot = mapping.snapshot.as_ref().map(|from| NewSnapshot {
            home: home.clone(),
            volume: "vol-ffffffff".to_owned(),
            size: mapping.size,
            description: format!("Copied for DestinationAmi {image} from SourceAmi {id} for SourceSnapshot {from}."),
            encrypted,
            kms_key: kms_key.clone(),
            completes: Some(takes),
            disk: (mapping.device == source.root_device).then(|| source.disk.clone()),
            tags: specified.of("snapshot"),
        });
        let snapshot = snapshot.map(|new| snapshots::add(world, new, now));
        mappings.push(Mapping { snapshot, encrypted, kms_key, ..mapping.clone() });
    }
    let mut all = specified.of("image");
    if params.flag("CopyImageTags")?.unwrap_or(false) && source.home.account == home.account {
        let own = world.ec2.tags_at(id, now);
        all.extend(own.into_iter().filter(|(key, _)| !specified.of("image").contains_key(key)));
    }
    let visible = world.visible_at(now);
    let copy = Image {
        id: image,
        home,
        owner_alias: None,
        name,
        description: params.get("Description").unwrap_or(&source.description).to_owned(),
        created: world.clock.wall(now),
        visible,
        state,
        reason,
        mappings,
        public: false,
        shared_with: Default::default(),
        shared_with_arns: Default::default(),
        source_instance: None,
        source_image: Some((id.to_owned(), region.to_owned())),
        deprecated: Timeline::new(now, None),
        protection: Default::default(),
        ..source.clone()
    };
    let made = publish(world, copy, all, now);
    if let Some(token) = token {
        let use_ = TokenUse { params: params.without(&["ClientToken", "DryRun"]), made: vec![made.clone()] };
        world.ec2.tokens.insert(token, use_);
    }
    Ok(Done::xml(vec![text("imageId", &made)]).made([made]).needs(specified.permissions()))
}
