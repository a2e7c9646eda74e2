//! What image builds leave behind: AMIs, snapshots and distribution configurations that nothing stands for any more.

use super::builds::{self};
use super::{outdated, pipelines};
use crate::identity::{ImageId, RecipeName};
use crate::pipeline::tags as keys;
use crate::target::aws::api::{Api, op};
use crate::target::aws::view::{Ami, View};
use crate::target::aws::{images, pointers};
use crate::target::{Orphan, Tags, TargetError};
use aws_sdk_ec2::types::Filter;

/// The tag by which the service says which image build something is of.
pub const MADE_BY: &str = crate::pipeline::tags::BY_SERVICE;
const DISTRIBUTION: &str = "distribution configuration";
const IMAGE: &str = "image";

/// Configurations, AMIs and snapshots of builds that nothing stands for any more.
pub async fn orphans(api: &Api) -> Result<Vec<Orphan>, TargetError> {
    let all = builds::list(api).await?.answer;
    let mut found = Vec::new();
    let mut of_pipelines = Vec::new();
    let mut page = None;
    loop {
        let ask = || {
            let request = api.imagebuilder.list_distribution_configurations().max_results(25);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::IB_LIST_DISTRIBUTIONS, "distribution configurations", ask).await?;
        for one in answer.distribution_configuration_summary_list() {
            let tags: Tags =
                one.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
            let (id, created_at) = (one.arn().unwrap_or_default(), one.date_created().unwrap_or_default());
            let (id, created_at) = (id.to_owned(), created_at.to_owned());
            match tags.get(keys::BUILD).map(String::as_str) {
                None if tags.contains_key(keys::PIPELINE) => {
                    of_pipelines.push(Orphan { kind: DISTRIBUTION, id, tags, created_at });
                }
                Some(build) if !all.iter().any(|found| found.build() == Some(build)) => {
                    found.push(Orphan { kind: DISTRIBUTION, id, tags, created_at });
                }
                _ => {}
            }
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            break;
        }
    }
    let mut waiting = Vec::new();
    for ami in made_by(api, None).await? {
        let arn = ami.tags.get(MADE_BY).map(String::as_str).unwrap_or_default();
        // What carries our tags is an image of ours, and is seen as one.
        if builds::id(arn).is_none() || ami.tags.contains_key(keys::BUILD) {
            continue;
        }
        let build = all.iter().find(|found| found.arn == arn);
        let is_waiting = build.is_some_and(|build| build.build().is_none() && build.is_over());
        let orphan = Orphan { kind: IMAGE, id: ami.id.clone(), tags: ami.tags.clone(), created_at: ami.created_at };
        match build {
            None => found.push(orphan),
            Some(build) if is_waiting => waiting.push((build.clone(), orphan)),
            Some(_) => {}
        }
    }
    let there = pipelines::names(api).await?;
    found.extend(pipelines::unused(of_pipelines, &there, api.clock.now()));
    found.extend(pipelines::not_waited_for(waiting, &all, &there));
    found.extend(outdated::find(api, &all, &there).await?);
    Ok(found)
}

/// Removes one of these; false where it is of another kind.
pub async fn remove_orphan(api: &Api, view: &View, orphan: &Orphan) -> Result<bool, TargetError> {
    match orphan.kind {
        DISTRIBUTION => builds::delete_distribution(api, &orphan.id).await?,
        IMAGE => {
            // Someone may have adopted it meanwhile.
            let is_adopted = view.image_now(api, &orphan.id).await?.is_some();
            if !is_adopted && !is_named(api, &orphan.id).await? {
                images::delete(api, view, &orphan.id).await?;
            }
        }
        _ => return outdated::remove(api, orphan).await,
    }
    Ok(true)
}

/// AMIs and snapshots of a build that is over without an image. One that a pointer names is nobody's to remove.
pub async fn remove_leavings(
    api: &Api,
    view: &View,
    arn: &str,
    recipe: Option<&RecipeName>,
) -> Result<(), TargetError> {
    let named: Vec<ImageId> = match recipe {
        Some(recipe) => pointers::of_recipe(api, recipe).await?.into_iter().map(|pointer| pointer.image).collect(),
        None => Vec::new(),
    };
    for ami in made_by(api, Some(arn)).await? {
        if !named.iter().any(|image| image.as_str() == ami.id) {
            images::delete(api, view, &ami.id).await?;
        }
    }
    let of_it = Filter::builder().name(format!("tag:{MADE_BY}")).values(arn).build();
    let ask = || api.ec2.describe_snapshots().owner_ids("self").filters(of_it.clone()).send();
    let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, arn, ask).await?;
    for snapshot in answer.snapshots().iter().filter_map(|snapshot| snapshot.snapshot_id()) {
        images::delete_snapshot(api, snapshot).await?;
    }
    Ok(())
}

/// AMIs that the service has made: of one build, or all.
async fn made_by(api: &Api, arn: Option<&str>) -> Result<Vec<Ami>, TargetError> {
    let filter = match arn {
        Some(arn) => Filter::builder().name(format!("tag:{MADE_BY}")).values(arn).build(),
        None => Filter::builder().name("tag-key").values(MADE_BY).build(),
    };
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.ec2.describe_images().owners("self").filters(filter.clone()).include_disabled(true);
            request.max_results(500).set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_IMAGES, "images made by Image Builder", ask).await?;
        found.extend(answer.images().iter().filter_map(crate::target::aws::view::read_image));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Whether any pointer names it, of whatever recipe: an image without our tags does not say of which it is.
async fn is_named(api: &Api, image: &str) -> Result<bool, TargetError> {
    let all = crate::target::aws::parameters::list(api, "/amifactory", true).await?;
    let is_pointer = |name: &str| pointers::parse(name).is_some();
    Ok(all.iter().any(|found| is_pointer(found.name().unwrap_or_default()) && found.value() == Some(image)))
}
