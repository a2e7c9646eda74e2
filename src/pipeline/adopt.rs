//! Adopt: an image that a pipeline has made becomes one as any other. It gets a build's tags, and from there on the steps of
//! every build: its results are read and judged, its record is written, its pointers.
//!
//! The tags are the one decision, and one call. Before it nothing is ours, after it the image is a candidate that `build`,
//! `resume` and `sweep` know; so there is nothing to be gone on with by a journal.

use super::engine::{Built, Engine, next_version};
use super::error::BuildError;
use super::tags::{self, ImageState};
use super::{ids, published};
use crate::identity::{BuildId, ImageId};
use crate::plan::Plan;
use crate::recipe::Rebuild;
use crate::release::{History, scene};
use crate::report::visible;
use crate::target::{
    Draft, Image, LaunchBase, MadeImage, PipelineRun, Pipelines, PointerName, RunState, Slot, Tags, Target,
    TargetError, moment,
};
use tokio::time::Instant;

/// What the runs of a pipeline have for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing, and why.
    Nothing(String),
    /// An image of something else than what is declared now, and why.
    Outdated(String),
    /// An image that nobody should use, and why.
    Unfit(String),
    /// This image.
    Image(MadeImage),
}

/// How it ended.
#[derive(Debug)]
pub enum Adopted {
    /// It is published; `fresh` where this run has done it.
    Image(Box<Built>),
    /// It is not needed, and why.
    Superfluous(String),
    /// It must not be used, and why.
    Withheld(String),
}

/// The run whose image counts: the newest that has one.
fn newest(runs: &[PipelineRun]) -> Option<(&PipelineRun, &ImageId)> {
    let made = runs.iter().filter(|run| run.state == RunState::Available);
    made.filter_map(|run| Some((run, run.image.as_ref()?))).next_back()
}

/// Looks what is there to be adopted.
pub async fn waiting(pipelines: &dyn Pipelines, draft: &Draft) -> Result<Waiting, TargetError> {
    let runs = pipelines.runs(&draft.order.name).await?;
    let Some((run, image)) = newest(&runs) else {
        let why = match runs.last().map(|run| &run.state) {
            None => "it has not run yet".to_owned(),
            Some(RunState::Underway(word)) => format!("its run is {word}"),
            Some(RunState::Over(word, why)) => format!("no run has made an image; the last one is {word}: {why}"),
            Some(RunState::Available) => "its run has left no image here".to_owned(),
        };
        return Ok(Waiting::Nothing(why));
    };
    let Some(made) = pipelines.made(image).await? else {
        return Ok(Waiting::Nothing(format!("the image of its last run, {image}, is gone: it was refused or retired")));
    };
    if let Some(why) = unfit(&made, draft) {
        return Ok(Waiting::Unfit(why));
    }
    if run.content != draft.shape.content {
        return Ok(Waiting::Outdated(format!(
            "{image} is of {}, and {} is declared now: the next run makes another, or amifactory pipeline apply {} --start",
            run.content, draft.shape.content, draft.recipe
        )));
    }
    Ok(Waiting::Image(made))
}

/// Adopts an image of this plan, or goes on with that. The caller holds the recipe's lock.
pub async fn adopt(
    engine: &Engine<'_>,
    pipelines: &dyn Pipelines,
    (plan, launch): (&Plan, &LaunchBase),
    made: &MadeImage,
    rebuild: Rebuild,
) -> Result<Adopted, BuildError> {
    let target = engine.target;
    let images = published::marked(target, target.images().await?, plan).await?;
    if !made.tags.contains_key(tags::BUILD) {
        let same = published::newest(&images, plan);
        if let Some(why) = superfluous(&images, plan, made, same.as_ref(), rebuild) {
            return Ok(Adopted::Superfluous(why));
        }
        if let Some(same) = &same
            && let Some(why) = withheld(target, plan, &images, same).await?
        {
            return Ok(Adopted::Withheld(why));
        }
        take(engine, pipelines, plan, made, (&images, same.is_some())).await?;
    } else if !is_of(&made.tags, plan) {
        return Ok(Adopted::Superfluous(format!("{} was adopted for another plan", made.id)));
    }
    engine.go_on_with(plan, launch, &made.id).await.map(|built| Adopted::Image(Box::new(built)))
}

/// Gives an image the tags of a build that nobody else has begun: neither here, nor by an image, nor by one that the service
/// is at work on.
async fn take(
    engine: &Engine<'_>,
    pipelines: &dyn Pipelines,
    plan: &Plan,
    made: &MadeImage,
    (images, forced): (&[Image], bool),
) -> Result<(), BuildError> {
    let target = engine.target;
    let version = next_version(target, plan, None, images).await?;
    let mut others = builds(target, Instant::now()).await?;
    loop {
        let build = next_id(engine, plan, images, &others)?;
        let mut all = tags::of_build(plan, &build, version, forced);
        all.insert(tags::STATE.into(), ImageState::Candidate.as_str().into());
        all.insert("Name".into(), format!("amifactory {build}"));
        pipelines.take(&made.id, &all).await?;
        // Another machine may have begun one between the look and the tags; what it begins from now on sees the image.
        others = builds(target, Instant::now()).await?;
        if !others.iter().any(|other| other == build.as_str()) {
            return Ok(());
        }
    }
}

/// Whose builders there are since then.
async fn builds(target: &dyn Target, then: Instant) -> Result<Vec<String>, TargetError> {
    let builders = target.builders_since(then).await?;
    Ok(builders.iter().filter_map(|builder| builder.tags.get(tags::BUILD).cloned()).collect())
}

/// Why nobody should use an image that a pipeline has made; none where it is as was declared.
pub fn unfit(made: &MadeImage, draft: &Draft) -> Option<String> {
    let way_out = format!(
        "someone has changed what becomes of its images: amifactory pipeline apply {} --start mends that and makes \
         another; deregister this one",
        draft.recipe
    );
    if made.public {
        return Some(format!("everybody may launch {}, which has passed no gate yet\n  {way_out}", made.id));
    }
    let pipeline = made.tags.get(tags::PIPELINE);
    (pipeline != Some(&draft.order.name))
        .then(|| format!("{} does not carry the tags of its pipeline {}\n  {way_out}", made.id, draft.order.name))
}

/// Why another image of a plan must not come to the first channel, which has taken `same` already: what was revoked would
/// come again, and so would what the channel went back from.
async fn withheld(
    target: &dyn Target,
    plan: &Plan,
    images: &[Image],
    same: &Image,
) -> Result<Option<String>, BuildError> {
    let recipe = &plan.recipe;
    if let Some(reason) = tags::revoked(&same.tags) {
        return Ok(Some(format!(
            "it is of the same plan as {}, which is revoked: {}\n  change the recipe, or wait for a newer base; amifactory \
             build {recipe} --force makes another of this plan all the same",
            same.id,
            visible::line(reason)
        )));
    }
    let Some(channel) = &plan.publish else { return Ok(None) };
    let name = PointerName { recipe: recipe.clone(), arch: plan.base.arch, slot: Slot::Channel(channel.clone()) };
    let history = History::of(&target.history(&name).await?);
    Ok(scene::left(&history, images, same).map(|left| {
        let from = left.version.map_or_else(|| same.id.to_string(), |version| version.to_string());
        let why = left.why.as_deref().map_or_else(String::new, |why| format!(": {}", visible::line(why)));
        format!(
            "{channel} went back from {from}, which is of the same plan, at {}{why}\n  change the recipe, or wait for a \
             newer base; amifactory promote {recipe}@{from} --to {channel} --override REASON brings that one back",
            left.at
        )
    }))
}

/// Why an image is not needed; none where it is.
fn superfluous(
    images: &[Image],
    plan: &Plan,
    made: &MadeImage,
    same: Option<&Image>,
    rebuild: Rebuild,
) -> Option<String> {
    // What is revoked is no image to be content with: of that is said more.
    if let Some(same) = same.filter(|same| rebuild == Rebuild::Changed && tags::revoked(&same.tags).is_none()) {
        return Some(format!("nothing has changed since {}, which is published", same.id));
    }
    // Its version would be the newest one, and its content would not.
    let of_recipe = images.iter().filter(|image| ImageState::of(&image.tags) >= ImageState::Verified);
    let of_recipe = of_recipe.filter(|image| tags::owner(&image.tags).is_some_and(|o| o.recipe == plan.recipe));
    let of_arch = of_recipe.filter(|image| tags::arch(&image.tags).is_none_or(|arch| arch == plan.base.arch));
    let made_at = moment(&made.created_at)?;
    let newer = of_arch.filter(|image| moment(&image.created_at).is_some_and(|at| at > made_at));
    newer.map(|image| format!("{} was built after it", image.id)).next()
}

fn is_of(tags: &Tags, plan: &Plan) -> bool {
    tags::owner(tags).is_some_and(|owner| owner.recipe == plan.recipe && owner.digest == plan.digest)
}

/// An id that no build of this plan has had, here or in the target.
fn next_id(engine: &Engine<'_>, plan: &Plan, images: &[Image], others: &[String]) -> Result<BuildId, BuildError> {
    let stem = ids::stem(plan, engine.target.kind());
    let builds = engine.state.builds().map_err(BuildError::state(engine.state.root()))?;
    let names = ids::known(&builds, images).chain(others.iter().map(String::as_str));
    ids::id(engine.state, &stem, ids::last(&stem, names) + 1)
}
