//! Promotion: what would change, what stands against it, and then the move.

use super::distribute::{Row, State, Wanted};
use super::error::{ReleaseError, one_line};
use super::gate::{self, Approval, Facts, Unmet};
use super::note::{Kind, Note};
use super::retired;
use super::scene::{self, Candidate, Scene, history, longest_stay};
use super::trace;
use crate::identity::{Arch, Channel, ImageId, RecipeName, Version};
use crate::pipeline::clock;
use crate::recipe::{ChannelRule, Reach};
use crate::source::nearest;
use crate::target::{Elsewhere, ImageRecord, Move, Pin, Pointer, PointerName, Target, TargetError};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which recipe.
    pub recipe: RecipeName,
    /// Which version; what the channel before names where none is said.
    pub version: Option<Version>,
    /// To which channel.
    pub to: String,
    /// For which architecture.
    pub arch: Option<Arch>,
    /// Why.
    pub why: Option<String>,
    /// Why gates that are not met don't count.
    pub overridden: Option<String>,
    /// Someone's yes.
    pub approval: Option<Approval>,
    /// Whether a move that someone else has begun is over: whoever asks has made sure that its run is dead.
    pub take_over: bool,
}

/// What would change, and what stands against it.
pub struct Promotion {
    /// The pointer that would move.
    pub name: PointerName,
    /// The channel.
    pub channel: Channel,
    /// The version that it would name.
    pub version: Version,
    /// Its image.
    pub image: ImageId,
    /// Its record.
    pub record: ImageRecord,
    /// What it names now, or named before someone damaged it.
    pub current: Option<Pointer>,
    /// Whether someone has damaged it.
    pub damaged: bool,
    /// Whether it was last written by something other than this program, as its history says.
    pub by_hand: bool,
    /// The version of that.
    pub current_version: Option<Version>,
    /// The record of that, where it still can be read.
    pub current_record: Option<ImageRecord>,
    /// Gates that are not met.
    pub unmet: Vec<Unmet>,
    /// What would be recorded.
    pub note: Note,
    /// What the channel reaches beside home.
    pub reach: Reach,
    /// The image, to bring it there.
    pub candidate: Candidate,
    /// Whether it takes the place of a move that someone else has begun.
    pub takes_over: bool,
    /// Who holds the channel: only where nothing is to be moved.
    pub pin: Option<Pin>,
    /// Whether a reason for not minding gates was given, and none was in the way: it is not kept.
    pub override_unused: bool,
    /// Where the channel names nothing: the newest version that says of itself that it has named it. Someone deleted it.
    pub named_once: Option<Version>,
}

impl Promotion {
    /// Whether the channel names the image already, and came to name it by a move of ours.
    pub fn is_done(&self) -> bool {
        !self.damaged && !self.by_hand && self.current.as_ref().is_some_and(|pointer| pointer.image == self.image)
    }

    /// What is to be where before the channel moves.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            candidate: self.candidate.clone(),
            recipe: self.name.recipe.clone(),
            arch: self.name.arch,
            record: self.record.clone(),
            reach: self.reach.clone(),
        }
    }

    /// The move itself.
    pub fn as_move(&self, elsewhere: Elsewhere) -> Move {
        Move {
            name: self.name.clone(),
            expected: self.current.clone(),
            image: self.image.clone(),
            note: self.note.clone(),
            elsewhere,
            takes_over: self.takes_over,
        }
    }

    /// Adds the gate of all places that its channel reaches, from those where the image is not ready.
    pub fn add_places(&mut self, rows: &[Row]) {
        let missing = rows.iter().filter(|row| !matches!(row.state, State::Ready | State::Shared));
        let first_line = |row: &Row| match (row.state, &row.why) {
            (State::Waiting, None) => "its region's image is not ready".to_owned(),
            (_, why) => why.as_deref().and_then(|why| why.lines().next()).unwrap_or("not ready").to_owned(),
        };
        let missing: Vec<(String, String)> = missing.map(|row| (row.place.to_string(), first_line(row))).collect();
        let name = format!("{} {}", self.name.recipe, self.version);
        self.unmet.extend(gate::places(&self.channel, &name, &missing));
    }

    /// Whether gates stand against it.
    pub fn is_refused(&self) -> bool {
        !self.is_done() && !self.unmet.is_empty() && self.note.overridden.is_none()
    }
}

/// The rule of a channel.
pub fn rule<'a>(channels: &'a [ChannelRule], name: &str) -> Result<&'a ChannelRule, ReleaseError> {
    channels.iter().find(|rule| rule.name.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = channels.iter().map(|rule| rule.name.as_str()).collect();
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("amifactory.yaml has: {}", names.join(", ")),
        };
        ReleaseError::NoChannel { channel: crate::report::visible::line(name).into_owned(), help }
    })
}

/// Refuses where the channel is held.
pub async fn refuse_pinned(target: &dyn Target, name: &PointerName, channel: &Channel) -> Result<(), ReleaseError> {
    match holding(target, name).await? {
        Some(pin) => Err(pinned(name, channel, pin)),
        None => Ok(()),
    }
}

/// The pin that holds a channel now.
async fn holding(target: &dyn Target, name: &PointerName) -> Result<Option<Pin>, TargetError> {
    Ok(target.pin(name).await?.filter(|pin| pin.holds(target.now())))
}

/// The refusal to move a channel that is held.
pub fn pinned(name: &PointerName, channel: &Channel, pin: Pin) -> ReleaseError {
    ReleaseError::Pinned { recipe: name.recipe.clone(), channel: channel.clone(), pin: Box::new(pin) }
}

/// Finds out what would change, and changes nothing.
pub async fn plan(target: &dyn Target, channels: &[ChannelRule], request: &Request) -> Result<Promotion, ReleaseError> {
    let rule = rule(channels, &request.to)?;
    let approval = approval(request)?;
    let scene = Scene::look(target, &request.recipe).await?;
    let arch = scene.arch(request.arch)?;
    let name = scene.channel(arch, &rule.name);
    let pin = holding(target, &name).await?;

    let from = rule.from.as_ref().map(|from| scene.channel(arch, from));
    let from_pointer = from.as_ref().and_then(|from| scene.pointer(from));
    let from_names = from_pointer.and_then(|pointer| scene.version_of(&pointer.image));
    let candidate = match (request.version, &rule.from) {
        (Some(version), _) => retired::usable(target, &scene, arch, version).await?,
        (None, None) => {
            return Err(ReleaseError::FirstChannel { recipe: scene.recipe.clone(), channel: rule.name.clone() });
        }
        (None, Some(from)) => {
            let empty = || ReleaseError::Empty {
                recipe: scene.recipe.clone(),
                channel: from.clone(),
                help: format!("promote an image to {from} first, or name a version: {}@VERSION", scene.recipe),
            };
            let pointer = from_pointer.ok_or_else(empty)?;
            let version = from_names.ok_or_else(|| unknown_image(&pointer.name, from, &pointer.image))?;
            scene.fit(version, &pointer.image)?
        }
    };
    let image = &candidate.image;
    let record = target.record(&image.id).await?;
    let (mut stayed, mut doubt, mut left_before) = (None, None, None);
    if let (Some(name), Some(channel)) = (&from, &rule.from) {
        let history = history(target, name).await?.with_versions(|image| scene.versions_of(image));
        stayed = longest_stay(&history, &image.id, target.now());
        doubt = scene::doubt(channel, &history, &image.id);
        left_before = scene::left(&history, &scene.images, image);
    }
    let who = target.who().await?;
    let name_of = format!("{} {}", scene.recipe, candidate.version);
    let own = history(target, &name).await?.with_versions(|image| scene.versions_of(image));
    let left = scene::left(&own, &scene.images, image);
    let facts = Facts { left, left_before, ..Facts::of(name_of, (image, &record), (stayed, doubt, from_names)) };
    let current = scene.pointer(&name).cloned();
    let (damaged, by_hand) = (scene.is_damaged(&name), own.unrecorded().is_some() || own.last_contradicted().is_some());
    let is_done = !damaged && !by_hand && current.as_ref().is_some_and(|current| current.image == image.id);
    if let Some(pin) = pin.clone().filter(|_| !is_done || request.take_over) {
        return Err(pinned(&name, &rule.name, pin));
    }
    let unmet = match is_done {
        // They were asked when it was moved.
        true => Vec::new(),
        false => gate::unmet(rule, &facts, approval.as_ref(), &who, target.now()),
    };
    let is_it = |other: &PointerName| *other != name;
    let gone = match current {
        None => trace::gone(&scene.images, &scene.recipe, channels, is_it),
        Some(_) => Default::default(),
    };
    let current_record = match &current {
        Some(pointer) if scene.image(&pointer.image).is_some() => target.record(&pointer.image).await.ok(),
        _ => None,
    };
    let note =
        note(request, approval, &unmet, &who, &candidate.version, rule.from.clone(), clock::rfc3339(target.now()))?;
    Ok(Promotion {
        channel: rule.name.clone(),
        reach: rule.reach.clone(),
        version: candidate.version,
        image: image.id.clone(),
        record,
        current_version: current.as_ref().and_then(|pointer| scene.version_of(&pointer.image)),
        current,
        current_record,
        damaged,
        by_hand,
        unmet,
        pin,
        override_unused: request.overridden.is_some() && note.overridden.is_none(),
        named_once: gone.into_values().next(),
        note,
        name,
        candidate,
        takes_over: request.take_over,
    })
}

/// The same once more, right before the move: time has passed, for a person to decide or for copies to be made.
pub async fn again(
    target: &dyn Target,
    channels: &[ChannelRule],
    request: &Request,
    shown: &Promotion,
) -> Result<Promotion, ReleaseError> {
    let now = plan(target, channels, request).await?;
    let what = if now.image != shown.image {
        format!("the version names {} and no more {}", now.image, shown.image)
    } else if now.current != shown.current && !now.is_done() {
        format!("{} was moved", now.channel)
    } else if now.is_refused() || now.unmet.len() > shown.unmet.len() {
        let gates: Vec<&str> = now.unmet.iter().map(|unmet| unmet.gate).collect();
        format!("gates are not met any more ({})", gates.join(", "))
    } else {
        return Ok(now);
    };
    Err(ReleaseError::Changed { recipe: now.name.recipe, version: now.version, channel: now.channel, what })
}

/// What a channel names is no image of its recipe.
pub(super) fn unknown_image(name: &PointerName, from: &Channel, image: &ImageId) -> ReleaseError {
    TargetError::Damaged {
        what: format!("pointer {name}"),
        why: format!("it names {image}, which is no image of this recipe, or is gone"),
        help: format!("put it back to one of its own: amifactory rollback {} --channel {from}", name.recipe),
    }
    .into()
}

/// What is kept is what the gate is asked about.
fn approval(request: &Request) -> Result<Option<Approval>, ReleaseError> {
    let Some(Approval { by, reason }) = &request.approval else { return Ok(None) };
    let (by, reason) = (one_line("--approved-by", by, 200)?, one_line("--approval-reason", reason, 1000)?);
    Ok(Some(Approval { by, reason }))
}

fn note(
    request: &Request,
    approval: Option<Approval>,
    unmet: &[Unmet],
    who: &str,
    version: &Version,
    from: Option<Channel>,
    at: String,
) -> Result<Note, ReleaseError> {
    let line = |option, text: &Option<String>| text.as_deref().map(|text| one_line(option, text, 1000)).transpose();
    // Where nothing stood against it, nothing was overridden.
    let overridden = line("--override", &request.overridden)?.filter(|_| !unmet.is_empty());
    let gates = unmet.iter().filter(|_| overridden.is_some()).map(|unmet| unmet.gate.to_owned()).collect();
    let (approved_by, approval) = approval.map(|yes| (yes.by, yes.reason)).unzip();
    let note = Note {
        by: Some(who.to_owned()),
        version: Some(*version),
        from,
        why: line("--why", &request.why)?,
        overridden,
        gates,
        approved_by,
        approval,
        ..Note::new(Kind::Promote, at)
    };
    note.check()?;
    Ok(note)
}

/// Moves the channel.
pub async fn carry_out(target: &dyn Target, promotion: &Promotion) -> Result<Pointer, ReleaseError> {
    Ok(target.move_alone(&promotion.as_move(Elsewhere::default())).await?)
}
