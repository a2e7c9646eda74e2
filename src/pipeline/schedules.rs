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
    /// It is there, and its tags say that this other owner has declared it: it is not touched.
    Others(String),
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

impl Planned {
    /// Whether it is left as it is although it is declared here: someone else has made it.
    pub fn is_left(&self) -> bool {
        matches!(self.step, Step::Stranger | Step::Others(_))
    }
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
    /// Whether those of other owners become this factory's, where it declares them.
    pub take_over: bool,
}

/// What has to be done, recipe by recipe.
pub fn decide(drafts: Vec<Draft>, seen: &[Pipeline], declared: &Declared<'_>) -> Vec<Planned> {
    let by_name: BTreeMap<&str, &Pipeline> = seen.iter().map(|pipeline| (pipeline.name.as_str(), pipeline)).collect();
    let mut all: Vec<Planned> = drafts.into_iter().map(|draft| planned(draft, &by_name, declared.take_over)).collect();
    let gone = seen.iter().filter_map(|pipeline| {
        let recipe = recipe_of(pipeline)?;
        let is_meant = declared.only.is_none_or(|only| only.contains(&recipe));
        let step = match whose(pipeline, &recipe, declared.known, declared.owner) {
            Whose::Ours => Step::Withdraw,
            Whose::Unclaimed => Step::Unclaimed,
            Whose::Others => return None,
        };
        let is_gone = is_meant && !declared.recipes.contains(&recipe);
        is_gone.then(|| Planned { recipe, step, draft: None, seen: Some(pipeline.clone()) })
    });
    all.extend(gone);
    all.sort_by(|a, b| a.recipe.cmp(&b.recipe));
    all
}

/// Whose a pipeline is that no recipe here declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This factory's.
    Ours,
    /// Nothing says whose.
    Unclaimed,
    /// Another owner's.
    Others,
}

/// Whose it is, for a factory with these recipes and this owner.
pub fn whose(pipeline: &Pipeline, recipe: &RecipeName, known: &BTreeSet<RecipeName>, owner: Option<&str>) -> Whose {
    match pipeline.tags.get(tags::OWNER).map(String::as_str) == owner {
        false => Whose::Others,
        // Where nobody says who owns what, a recipe that is here is all that says that its pipeline is ours.
        true if owner.is_some() || known.contains(recipe) => Whose::Ours,
        true => Whose::Unclaimed,
    }
}

/// The owner of what is there, where it is another than what is declared would have. What nobody owns is anybody's.
pub fn other_owner<'a>(found: &'a Pipeline, draft: &Draft) -> Option<&'a String> {
    found.tags.get(tags::OWNER).filter(|owner| draft.order.tags.get(tags::OWNER) != Some(owner))
}

fn planned(draft: Draft, seen: &BTreeMap<&str, &Pipeline>, take_over: bool) -> Planned {
    let found = seen.get(draft.order.name.as_str()).copied();
    let step = match found {
        None => Step::Create,
        Some(found) if recipe_of(found).as_ref() != Some(&draft.recipe) => Step::Stranger,
        Some(found) => match (other_owner(found, &draft).filter(|_| !take_over), found.shape.changes(&draft.shape)) {
            (Some(owner), _) => Step::Others(owner.clone()),
            (None, changes) if changes.is_empty() => Step::Keep,
            (None, changes) => Step::Change(changes),
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
        (Step::Others(owner), Some(draft), _) => Err(TargetError::Service {
            call: "pipeline apply".into(),
            resource: format!("image pipeline {}", draft.order.name),
            said: format!("it is there, and {owner}'s"),
            help: format!(
                "rename the recipe, or, where it is to be this factory's: amifactory pipeline apply {} --take-over",
                planned.recipe
            ),
        }),
        _ => Ok(()),
    }
}

/// Begins a run unless one is under way. True where it did.
pub async fn start(pipelines: &dyn Pipelines, planned: &Planned) -> Result<bool, TargetError> {
    let Some(draft) = planned.draft.as_ref().filter(|_| !planned.is_left()) else { return Ok(false) };
    let runs = pipelines.runs(&draft.order.name).await?;
    if runs.iter().any(|run| run.content == draft.shape.content && matches!(run.state, RunState::Underway(_))) {
        return Ok(false);
    }
    pipelines.start(draft, runs.len()).await.map(|()| true)
}
