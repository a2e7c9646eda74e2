//! `retire`: images that nothing uses any more, and what keeps the others.

use super::exit::{CliError, Exit};
use super::session::{Open, Session};
use crate::fleet::retire::places::Places;
use crate::fleet::retire::{self, Due, Ended, Item, RetireError, Verdict, Wanted, ladder, restore};
use crate::identity::{ImageId, RecipeName, TargetKind};
use crate::pipeline::clock;
use crate::report::view::{self, NextStep, Outcome, RetiredRow, UnreadRegion};
use crate::report::wording;
use crate::target::{Retirement, Rung, Shelf, Target, WayOut};
use clap::Args;
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// Say of each image what keeps it; with --apply, take the next step with what nothing keeps.
///
/// In the home region of `distribution:` it looks at all its regions, side by side, and takes each one's steps: copies go
/// before the image at home. A region that can't be read keeps its images, and those at home that may have copies there; the
/// exit code is 5 then, and the same command goes on. It is 5 too where a channel's pointer or history can't be read, or was
/// edited: all images of its recipe stay. In another region (AWS_REGION) it looks at that one alone.
///
/// The last step is for good: only a Recycle Bin rule of the account would keep an image or a snapshot for a while, and
/// nobody asks whether there is one.
#[derive(Debug, Args)]
pub struct Retire {
    /// Only this recipe's
    #[arg(value_name = "RECIPE", conflicts_with = "restore")]
    recipe: Option<String>,
    /// Take the step that is due with each image that nothing keeps
    #[arg(long, conflicts_with = "restore")]
    apply: bool,
    /// Bring this image back from its way out: its id, or RECIPE@VERSION
    #[arg(long, value_name = "IMAGE")]
    restore: Option<String>,
}

impl Retire {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        // A recipe that can't be read may keep more than its factory does: nothing goes until all can be read.
        let open = session.open()?;
        open.reach().await?;
        let target = &*open.target;
        let Some(shelf) = target.shelf() else {
            return Err(CliError::Usage(format!("images on the target {} can't be retired", target.kind())));
        };
        if let Some(name) = &self.restore {
            return bring_back(session, &open, shelf, name).await;
        }
        if self.apply {
            way_out(shelf, target.kind())?;
        }
        let places = Places::new(target, &open.factory)?;
        let recipes = match &self.recipe {
            Some(recipe) => vec![open.released(recipe).await?],
            None => {
                let all: BTreeSet<RecipeName> =
                    open.all_released().await?.into_iter().chain(places.recipes().await).collect();
                all.into_iter().collect()
            }
        };
        // Held until the end where something is to be changed; without that only who holds them is of interest.
        let (locks, busy) = retire::lock(&open.state, &recipes)?;
        let locks = self.apply.then_some(locks);
        let wanted = Wanted { factory: &open.factory, recipes: &recipes, only: None, busy: &busy, home: None };
        let what = format!("retire: {}", wording::recipes(&recipes));
        let seen = session.looking(format!("{what}: what uses their images"), target, places.survey(&wanted)).await?;
        let going: Vec<Vec<Item>> = seen
            .iter()
            .zip(places.all())
            .map(|(seen, (_, there))| match &seen.items {
                Ok(items) => items.iter().filter(|item| is_going(item, there)).cloned().collect(),
                Err(_) => Vec::new(),
            })
            .collect();
        let ended = match self.apply {
            true => {
                let way_out = places.carry_out((&open.state, &open.factory), &going, &busy);
                session.looking(format!("{what}: the steps that are due"), target, way_out).await
            }
            false => Vec::new(),
        };
        drop(locks);
        let (mut rows, mut unread, mut damaged) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut ended = ended.into_iter();
        for ((seen, (region, there)), going) in seen.into_iter().zip(places.all()).zip(&going) {
            let ended = ended.next();
            let items = match seen.items {
                Ok(items) => items,
                Err(error) => {
                    unread.extend(region.map(|region| UnreadRegion { region, why: error.to_string() }));
                    continue;
                }
            };
            let ended = by_image(ended, going)?;
            let (Some(shelf), now) = (there.shelf(), there.now()) else { continue };
            damaged.extend(items.iter().flat_map(|item| item.facts.damaged.iter().cloned()));
            for item in &items {
                let (outcome, next) = match ended.iter().find(|(image, _)| *image == item.image) {
                    Some((_, Ok(ended))) => told(ended, item, shelf, now),
                    Some((_, Err(why))) => (Outcome::Failed(why.clone()), None),
                    None => plan(item, shelf, now),
                };
                rows.push(RetiredRow::of(item, (there.kind(), region.as_ref()), outcome, next));
            }
        }
        let shown = view::Retired::of(rows, self.apply, open.factory.retention.is_some())
            .with_unread(unread)
            .with_damaged(damaged);
        let only = self.recipe.as_ref().and_then(|_| recipes.first().cloned());
        // A Recycle Bin is EC2's.
        let shown = shown.with_only(only).with_recycle_bin(target.kind() != TargetKind::Local);
        session.result(&shown, |style| view::retired(&shown, style))?;
        let is_all_read = shown.unread.is_empty() && shown.damaged.is_empty();
        Ok(match (shown.failed, shown.steps + shown.brought_back) {
            (0, _) if is_all_read => Exit::Done,
            (1.., 0) if is_all_read => Exit::Failed,
            _ => Exit::Partly,
        })
    }
}

/// Whether nothing keeps it where it is, or it is to be brought back.
fn is_going(item: &Item, there: &dyn Target) -> bool {
    there.shelf().is_some_and(|shelf| !matches!(plan(item, shelf, there.now()).0, Outcome::Keep(_)))
}

/// An image, and what became of it; or why its place did not get that far.
type EndedOf = (ImageId, Result<Ended, String>);

/// What became of each. An error: the state folder can't be used.
fn by_image(ended: Option<Result<Vec<Ended>, RetireError>>, going: &[Item]) -> Result<Vec<EndedOf>, CliError> {
    let images = going.iter().map(|item| item.image.clone());
    Ok(match ended {
        None => Vec::new(),
        Some(Ok(ended)) => images.zip(ended.into_iter().map(Ok)).collect(),
        Some(Err(RetireError::Target(error))) => images.map(|image| (image, Err(error.to_string()))).collect(),
        Some(Err(error)) => return Err(error.into()),
    })
}

fn way_out(shelf: &dyn Shelf, kind: TargetKind) -> Result<&dyn WayOut, CliError> {
    let none = || {
        CliError::Usage(format!(
            "images on the target {kind} can't be removed: nothing was changed\n  without --apply it says of each what \
             keeps it"
        ))
    };
    shelf.way_out().ok_or_else(none)
}

/// What would become of it.
fn plan(item: &Item, shelf: &dyn Shelf, now: OffsetDateTime) -> (Outcome, Option<NextStep>) {
    match retire::decide(&item.facts, item.retention.as_ref(), now) {
        Verdict::Keep(reasons) if item.is_brought_back(shelf, &reasons) => (Outcome::BringBack(reasons), None),
        Verdict::Keep(reasons) => (Outcome::Keep(reasons), None),
        Verdict::Finish => (Outcome::Remove, None),
        Verdict::Remove => match ladder::next(shelf.rungs(), item.retirement.as_ref(), item.soak(), now) {
            Due::Now(rung) => (Outcome::due(rung), None),
            Due::Later(rung, at) => (Outcome::Wait, Some(later(rung, at))),
        },
    }
}

/// What became of it.
fn told(ended: &Ended, item: &Item, shelf: &dyn Shelf, now: OffsetDateTime) -> (Outcome, Option<NextStep>) {
    match ended {
        Ended::Took(rung) => {
            let next = shelf.rungs().iter().find(|next| *next > rung);
            (Outcome::took(*rung), next.map(|next| later(*next, now + item.soak())))
        }
        Ended::Waits(rung, at) => (Outcome::Wait, Some(later(*rung, *at))),
        Ended::Kept(reasons) => (Outcome::Keep(reasons.clone()), None),
        Ended::BroughtBack(reasons) => (Outcome::BroughtBack(reasons.clone()), None),
        Ended::Failed(error) => (Outcome::Failed(error.to_string()), None),
    }
}

fn later(step: Rung, at: OffsetDateTime) -> NextStep {
    NextStep { step, at: clock::rfc3339(at) }
}

async fn bring_back(session: &Session, open: &Open, shelf: &dyn Shelf, name: &str) -> Result<Exit, CliError> {
    let target = &*open.target;
    let wanted = match name.split_once('@') {
        Some((recipe, version)) => {
            let version = version.parse().map_err(|error| CliError::Usage(format!("{error}")))?;
            let recipe = recipe.parse::<RecipeName>().map_err(|error| CliError::Usage(error.to_string()))?;
            restore::Wanted::Version(recipe, version)
        }
        None => {
            let help = "name it by its id, or as RECIPE@VERSION: amifactory retire lists them";
            let id = name.parse::<ImageId>();
            restore::Wanted::Image(id.map_err(|error| CliError::Usage(format!("{error}\n  {help}")))?)
        }
    };
    let mut recipes = open.all_released().await?;
    // What is left of a recipe may be no more than what is written down of it.
    if let restore::Wanted::Version(recipe, _) = &wanted
        && !recipes.contains(recipe)
    {
        recipes.push(recipe.clone());
    }
    way_out(shelf, target.kind())?;
    let places = Places::new(target, &open.factory)?;
    if let restore::Wanted::Image(_) = &wanted {
        recipes.extend(places.recipes().await);
        recipes.sort();
        recipes.dedup();
    }
    let found = everywhere(&places, &recipes, &wanted).await?;
    let names: BTreeSet<RecipeName> = found.iter().map(|(_, retirement)| retirement.name.recipe.clone()).collect();
    let (locks, busy) = retire::lock(&open.state, &Vec::from_iter(names))?;
    if let Some((recipe, holder)) = busy.first_key_value() {
        return Err(CliError::Failed(format!(
            "someone is at work on {recipe}: {holder}\n  try again when that is done"
        )));
    }
    let mut restored = Vec::new();
    for (there, retirement) in &found {
        let Some(shelf) = there.shelf() else { continue };
        let way_out = way_out(shelf, there.kind())?;
        restored.push(restore::restore((*there, way_out), &open.state, retirement).await?);
    }
    drop(locks);
    let shown = view::Restoration { restored };
    session.result(&shown, |style| view::restoration(&shown, style))?;
    Ok(Exit::Done)
}

/// Wherever it is on its way out, at home first. An error, before anything is changed: it is nowhere, or a region that may
/// have it can't be read.
async fn everywhere<'p>(
    places: &'p Places<'_>,
    recipes: &[RecipeName],
    wanted: &restore::Wanted,
) -> Result<Vec<(&'p dyn Target, Retirement)>, CliError> {
    use restore::RestoreError::{Back, Gone, NotRetired};
    let (mut found, mut none) = (Vec::new(), None);
    for (_, there) in places.all().into_iter().rev() {
        let Some(shelf) = there.shelf() else { continue };
        match restore::find(shelf, recipes, wanted).await {
            Ok(retirements) => {
                found.extend(retirements.into_iter().map(|retirement| (there, retirement)));
                // No two regions have an image of the same id.
                if matches!(wanted, restore::Wanted::Image(_)) {
                    break;
                }
            }
            // Where it never was on its way out says less than where it was.
            Err(NotRetired(what)) => none = none.or(Some(NotRetired(what))),
            Err(error @ (Back { .. } | Gone { .. })) => match none {
                Some(Back { .. } | Gone { .. }) => {}
                _ => none = Some(error),
            },
            Err(error) => return Err(error.into()),
        }
    }
    match none {
        Some(error) if found.is_empty() => Err(error.into()),
        _ => Ok(found),
    }
}
