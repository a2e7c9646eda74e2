//! The way out for images on EC2: deprecated, then disabled, then deregistered with their snapshots. Each step is looked at
//! first and afterwards, so that it can be taken again. What is needed to go on, or back, is a parameter,
//! `/amifactory/<recipe>/<arch>/retired/<version>`: any machine finds it, and it outlives the image.

use super::api::{Api, EVENTUAL, Operation, op};
use super::moves::LEASE;
use super::parameters::Plain;
use super::target::AwsTarget;
use super::view::{Ami, View};
use super::{images, parameters, pointers, sharing, tags};
use crate::identity::{Arch, Digest, ImageId, RecipeName};
use crate::pipeline::clock;
use crate::pipeline::tags as keys;
use crate::target::{Intent, PointerName, Retirement, Rung, Slot, TargetError, WayOut, moment};
use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, Snapshot};
use aws_sdk_ssm::types::Parameter;
use aws_smithy_types::DateTime;
use std::collections::BTreeSet;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

/// The steps.
pub const RUNGS: &[Rung] = &[Rung::Deprecate, Rung::Disable, Rung::Remove];

/// A deprecation begins so long after it is asked for: EC2 takes no date in the past, and rounds to the minute (EC2 API
/// reference, `EnableImageDeprecation`).
const AHEAD: Duration = Duration::from_secs(120);
/// A date that is no further off is as good as now.
const SOON: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_secs(2);
/// How often something is looked for that an older answer may not show.
const LOOKS: u32 = 3;
/// Values per filter (EC2 API reference, "Filtering": 200).
const VALUES: usize = 200;

fn parameter(name: &PointerName) -> Option<String> {
    let Slot::Version(version) = name.slot else { return None };
    Some(format!("/amifactory/{}/{}/retired/{version}", name.recipe, name.arch))
}

/// All that is written down of a recipe's images, as it stands there.
pub async fn written(api: &Api, recipe: &RecipeName) -> Result<Vec<Retirement>, TargetError> {
    let mut found = Vec::new();
    for arch in Arch::ALL {
        let path = format!("/amifactory/{recipe}/{arch}/retired");
        for parameter in parameters::list(api, &path, false).await? {
            found.push(read(parameter.name().unwrap_or_default(), &parameter)?);
        }
    }
    Ok(found)
}

/// Reads one. What does not say of itself where it stands, or has dates that are none, is someone's hand.
pub fn read(text: &str, found: &Parameter) -> Result<Retirement, TargetError> {
    let retirement = parameters::read::<Retirement>(text, found)?.value;
    let later = [
        &retirement.deprecated_at,
        &retirement.deprecated_before,
        &retirement.disabled_at,
        &retirement.restoring_at,
        &retirement.restored_at,
        &retirement.removed_at,
    ];
    let is_no_date = later.into_iter().flatten().chain([&retirement.at]).any(|date| moment(date).is_none());
    let why = if parameter(&retirement.name).as_deref() != Some(text) {
        format!("it says that it is about {}", retirement.name)
    } else if is_no_date {
        "one of its dates is none".to_owned()
    } else {
        return Ok(retirement);
    };
    Err(damaged(text, why))
}

fn damaged(text: &str, why: String) -> TargetError {
    TargetError::Damaged {
        what: format!("parameter {text}"),
        why,
        help: format!(
            "find out who wrote it: aws ssm get-parameter-history --name {text}; then put it right, or delete it (aws ssm \
             delete-parameter --name {text})"
        ),
    }
}

/// The error where what is written down names an image that says of itself that it is another one.
pub fn of_another(retirement: &Retirement, image: &Ami) -> Option<TargetError> {
    let name = &retirement.name;
    let owner = keys::owner(&image.tags);
    let is_it = owner.as_ref().is_some_and(|owner| {
        owner.recipe == name.recipe
            && Slot::Version(owner.version) == name.slot
            && keys::arch(&image.tags) == Some(name.arch)
    });
    let says = owner.map_or("nothing".to_owned(), |owner| format!("{} {}", owner.recipe, owner.version));
    let why = format!("it names {}, whose tags say {says}", image.id);
    (!is_it).then(|| damaged(&parameter(name).unwrap_or_default(), why))
}

/// Says in a tag of the image who could launch it: whoever writes parameters alone can't open it to others. The list before
/// this one stays good until the new one is written down.
async fn vouch(api: &Api, view: &View, retirement: &Retirement) -> Result<(), TargetError> {
    if retirement.permissions.is_empty() {
        return Ok(());
    }
    let image = there(api, view, &retirement.image).await?;
    let now = list_digest(&retirement.permissions);
    let said = image.tags.get(keys::LAUNCHERS).map(String::as_str).unwrap_or_default();
    let before = said.split(' ').find(|before| !before.is_empty() && *before != now);
    if said.split(' ').next() == Some(&now) {
        return Ok(());
    }
    let value = before.map_or(now.clone(), |before| format!("{now} {before}"));
    images::tag_image(api, view, retirement.image.as_str(), &[(keys::LAUNCHERS.to_owned(), value)].into()).await
}

fn list_digest(words: &[String]) -> String {
    Digest::of(words.join("\n")).to_string()
}

/// Whether these were taken from the image when it was disabled, as it says itself.
fn is_vouched(image: &Ami, words: &[String]) -> bool {
    let said = image.tags.get(keys::LAUNCHERS).map(String::as_str).unwrap_or_default();
    said.split(' ').any(|said| said == list_digest(words))
}

/// Whose image such a parameter is about: `/amifactory/<recipe>/<arch>/retired/<version>`.
pub fn recipe_of(text: &str) -> Option<RecipeName> {
    let mut parts = text.strip_prefix("/amifactory/")?.split('/');
    let (recipe, retired) = (parts.next()?.parse().ok()?, parts.nth(1)?);
    (retired == "retired" && parts.next().is_some() && parts.next().is_none()).then_some(recipe)
}

/// What is written down, as far as its image bears it out: where someone enabled it, or cancelled its deprecation, it
/// begins anew. Who could launch it stays written down.
pub fn borne_out(retirement: Retirement, image: Option<&Ami>, now: OffsetDateTime) -> Retirement {
    let Some(image) = image.filter(|image| retirement.is_open() && !image.disabled) else { return retirement };
    let enabled_again = retirement.disabled_at.is_some();
    let deprecated_at = retirement.deprecated_at.clone().filter(|_| !enabled_again && is_deprecated(image, now));
    Retirement { deprecated_at, disabled_at: None, ..retirement }
}

fn is_deprecated(image: &Ami, now: OffsetDateTime) -> bool {
    image.deprecated.as_deref().and_then(moment).is_some_and(|at| at <= now + SOON)
}

#[async_trait]
impl WayOut for AwsTarget {
    async fn prepare(&self, retirement: Retirement) -> Result<Retirement, TargetError> {
        match retirement.rung {
            Rung::Deprecate => {
                let image = there(self.api(), self.view(), &retirement.image).await?;
                // A date within minutes of the beginning is that of an earlier try.
                let began = moment(&retirement.at);
                let own = |at: OffsetDateTime| began.is_some_and(|began| at >= began && at <= began + SOON);
                let before = image.deprecated.filter(|at| moment(at).is_some_and(|at| !own(at)));
                let deprecated_before = retirement.deprecated_before.clone().or(before);
                Ok(Retirement { deprecated_before, ..retirement })
            }
            Rung::Disable => {
                let launchers = sharing::launchers_of(self.api(), &retirement.image).await?;
                let retirement = retirement.with_permissions(launchers);
                let length = serde_json::to_string(&retirement).map_or(0, |text| text.len());
                if length > parameters::LONGEST {
                    return Err(TargetError::Unsupported {
                        what: format!(
                            "{} may be launched by so many ({}) that what is to be written down has {length} bytes, and {} \
                             fit: it stays as it is",
                            retirement.image,
                            retirement.permissions.len(),
                            parameters::LONGEST
                        ),
                        help: "share it with an organization instead of accounts, or take permissions from it by hand"
                            .into(),
                    });
                }
                vouch(self.api(), self.view(), &retirement).await?;
                Ok(retirement)
            }
            Rung::Remove => {
                let versions = parameters::versions(self.api(), &record_of(&retirement)?).await?;
                refuse_restoring(self.api(), &retirement, &versions)?;
                Ok(Retirement { restoring_at: None, ..retirement })
            }
        }
    }

    async fn write_down(&self, retirement: &Retirement) -> Result<(), TargetError> {
        let Some(name) = parameter(&retirement.name) else { return Ok(()) };
        Ok(parameters::replace(self.api(), &name, retirement).await?)
    }

    async fn take(&self, retirement: &Retirement, intent: Intent<'_>) -> Result<(), TargetError> {
        let (api, view, id) = (self.api(), self.view(), &retirement.image);
        match retirement.rung {
            Rung::Deprecate => {
                let now = api.clock.now();
                let image = there(api, view, id).await?;
                // Nobody finds a disabled one either.
                if image.disabled || is_deprecated(&image, now) {
                    return Ok(());
                }
                intent("EnableImageDeprecation")?;
                deprecate(api, id, now + AHEAD).await?;
                shows(api, view, id, "deprecated", |image| is_deprecated(image, now)).await
            }
            Rung::Disable => {
                if there(api, view, id).await?.disabled {
                    return Ok(());
                }
                intent("DisableImage")?;
                let send = || api.ec2.disable_image().image_id(id.as_str()).send();
                api.caller.call(op::DISABLE_IMAGE, id.as_str(), send).await?;
                shows(api, view, id, "disabled", |image| image.disabled).await
            }
            Rung::Remove => {
                remove(self, retirement, intent).await?;
                self.forget_record(id);
                self.write_down(&Retirement { removed_at: Some(clock::rfc3339(api.clock.now())), ..retirement.clone() })
                    .await
            }
        }
    }

    async fn give_back(&self, retirement: &Retirement, intent: Intent<'_>) -> Result<(), TargetError> {
        let (api, view, id) = (self.api(), self.view(), &retirement.image);
        if let Some(error) = of_another(retirement, &there(api, view, id).await?) {
            return Err(error);
        }
        intent("write down that it comes back")?;
        come_back(api, retirement).await?;
        let mut looks = 0;
        let mut sent = false;
        loop {
            looks += 1;
            let image = there(api, view, id).await?;
            if image.disabled && !sent {
                intent("EnableImage")?;
                let send = || api.ec2.enable_image().image_id(id.as_str()).send();
                api.caller.call(op::ENABLE_IMAGE, id.as_str(), send).await?;
                sent = true;
            }
            // An older answer may not show that it was disabled a moment ago.
            if image.available && (sent || retirement.rung < Rung::Disable || looks >= LOOKS) {
                break;
            }
            if looks > LOOKS && image.failed.is_some() && !image.disabled {
                return Err(TargetError::Unusable {
                    image: id.clone(),
                    place: api.region.clone(),
                    why: image.failed.unwrap_or_default(),
                    help: format!("build it again: amifactory build {} --force", retirement.name.recipe),
                });
            }
            sleep(LOOK).await;
        }
        if sharing::is_missing(api, id, &retirement.permissions).await? {
            if !is_vouched(&there(api, view, id).await?, &retirement.permissions) {
                return Err(TargetError::Damaged {
                    what: format!("parameter {}", parameter(&retirement.name).unwrap_or_default()),
                    why: format!("{id} does not say that these could launch it: {}", retirement.permissions.join(", ")),
                    help: format!(
                        "find out who wrote that; share {id} by hand with whom it is right (aws ec2 modify-image-attribute), \
                         take the others out of the parameter, and run the same again"
                    ),
                });
            }
            intent("ModifyImageAttribute")?;
            sharing::give_back(api, id, &retirement.permissions).await?;
        }
        let image = there(api, view, id).await?;
        let now = api.clock.now();
        let before = retirement.deprecated_before.as_deref().and_then(moment);
        match (image.deprecated.as_deref().and_then(moment), before) {
            (Some(_), None) => {
                intent("DisableImageDeprecation")?;
                let send = || api.ec2.disable_image_deprecation().image_id(id.as_str()).send();
                api.caller.call(op::UNDEPRECATE, id.as_str(), send).await?;
                shows(api, view, id, "not deprecated", |image| image.deprecated.is_none()).await
            }
            (is, Some(before)) if is != Some(before) && before > now + SOON => {
                intent("EnableImageDeprecation")?;
                deprecate(api, id, before).await?;
                shows(api, view, id, "deprecated later", |image| !is_deprecated(image, now)).await
            }
            _ => Ok(()),
        }
    }
}

/// The image as it is now. One that is not seen is looked for again before it counts as gone.
async fn there(api: &Api, view: &View, id: &ImageId) -> Result<Ami, TargetError> {
    seen(api, view, id).await?.ok_or_else(|| TargetError::NotFound { what: format!("image {id}") })
}

async fn seen(api: &Api, view: &View, id: &ImageId) -> Result<Option<Ami>, TargetError> {
    for look in 1..=LOOKS {
        match view.by_id(api, id.as_str()).await? {
            None if look < LOOKS => sleep(LOOK).await,
            found => return Ok(found),
        }
    }
    Ok(None)
}

/// Waits until what was asked for shows.
async fn shows(
    api: &Api,
    view: &View,
    id: &ImageId,
    what: &str,
    is_so: impl Fn(&Ami) -> bool,
) -> Result<(), TargetError> {
    let began = Instant::now();
    loop {
        if view.by_id(api, id.as_str()).await?.is_some_and(|image| is_so(&image)) {
            return Ok(());
        }
        if began.elapsed() > EVENTUAL {
            return Err(TargetError::GaveUp {
                call: op::DESCRIBE_IMAGES.action.into(),
                resource: id.to_string(),
                attempts: 1,
                seconds: began.elapsed().as_secs(),
                last: format!("it was accepted, and it does not show that the image is {what}"),
            });
        }
        sleep(LOOK).await;
    }
}

async fn deprecate(api: &Api, id: &ImageId, at: OffsetDateTime) -> Result<(), TargetError> {
    let at = DateTime::from_secs(at.unix_timestamp());
    let send = || api.ec2.enable_image_deprecation().image_id(id.as_str()).deprecate_at(at).send();
    api.caller.call(op::DEPRECATE, id.as_str(), send).await?;
    Ok(())
}

/// Deregisters an image that is disabled, and deletes its snapshots, that of its evidence too. What another image needs
/// stays.
async fn remove(target: &AwsTarget, retirement: &Retirement, intent: Intent<'_>) -> Result<(), TargetError> {
    let (api, view, id) = (target.api(), target.view(), &retirement.image);
    let image = seen(api, view, id).await?;
    if image.as_ref().is_some_and(|image| !image.disabled) {
        return Err(enabled(id));
    }
    if let Some(error) = image.as_ref().and_then(|image| of_another(retirement, image)) {
        return Err(error);
    }
    let own = image.iter().flat_map(|image| image.snapshots.iter().cloned());
    let of_build = of_build(api, view, retirement, image.as_ref()).await?;
    let snapshots: BTreeSet<String> = own.chain(of_build).collect();
    if image.is_some() {
        intent("DeregisterImage")?;
        nobody_restores(api, retirement).await?;
        // By other hands than ours.
        if let Some(error) = seen(api, view, id).await?.filter(|image| !image.disabled).map(|_| enabled(id)) {
            return Err(error);
        }
    }
    // Nothing lies between this look and the end but that call itself.
    let pointers = pointers::of_recipe(api, &retirement.name.recipe).await?;
    if !pointers.iter().any(|pointer| pointer.name == retirement.name && pointer.image == *id) {
        let text = parameter(&retirement.name).unwrap_or_default();
        return Err(damaged(&text, format!("it names {id}, and the pointer of its version does not")));
    }
    for pointer in pointers {
        if matches!(pointer.name.slot, Slot::Channel(_)) && pointer.image == *id {
            return Err(TargetError::Conflict { what: pointer.name.to_string(), found: id.to_string() });
        }
    }
    if image.is_some() {
        deregister(api, id).await?;
        gone(api, view, id).await?;
        view.deleted(id.as_str());
    }
    let shared = needed(api, &snapshots, id).await?;
    for snapshot in snapshots.difference(&shared) {
        intent(&format!("DeleteSnapshot {snapshot}"))?;
        // It may be held for a moment by the image that is just gone.
        let operation = Operation { eventual: &["InvalidSnapshot.InUse"], ..op::DELETE_SNAPSHOT };
        match api.caller.call(operation, snapshot, || api.ec2.delete_snapshot().snapshot_id(snapshot).send()).await {
            Err(error) if !error.is("InvalidSnapshot.NotFound") => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn enabled(id: &ImageId) -> TargetError {
    TargetError::Service {
        call: op::DEREGISTER_IMAGE.action.into(),
        resource: id.to_string(),
        said: "it is not disabled any more: someone has enabled it".into(),
        help: "the next run begins anew with it; nothing of it was removed".into(),
    }
}

/// The parameter in which it is written down.
fn record_of(retirement: &Retirement) -> Result<String, TargetError> {
    let missing = || TargetError::NotFound { what: format!("a version that {} names", retirement.name) };
    parameter(&retirement.name).ok_or_else(missing)
}

/// Whoever brings an image back and whoever removes it write into one parameter, and look at its versions after that: of
/// two at once at least one sees the other. This is said to whoever removes it: someone has begun to bring it back, and has
/// not ended.
fn refuse_restoring(api: &Api, retirement: &Retirement, versions: &[Plain<Retirement>]) -> Result<(), TargetError> {
    let begun = versions.iter().fold(None, |begun, version| match &version.value {
        Retirement { restored_at: Some(_), .. } => None,
        // Written by whoever began it, and again with later steps; nobody says that it will begin.
        Retirement { restoring_at: Some(at), .. } => moment(at).min(moment(&version.written_at)),
        _ => begun,
    });
    let Some(begun) = begun.filter(|begun| api.clock.now() < *begun + LEASE) else { return Ok(()) };
    Err(TargetError::Service {
        call: op::DEREGISTER_IMAGE.action.into(),
        resource: retirement.image.to_string(),
        said: format!("someone began to bring it back at {}", clock::rfc3339(begun)),
        help: format!(
            "nothing of it was removed; where that run is dead, the same command goes on after {}",
            clock::rfc3339(begun + LEASE)
        ),
    })
}

/// Looks whether the last word about an image is still that it is removed, and that not long ago: until then whoever would
/// bring it back waits.
async fn nobody_restores(api: &Api, retirement: &Retirement) -> Result<(), TargetError> {
    let name = record_of(retirement)?;
    let mut looks = 0;
    loop {
        looks += 1;
        let versions: Vec<Plain<Retirement>> = parameters::versions(api, &name).await?;
        refuse_restoring(api, retirement, &versions)?;
        let last = versions.last().filter(|last| {
            last.value.is_open() && last.value.rung == Rung::Remove && last.value.image == retirement.image
        });
        match last {
            Some(last) if moment(&last.written_at).is_some_and(|at| api.clock.now() < at + LEASE / 2) => return Ok(()),
            Some(last) => {
                return Err(TargetError::GaveUp {
                    call: op::DEREGISTER_IMAGE.action.into(),
                    resource: retirement.image.to_string(),
                    attempts: 0,
                    seconds: (LEASE / 2).as_secs(),
                    last: format!("the time for this step, which was begun at {}, is over", last.written_at),
                });
            }
            None if looks < LOOKS => sleep(LOOK).await,
            None => {
                return Err(damaged(&name, "it does not say any more that its image is being removed".into()));
            }
        }
    }
}

/// Writes down that an image comes back, unless someone is removing it at this moment.
async fn come_back(api: &Api, retirement: &Retirement) -> Result<(), TargetError> {
    let name = record_of(retirement)?;
    let removing = |since: &str| {
        let until = moment(since).map(|since| clock::rfc3339(since + LEASE)).unwrap_or_default();
        TargetError::Unusable {
            image: retirement.image.clone(),
            place: api.region.clone(),
            why: format!("it is being removed since {since}"),
            help: format!("where that run is dead, the same command brings it back after {until}"),
        }
    };
    let is_removed = |found: &Retirement| found.is_open() && found.rung == Rung::Remove && found.restoring_at.is_none();
    let before = parameters::get::<Retirement>(api, &name).await?;
    if let Some(before) = &before {
        if before.value.removed_at.is_some() && before.value.image == retirement.image {
            return Err(TargetError::NotFound { what: format!("image {}", retirement.image) });
        }
        let is_young = moment(&before.written_at).is_some_and(|at| api.clock.now() < at + LEASE);
        if is_removed(&before.value) && is_young {
            return Err(removing(&before.written_at));
        }
    }
    let mark = Retirement { restoring_at: Some(clock::rfc3339(api.clock.now())), ..retirement.clone() };
    parameters::replace(api, &name, &mark).await?;
    // Whoever wrote between that look and the mark is perhaps past their own last look.
    let follows = before.map_or(0, |before| before.revision);
    let versions: Vec<Plain<Retirement>> = parameters::versions(api, &name).await?;
    let other = versions.iter().filter(|version| version.revision > follows && version.value != mark);
    match other.map(|version| (is_removed(&version.value), version)).find(|(removed, _)| *removed) {
        Some((_, version)) => Err(removing(&version.written_at)),
        None => Ok(()),
    }
}

async fn deregister(api: &Api, id: &ImageId) -> Result<(), TargetError> {
    let send = || api.ec2.deregister_image().image_id(id.as_str()).delete_associated_snapshots(true).send();
    match api.caller.call(op::DEREGISTER_IMAGE, id.as_str(), send).await {
        Ok(_) => Ok(()),
        Err(error) if error.is("InvalidAMIID.NotFound") || error.is("InvalidAMIID.Unavailable") => Ok(()),
        Err(error) if error.is("OperationNotPermitted") => Err(TargetError::Service {
            call: error.action.into(),
            resource: id.to_string(),
            said: error.message,
            help: format!(
                "someone protects it: aws ec2 disable-image-deregistration-protection --image-id {id} ends that, at once or \
                 after a cooldown of 24 hours; until then it stays disabled"
            ),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Waits until the image does not show any more.
async fn gone(api: &Api, view: &View, id: &ImageId) -> Result<(), TargetError> {
    let began = Instant::now();
    while view.by_id(api, id.as_str()).await?.is_some() {
        if began.elapsed() > EVENTUAL {
            return Err(TargetError::GaveUp {
                call: op::DEREGISTER_IMAGE.action.into(),
                resource: id.to_string(),
                attempts: 1,
                seconds: began.elapsed().as_secs(),
                last: "it was accepted, and the image still shows".into(),
            });
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// The snapshots that carry the tag of the image's build, and those of its recipe and version. None where another image is of
/// the same build.
async fn of_build(
    api: &Api,
    view: &View,
    retirement: &Retirement,
    image: Option<&Ami>,
) -> Result<Vec<String>, TargetError> {
    let written = retirement.build.as_ref().map(|build| build.as_str().to_owned());
    let Some(build) = image.and_then(|image| image.tags.get(keys::BUILD).cloned()).or(written) else {
        return Ok(Vec::new());
    };
    let id = retirement.image.as_str();
    let others = view.images(api, Duration::ZERO).await?;
    if others.iter().any(|other| other.id != id && other.tags.get(keys::BUILD) == Some(&build)) {
        return Ok(Vec::new());
    }
    let Slot::Version(version) = &retirement.name.slot else { return Ok(Vec::new()) };
    let (recipe, version) = (retirement.name.recipe.to_string(), version.to_string());
    let ours = Filter::builder().name(format!("tag:{}", keys::BUILD)).values(build.as_str()).build();
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.ec2.describe_snapshots().owner_ids("self").filters(ours.clone());
            request.max_results(500).set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, retirement.image.as_str(), ask).await?;
        let its_own = |snapshot: &&Snapshot| {
            let said = tags::read(snapshot.tags());
            said.get(keys::RECIPE) == Some(&recipe) && said.get(keys::VERSION) == Some(&version)
        };
        let its_own = answer.snapshots().iter().filter(its_own);
        found.extend(its_own.filter_map(|snapshot| snapshot.snapshot_id().map(str::to_owned)));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Those of these snapshots that other images are made of.
async fn needed(api: &Api, snapshots: &BTreeSet<String>, but: &ImageId) -> Result<BTreeSet<String>, TargetError> {
    let mut needed = BTreeSet::new();
    for some in snapshots.iter().cloned().collect::<Vec<_>>().chunks(VALUES) {
        let by = Filter::builder().name("block-device-mapping.snapshot-id").set_values(Some(some.to_vec())).build();
        let mut page = None;
        loop {
            let ask = || {
                let request = api.ec2.describe_images().owners("self").filters(by.clone()).include_disabled(true);
                request.max_results(500).set_next_token(page.clone()).send()
            };
            let answer = api.caller.call(op::DESCRIBE_IMAGES, but.as_str(), ask).await?;
            for image in answer.images().iter().filter(|image| image.image_id() != Some(but.as_str())) {
                let devices = image.block_device_mappings().iter().filter_map(|mapping| mapping.ebs()?.snapshot_id());
                needed.extend(devices.filter(|id| snapshots.contains(*id)).map(str::to_owned));
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
    }
    Ok(needed)
}
