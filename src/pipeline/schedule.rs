//! Schedule: several recipes in one run, each after the recipe that it builds on, side by side where they can.

use super::engine::{BuildOptions, Built, Engine};
use super::error::BuildError;
use super::event::{Event, Sink};
use super::folder::StateFolder;
use super::prepare::{self, Planner, PrepareError};
use crate::identity::{Digest, RecipeName};
use crate::recipe::{BaseSpec, Factory};
use crate::target::{Target, TargetError};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// How one recipe of a run ended.
#[derive(Debug)]
pub struct Finished {
    /// The recipe.
    pub recipe: RecipeName,
    /// The plan's digest, where there was a plan.
    pub digest: Option<Digest>,
    /// How it ended.
    pub outcome: Result<Built, RunError>,
    /// Why it was built, or why there was nothing to do.
    pub reasons: Vec<String>,
    /// What the recipe says and most likely does not mean.
    pub warnings: Vec<String>,
    /// How long it took, without the wait for its base.
    pub took: Duration,
}

/// Why a recipe of a run has no image.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not be planned.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// It was not built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The recipe that it builds on has no image.
    #[error("not started: {0}, which it builds on, was not built")]
    BaseNotBuilt(RecipeName),
}

/// What a run works with.
pub struct Run<'a> {
    /// All recipes.
    pub factory: &'a Factory,
    /// Makes the plans.
    pub planner: &'a Planner<'a>,
    /// Where builds run.
    pub target: &'a dyn Target,
    /// Where journals lie.
    pub state: &'a StateFolder,
    /// Who is told.
    pub sink: &'a dyn Sink,
    /// How many builds at once.
    pub jobs: usize,
}

impl Run<'_> {
    /// Builds recipes and, first, those that they build on. Options hold for the recipes that were asked for alone.
    /// Answers in the order in which builds may run.
    pub async fn build(&self, asked: &[RecipeName], options: &BuildOptions) -> Vec<Finished> {
        let order = self.order(asked);
        let slots = Semaphore::new(self.jobs.max(1));
        let ends: BTreeMap<&RecipeName, watch::Sender<Option<bool>>> =
            order.iter().map(|recipe| (recipe, watch::Sender::new(None))).collect();
        let builds = order.iter().map(|recipe| async {
            let finished = self.one(recipe, asked.contains(recipe), options, &slots, &ends).await;
            self.sink.event(&Event::BuildFinished(Box::new(finished.result(self.target.kind()))));
            if let Some(end) = ends.get(recipe) {
                end.send_replace(Some(finished.outcome.is_ok()));
            }
            finished
        });
        futures_util::future::join_all(builds).await
    }

    /// The asked recipes and all that they build on, bases first.
    fn order(&self, asked: &[RecipeName]) -> Vec<RecipeName> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        for recipe in asked {
            let mut chain = Vec::new();
            let mut next = Some(recipe);
            while let Some(recipe) = next.filter(|recipe| seen.insert((*recipe).clone())) {
                chain.push(recipe.clone());
                next = self.parent(recipe);
            }
            order.extend(chain.into_iter().rev());
        }
        order
    }

    fn parent(&self, recipe: &RecipeName) -> Option<&RecipeName> {
        match &self.factory.recipes.get(recipe)?.base {
            BaseSpec::Recipe { recipe, channel: None, .. } => Some(recipe),
            _ => None,
        }
    }

    async fn one(
        &self,
        recipe: &RecipeName,
        asked: bool,
        options: &BuildOptions,
        slots: &Semaphore,
        ends: &BTreeMap<&RecipeName, watch::Sender<Option<bool>>>,
    ) -> Finished {
        let mut finished = Finished {
            recipe: recipe.clone(),
            digest: None,
            outcome: Err(RunError::BaseNotBuilt(recipe.clone())),
            reasons: Vec::new(),
            warnings: Vec::new(),
            took: Duration::ZERO,
        };
        if let Some((parent, end)) = self.parent(recipe).and_then(|parent| Some((parent, ends.get(parent)?))) {
            let mut end = end.subscribe();
            let built = end.wait_for(Option::is_some).await.ok().and_then(|end| *end);
            if built != Some(true) {
                finished.outcome = Err(RunError::BaseNotBuilt(parent.clone()));
                return finished;
            }
        }
        // The semaphore is never closed; were it, the build would only go unbounded.
        let _slot = slots.acquire().await.ok();
        let began = Instant::now();
        let options = if asked { options.clone() } else { BuildOptions::default() };
        let outcome = self.plan_and_build(recipe, &options, &mut finished).await;
        finished.outcome = outcome;
        finished.took = began.elapsed();
        finished
    }

    async fn plan_and_build(
        &self,
        recipe: &RecipeName,
        options: &BuildOptions,
        finished: &mut Finished,
    ) -> Result<Built, RunError> {
        let engine = Engine { target: self.target, state: self.state, sink: self.sink };
        // Planned once the lock is ours: what another process has built meanwhile is seen.
        let _lock = engine.lock(recipe).await?;
        let prepared = self.planner.prepare(recipe).await?;
        finished.digest = Some(prepared.plan.digest.clone());
        finished.warnings = self.planner.advice(&prepared.plan).iter().map(ToString::to_string).collect();
        finished.reasons =
            prepare::reasons(self.target, &prepared.plan, options.force).await.map_err(BuildError::from)?;
        let Some(launch) = prepared.launch else {
            let what = format!("the image that recipe {recipe} builds on");
            return Err(BuildError::from(TargetError::NotFound { what }).into());
        };
        let before = self.target.calls();
        let mut built = engine.build(&prepared.plan, &launch, options).await?;
        // Builds side by side share looks: what is counted is what was sent while this one ran.
        if let (Some(before), Some(after)) = (before, self.target.calls()) {
            built.calls = after - before;
        }
        Ok(built)
    }
}
