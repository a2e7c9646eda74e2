//! Publish: the version pointer, once and for all; then the channel pointer; then the image says that it is published.

use super::{Build, BuildError, Observed, Step};
use crate::identity::{Channel, ImageId, Version};
use crate::pipeline::tags::{self, ImageState};
use crate::pipeline::{clock, published};
use crate::release::{Kind, Note};
use crate::report::visible::line;
use crate::target::{Image, LaunchBase, Pin, Pointer, PointerName, Slot, Standing, Tags, TargetError};
use async_trait::async_trait;

/// How often another version is chosen, where someone else was quicker.
const VERSIONS: u32 = 5;

pub struct Publish;

#[async_trait]
impl Step for Publish {
    fn name(&self) -> &'static str {
        "publish"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        let Some(image) = build.image.clone() else { return Ok(Observed::Missing) };
        if !build.target.is_remote() {
            let published = ImageState::of(&image.tags) == ImageState::Published;
            return Ok(if published { Observed::Done } else { Observed::Missing });
        }
        let standing = standing(build).await?;
        let (channel, now) = (channel(build).cloned(), build.target.now());
        let mut published = published::is_published(&image, &standing, channel.as_ref(), (&[], now));
        let is_elsewhere = channel.as_ref().and_then(|c| published::of_channel(&standing.pointers, c)).is_some();
        if !published && is_elsewhere && standing.pointers.iter().any(|pointer| pointer.image == image.id) {
            // The channel may name a newer version, and stay there.
            let target = build.target;
            let images = build.read(target.images()).await?;
            published = published::is_published(&image, &standing, channel.as_ref(), (&images, now));
        }
        build.standing = Some(standing);
        Ok(if published { Observed::Done } else { Observed::Missing })
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let Some(image) = build.image.clone() else { return Ok(()) };
        let target = build.target;
        stands(build, &image)?;
        base_stands(build, &image.id).await?;
        let (mut found, mut held, mut kept, mut pinned) = (Vec::new(), Vec::new(), None, None);
        for round in 1..=VERSIONS {
            create_version(build, &image.id).await?;
            let version = pointer(build, Slot::Version(build.version));
            let mut written = vec![version];
            let mut before = None;
            if let Some(channel) = build.plan.publish.clone() {
                match move_channel(build, &channel, &image.id).await? {
                    Moved::Written(old) => {
                        written.push(pointer(build, Slot::Channel(channel)));
                        before = old;
                    }
                    Moved::Kept(newer) => kept = Some(newer),
                    Moved::Pinned(name, pin) => pinned = Some((name, pin)),
                }
            }
            // A write that was accepted is not a write that happened: all of them are read back.
            let back = build.read(target.read_back_held(&written, &image.id)).await?;
            (found, held) = (back.pointers, back.pins);
            match check(build, &written, &found, before.as_ref(), &image.id) {
                // Two writes of one version were accepted, and the other one happened.
                Err(BuildError::Target(TargetError::Conflict { .. })) if !build.version_asked && round < VERSIONS => {
                    renumber(build, &image.id).await?;
                }
                outcome => {
                    outcome?;
                    break;
                }
            }
        }
        for (name, pin) in held {
            let names = give_way(build, &image.id, &name, &pin).await?;
            found.retain(|pointer| pointer.name != name);
            found.extend(names);
            pinned = Some((name, pin));
        }
        if target.is_remote() {
            let pins = pinned.into_iter().collect();
            build.standing =
                Some(Standing { pointers: found.into_iter().chain(kept).collect(), pins, ..Standing::default() });
            return Ok(());
        }
        let state: Tags = [(tags::STATE.into(), ImageState::Published.as_str().into())].into();
        build.mutate("tag image", image.id.as_str(), target.tag_image(&image.id, &state)).await?;
        let images = build.read(target.images()).await?;
        build.image = images.into_iter().find(|other| other.id == image.id);
        Ok(())
    }
}

/// The channel that is to name the image, unless something that counts more is there.
fn channel<'a>(build: &Build<'a>) -> Option<&'a Channel> {
    build.plan.publish.as_ref().filter(|_| !build.channel_stays)
}

/// Someone may have revoked it before it was published.
fn stands(build: &Build<'_>, image: &Image) -> Result<(), BuildError> {
    let Some(reason) = tags::revoked(&image.tags) else { return Ok(()) };
    let error = TargetError::Revoked {
        image: image.id.clone(),
        reason: reason.to_owned(),
        what: "nothing was published".into(),
        help: format!("amifactory build {} --force makes another", build.plan.recipe),
    };
    Err(error.into())
}

/// Looks once more at the image that this one was built on: a build takes its time, and a revocation that came in between
/// has found no image to take along. So this one is revoked here, as it would have been there. A base that is gone says
/// nothing against it.
async fn base_stands(build: &mut Build<'_>, image: &ImageId) -> Result<(), BuildError> {
    let LaunchBase::Image(base) = build.launch else { return Ok(()) };
    let target = build.target;
    let Some(found) = build.read(target.image(base)).await? else { return Ok(()) };
    let Some(reason) = tags::revoked(&found.tags).map(str::to_owned) else { return Ok(()) };
    let short = |text: String| text.chars().take(256).collect::<String>();
    let mut changes: Tags = [(tags::REVOKED.to_owned(), short(format!("built on {base}: {reason}")))].into();
    changes.extend(found.tags.get(tags::REVOKED_BY).map(|by| (tags::REVOKED_BY.to_owned(), by.clone())));
    build.mutate("tag image", image.as_str(), target.tag_image(image, &changes)).await?;
    Err(BuildError::BaseRevoked { image: base.clone(), reason })
}

/// Whether all that was written is there.
fn check(
    build: &Build<'_>,
    written: &[PointerName],
    found: &[Pointer],
    before: Option<&Pointer>,
    image: &ImageId,
) -> Result<(), BuildError> {
    for name in written {
        match found.iter().find(|pointer| pointer.name == *name) {
            Some(pointer) if pointer.image == *image => {}
            Some(pointer) if before.is_some_and(|old| old.name == *name && old.revision == pointer.revision) => {
                return Err(TargetError::Dropped { what: name.to_string(), image: image.clone() }.into());
            }
            // Moved on by someone else between the write and the look: that is theirs to answer for.
            Some(pointer) if matches!(name.slot, Slot::Channel(_)) => {
                build.notice(format!("{name} was moved on to {} by someone else", pointer.image));
            }
            Some(pointer) => {
                return Err(TargetError::Conflict { what: name.to_string(), found: pointer.image.to_string() }.into());
            }
            None => return Err(TargetError::Dropped { what: name.to_string(), image: image.clone() }.into()),
        }
    }
    Ok(())
}

fn pointer(build: &Build<'_>, slot: Slot) -> PointerName {
    PointerName { recipe: build.plan.recipe.clone(), arch: build.plan.base.arch, slot }
}

/// What is recorded with a pointer that a build writes. Who wrote it is known to a service by itself, and asking for
/// that would be a call more.
async fn note(build: &mut Build<'_>) -> Result<Note, BuildError> {
    let target = build.target;
    let by = if target.is_remote() { None } else { Some(target.who().await?) };
    let why = Some(format!("build {}", build.id));
    Ok(Note { by, why, version: Some(build.version), ..Note::new(Kind::Publish, clock::rfc3339(target.now())) })
}

/// What the pointers of this build name now: as just read, or read now.
async fn standing(build: &mut Build<'_>) -> Result<Standing, BuildError> {
    if let Some(standing) = build.standing.take() {
        return Ok(standing);
    }
    let (target, plan) = (build.target, build.plan);
    let names = published::names(&plan.recipe, plan.base.arch, build.version, plan.publish.as_ref());
    build.read(target.standing(&names)).await
}

/// Writes the version pointer. Where another build has taken the version meanwhile, this one counts on, unless just this
/// version was asked for.
async fn create_version(build: &mut Build<'_>, image: &ImageId) -> Result<(), BuildError> {
    let target = build.target;
    for _ in 0..VERSIONS {
        let name = pointer(build, Slot::Version(build.version));
        let note = note(build).await?;
        let created = target.create_pointer(&name, image, &note);
        let created = build.mutate("create pointer", name.to_string(), created).await;
        let found = match created {
            Err(BuildError::Target(TargetError::Conflict { found, .. })) => found,
            other => return other,
        };
        if build.version_asked {
            return Err(taken(build, found));
        }
        renumber(build, image).await?;
    }
    Err(taken(build, "the images of other builds".into()))
}

fn taken(build: &Build<'_>, image: String) -> BuildError {
    BuildError::VersionTaken { recipe: build.plan.recipe.to_string(), version: build.version.to_string(), image }
}

async fn renumber(build: &mut Build<'_>, image: &ImageId) -> Result<(), BuildError> {
    let target = build.target;
    let pointers = build.read(target.pointers(&build.plan.recipe)).await?;
    let numbers = pointers.iter().filter_map(|pointer| match &pointer.name {
        PointerName { slot: Slot::Version(version), arch, .. } if *arch == build.plan.base.arch => Some(*version),
        _ => None,
    });
    let next = build.plan.version.next(numbers.chain([build.version]));
    build.notice(format!("version {} was taken meanwhile: this image is {next}", build.version));
    build.version = next;
    build.tags.insert(tags::VERSION.into(), next.to_string());
    let mut record = match build.record.take() {
        Some(record) => record,
        None => build.read(target.record(image)).await?,
    };
    record.version = next;
    build.mutate("put record", image.as_str(), target.put_record(image, &record)).await?;
    build.record = Some(record);
    let changes: Tags = [(tags::VERSION.into(), next.to_string())].into();
    build.mutate("tag image", image.as_str(), target.tag_image(image, &changes)).await
}

enum Moved {
    /// The channel names this image. With what it named before, where that is another one.
    Written(Option<Pointer>),
    /// It names a newer one, and stays.
    Kept(Pointer),
    /// Someone holds it, and it stays.
    Pinned(PointerName, Pin),
}

/// Moves the channel to this image, unless it already names a newer one: a build that was resumed late must not take
/// its consumers back. A channel that someone holds is not moved: that is no failure of the build.
///
/// No lock is taken, as those take who move a channel by hand: it would make each build three calls longer. What it is
/// for holds all the same. Whoever writes a pointer sees by its revision whether someone came between, and of a build
/// and a person who do the decision of the person stands (see `release::contest`).
async fn move_channel(build: &mut Build<'_>, channel: &Channel, image: &ImageId) -> Result<Moved, BuildError> {
    let target = build.target;
    let name = pointer(build, Slot::Channel(channel.clone()));
    let standing = match build.standing.take() {
        Some(standing) => standing,
        None => build.read(target.standing(std::slice::from_ref(&name))).await?,
    };
    if let Some(pin) = standing.pin(&name).filter(|pin| pin.holds(target.now())) {
        let pin = pin.clone();
        return Ok(pinned(build, channel, name, pin));
    }
    let current = standing.pointers.into_iter().find(|pointer| pointer.name == name);
    if let Some(current) = &current {
        if current.image == *image {
            return Ok(Moved::Written(None));
        }
        if let Some(newer) = named_version(build, current).await?.filter(|version| *version > build.version) {
            build.notice(format!("channel {channel} stays at {newer}, which is newer than {}", build.version));
            return Ok(Moved::Kept(current.clone()));
        }
    }
    let note = note(build).await?;
    let moved = target.move_pointer(&name, current.as_ref(), image, &note);
    match build.mutate("move pointer", name.to_string(), moved).await {
        Ok(()) => Ok(Moved::Written(current)),
        // What someone decided meanwhile stands; the image is published by its version.
        Err(BuildError::Target(TargetError::Overtaken { by, found, .. })) => {
            build.notice(format!("{name} was moved on to {found} by {by} meanwhile, and stays there"));
            build.channel_stays = true;
            let now = build.read(target.standing(std::slice::from_ref(&name))).await?;
            Ok(now.pointers.into_iter().next().or(current).map_or(Moved::Written(None), Moved::Kept))
        }
        // Someone holds it since this build has looked.
        Err(BuildError::Target(TargetError::Held { by, why, what })) => match build.read(target.pin(&name)).await? {
            Some(pin) => Ok(pinned(build, channel, name, pin)),
            None => Err(TargetError::Held { by, why, what }.into()),
        },
        Err(error) => Err(error),
    }
}

/// Someone held the channel between this build's look and its write: it goes back to what it named.
async fn give_way(
    build: &mut Build<'_>,
    image: &ImageId,
    name: &PointerName,
    pin: &Pin,
) -> Result<Option<Pointer>, BuildError> {
    let target = build.target;
    let names = build.mutate("put pointer back", name.to_string(), target.put_back(name, image)).await?;
    match (&names, &name.slot) {
        // There is nothing that it could go back to.
        (Some(pointer), _) if pointer.image == *image => build.notice(format!(
            "{name} was pinned by {} while this build wrote it for the first time, and names its image: {}",
            line(&pin.by),
            line(&pin.why)
        )),
        (_, Slot::Channel(channel)) => {
            let channel = channel.clone();
            pinned(build, &channel, name.clone(), pin.clone());
        }
        _ => {}
    }
    Ok(names)
}

fn pinned(build: &mut Build<'_>, channel: &Channel, name: PointerName, pin: Pin) -> Moved {
    let (recipe, version) = (&build.plan.recipe, build.version);
    build.notice(format!(
        "channel {channel} is pinned by {} {}: {}\n  {recipe} {version} is published by its version alone; once \
         it is unpinned: amifactory promote {recipe}@{version} --to {channel}",
        pin.by,
        pin.end(),
        pin.why
    ));
    Moved::Pinned(name, pin)
}

async fn named_version(build: &mut Build<'_>, pointer: &Pointer) -> Result<Option<Version>, BuildError> {
    let target = build.target;
    let images = build.read(target.images()).await?;
    let named = images.iter().find(|image| image.id == pointer.image);
    Ok(named.and_then(|image| tags::owner(&image.tags)).map(|owner| owner.version))
}
