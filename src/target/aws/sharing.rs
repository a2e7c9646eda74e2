//! Who else may use an image: launch permissions, and permissions on its snapshots. Each is looked at, added to where
//! something is missing, and looked at again. Nothing is taken from anyone.

use super::api::{Api, EVENTUAL, op};
use super::view::Ami;
use crate::identity::ImageId;
use crate::target::{Audience, Part, Readers, TargetError, at_once};
use aws_sdk_ec2::types::{
    CreateVolumePermission, CreateVolumePermissionModifications, Filter, ImageAttributeName, LaunchPermission,
    LaunchPermissionModifications, PermissionGroup, SnapshotAttributeName,
};
use futures_util::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Results per page of a describe.
const PAGE: i32 = 500;
/// So many images are asked for one by one: listings grow with all that there is.
const FEW: usize = 5;
const LOOK: Duration = Duration::from_secs(2);
/// How long an account may take to hear that it may read a snapshot.
const HEARD: Duration = Duration::from_secs(30);

/// Lets others use an image and its snapshots.
pub async fn share(api: &Api, image: &ImageId, parts: &[Part], audience: &Audience) -> Result<(), TargetError> {
    if audience.is_empty() {
        return Ok(());
    }
    // An image whose snapshots can't be read is of no use to anyone: those first.
    for part in parts {
        share_snapshot(api, &part.snapshot, audience).await?;
    }
    allow(api, image, &permissions(audience)).await
}

/// Adds what is missing of these launch permissions, and answers once they show.
async fn allow(api: &Api, image: &ImageId, wanted: &[LaunchPermission]) -> Result<(), TargetError> {
    let began = Instant::now();
    let mut written = false;
    loop {
        let there = launchers(api, image).await?;
        let missing: Vec<LaunchPermission> = wanted.iter().filter(|p| !there.contains(p)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        if !written {
            let change = LaunchPermissionModifications::builder().set_add(Some(missing)).build();
            let send =
                || api.ec2.modify_image_attribute().image_id(image.as_str()).launch_permission(change.clone()).send();
            api.caller.call(op::SHARE_IMAGE, image.as_str(), send).await?;
            written = true;
        } else if began.elapsed() > EVENTUAL {
            return Err(not_shown(image.as_str(), api));
        } else {
            sleep(LOOK).await;
        }
    }
}

fn permissions(audience: &Audience) -> Vec<LaunchPermission> {
    let accounts = audience.accounts.iter().map(|id| LaunchPermission::builder().user_id(id.as_str()).build());
    let all =
        audience.organizations.iter().map(|arn| LaunchPermission::builder().organization_arn(arn.as_str()).build());
    let units = audience.organizational_units.iter();
    let units = units.map(|arn| LaunchPermission::builder().organizational_unit_arn(arn.as_str()).build());
    accounts.chain(all).chain(units).collect()
}

/// Who may launch an image, each in a word: an account, an ARN, `all`.
pub async fn launchers_of(api: &Api, image: &ImageId) -> Result<Vec<String>, TargetError> {
    Ok(launchers(api, image).await?.iter().filter_map(word).collect())
}

/// The same of several; those that are gone are left out.
pub async fn launchers_of_all(api: &Api, images: &[ImageId]) -> Result<BTreeMap<ImageId, Vec<String>>, TargetError> {
    let each = images.iter().map(|image| {
        async {
            match launchers_of(api, image).await {
                Err(TargetError::NotFound { .. }) => Ok(None),
                there => there.map(|there| Some((image.clone(), there))),
            }
        }
        .boxed()
    });
    Ok(at_once(each.collect()).await?.into_iter().filter_map(Result::ok).flatten().collect())
}

fn word(permission: &LaunchPermission) -> Option<String> {
    let group = permission.group().map(|group| group.as_str());
    let whom = [permission.user_id(), permission.organization_arn(), permission.organizational_unit_arn(), group];
    whom.into_iter().flatten().next().map(str::to_owned)
}

fn permission(word: &str) -> LaunchPermission {
    let permission = LaunchPermission::builder();
    match word {
        "all" => permission.group(PermissionGroup::All),
        unit if unit.contains(":ou/") => permission.organizational_unit_arn(unit),
        organization if organization.starts_with("arn:") => permission.organization_arn(organization),
        account => permission.user_id(account),
    }
    .build()
}

/// Lets those launch an image again who could before it was disabled, and answers once that shows. Their permissions on
/// its snapshots were never taken.
pub async fn give_back(api: &Api, image: &ImageId, words: &[String]) -> Result<(), TargetError> {
    let wanted: Vec<LaunchPermission> = words.iter().map(|word| permission(word)).collect();
    allow(api, image, &wanted).await
}

/// Whether any of these is missing.
pub async fn is_missing(api: &Api, image: &ImageId, words: &[String]) -> Result<bool, TargetError> {
    let there = launchers_of(api, image).await?;
    Ok(words.iter().any(|word| !there.contains(word)))
}

async fn launchers(api: &Api, image: &ImageId) -> Result<Vec<LaunchPermission>, TargetError> {
    let ask = || {
        let request = api.ec2.describe_image_attribute().image_id(image.as_str());
        request.attribute(ImageAttributeName::LaunchPermission).send()
    };
    let answer = api.caller.call(op::IMAGE_SHARES, image.as_str(), ask).await?;
    Ok(answer.launch_permissions().to_vec())
}

/// Accounts may read snapshots; organizations launch the image, which needs no permission of its own on them.
async fn share_snapshot(api: &Api, snapshot: &str, audience: &Audience) -> Result<(), TargetError> {
    let wanted: BTreeSet<&str> = audience.accounts.iter().map(AsRef::as_ref).collect();
    let began = Instant::now();
    let mut written = false;
    loop {
        if wanted.is_empty() {
            return Ok(());
        }
        let readers = readers(api, snapshot).await?;
        let there: BTreeSet<&str> = readers.iter().map(String::as_str).collect();
        let missing: Vec<CreateVolumePermission> =
            wanted.difference(&there).map(|id| CreateVolumePermission::builder().user_id(*id).build()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if !written {
            let change = CreateVolumePermissionModifications::builder().set_add(Some(missing)).build();
            let send = || {
                let request = api.ec2.modify_snapshot_attribute().snapshot_id(snapshot);
                request.create_volume_permission(change.clone()).send()
            };
            match api.caller.call(op::SHARE_SNAPSHOT, snapshot, send).await {
                Err(error) if error.is("OperationNotPermitted") => {
                    return Err(TargetError::Service {
                        call: op::SHARE_SNAPSHOT.action.into(),
                        resource: format!("{snapshot} in {}", api.region),
                        said: error.message,
                        help: "give images a KMS key of their own, `aws: {volume: {kms_key: …}}` and `distribution: \
                               {regions: …}`, and build again"
                            .into(),
                    });
                }
                answer => answer?,
            };
            written = true;
        } else if began.elapsed() > EVENTUAL {
            return Err(not_shown(snapshot, api));
        } else {
            sleep(LOOK).await;
        }
    }
}

/// Who may make volumes of the snapshots of several images; those that are gone are left out.
pub async fn readers_of_all(api: &Api, images: &[Ami]) -> Result<BTreeMap<ImageId, Readers>, TargetError> {
    let of = |ami: &Ami| Some((ami.id.parse::<ImageId>().ok()?, ami.snapshots.clone()));
    let parts =
        images.iter().filter_map(of).flat_map(|(id, parts)| parts.into_iter().map(move |part| (id.clone(), part)));
    let each = parts.map(|(id, snapshot)| {
        async move {
            match readers(api, &snapshot).await {
                Err(TargetError::NotFound { .. }) => Ok(None),
                there => there.map(|there| Some((id, snapshot, there))),
            }
        }
        .boxed()
    });
    let mut all: BTreeMap<ImageId, Readers> = BTreeMap::new();
    for read in at_once(each.collect()).await? {
        if let Some((id, snapshot, there)) = read? {
            all.entry(id).or_default().insert(snapshot, there.into_iter().collect());
        }
    }
    Ok(all)
}

/// The accounts that may make volumes of a snapshot; `all` where everybody may.
async fn readers(api: &Api, snapshot: &str) -> Result<BTreeSet<String>, TargetError> {
    let ask = || {
        let request = api.ec2.describe_snapshot_attribute().snapshot_id(snapshot);
        request.attribute(SnapshotAttributeName::CreateVolumePermission).send()
    };
    let answer = api.caller.call(op::SNAPSHOT_SHARES, snapshot, ask).await?;
    let word = |p: &CreateVolumePermission| p.user_id().or(p.group().map(|group| group.as_str())).map(str::to_owned);
    Ok(answer.create_volume_permissions().iter().filter_map(word).collect())
}

fn not_shown(what: &str, api: &Api) -> TargetError {
    TargetError::GaveUp {
        call: op::SHARE_IMAGE.action.into(),
        resource: format!("{what} in {}", api.region),
        attempts: 1,
        seconds: EVENTUAL.as_secs(),
        last: "the permissions were written and do not show".into(),
    }
}

/// Whom images and their snapshots are to be shared with and are not. For accounts that is one listing of images and one
/// of snapshots each; of organizations each image must be asked for.
pub async fn unshared(
    api: &Api,
    images: &[Ami],
    audience: &Audience,
) -> Result<BTreeMap<ImageId, Vec<String>>, TargetError> {
    let mut missing: BTreeMap<ImageId, Vec<String>> = BTreeMap::new();
    if images.is_empty() {
        return Ok(missing);
    }
    let mut lacks = |ami: &Ami, what: String| {
        if let Ok(id) = ami.id.parse::<ImageId>() {
            missing.entry(id).or_default().push(what);
        }
    };
    if images.len() <= FEW {
        for ami in images {
            let Ok(id) = ami.id.parse::<ImageId>() else { continue };
            let there = launchers(api, &id).await?;
            for permission in permissions(audience).iter().filter(|permission| !there.contains(permission)) {
                lacks(ami, format!("launch permission for {}", whom(permission)));
            }
            for snapshot in ami.snapshots.iter().filter(|_| !audience.accounts.is_empty()) {
                let there = readers(api, snapshot).await?;
                for account in audience.accounts.iter().filter(|account| !there.contains(account.as_str())) {
                    lacks(ami, format!("permission on {snapshot} for account {account}"));
                }
            }
        }
        return Ok(missing);
    }
    for account in &audience.accounts {
        let launched = launched_by(api, account.as_str()).await?;
        let restored = restored_by(api, account.as_str()).await?;
        for ami in images {
            if !launched.contains(&ami.id) {
                lacks(ami, format!("launch permission for account {account}"));
            }
            for snapshot in ami.snapshots.iter().filter(|snapshot| !restored.contains(*snapshot)) {
                lacks(ami, format!("permission on {snapshot} for account {account}"));
            }
        }
    }
    let wide = Audience { accounts: Vec::new(), ..audience.clone() };
    if !wide.is_empty() {
        let ids: Vec<(&Ami, ImageId)> = images.iter().filter_map(|ami| Some((ami, ami.id.parse().ok()?))).collect();
        let each = ids.iter().map(|(_, id)| launchers(api, id).boxed()).collect();
        for ((ami, _), there) in ids.iter().zip(at_once(each).await?) {
            let there = there?;
            for permission in permissions(&wide).iter().filter(|permission| !there.contains(permission)) {
                lacks(ami, format!("launch permission for {}", whom(permission)));
            }
        }
    }
    Ok(missing)
}

fn whom(permission: &LaunchPermission) -> String {
    let arn = permission.organization_arn().or(permission.organizational_unit_arn());
    match (permission.user_id(), arn) {
        (Some(account), _) => format!("account {account}"),
        (None, arn) => arn.unwrap_or("someone").to_owned(),
    }
}

/// One's own images that an account may launch by its own name.
async fn launched_by(api: &Api, account: &str) -> Result<BTreeSet<String>, TargetError> {
    let (mut found, mut page) = (BTreeSet::new(), None);
    loop {
        let ask = || {
            let request = api.ec2.describe_images().owners("self").executable_users(account);
            request.max_results(PAGE).set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_IMAGES, account, ask).await?;
        found.extend(answer.images().iter().filter_map(|image| image.image_id().map(str::to_owned)));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// One's own snapshots that an account may make volumes of.
async fn restored_by(api: &Api, account: &str) -> Result<BTreeSet<String>, TargetError> {
    let (mut found, mut page) = (BTreeSet::new(), None);
    loop {
        let ask = || {
            let request = api.ec2.describe_snapshots().owner_ids("self").restorable_by_user_ids(account);
            request.max_results(PAGE).set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, account, ask).await?;
        found.extend(answer.snapshots().iter().filter_map(|snapshot| snapshot.snapshot_id().map(str::to_owned)));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Shows from within the account that it can use an image: it is listed there, and a block of each of its encrypted
/// snapshots is read, which decrypts it with the snapshot's key.
pub async fn check_use(api: &Api, image: &ImageId, parts: &[Part]) -> Result<(), TargetError> {
    let place = || format!("this account in {}", api.region);
    let filter = Filter::builder().name("image-id").values(image.as_str()).build();
    let began = Instant::now();
    loop {
        let ask = || api.ec2.describe_images().filters(filter.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_IMAGES, image.as_str(), ask).await?;
        if !answer.images().is_empty() {
            break;
        }
        if began.elapsed() > EVENTUAL {
            return Err(TargetError::Unusable {
                image: image.clone(),
                place: place(),
                why: "it is not seen there".into(),
                help: "run the same command again; amifactory shares it anew where that is missing".into(),
            });
        }
        sleep(LOOK).await;
    }
    let began = Instant::now();
    for part in parts.iter().filter(|part| part.encrypted) {
        loop {
            match read_one(api, &part.snapshot).await {
                Ok(()) => break,
                Err(TargetError::Denied { action, message, .. }) if began.elapsed() > HEARD => {
                    return Err(TargetError::Unusable {
                        image: image.clone(),
                        place: place(),
                        why: format!("{} can't be read: {message} ({action})", part.snapshot),
                        help: "the key policy must let this account use the key, and the role's policy its blocks: \
                               amifactory iam-policy --for consumer"
                            .into(),
                    });
                }
                Err(TargetError::Denied { .. }) => sleep(LOOK).await,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Reads the first block of a snapshot, where it has any.
async fn read_one(api: &Api, snapshot: &str) -> Result<(), TargetError> {
    let list = || api.ebs.list_snapshot_blocks().snapshot_id(snapshot).max_results(100).send();
    let listed = api.caller.call(op::LIST_BLOCKS, snapshot, list).await?;
    let Some(block) = listed.blocks().first() else { return Ok(()) };
    let (index, token) = (block.block_index().unwrap_or_default(), block.block_token().unwrap_or_default());
    let get = || api.ebs.get_snapshot_block().snapshot_id(snapshot).block_index(index).block_token(token).send();
    api.caller.call(op::GET_BLOCK, snapshot, get).await?;
    Ok(())
}
