//! `retire`: images that nothing uses any more, and what keeps the others.

use super::exit::{CliError, Exit};
use super::session::{Open, Session};
use crate::fleet::retire::{self, Due, Ended, Item, Verdict, Wanted, ladder, restore};
use crate::identity::{ImageId, RecipeName, TargetKind};
use crate::pipeline::clock;
use crate::report::view::{self, NextStep, Outcome, RetiredRow};
use crate::target::{Rung, Shelf, WayOut};
use clap::Args;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Say of each image what keeps it; with --apply, take the next step with what nothing keeps.
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
        let way_out = if self.apply { Some(way_out(shelf, target.kind())?) } else { None };
        let recipes = match &self.recipe {
            Some(recipe) => vec![open.released(recipe).await?],
            None => open.all_released().await?,
        };
        // Held until the end where something is to be changed; without that only who holds them is of interest.
        let (locks, busy) = retire::lock(&open.state, &recipes)?;
        let locks = self.apply.then_some(locks);
        let wanted = Wanted { factory: &open.factory, recipes: &recipes, only: None, busy: &busy };
        let items = retire::survey(target, shelf, &wanted).await?;
        let now = target.now();
        let planned: Vec<(Outcome, Option<NextStep>)> = items.iter().map(|item| plan(item, shelf, now)).collect();
        let going: Vec<Item> = items
            .iter()
            .zip(&planned)
            .filter(|(_, (outcome, _))| !matches!(outcome, Outcome::Keep(_)))
            .map(|(item, _)| item.clone())
            .collect();
        let mut ended = BTreeMap::new();
        if let Some(way_out) = way_out {
            let done = retire::carry_out(target, (shelf, way_out), (&open.state, &open.factory), &going, &busy).await?;
            ended.extend(going.iter().map(|item| item.image.clone()).zip(done));
        }
        drop(locks);
        let rows = items.iter().zip(planned).map(|(item, planned)| {
            let (outcome, next) = match ended.get(&item.image) {
                Some(ended) => told(ended, item, shelf, target.now()),
                None => planned,
            };
            RetiredRow::of(item, target.kind(), outcome, next)
        });
        let shown = view::Retired::of(rows.collect(), self.apply, open.factory.retention.is_some());
        session.result(&shown, |style| view::retired(&shown, style))?;
        Ok(match (shown.failed, shown.steps + shown.brought_back) {
            (0, _) => Exit::Done,
            (_, 0) => Exit::Failed,
            _ => Exit::Partly,
        })
    }
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
    let way_out = way_out(shelf, target.kind())?;
    let found = restore::find(shelf, &recipes, &wanted).await?;
    let names: Vec<RecipeName> = found.iter().map(|retirement| retirement.name.recipe.clone()).collect();
    let (locks, busy) = retire::lock(&open.state, &names)?;
    if let Some((recipe, holder)) = busy.first_key_value() {
        return Err(CliError::Failed(format!(
            "someone is at work on {recipe}: {holder}\n  try again when that is done"
        )));
    }
    let mut restored = Vec::new();
    for retirement in &found {
        restored.push(restore::restore((target, way_out), &open.state, retirement).await?);
    }
    drop(locks);
    let shown = view::Restoration { restored };
    session.result(&shown, |style| view::restoration(&shown, style))?;
    Ok(Exit::Done)
}
