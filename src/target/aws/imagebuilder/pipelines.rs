//! Pipelines: what the service has, and bringing it to what is declared.

use super::builds::{self, ImageBuild, Place, Stage};
use super::make::{self, Content};
use super::order::{PREFIX, VERSION};
use super::pipeline::PipelineOrder;
use super::{altered, mend};
use crate::pipeline::tags as keys;
use crate::recipe::{Cron, Rebuild};
use crate::target::aws::api::{Api, CallError, Operation, op};
use crate::target::{Orphan, Pipeline, PipelineRun, PipelineShape, RunState, Settings, Tags, TargetError, moment};
use aws_sdk_imagebuilder::types::{
    ImagePipeline, ImageTestsConfiguration, PipelineExecutionStartCondition, PipelineStatus, Schedule,
};
use std::collections::BTreeMap;

/// All whose names begin as ours do; ours with what their configurations hold.
pub async fn list(api: &Api) -> Result<Vec<Pipeline>, CallError> {
    let mut found = names(api).await?;
    for pipeline in found.iter_mut().filter(|found| found.tags.get(keys::PIPELINE) == Some(&found.name)) {
        altered::look(api, pipeline).await?;
    }
    Ok(found)
}

/// The same without that.
pub async fn names(api: &Api) -> Result<Vec<Pipeline>, CallError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || api.imagebuilder.list_image_pipelines().max_results(25).set_next_token(page.clone()).send();
        let answer = api.caller.call(op::IB_LIST_PIPELINES, "image pipelines", ask).await?;
        found.extend(answer.image_pipeline_list().iter().filter_map(read));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Makes it, or makes it what it is to be; then removes what it had alone.
pub async fn declare(
    api: &Api,
    place: &Place,
    order: &PipelineOrder,
    seen: Option<&Pipeline>,
) -> Result<(), TargetError> {
    let content = Content { components: &order.components, recipe: &order.recipe, tags: &order.shared_tags };
    let arns = Arns {
        recipe: make::recipe(api, place, &content).await?,
        infrastructure: mend::infrastructure(api, place, &order.infrastructure, &order.shared_tags).await?,
        distribution: mend::distribution(api, place, &order.distribution, &order.tags).await?,
    };
    if seen.is_none() && create(api, order, &arns).await? {
        return Ok(());
    }
    let arn = arn(place, &order.name);
    let before = match get(api, &arn).await? {
        Some(before) if before.tags.get(keys::PIPELINE) == Some(&order.name) => before,
        _ => return Err(make::another("image pipeline", &order.name)),
    };
    if !is_as_shown(&before, seen, order) {
        return Err(TargetError::Service {
            call: "pipeline apply".into(),
            resource: format!("image pipeline {}", order.name),
            said: "someone has made or changed it since it was looked at, and it is left as it is now".into(),
            help: "run the same command again: it shows what differs by now".into(),
        });
    }
    // Where a configuration alone was not as it should be, it is by now.
    if !before.shape.is_itself_as(&order.shape()) {
        update(api, order, &arn, &arns).await?;
    }
    if let Some(owner) = order.tags.get(keys::OWNER).filter(|owner| before.tags.get(keys::OWNER) != Some(*owner)) {
        own(api, order, &arn, owner).await?;
    }
    let old = before.shape.distribution;
    if old.starts_with(PREFIX) && old != order.distribution.name {
        builds::delete_distribution(api, &place.arn(&format!("distribution-configuration/{old}"))).await?;
    }
    Ok(())
}

/// Whether it may be changed: nothing was done to it since people were shown what would be, or it is as wanted already (an
/// earlier run of this program came so far, or another machine did the same).
fn is_as_shown(now: &Pipeline, seen: Option<&Pipeline>, order: &PipelineOrder) -> bool {
    let owner = now.tags.get(keys::OWNER);
    let is_wanted = now.shape.is_itself_as(&order.shape()) && owner == order.tags.get(keys::OWNER);
    is_wanted || seen.is_some_and(|seen| now.shape.is_itself_as(&seen.shape) && owner == seen.tags.get(keys::OWNER))
}

/// What a pipeline is made of.
struct Arns {
    recipe: String,
    infrastructure: String,
    distribution: String,
}

/// False where one of this name is there.
async fn create(api: &Api, order: &PipelineOrder, arns: &Arns) -> Result<bool, TargetError> {
    let (token, tests) = (make::chance(), tests(order));
    let ask = || {
        api.imagebuilder
            .create_image_pipeline()
            .name(&order.name)
            .description(DESCRIPTION)
            .image_recipe_arn(&arns.recipe)
            .infrastructure_configuration_arn(&arns.infrastructure)
            .distribution_configuration_arn(&arns.distribution)
            .image_tests_configuration(tests.clone())
            // The seal bundle lists packages itself.
            .enhanced_image_metadata_enabled(false)
            .schedule(schedule(order))
            .status(PipelineStatus::Enabled)
            .set_tags(make::tagged(&order.tags))
            .client_token(&token)
            .send()
    };
    // What was created a moment ago may not be known everywhere.
    let operation = Operation { eventual: &[make::NOT_THERE], ..op::IB_CREATE_PIPELINE };
    match api.caller.call(operation, &order.name, ask).await {
        Ok(_) => Ok(true),
        Err(error) if error.is(make::EXISTS) => Ok(false),
        Err(error) => Err(make::refused(error)),
    }
}

async fn update(api: &Api, order: &PipelineOrder, arn: &str, arns: &Arns) -> Result<(), TargetError> {
    let (token, tests) = (make::chance(), tests(order));
    let ask = || {
        api.imagebuilder
            .update_image_pipeline()
            .image_pipeline_arn(arn)
            .description(DESCRIPTION)
            .image_recipe_arn(&arns.recipe)
            .infrastructure_configuration_arn(&arns.infrastructure)
            .distribution_configuration_arn(&arns.distribution)
            .image_tests_configuration(tests.clone())
            .enhanced_image_metadata_enabled(false)
            .schedule(schedule(order))
            .status(PipelineStatus::Enabled)
            .client_token(&token)
            .send()
    };
    let operation = Operation { eventual: &[make::NOT_THERE], ..op::IB_UPDATE_PIPELINE };
    api.caller.call(operation, &order.name, ask).await.map(drop).map_err(make::refused)
}

/// Says whose it is: what is of nobody is nobody's to withdraw.
async fn own(api: &Api, order: &PipelineOrder, arn: &str, owner: &str) -> Result<(), TargetError> {
    let ask = || api.imagebuilder.tag_resource().resource_arn(arn).tags(keys::OWNER, owner).send();
    Ok(api.caller.call(op::IB_TAG, &order.name, ask).await.map(drop)?)
}

/// Removes it, and then its distribution configuration. What it shares with builds, and what it has made, stays.
pub async fn withdraw(api: &Api, place: &Place, pipeline: &Pipeline) -> Result<(), TargetError> {
    let arn = arn(place, &pipeline.name);
    let ask = || api.imagebuilder.delete_image_pipeline().image_pipeline_arn(&arn).send();
    match api.caller.call(op::IB_DELETE_PIPELINE, &pipeline.name, ask).await {
        Ok(_) => {}
        Err(error) if error.is(make::NOT_THERE) => {}
        Err(error) => return Err(error.into()),
    }
    let distribution = &pipeline.shape.distribution;
    if distribution.starts_with(PREFIX) {
        let arn = place.arn(&format!("distribution-configuration/{distribution}"));
        builds::delete_distribution(api, &arn).await?;
    }
    Ok(())
}

/// Begins a run after so many, or finds the one that the same token has begun.
pub async fn start(api: &Api, place: &Place, order: &PipelineOrder, runs: usize) -> Result<(), TargetError> {
    let (arn, token) = (arn(place, &order.name), order.start_token(runs));
    let ask = || api.imagebuilder.start_image_pipeline_execution().image_pipeline_arn(&arn).client_token(&token).send();
    let operation = Operation { eventual: &[make::NOT_THERE], ..op::IB_START_PIPELINE };
    Ok(api.caller.call(operation, &order.name, ask).await.map(drop)?)
}

/// Its runs, the oldest first.
pub async fn runs(api: &Api, place: &Place, name: &str) -> Result<Vec<PipelineRun>, TargetError> {
    let arn = arn(place, name);
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.imagebuilder.list_image_pipeline_images().image_pipeline_arn(&arn).max_results(25);
            request.set_next_token(page.clone()).send()
        };
        let answer = match api.caller.call(op::IB_LIST_PIPELINE_IMAGES, name, ask).await {
            Ok(answer) => answer,
            Err(error) if error.is(make::NOT_THERE) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        found.extend(answer.image_summary_list().iter().filter_map(builds::summary).map(run));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            break;
        }
    }
    // Dates of one form, in UTC; what is of one second is of one recipe, and there numbers ascend.
    found.sort_by_key(|run| (run.created_at.clone(), builds::named(&run.id).map_or(0, |(_, number)| number)));
    Ok(found)
}

fn run(found: builds::ImageBuild) -> PipelineRun {
    PipelineRun {
        content: builds::named(&found.arn).map(|(recipe, _)| recipe.to_owned()).unwrap_or_default(),
        state: match found.stage {
            Stage::Underway(word) => RunState::Underway(word),
            Stage::Available => RunState::Available,
            Stage::Over(word, why) => RunState::Over(word, why),
        },
        image: found.amis.first().and_then(|ami| ami.parse().ok()),
        created_at: found.created_at,
        id: found.arn,
    }
}

/// How long a configuration may be there before the pipeline that it is for: whoever declares one makes it first.
const YOUNG: time::Duration = time::Duration::hours(1);

/// Of the distribution configurations that were made for pipelines those that none of them has.
pub fn unused(all: Vec<Orphan>, there: &[Pipeline], now: time::OffsetDateTime) -> Vec<Orphan> {
    let is_used = |orphan: &Orphan| {
        let name = orphan.id.rsplit('/').next().unwrap_or_default();
        there.iter().any(|pipeline| pipeline.shape.distribution == name)
    };
    let is_young = |orphan: &Orphan| moment(&orphan.created_at).is_none_or(|at| now - at < YOUNG);
    all.into_iter().filter(|orphan| !is_used(orphan) && !is_young(orphan)).collect()
}

/// Of the images that runs of pipelines have made and nobody has adopted those that nobody will: of a run that failed, of
/// a pipeline that is gone or makes something else by now, and all but the newest.
pub fn not_waited_for(left: Vec<(ImageBuild, Orphan)>, all: &[ImageBuild], there: &[Pipeline]) -> Vec<Orphan> {
    let content = |build: &ImageBuild| builds::named(&build.arn).map(|(recipe, number)| (recipe.to_owned(), number));
    let mut newest: BTreeMap<String, u32> = BTreeMap::new();
    for build in all.iter().filter(|build| build.stage == Stage::Available && build.build().is_none()) {
        if let Some((recipe, number)) = content(build) {
            let known = newest.entry(recipe).or_default();
            *known = (*known).max(number);
        }
    }
    let is_waited_for = |build: &ImageBuild| {
        content(build).is_some_and(|(recipe, number)| {
            build.stage == Stage::Available
                && newest.get(&recipe) == Some(&number)
                && there.iter().any(|pipeline| pipeline.shape.content == recipe)
        })
    };
    left.into_iter().filter(|(build, _)| !is_waited_for(build)).map(|(_, orphan)| orphan).collect()
}

const DESCRIPTION: &str = "made by amifactory: change the recipe, and apply that";

fn arn(place: &Place, name: &str) -> String {
    place.arn(&format!("image-pipeline/{name}"))
}

async fn get(api: &Api, arn: &str) -> Result<Option<Pipeline>, TargetError> {
    let ask = || api.imagebuilder.get_image_pipeline().image_pipeline_arn(arn).send();
    let operation = Operation { eventual: &[make::NOT_THERE], ..op::IB_GET_PIPELINE };
    let answer = api.caller.call(operation, arn, ask).await?;
    Ok(answer.image_pipeline().and_then(read))
}

fn tests(order: &PipelineOrder) -> ImageTestsConfiguration {
    ImageTestsConfiguration::builder().image_tests_enabled(true).timeout_minutes(order.test_minutes).build()
}

fn schedule(order: &PipelineOrder) -> Schedule {
    let condition = match order.schedule.rebuild {
        Rebuild::Changed => PipelineExecutionStartCondition::ExpressionMatchAndDependencyUpdatesAvailable,
        Rebuild::Always => PipelineExecutionStartCondition::ExpressionMatchOnly,
    };
    Schedule::builder()
        .schedule_expression(order.schedule.cron.expression())
        .timezone(&order.schedule.time_zone)
        .pipeline_execution_start_condition(condition)
        .build()
}

/// None where it is none of ours by its name.
fn read(found: &ImagePipeline) -> Option<Pipeline> {
    let name = found.name().filter(|name| name.starts_with(PREFIX))?;
    let tags: Tags = found.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    let last = |arn: Option<&str>| arn.and_then(|arn| arn.rsplit('/').next()).unwrap_or("nothing").to_owned();
    let content = found.image_recipe_arn().and_then(|arn| {
        let (_, named) = arn.split_once(":image-recipe/")?;
        // Another version of a recipe of ours is another recipe.
        Some(named.strip_suffix(&format!("/{VERSION}")).unwrap_or(named).to_owned())
    });
    let schedule = found.schedule();
    let cron = schedule.and_then(|schedule| schedule.schedule_expression()).unwrap_or("never");
    let tests = found.image_tests_configuration();
    let minutes = tests.filter(|tests| tests.image_tests_enabled() != Some(false));
    let rebuild = schedule.and_then(|schedule| schedule.pipeline_execution_start_condition());
    let mut foreign = Vec::new();
    for (what, is_set) in [
        ("a container recipe", found.container_recipe_arn().is_some()),
        ("an execution role", found.execution_role().is_some()),
        ("workflows", !found.workflows().is_empty()),
        ("a log group", found.logging_configuration().is_some()),
        (
            "scans",
            found.image_scanning_configuration().is_some_and(|scans| scans.image_scanning_enabled() == Some(true)),
        ),
        ("metadata", found.enhanced_image_metadata_enabled() == Some(true)),
        ("a rule that turns it off", schedule.is_some_and(|schedule| schedule.auto_disable_policy().is_some())),
    ] {
        if is_set {
            foreign.push(what.to_owned());
        }
    }
    Some(Pipeline {
        name: name.to_owned(),
        shape: PipelineShape {
            content: content.unwrap_or_else(|| "nothing".to_owned()),
            infrastructure: last(found.infrastructure_configuration_arn()),
            distribution: last(found.distribution_configuration_arn()),
            infrastructure_holds: Settings::new(),
            distribution_holds: Settings::new(),
            cron: Cron::shown(cron),
            time_zone: schedule
                .and_then(|schedule| schedule.timezone())
                .unwrap_or(crate::recipe::Schedule::UTC)
                .to_owned(),
            rebuild: match rebuild {
                Some(PipelineExecutionStartCondition::ExpressionMatchOnly) => Rebuild::Always.as_str().to_owned(),
                Some(PipelineExecutionStartCondition::ExpressionMatchAndDependencyUpdatesAvailable) | None => {
                    Rebuild::Changed.as_str().to_owned()
                }
                Some(other) => other.as_str().to_owned(),
            },
            test_minutes: minutes.and_then(|tests| tests.timeout_minutes()).unwrap_or(0),
            enabled: found.status() == Some(&PipelineStatus::Enabled),
            owner: tags.get(keys::OWNER).cloned(),
            foreign,
        },
        tags,
        infrastructure_arn: found.infrastructure_configuration_arn().map(str::to_owned),
        distribution_arn: found.distribution_configuration_arn().map(str::to_owned),
        is_altered: false,
        next_run: found.date_next_run().map(str::to_owned),
        failures: found.consecutive_failures().and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
    })
}
