//! `sweep`: what dead runs left behind.

use super::distribute;
use super::exit::{CliError, Exit};
use super::session::Session;
use crate::identity::Region;
use crate::pipeline::sweep::{self, LeftOver, Resource};
use crate::pipeline::{StateFolder, clock};
use crate::recipe;
use crate::release::leftover;
use crate::release::places::Place;
use crate::report::{view, visible};
use crate::target::{PointerName, Settled, Target, TargetError, Underway};
use clap::Args;
use std::collections::BTreeSet;
use std::time::Duration;

/// List what dead runs left behind; remove it with --yes.
#[derive(Debug, Args)]
pub struct Sweep {
    /// Remove it
    #[arg(long)]
    yes: bool,
    /// On AWS, of builds that another machine began: only what is at least this old; younger ones may be at work
    #[arg(long, value_name = "TIME", default_value = "6h", value_parser = duration)]
    older_than: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    recipe::duration(text).ok_or_else(|| "write 90s, 5m or 1h30m".to_owned())
}

impl Sweep {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_look()?;
        open.reach().await?;
        let mut found = sweep::find(&*open.target, &open.state).await?;
        let uploads = open.target.uploads().await?;
        found.extend(uploads.old.into_iter().map(sweep::part));
        let (busy, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|left| left.in_use_by.is_some());
        let elsewhere = match open.target.is_remote() {
            true => sweep::perhaps_alive(&rest, &open.state, self.older_than, clock::now()),
            false => BTreeSet::new(),
        };
        let alive = |left: &LeftOver| left.build.as_ref().is_some_and(|build| elsewhere.contains(build));
        let (spared, dead): (Vec<_>, Vec<_>) = rest.into_iter().partition(alive);
        let mut failed: Vec<view::Leftover> = Vec::new();
        let dead = self.removed(&*open.target, &open.state, dead, &mut failed).await?;
        let mut copies = Vec::new();
        if let Some(places) = distribute::places(&open).ok().flatten() {
            for region in places.known.regions.keys() {
                let there = places.at(&Place { account: None, region: region.clone() }).await?;
                copies.extend(self.copies(&*there, &open.state, region, &mut failed).await?);
            }
        }
        let recipes = open.all_released().await?;
        let left = leftover::find(&*open.target, &recipes).await?;
        let (over, running): (Vec<_>, Vec<_>) = left.moves.into_iter().partition(|underway| underway.over);
        let rows = |some: &[LeftOver], why: Option<&str>| some.iter().map(|left| row(left, why)).collect::<Vec<_>>();
        let mut found = rows(&dead, None);
        found.extend(copies);
        found.extend(over.iter().map(left_move));
        for damaged in &left.damaged {
            let row = damaged_lock(damaged);
            let cleared = match self.yes {
                true => leftover::clear(&*open.target, damaged).await.err(),
                false => None,
            };
            match cleared {
                None => found.push(row),
                Some(error) => failed.push(view::Leftover { why: not_removed(&error), ..row }),
            }
        }
        let mut refused = Vec::new();
        if self.yes {
            let places = distribute::places(&open).ok().flatten();
            for (underway, settled, _) in
                leftover::settle(&*open.target, places.as_ref(), &open.factory.channels, over).await
            {
                let row = view::Leftover { why: leftover::told(&underway, &settled), ..left_move(&underway) };
                match settled {
                    Settled::Refused(_) => refused.push(row),
                    Settled::Failed(_) => {
                        found.retain(|other| other.kind != row.kind || other.id != row.id);
                        failed.push(row);
                    }
                    _ => {}
                }
            }
        }
        let mut spared = rows(&spared, Some("another machine began it and may be at work"));
        let young: Vec<LeftOver> = uploads.young.into_iter().map(sweep::part).collect();
        spared.extend(rows(&young, Some("a build may be at work with it: it goes when it is an hour old")));
        let unread = uploads.unread.iter().map(unread).collect();
        let swept = view::Swept { found, removed: self.yes, failed, unread, spared, refused };
        session.result(&swept, |style| {
            let mut text = view::sweep(&swept, style);
            for left in &busy {
                let holder = left.in_use_by.as_deref().unwrap_or_default();
                text.push_str(&style.dim(&format!("{} is in use by {holder}", left.resource)));
                text.push('\n');
            }
            for refused in &swept.refused {
                text.push_str(&refused.why);
                text.push('\n');
            }
            for underway in &running {
                text.push_str(&style.dim(&leftover::told(underway, &Settled::Underway)));
                text.push('\n');
            }
            text
        })?;
        Ok(match (swept.failed.is_empty(), swept.found.is_empty(), swept.unread.is_empty()) {
            (true, _, true) => Exit::Done,
            (false, true, true) => Exit::Failed,
            // What could be looked at was.
            _ => Exit::Partly,
        })
    }
}

impl Sweep {
    /// What is gone now, or would go; what can't be removed is told beside it.
    async fn removed(
        &self,
        target: &dyn Target,
        state: &StateFolder,
        dead: Vec<LeftOver>,
        failed: &mut Vec<view::Leftover>,
    ) -> Result<Vec<LeftOver>, CliError> {
        if !self.yes {
            return Ok(dead);
        }
        let swept = sweep::remove_each(target, state, dead).await?;
        failed.extend(swept.failed.iter().map(|(left, error)| row(left, Some(&not_removed(error)))));
        Ok(swept.removed)
    }

    /// What died on its way to another region: nobody works on its recipe here, and it is old enough or began here.
    async fn copies(
        &self,
        there: &dyn Target,
        state: &StateFolder,
        region: &Region,
        failed: &mut Vec<view::Leftover>,
    ) -> Result<Vec<view::Leftover>, CliError> {
        let mut dead = sweep::find(there, state).await?;
        let elsewhere = sweep::perhaps_alive(&dead, state, self.older_than, clock::now());
        dead.retain(|left| {
            left.in_use_by.is_none() && !left.build.as_ref().is_some_and(|build| elsewhere.contains(build))
        });
        let dead = self.removed(there, state, dead, failed).await?;
        let why = format!("in {region}: no pointer names it there, and no one works on its recipe");
        Ok(dead.iter().map(|left| row(left, Some(&why))).collect())
    }
}

/// A move of a channel whose time is over; `sweep --yes` finishes it where the channel has not moved, as `resume` does.
fn left_move(underway: &Underway) -> view::Leftover {
    view::Leftover {
        kind: "move".into(),
        id: underway.name.to_string(),
        build: None,
        created_at: underway.since.clone(),
        why: format!("{} began it and did not end it: it is finished or cleared", underway.by),
    }
}

/// What stands where moves of a channel are locked, and can't be read as a lock.
fn damaged_lock((name, error): &(PointerName, TargetError)) -> view::Leftover {
    view::Leftover {
        kind: "move".into(),
        id: name.to_string(),
        build: None,
        created_at: String::new(),
        why: visible::joined(&format!("{}: it moves nothing, and is nobody's", leftover::why_damaged(error))),
    }
}

/// Why it is still there, and what to do. A pointer that names it by now is no mistake: it stays.
fn not_removed(error: &TargetError) -> String {
    let why = visible::joined(&error.to_string());
    match error {
        TargetError::Conflict { .. } => {
            format!("{why}: it is in use and stays; amifactory verify tells whether it is whole")
        }
        _ => why,
    }
}

fn unread((store, error): &(String, TargetError)) -> view::Leftover {
    view::Leftover {
        kind: "bucket".into(),
        id: store.clone(),
        build: None,
        created_at: String::new(),
        why: format!("what builds have left there is not known: {}", visible::joined(&error.to_string())),
    }
}

fn row(left: &LeftOver, why: Option<&str>) -> view::Leftover {
    let (kind, id) = match &left.resource {
        Resource::Builder(id) => ("builder", id.to_string()),
        Resource::Image(id) => ("image", id.to_string()),
        Resource::Part(_) => left.orphan.as_ref().map_or(("part", String::new()), |part| (part.kind, part.id.clone())),
    };
    let why = why.unwrap_or(match &left.resource {
        Resource::Builder(_) => "no one works on its recipe",
        Resource::Part(_) => "what it belonged to is gone",
        Resource::Image(_) => "no pointer names it, and no one works on its recipe",
    });
    view::Leftover {
        kind: kind.into(),
        id,
        build: left.build.as_ref().map(ToString::to_string),
        created_at: left.created_at.clone(),
        why: why.into(),
    }
}
