//! What builds of older plans were made of: image recipes, components and infrastructure configurations. They cost nothing,
//! and the service allows so many of each, so `sweep` removes what nothing has needed for long.

use super::builds::{self, ImageBuild};
use super::make;
use super::order::{PREFIX, VERSION};
use crate::pipeline::tags as keys;
use crate::target::aws::api::{Api, CallError, op};
use crate::target::{Orphan, Pipeline, Tags, TargetError, moment};
use aws_sdk_imagebuilder::types::Ownership;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use time::{Duration, OffsetDateTime};

const RECIPE: &str = "image recipe";
const COMPONENT: &str = "component";
const INFRASTRUCTURE: &str = "infrastructure configuration";

/// How long everything stays: a plan that comes back within it finds what it was made of.
const STAYS: Duration = Duration::days(30);

/// All that nothing needs any more, in the order in which the service lets it go.
pub async fn find(api: &Api, all: &[ImageBuild], pipelines: &[Pipeline]) -> Result<Vec<Orphan>, TargetError> {
    let now = api.clock.now();
    let recipes = recipes(api).await?;
    let mut found = unneeded(&recipes, &used_recipes(all, pipelines), now);
    let old = old(components(api).await?, now);
    if !old.is_empty() {
        let mut used = BTreeSet::new();
        for recipe in recipes.iter().filter(|recipe| !found.contains(recipe)) {
            used.extend(components_of(api, &recipe.id).await?);
        }
        found.extend(old.into_iter().filter(|component| !used.contains(name(&component.id))));
    }
    let configurations = configurations(api).await?;
    found.extend(unneeded(&configurations, &used_configurations(&configurations, all, pipelines), now));
    Ok(found)
}

/// Removes one of these; false where it is of another kind. What something needs by now stays: the service refuses.
pub async fn remove(api: &Api, orphan: &Orphan) -> Result<bool, TargetError> {
    let arn = &orphan.id;
    let outcome = match orphan.kind {
        RECIPE => {
            let ask = || api.imagebuilder.delete_image_recipe().image_recipe_arn(arn).send();
            api.caller.call(op::IB_DELETE_RECIPE, arn, ask).await.map(drop)
        }
        INFRASTRUCTURE => {
            let request = || api.imagebuilder.delete_infrastructure_configuration();
            let ask = || request().infrastructure_configuration_arn(arn).send();
            api.caller.call(op::IB_DELETE_INFRASTRUCTURE, arn, ask).await.map(drop)
        }
        COMPONENT => remove_component(api, arn).await,
        _ => return Ok(false),
    };
    Ok(builds::gone(outcome).map(|()| true)?)
}

/// All builds of its one version.
async fn remove_component(api: &Api, arn: &str) -> Result<(), CallError> {
    let ask = || api.imagebuilder.list_component_build_versions().component_version_arn(arn).max_results(25).send();
    let listed = api.caller.call(op::IB_LIST_COMPONENT_BUILDS, arn, ask).await?;
    for build in listed.component_summary_list().iter().filter_map(|build| build.arn()) {
        let ask = || api.imagebuilder.delete_component().component_build_version_arn(build).send();
        builds::gone(api.caller.call(op::IB_DELETE_COMPONENT, build, ask).await.map(drop))?;
    }
    Ok(())
}

fn name(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or_default()
}

fn old(all: Vec<Orphan>, now: OffsetDateTime) -> Vec<Orphan> {
    // Where the time is not known, nothing is old.
    let is_old = |one: &Orphan| moment(&one.created_at).is_some_and(|at| now - at >= STAYS);
    all.into_iter().filter(is_old).collect()
}

/// Of recipes or configurations those that are old and not used; the newest of each of our recipes stays, because the next
/// build may well need it.
fn unneeded(all: &[Orphan], used: &BTreeSet<String>, now: OffsetDateTime) -> Vec<Orphan> {
    let of = |one: &Orphan| one.tags.get(keys::RECIPE).cloned();
    let mut newest: BTreeMap<String, &Orphan> = BTreeMap::new();
    for one in all {
        if let Some(recipe) = of(one) {
            let known = newest.entry(recipe).or_insert(one);
            if moment(&one.created_at) > moment(&known.created_at) {
                *known = one;
            }
        }
    }
    // What does not say whose it is, is not ours.
    let is_spare = |one: &Orphan| {
        let newest = of(one).and_then(|recipe| newest.get(&recipe).copied());
        newest.is_some_and(|newest| newest.id != one.id) && !used.contains(name(&one.id))
    };
    old(all.iter().filter(|one| is_spare(one)).cloned().collect(), now)
}

/// Names of the image recipes that builds are made of, or will be.
fn used_recipes(all: &[ImageBuild], pipelines: &[Pipeline]) -> BTreeSet<String> {
    let built = all.iter().filter_map(|build| builds::named(&build.arn)).map(|(recipe, _)| recipe.to_owned());
    built.chain(pipelines.iter().map(|pipeline| pipeline.shape.content.clone())).collect()
}

/// Names of the configurations that pipelines have, and of all of a recipe that is being built: builds don't say which.
fn used_configurations(there: &[Orphan], all: &[ImageBuild], pipelines: &[Pipeline]) -> BTreeSet<String> {
    let underway: BTreeSet<&String> =
        all.iter().filter(|build| !build.is_over()).filter_map(|build| build.tags.get(keys::RECIPE)).collect();
    let of_these = |one: &&Orphan| one.tags.get(keys::RECIPE).is_some_and(|recipe| underway.contains(recipe));
    let used = there.iter().filter(of_these).map(|one| name(&one.id).to_owned());
    used.chain(pipelines.iter().map(|pipeline| pipeline.shape.infrastructure.clone())).collect()
}

fn seen(
    kind: &'static str,
    arn: Option<&str>,
    created: Option<&str>,
    tags: Option<&HashMap<String, String>>,
) -> Option<Orphan> {
    let id = arn.filter(|arn| name(arn).starts_with(PREFIX))?.to_owned();
    let tags: Tags = tags.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    Some(Orphan { kind, id, tags, created_at: created.unwrap_or_default().to_owned() })
}

async fn recipes(api: &Api) -> Result<Vec<Orphan>, TargetError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.imagebuilder.list_image_recipes().owner(Ownership::SelfValue).max_results(25);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::IB_LIST_RECIPES, "image recipes", ask).await?;
        let listed = answer.image_recipe_summary_list().iter();
        found.extend(listed.filter_map(|one| seen(RECIPE, one.arn(), one.date_created(), one.tags())));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

async fn components(api: &Api) -> Result<Vec<Orphan>, TargetError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.imagebuilder.list_components().owner(Ownership::SelfValue).max_results(25);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::IB_LIST_COMPONENTS, "components", ask).await?;
        let listed = answer.component_version_list().iter().filter(|one| one.version() == Some(VERSION));
        found.extend(listed.filter_map(|one| seen(COMPONENT, one.arn(), one.date_created(), None)));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

async fn configurations(api: &Api) -> Result<Vec<Orphan>, TargetError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.imagebuilder.list_infrastructure_configurations().max_results(25);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::IB_LIST_INFRASTRUCTURES, "infrastructure configurations", ask).await?;
        let listed = answer.infrastructure_configuration_summary_list().iter();
        found.extend(listed.filter_map(|one| seen(INFRASTRUCTURE, one.arn(), one.date_created(), one.tags())));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Names of an image recipe's components.
async fn components_of(api: &Api, recipe: &str) -> Result<Vec<String>, TargetError> {
    match make::get_recipe(api, recipe).await {
        Ok(found) => {
            let listed = found.image_recipe().map(|recipe| recipe.components()).unwrap_or_default();
            Ok(listed.iter().map(|component| name(component.component_arn()).to_owned()).collect())
        }
        // Another run has removed it meanwhile.
        Err(error) if error.is(make::NOT_THERE) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
