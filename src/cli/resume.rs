//! `resume`: what dead runs began is finished, or cleaned up.

use super::build;
use super::distribute;
use super::exit::{CliError, Exit};
use super::session::{Open, Session};
use crate::identity::{BuildId, RecipeName};
use crate::pipeline::prepare::Planner;
use crate::pipeline::resume::{self, Fate, Settled as Ended, Theirs, Unfinished};
use crate::pipeline::{BuildOptions, Event, clock, sweep};
use crate::release::leftover;
use crate::report::visible::line;
use crate::target::{Settled, Underway};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;

/// Finish what a dead run left, or clean it up.
#[derive(Debug, Args)]
pub struct Resume {
    /// Only this build
    #[arg(value_name = "BUILD")]
    build: Option<BuildId>,
}

#[derive(Serialize)]
struct Nothing {
    resumed: Vec<BuildId>,
    removed: Vec<BuildId>,
    /// Builds that are another factory's, or may be: nothing was done with them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<BuildId>,
    moves: Vec<Moved>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<Damaged>,
}

/// What stood where moves of a channel are locked and could not be read.
#[derive(Serialize)]
struct Damaged {
    pointer: String,
    outcome: &'static str,
    #[serde(rename = "why")]
    told: String,
}

/// A move of a channel that someone had begun, and what became of it.
#[derive(Serialize)]
struct Moved {
    pointer: String,
    image: String,
    by: String,
    outcome: Settled,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Moved {
    fn of(underway: &Underway, outcome: &Settled) -> Moved {
        let Underway { name, image, by, .. } = underway;
        let why = match outcome {
            Settled::Refused(foreign) => Some(foreign.to_string()),
            Settled::Failed(why) => Some(why.clone()),
            _ => None,
        };
        Moved { pointer: name.to_string(), image: image.to_string(), by: by.clone(), outcome: outcome.clone(), why }
    }
}

/// What became of the moves that someone began, and of what can't be read as one.
async fn left(open: &Open) -> Result<(Vec<leftover::Ended>, Vec<Damaged>), CliError> {
    let target = &*open.target;
    let recipes = open.all_released().await?;
    let places = distribute::places(open).ok().flatten();
    let left = leftover::find(target, &recipes).await?;
    let mut cleared = Vec::new();
    for damaged in &left.damaged {
        let (outcome, told) = match leftover::clear(target, damaged).await {
            Ok(told) => ("cleared", told),
            Err(error) => ("failed", format!("{}, and is still there: {error}", leftover::why_damaged(&damaged.1))),
        };
        cleared.push(Damaged { pointer: damaged.0.to_string(), outcome, told });
    }
    Ok((leftover::settle(target, places.as_ref(), &open.factory.channels, left.moves).await, cleared))
}

/// Whether a build is none of this factory's to settle. One of a recipe that is not here is, where it is so old that nobody
/// can be at work on it.
fn is_anothers(unfinished: &Unfinished, perhaps_alive: &BTreeSet<BuildId>) -> bool {
    match &unfinished.theirs {
        Some(Theirs::Owner(_)) => true,
        Some(Theirs::Recipe) => perhaps_alive.contains(&unfinished.build),
        None => false,
    }
}

fn left_to_others(unfinished: &Unfinished) -> String {
    let Unfinished { build, recipe, theirs, .. } = unfinished;
    let why = match theirs {
        Some(Theirs::Owner(owner)) => format!(
            "it is another factory's: its tags say that {} answers for it, and amifactory.yaml does not (aws: owner)",
            line(owner)
        ),
        _ => format!("there is no recipe {recipe} here, so it may be another factory's, which may be at work"),
    };
    format!("{build} is left as it is: {why}\n  where it is this one's after all: amifactory resume {build}")
}

impl Resume {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_look()?;
        open.reach().await?;
        let target = &*open.target;
        let planner = Planner::new(&open.factory, &open.library, target);
        let mut found =
            resume::find(target, &open.state, &open.factory, &planner, &|recipe| session.is_broken(recipe)).await?;
        if let Some(build) = &self.build {
            found.retain(|unfinished| unfinished.build == *build);
            if found.is_empty() && !open.state.build(build).is_dir() {
                return Err(CliError::Usage(format!(
                    "there is no build `{build}`\n  `amifactory resume` alone finishes all that were left unfinished"
                )));
            }
        }
        let sink = session.sink();
        // What another machine began with another content may be its work of this moment.
        let elsewhere = match self.build.is_none() && target.is_remote() {
            true => {
                let things = sweep::find(target, &open.state).await?;
                sweep::perhaps_alive(&things, &open.state, sweep::SURELY_DEAD, clock::now())
            }
            false => BTreeSet::new(),
        };
        let (others, found): (Vec<Unfinished>, Vec<Unfinished>) =
            found.into_iter().partition(|unfinished| self.build.is_none() && is_anothers(unfinished, &elsewhere));
        for unfinished in &others {
            let text = left_to_others(unfinished);
            sink.event(&Event::Notice { build: Some(unfinished.build.clone()), text });
        }
        let (mut removed, mut kept) = (Vec::new(), false);
        for unfinished in &found {
            match &unfinished.fate {
                Fate::Finish => {}
                Fate::Keep(why) => {
                    kept = true;
                    let text = format!(
                        "{} is left as it is: {why}\n  put that right and resume again, or remove what it left: amifactory sweep --yes",
                        unfinished.build
                    );
                    sink.event(&Event::Notice { build: Some(unfinished.build.clone()), text });
                }
                Fate::Close => resume::close(&open.state, unfinished)?,
                Fate::Remove(why) if elsewhere.contains(&unfinished.build) => {
                    kept = true;
                    let text = format!(
                        "{0} is left as it is: {why} as it stands here, and another machine, which began it, may be at work\n  \
                         where that is dead: amifactory resume {0}",
                        unfinished.build
                    );
                    sink.event(&Event::Notice { build: Some(unfinished.build.clone()), text });
                }
                Fate::Remove(why) => {
                    let text = match resume::settle(target, &open.state, unfinished).await? {
                        Ended::Removed => {
                            removed.push(unfinished.build.clone());
                            format!("{} is removed: {why}", unfinished.build)
                        }
                        Ended::Kept => format!("{} stays, since a pointer names its image: {why}", unfinished.build),
                        Ended::Busy(holder) => {
                            format!("{} is left alone: {} is in use by {holder}", unfinished.build, unfinished.recipe)
                        }
                    };
                    sink.event(&Event::Notice { build: Some(unfinished.build.clone()), text });
                }
            }
        }
        let told = |text: String| sink.event(&Event::Notice { build: None, text });
        // Whatever stands where moves are locked, dead builds are finished.
        let (moves, cleared, unsettled) = match left(&open).await {
            Ok((moves, cleared)) => (moves, cleared, false),
            Err(error) => {
                told(format!("moves of channels were not looked at: {error}"));
                (Vec::new(), Vec::new(), true)
            }
        };
        let uncleared = cleared.iter().any(|cleared| cleared.outcome == "failed");
        cleared.iter().for_each(|cleared| told(cleared.told.clone()));
        let mut put_back = Vec::new();
        for recipe in open.all_released().await? {
            put_back.extend(target.put_back_versions(&recipe).await?);
        }
        for name in &put_back {
            told(format!("{name} is put back, as its history says; find out who damaged it"));
        }
        for (underway, settled, rows) in &moves {
            leftover::all_told(underway, settled, rows).into_iter().for_each(told);
        }
        let failed = |(_, settled, rows): &leftover::Ended| {
            matches!(settled, Settled::Failed(_)) || rows.iter().any(|row| row.why.is_some())
        };
        let behind = unsettled || uncleared || moves.iter().any(failed);
        let is_over = |settled: &Settled| !matches!(settled, Settled::Underway | Settled::Failed(_));
        let settled = moves.iter().any(|(_, settled, _)| is_over(settled)) || (!cleared.is_empty() && !uncleared);
        sink.close();
        let finish: BTreeSet<RecipeName> =
            found.iter().filter(|u| u.fate == Fate::Finish).map(|Unfinished { recipe, .. }| recipe.clone()).collect();
        let finish: Vec<RecipeName> = finish.into_iter().collect();
        if finish.is_empty() {
            let moves = moves.iter().map(|(underway, settled, _)| Moved::of(underway, settled)).collect();
            let others = others.into_iter().map(|unfinished| unfinished.build).collect();
            let nothing = Nothing { resumed: Vec::new(), removed, others, moves, damaged: cleared };
            session.result(&nothing, |_| match nothing.removed.len() {
                0 if settled => "moves of channels were settled\n".to_owned(),
                0 if !put_back.is_empty() => "pointers of versions were put back\n".to_owned(),
                0 if kept => "nothing could be finished\n".to_owned(),
                0 if !nothing.others.is_empty() => "no build of this factory was left unfinished\n".to_owned(),
                0 => "no build was left unfinished\n".to_owned(),
                n => format!("{n} unfinished {} removed\n", if n == 1 { "build was" } else { "builds were" }),
            })?;
            return Ok(match (behind, kept) {
                (true, _) => Exit::Partly,
                (false, true) => Exit::Failed,
                (false, false) => Exit::Done,
            });
        }
        let exit = build::build(session, &open, &finish, &BuildOptions::default(), finish.len()).await?;
        Ok(if (kept || behind) && exit == Exit::Done { Exit::Partly } else { exit })
    }
}
