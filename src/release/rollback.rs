//! Rollback: a channel goes back to an image that it has named before. No gate asks anything: whoever rolls back is in a
//! hurry. To a version that the channel never named it goes only with a reason, which is kept as an override. A channel that
//! was written by hand, or whose record was edited, is brought back to where it is: that writes down that it stays.

use super::accept;
use super::distribute::Row;
use super::error::{ReleaseError, one_line};
use super::everywhere;
use super::history::{History, Moved};
use super::note::{Kind, Note, same_move};
use super::places::Places;
use super::promote::{refuse_pinned, rule};
use super::retired;
use super::scene::{Candidate, Scene, history};
use super::way_out;
use crate::identity::{Arch, Channel, ImageId, RecipeName, Version};
use crate::pipeline::{clock, tags};
use crate::recipe::ChannelRule;
use crate::report::visible::line;
use crate::target::{Elsewhere, Move, Pointer, PointerName, Target, TargetError, Underway, take_over_by_promotion};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which recipe.
    pub recipe: RecipeName,
    /// Which channel.
    pub channel: String,
    /// For which architecture.
    pub arch: Option<Arch>,
    /// To which version; to the image before the current one where none is said.
    pub to: Option<Version>,
    /// Why.
    pub why: Option<String>,
    /// Whether a move that someone else has begun is over: whoever asks has made sure that its run is dead.
    pub take_over: bool,
    /// Whether the channel stays where it is, and its record is accepted as it stands, although it was edited.
    pub accept: bool,
}

/// What came of it.
pub struct RolledBack {
    /// The pointer.
    pub name: PointerName,
    /// The channel.
    pub channel: Channel,
    /// What it named before.
    pub from: Pointer,
    /// The version of that, where it has one.
    pub from_version: Option<Version>,
    /// Whether that is revoked already.
    pub from_revoked: bool,
    /// What it names now.
    pub version: Version,
    /// The image of that.
    pub image: ImageId,
    /// Whether it had to move.
    pub moved: bool,
    /// Whether the channel never named that before: then it has not gone back, and no gate was asked.
    pub forward: bool,
    /// How it stands in each place, where the channel reaches several.
    pub rows: Vec<Row>,
    /// Moves of the channel that others had begun, and that are not finished any more.
    pub cleared: Vec<Underway>,
    /// What a move that was taken over has come to, where no version was asked for.
    pub ended: Option<Ended>,
    /// Where its record was edited and is accepted now; none where nothing of that was asked for.
    pub accepted: Option<Vec<accept::Open>>,
    /// How much of the record is still not accepted, in all places, where that was asked for.
    pub still_broken: usize,
}

/// What a move that someone left comes to, where it is taken over and no version is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It has not happened, so there is nothing to go back from: the channel stays where it is.
    Stayed,
    /// It was a way back itself: that one is gone to its end, and not one step more.
    Finished,
}

/// Rolls back in the home region alone.
pub async fn roll_back(
    target: &dyn Target,
    channels: &[ChannelRule],
    request: &Request,
) -> Result<RolledBack, ReleaseError> {
    roll_back_in(target, None, channels, request).await
}

/// Rolls back in all places that the channel reaches.
pub async fn roll_back_in(
    target: &dyn Target,
    places: Option<&Places<'_>>,
    channels: &[ChannelRule],
    request: &Request,
) -> Result<RolledBack, ReleaseError> {
    let rule = rule(channels, &request.channel)?;
    let why = request.why.as_deref().map(|text| one_line("--why", text, 1000)).transpose()?;
    let scene = Scene::look(target, &request.recipe).await?;
    let arch = scene.arch(request.arch)?;
    let name = scene.channel(arch, &rule.name);
    refuse_pinned(target, &name, &rule.name).await?;
    let Some(current) = scene.pointer(&name).cloned() else {
        let begun = begun(target, &name).await?.pop();
        return Err(ReleaseError::Empty {
            recipe: scene.recipe.clone(),
            channel: rule.name.clone(),
            help: match &begun {
                // There is nothing to go back to or to stay at: only a promotion can take that over.
                Some(underway) => first_move(underway),
                None => format!("promote an image to it: amifactory promote {} --to {}", scene.recipe, rule.name),
            },
        });
    };
    let history = history(target, &name).await?.with_versions(|image| scene.versions_of(image));
    let left = match request.take_over {
        true => begun(target, &name).await?,
        false => Vec::new(),
    };
    let ended = left.first().filter(|_| request.to.is_none());
    let ended = ended.and_then(|underway| end_of(&scene, &history, &current.image, underway));
    let (candidate, ended) = match (request.to, ended) {
        (asked, _) if request.accept => (accept::candidate(&scene, &rule.name, &current, asked)?, None),
        (Some(version), _) => (retired::usable(target, &scene, arch, version).await?, None),
        (None, Some((candidate, ended))) => (candidate, Some(ended)),
        (None, None) => {
            let before = before(&scene, &history, &current);
            (before.ok_or_else(|| nothing_before(&scene, &history, &current, &rule.name))?, None)
        }
    };
    // The first channel has no gates.
    let came = |image: &ImageId| match request.accept {
        // What is accepted is what stands there.
        true => history.moves.iter().any(|moved| moved.note.is_some() && moved.image == image.as_str()),
        false => was_named(&history, image),
    };
    let forward = rule.from.is_some() && !came(&candidate.image.id);
    if forward && why.is_none() {
        return Err(ReleaseError::NeverNamed {
            recipe: scene.recipe.clone(),
            version: candidate.version,
            channel: rule.name.clone(),
        });
    }
    let mut done = RolledBack {
        channel: rule.name.clone(),
        from_version: scene.version_of(&current.image),
        from_revoked: scene.image(&current.image).is_some_and(|image| tags::revoked(&image.tags).is_some()),
        version: candidate.version,
        image: candidate.image.id.clone(),
        moved: false,
        forward,
        rows: Vec::new(),
        cleared: Vec::new(),
        ended,
        accepted: None,
        still_broken: 0,
        from: current.clone(),
        name: name.clone(),
    };
    let places = places.filter(|_| !rule.reach.is_home());
    let broken = match request.accept {
        true => accept::open(target, places.map(|places| (places, &rule.reach)), &name).await?,
        false => Vec::new(),
    };
    let (mut elsewhere, mut missing) = (Elsewhere::default(), Vec::new());
    if let Some(places) = places {
        let which = (arch, candidate.version);
        (elsewhere, missing) =
            everywhere::known_ready(places, &rule.reach, &scene.recipe, which, &candidate.image.id).await;
    }
    // Whoever takes over ends what was begun, also where it has not moved anything yet.
    if !request.take_over
        && broken.is_empty()
        && !scene.is_damaged(&name)
        && history.unrecorded().is_none()
        && history.last_contradicted().is_none()
        && current.image == candidate.image.id
        && match places {
            Some(places) => everywhere::is_everywhere(places, &name, &current.image, &elsewhere).await?,
            None => true,
        }
    {
        done.rows = missing;
        done.accepted = request.accept.then(Vec::new);
        return Ok(done);
    }
    let mut note = Note {
        by: Some(target.who().await?),
        version: Some(candidate.version),
        overridden: why.clone().filter(|_| forward),
        gates: if forward { vec!["all".into()] } else { Vec::new() },
        why: why.filter(|_| !forward),
        ..Note::new(Kind::Rollback, clock::rfc3339(target.now()))
    };
    note.check()?;
    done.accepted = match request.accept {
        true => Some(accept::put(&mut note, &broken)?.to_vec()),
        false => None,
    };
    let begun = match request.take_over {
        true => left,
        false => begun(target, &name).await?.into_iter().filter(|underway| underway.over).collect(),
    };
    let wanted = Move {
        name,
        expected: Some(current),
        image: candidate.image.id,
        note,
        elsewhere,
        takes_over: request.take_over,
    };
    let moved = match places {
        Some(places) => match everywhere::carry_out(places, &wanted).await {
            Ok(moved) => {
                done.rows = moved.rows.into_iter().chain(missing).collect();
                Ok(())
            }
            Err(ReleaseError::Target(error)) => Err(error),
            Err(error) => return Err(error),
        },
        None => target.move_alone(&wanted).await.map(drop),
    };
    match moved {
        // An image that went since it was looked for.
        Err(TargetError::NotFound { .. }) => Err(scene
            .fit(candidate.version, &wanted.image)
            .err()
            .unwrap_or_else(|| TargetError::NotFound { what: format!("image {}", wanted.image) }.into())),
        Err(error) => Err(error.into()),
        Ok(()) => {
            done.moved = true;
            done.cleared = begun;
            if request.accept {
                let places = places.map(|places| (places, &rule.reach));
                done.still_broken = accept::open(target, places, &done.name).await?.len();
            }
            Ok(done)
        }
    }
}

/// Moves of the channel that others have begun.
async fn begun(target: &dyn Target, name: &PointerName) -> Result<Vec<Underway>, TargetError> {
    let mut begun = target.underway(&name.recipe).await?;
    begun.retain(|underway| underway.name == *name);
    Ok(begun)
}

/// Where a channel goes whose move is taken over: a step back from where it is would be one too many where that move has
/// not happened, or was a step back itself. None where it has happened, so that the step is right.
fn end_of(scene: &Scene, history: &History, current: &ImageId, left: &Underway) -> Option<(Candidate, Ended)> {
    let fit = |image: &ImageId| scene.fit(scene.version_of(image)?, image).ok();
    let is_it = |moved: &Moved| same_move(&left.image, &left.note, &moved.image, moved.note.as_ref());
    let has_happened = history.moves.iter().any(is_it);
    let stays = || fit(current).map(|candidate| (candidate, Ended::Stayed));
    match (left.note.kind, has_happened) {
        // Where it went without having been there, its own reason counted, and nobody else's does.
        (Kind::Rollback, false) if was_named(history, &left.image) => match fit(&left.image) {
            Some(candidate) => Some((candidate, Ended::Finished)),
            None => stays(),
        },
        (Kind::Rollback, true) if *current == left.image => fit(current).map(|candidate| (candidate, Ended::Finished)),
        (Kind::Rollback, _) | (_, false) => stays(),
        (_, true) => None,
    }
}

fn first_move(underway: &Underway) -> String {
    let Underway { name, image, by, until, note, .. } = underway;
    format!(
        "{} is moving it to {image}, until {until} at the latest; {}",
        line(by),
        take_over_by_promotion(name, note.version)
    )
}

fn nothing_before(scene: &Scene, history: &History, current: &Pointer, channel: &Channel) -> ReleaseError {
    let usable = |image: &str| {
        let image: ImageId = image.parse().ok()?;
        scene.fit(scene.version_of(&image)?, &image).ok().map(|candidate| candidate.version)
    };
    ReleaseError::NothingBefore {
        recipe: scene.recipe.clone(),
        channel: channel.clone(),
        named: way_out::named(history, current.image.as_str(), usable),
    }
}

/// Whether the channel came to name the image by a move of ours.
fn was_named(history: &History, image: &ImageId) -> bool {
    history.ours().any(|moved| moved.image == image.as_str())
}

/// The last other image that a rollback goes back to and that still can be used.
fn before(scene: &Scene, history: &History, current: &Pointer) -> Option<Candidate> {
    let others = way_back(history).into_iter().filter(|image| *image != current.image.as_str());
    others.rev().find_map(|image| {
        let image: ImageId = image.parse().ok()?;
        scene.fit(scene.version_of(&image)?, &image).ok()
    })
}

/// The images that the channel can go back to step by step; the last of them first. A rollback takes away what it leaves
/// behind; to an image that is no longer among them it is a step forward. What someone wrote by hand, or in another's name, is
/// none of them.
pub fn way_back(history: &History) -> Vec<&str> {
    let mut way: Vec<&str> = Vec::new();
    for moved in history.ours() {
        let image = moved.image.as_str();
        match moved.note.as_ref().map(|note| note.kind) {
            Some(Kind::Publish | Kind::Promote) => way.push(image),
            Some(Kind::Rollback | Kind::Restore) => match way.iter().rposition(|before| *before == image) {
                Some(at) => way.truncate(at + 1),
                None => way.push(image),
            },
            None => {}
        }
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::history::Moved;

    fn history(moves: &[(Option<Kind>, &str)]) -> History {
        let moved = |(at, (kind, image)): (usize, &(Option<Kind>, &str))| Moved {
            revision: at as u64 + 1,
            at: "2026-11-20T00:00:00Z".into(),
            image: (*image).to_owned(),
            by: None,
            note: kind.map(|kind| Note::new(kind, "2026-11-20T00:00:00Z".into())),
        };
        History { moves: moves.iter().enumerate().map(moved).collect(), ..History::default() }
    }

    #[test]
    fn a_rollback_takes_away_what_it_leaves_and_a_named_version_can_be_gone_back_to_again() {
        use Kind::{Promote, Publish, Restore, Rollback};
        let published = [(Some(Publish), "a"), (Some(Publish), "b"), (Some(Publish), "c")];
        let then = |more: &[(Option<Kind>, &'static str)]| -> Vec<String> {
            let all: Vec<_> = published.iter().chain(more).copied().collect();
            way_back(&history(&all)).into_iter().map(str::to_owned).collect()
        };
        assert_eq!(then(&[]), ["a", "b", "c"]);
        assert_eq!(then(&[(Some(Rollback), "b")]), ["a", "b"]);
        assert_eq!(then(&[(Some(Rollback), "b"), (Some(Rollback), "a")]), ["a"]);
        // By name to what was left, then on: it is what the next one goes back to.
        assert_eq!(then(&[(Some(Rollback), "b"), (Some(Rollback), "c"), (Some(Publish), "d")]), ["a", "b", "c", "d"]);
        assert_eq!(
            then(&[(Some(Rollback), "b"), (Some(Rollback), "a"), (Some(Rollback), "c"), (None, "x")]),
            ["a", "c"]
        );
        // Promoted again, or put back after a lost race.
        assert_eq!(then(&[(Some(Rollback), "b"), (Some(Promote), "c")]), ["a", "b", "c"]);
        assert_eq!(then(&[(Some(Promote), "d"), (Some(Restore), "c")]), ["a", "b", "c"]);
    }
}
