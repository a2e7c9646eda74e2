//! Schedules: which pipelines are to be there, which are, and what makes the one the other.

use super::tags;
use crate::identity::RecipeName;
use crate::target::aws::imagebuilder::pipeline_name;
use crate::target::{Draft, Pipeline, PipelineChange, Pipelines, RunState, TargetError};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done for a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is as declared.
    Keep,
    /// It is not there.
    Create,
    /// It is there, and differs.
    Change(Vec<PipelineChange>),
    /// Nobody declares it any more.
    Withdraw,
    /// No recipe here has its name, and nothing says whose it is: it is not touched.
    Unclaimed,
    /// One of its name is there that is none of ours: it is not touched.
    Stranger,
}

/// A pipeline, and what is to be done for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The recipe.
    pub recipe: RecipeName,
    /// What is to be done.
    pub step: Step,
    /// What is declared.
    pub draft: Option<Draft>,
    /// What is there.
    pub seen: Option<Pipeline>,
}

/// Who declares what.
#[derive(Debug, Clone, Copy)]
pub struct Declared<'a> {
    /// Recipes that have a schedule.
    pub recipes: &'a BTreeSet<RecipeName>,
    /// All recipes of the factory.
    pub known: &'a BTreeSet<RecipeName>,
    /// Recipes that are looked at; none: all.
    pub only: Option<&'a [RecipeName]>,
    /// `aws: owner` of the factory: what another owner has declared is not withdrawn. Without it nothing is that may be
    /// another factory's.
    pub owner: Option<&'a str>,
}

/// What has to be done, recipe by recipe.
pub fn decide(drafts: Vec<Draft>, seen: &[Pipeline], declared: &Declared<'_>) -> Vec<Planned> {
    let by_name: BTreeMap<&str, &Pipeline> = seen.iter().map(|pipeline| (pipeline.name.as_str(), pipeline)).collect();
    let mut all: Vec<Planned> = drafts.into_iter().map(|draft| planned(draft, &by_name)).collect();
    let gone = seen.iter().filter_map(|pipeline| {
        let recipe = recipe_of(pipeline)?;
        let is_meant = declared.only.is_none_or(|only| only.contains(&recipe));
        let is_of_owner = pipeline.tags.get(tags::OWNER).map(String::as_str) == declared.owner;
        let is_gone = is_meant && is_of_owner && !declared.recipes.contains(&recipe);
        // Where nobody says who owns what, a recipe that is here is all that says that its pipeline is ours.
        let is_ours = declared.owner.is_some() || declared.known.contains(&recipe);
        let step = if is_ours { Step::Withdraw } else { Step::Unclaimed };
        is_gone.then(|| Planned { recipe, step, draft: None, seen: Some(pipeline.clone()) })
    });
    all.extend(gone);
    all.sort_by(|a, b| a.recipe.cmp(&b.recipe));
    all
}

fn planned(draft: Draft, seen: &BTreeMap<&str, &Pipeline>) -> Planned {
    let found = seen.get(draft.order.name.as_str()).copied();
    let step = match found {
        None => Step::Create,
        Some(found) if recipe_of(found).as_ref() != Some(&draft.recipe) => Step::Stranger,
        Some(found) => match found.shape.changes(&draft.shape) {
            changes if changes.is_empty() => Step::Keep,
            changes => Step::Change(changes),
        },
    };
    Planned { recipe: draft.recipe.clone(), step, draft: Some(draft), seen: found.cloned() }
}

/// The recipe of a pipeline of ours; none where its tags and its name don't say the same.
pub fn recipe_of(pipeline: &Pipeline) -> Option<RecipeName> {
    let recipe: RecipeName = pipeline.tags.get(tags::RECIPE)?.parse().ok()?;
    let is_ours = pipeline.tags.get(tags::PIPELINE) == Some(&pipeline.name) && pipeline.name == pipeline_name(&recipe);
    is_ours.then_some(recipe)
}

/// Does what has to be done for one.
pub async fn carry_out(pipelines: &dyn Pipelines, planned: &Planned) -> Result<(), TargetError> {
    match (&planned.step, &planned.draft, &planned.seen) {
        (Step::Create, Some(draft), _) => pipelines.declare(draft, None).await,
        (Step::Change(_), Some(draft), seen) => pipelines.declare(draft, seen.as_ref()).await,
        (Step::Withdraw, _, Some(seen)) => pipelines.withdraw(seen).await,
        (Step::Stranger, Some(draft), _) => Err(TargetError::Service {
            call: "pipeline apply".into(),
            resource: format!("image pipeline {}", draft.order.name),
            said: "it is there, and its tags don't say that amifactory made it".into(),
            help: "rename or remove it in EC2 Image Builder, then run the same command again".into(),
        }),
        _ => Ok(()),
    }
}

/// Begins a run unless one is under way. True where it did.
pub async fn start(pipelines: &dyn Pipelines, planned: &Planned) -> Result<bool, TargetError> {
    let Some(draft) = planned.draft.as_ref().filter(|_| planned.step != Step::Stranger) else { return Ok(false) };
    let runs = pipelines.runs(&draft.order.name).await?;
    if runs.iter().any(|run| run.content == draft.shape.content && matches!(run.state, RunState::Underway(_))) {
        return Ok(false);
    }
    pipelines.start(draft, runs.len()).await.map(|()| true)
}
