//! Takes steps with what nothing keeps. Just before them it is looked again; before each it is written down what is about to
//! happen: in the journal each call, and beside the image whatever is needed to go on or back from any other machine.

use super::decide::{Reason, Verdict, decide};
use super::ladder::{self, Due};
use super::survey::{Item, Wanted, survey};
use crate::identity::{ImageId, RecipeName};
use crate::pipeline::clock;
use crate::pipeline::folder::{LockAttempt, RecipeLock, StateFolder};
use crate::pipeline::journal::{Journal, What};
use crate::recipe::Factory;
use crate::target::{Retirement, Rung, Shelf, Slot, Target, TargetError, WayOut};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

/// What became of an image that was to go.
#[derive(Debug)]
pub enum Ended {
    /// The step was taken; the last one is that it is gone.
    Took(Rung),
    /// The time for this step has not come.
    Waits(Rung, OffsetDateTime),
    /// It stays: someone has begun to use it.
    Kept(Vec<Reason>),
    /// The same, and it was brought back from its way out.
    BroughtBack(Vec<Reason>),
    /// Nothing more could be done. The same command again goes on from there.
    Failed(TargetError),
}

/// Why nothing more could be done at all.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// The target did not answer.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The state folder can't be used.
    #[error("the state folder: {0}")]
    State(#[from] io::Error),
}

/// The locks of recipes, and who has those that could not be had.
pub type Locks = (Vec<RecipeLock>, BTreeMap<RecipeName, String>);

/// Becomes the one who works on these recipes, as far as nobody else does.
pub fn lock(state: &StateFolder, recipes: &[RecipeName]) -> io::Result<Locks> {
    let (mut taken, mut busy) = (Vec::new(), BTreeMap::new());
    for recipe in recipes {
        match state.try_lock(recipe)? {
            LockAttempt::Taken(lock) => taken.push(lock),
            LockAttempt::Held(holder) => drop(busy.insert(recipe.clone(), holder)),
        }
    }
    Ok((taken, busy))
}

/// So long after a look steps begin by what it has shown: a look at a large factory asks thousands of questions, however
/// few images it is for. Whoever begins to use an image after it is seen by the look that follows each disabling, and
/// nobody can begin to use one that is disabled.
const FRESH: Duration = Duration::from_secs(30);

/// Takes the step that is due with each of these images, as far as nothing keeps it at that moment; what is on its way out
/// and came into use again is brought back.
pub async fn carry_out(
    target: &dyn Target,
    (shelf, way_out): (&dyn Shelf, &dyn WayOut),
    (state, factory): (&StateFolder, &Factory),
    items: &[Item],
    busy: &BTreeMap<RecipeName, String>,
) -> Result<Vec<Ended>, RetireError> {
    let by = target.who().await?;
    let hand = Hand { target, shelf, way_out, state, factory, busy, by: &by };
    let mut ended = Vec::new();
    while let Some(rest) = items.get(ended.len()..).filter(|rest| !rest.is_empty()) {
        ended.extend(hand.some(rest).await?);
    }
    Ok(ended)
}

/// Who takes the steps.
struct Hand<'a> {
    target: &'a dyn Target,
    shelf: &'a dyn Shelf,
    way_out: &'a dyn WayOut,
    state: &'a StateFolder,
    factory: &'a Factory,
    busy: &'a BTreeMap<RecipeName, String>,
    by: &'a str,
}

impl Hand<'_> {
    /// Of these images those that are still there, as they are now.
    async fn look(&self, items: &[&Item]) -> Result<BTreeMap<ImageId, Item>, TargetError> {
        let recipes: BTreeSet<RecipeName> = items.iter().map(|item| item.name.recipe.clone()).collect();
        let recipes: Vec<RecipeName> = recipes.into_iter().collect();
        let only = items.iter().map(|item| item.image.clone()).collect();
        let wanted =
            Wanted { factory: self.factory, recipes: &recipes, only: Some(&only), busy: self.busy, home: None };
        let seen = survey(self.target, self.shelf, &wanted).await?;
        Ok(seen.into_iter().map(|item| (item.image.clone(), item)).collect())
    }

    /// Looks once, and goes on with as many, one at least, as that look is fresh for.
    async fn some(&self, items: &[Item]) -> Result<Vec<Ended>, RetireError> {
        let mut now = self.look(&items.iter().collect::<Vec<_>>()).await?;
        let looked = Instant::now();
        let (mut ended, mut disabled) = (Vec::new(), Vec::new());
        for item in items {
            if !ended.is_empty() && looked.elapsed() > FRESH {
                break;
            }
            let (end, retirement) = match now.remove(&item.image) {
                Some(now) => self.one(now).await?,
                // Another run was quicker.
                None => (Ended::Took(Rung::Remove), None),
            };
            disabled.extend(retirement.map(|retirement| (ended.len(), retirement)));
            ended.push(end);
        }
        // Whoever had begun to use one between the look and the step could not see that it goes.
        let taken: Vec<&Item> = disabled.iter().filter_map(|(at, _)| items.get(*at)).collect();
        let again = match taken.as_slice() {
            [] => BTreeMap::new(),
            taken => self.look(taken).await?,
        };
        for ((at, retirement), item) in disabled.iter().zip(taken) {
            let Some(again) = again.get(&item.image) else { continue };
            if let Verdict::Keep(reasons) = decide(&again.facts, again.retention.as_ref(), self.target.now())
                && ladder::brings_back(&reasons)
                && let Some(end) = ended.get_mut(*at)
            {
                *end = self.bring_back(retirement, reasons).await?;
            }
        }
        Ok(ended)
    }

    /// What became of it; where it was disabled, as what is written down.
    async fn one(&self, now: Item) -> Result<(Ended, Option<Retirement>), RetireError> {
        let at = self.target.now();
        if let Verdict::Keep(reasons) = decide(&now.facts, now.retention.as_ref(), at) {
            return Ok(match &now.retirement {
                Some(retirement) if now.is_brought_back(self.shelf, &reasons) => {
                    (self.bring_back(retirement, reasons).await?, None)
                }
                _ => (Ended::Kept(reasons), None),
            });
        }
        match ladder::next(self.shelf.rungs(), now.retirement.as_ref(), now.soak(), at) {
            Due::Later(rung, at) => Ok((Ended::Waits(rung, at), None)),
            Due::Now(rung) => self.take(now, rung).await,
        }
    }

    async fn take(&self, now: Item, rung: Rung) -> Result<(Ended, Option<Retirement>), RetireError> {
        let retirement = now.retirement.unwrap_or_else(|| {
            let at = clock::rfc3339(self.target.now());
            Retirement { build: now.build, ..Retirement::begin(now.name, now.image, self.by, at, rung) }
        });
        let mut pen = Pen::open(self.state, &retirement)?;
        let retirement = match self.steps(&mut pen, Retirement { rung, ..retirement }).await {
            Ok(retirement) => retirement,
            // A channel was moved to it after the last look.
            Err(TargetError::Conflict { what, .. }) => {
                let reason = Reason { kind: "channel", by: Some(what), why: "it names it now".into() };
                return Ok((Ended::Kept(vec![reason]), None));
            }
            Err(error) => return Ok((Ended::Failed(error), None)),
        };
        pen.write(What::Ended { outcome: past(rung).into() })?;
        Ok((Ended::Took(rung), Some(retirement).filter(|_| rung == Rung::Disable)))
    }

    /// Writes down that the step is begun, takes it, and writes down that it is done.
    async fn steps(&self, pen: &mut Pen, retirement: Retirement) -> Result<Retirement, TargetError> {
        let retirement = self.way_out.prepare(retirement).await?;
        pen.intent("write down the retirement")?;
        self.way_out.write_down(&retirement).await?;
        self.way_out.take(&retirement, &mut |call| pen.intent(call)).await?;
        if retirement.rung == Rung::Remove {
            return Ok(retirement);
        }
        let retirement = ladder::done(retirement, self.target.now());
        pen.intent("write down the retirement")?;
        self.way_out.write_down(&retirement).await?;
        Ok(retirement)
    }

    async fn bring_back(&self, retirement: &Retirement, reasons: Vec<Reason>) -> Result<Ended, RetireError> {
        let mut pen = Pen::open(self.state, retirement)?;
        match give_back((self.target, self.way_out), &mut pen, retirement).await {
            Ok(()) => Ok(Ended::BroughtBack(reasons)),
            Err(RetireError::Target(error)) => Ok(Ended::Failed(error)),
            Err(error) => Err(error),
        }
    }
}

/// Enables it, gives launch permissions back, cancels its deprecation; what is done already is left.
pub(super) async fn give_back(
    (target, way_out): (&dyn Target, &dyn WayOut),
    pen: &mut Pen,
    retirement: &Retirement,
) -> Result<(), RetireError> {
    way_out.give_back(retirement, &mut |call| pen.intent(call)).await?;
    pen.intent("write down that it is back")?;
    let back = Retirement { restored_at: Some(clock::rfc3339(target.now())), ..retirement.clone() };
    way_out.write_down(&back).await?;
    pen.write(What::Ended { outcome: "brought back".into() })?;
    Ok(())
}

/// What is about to be done goes to the journal first.
pub(super) struct Pen {
    journal: Journal,
    on: String,
}

impl Pen {
    pub(super) fn open(state: &StateFolder, retirement: &Retirement) -> Result<Pen, RetireError> {
        let journal = Journal::open(&state.make_retirement(&retirement.image)?)?;
        Ok(Pen { journal, on: described(retirement) })
    }

    fn write(&mut self, what: What) -> io::Result<()> {
        self.journal.write(what)
    }

    fn intent(&mut self, call: &str) -> Result<(), TargetError> {
        let what = What::Intent { step: "retire".into(), call: call.into(), resource: self.on.clone() };
        self.write(what).map_err(|source| TargetError::Io { what: format!("the journal of {}", self.on), source })
    }
}

fn described(retirement: &Retirement) -> String {
    let name = &retirement.name;
    match &name.slot {
        Slot::Version(version) => format!("{} ({} {version})", retirement.image, name.recipe),
        Slot::Channel(_) => retirement.image.to_string(),
    }
}

/// As it is told.
fn past(rung: Rung) -> &'static str {
    match rung {
        Rung::Deprecate => "deprecated",
        Rung::Disable => "disabled",
        Rung::Remove => "removed",
    }
}
