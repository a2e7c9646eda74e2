//! What must hold: at every moment, and after the end.

use crate::fake_aws::{Fake, World};
use amifactory::identity::{Digest, RecipeName};
use amifactory::pipeline::tags::{self, ImageState, Owner};
use amifactory::target::Tags;
use std::collections::{BTreeMap, BTreeSet};

/// Each pointer's value. Locks and pins stand beside them.
pub fn parameters(world: &World) -> BTreeMap<String, String> {
    let newest = |(_, name, found): (_, &String, &crate::fake_aws::ssm::parameters::Parameter)| {
        let is_pointer = ["/versions/", "/channels/"].iter().any(|kind| name.contains(kind));
        Some((name.clone(), found.newest()?.value.clone())).filter(|_| is_pointer)
    };
    world.ssm.parameters().filter_map(newest).collect()
}

/// At every moment each pointer names an image that is there and was verified: the old one or the new one.
pub fn pointers_hold(fake: &Fake, place: &str) {
    let world = fake.world();
    let now = world.clock.now();
    for (name, value) in parameters(&world) {
        let image = world.ec2.images.get(&value);
        let available = image.is_some_and(|image| *image.state.at(now) == "available");
        let state = ImageState::of(&world.ec2.tags_at(&value, now));
        assert!(available && state >= ImageState::Verified, "{place}: {name} names {value}: {available} {state:?}");
    }
    assert!(world.unknown_calls.is_empty(), "{place}: {:?}", world.unknown_calls);
}

/// An image of the account, with what its tags say.
pub struct Made {
    pub id: String,
    pub owner: Owner,
    pub tags: Tags,
    pub snapshots: Vec<String>,
}

pub fn images(world: &World) -> Vec<Made> {
    let now = world.clock.now();
    let own = world.ec2.own_images(&world.account).into_iter();
    own.map(|image| {
        let tags = world.ec2.tags_at(&image.id, now);
        let owner = tags::owner(&tags).unwrap_or_else(|| panic!("{} does not say whose it is", image.id));
        let snapshots = image.mappings.iter().filter_map(|mapping| mapping.snapshot.clone()).collect();
        Made { id: image.id.clone(), owner, tags, snapshots }
    })
    .collect()
}

/// After the end nothing is there but published images, the snapshots that they are made of, one record each, and
/// pointers.
pub fn nothing_is_left(fake: &Fake, place: &str) {
    let world = fake.world();
    let now = world.clock.now();
    let images = images(&world);
    let mut plans: BTreeSet<(&RecipeName, &Digest)> = BTreeSet::new();
    let pointers = parameters(&world);
    let mut allowed: BTreeSet<String> = BTreeSet::new();
    for image in &images {
        assert!(
            plans.insert((&image.owner.recipe, &image.owner.digest)),
            "{place}: two images of plan {}",
            image.owner.digest
        );
        let version = format!("/amifactory/{}/x86_64/versions/{}", image.owner.recipe, image.owner.version);
        let named = pointers.get(&version) == Some(&image.id);
        assert!(named, "{place}: no version pointer names {} ({}): {pointers:?}", image.id, image.owner.build);
        allowed.insert(image.id.clone());
        allowed.extend(image.snapshots.iter().cloned());
        let records: Vec<&String> = world
            .ec2
            .snapshots
            .keys()
            .filter(|id| !image.snapshots.contains(id))
            .filter(|id| {
                world.ec2.tags_at(id, now).get(tags::BUILD).map(String::as_str) == Some(image.owner.build.as_str())
            })
            .collect();
        let states: Vec<_> = records.iter().map(|id| *world.ec2.snapshots[*id].state.at(now)).collect();
        assert_eq!(states, ["completed"], "{place}: records of {}: {records:?}", image.owner.build);
        allowed.insert(records[0].clone());
    }
    let belongings = world.ec2.belongings(&world.account, now);
    let left: Vec<String> = belongings
        .into_iter()
        .filter(|id| !allowed.contains(id))
        .map(|id| format!("{id} {:?}", world.ec2.tags_at(&id, now)))
        .collect();
    assert!(left.is_empty(), "{place}: left over: {left:#?}");
    for (name, value) in &pointers {
        let known = images.iter().any(|image| image.id == *value);
        assert!(known, "{place}: {name} names {value}");
    }
}

/// The plan has one image, which its version pointer and the channel name.
pub fn complete(fake: &Fake, recipe: &str, digest: &Digest, place: &str) {
    let world = fake.world();
    let images = images(&world);
    let ours: Vec<&Made> = images.iter().filter(|image| image.owner.digest == *digest).collect();
    assert_eq!(ours.len(), 1, "{place}: images of the plan");
    assert_eq!(ImageState::of(&ours[0].tags), ImageState::Verified, "{place}");
    let channel = parameters(&world).get(&format!("/amifactory/{recipe}/x86_64/channels/dev")).cloned();
    assert_eq!(channel.as_ref(), Some(&ours[0].id), "{place}: the channel names the new image");
}
