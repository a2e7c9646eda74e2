//! Auto Scaling: groups, however few instances they have; launch configurations, also those that no group names; instance
//! refreshes that are under way. What waits in a warm pool is an instance, and is read with the others.

use super::super::api::{Api, CallError, op};
use super::super::inventory::groups::{self, Configuration, Group, Source};
use super::super::inventory::templates::Templates;
use super::Found;
use crate::target::Use;
use aws_sdk_autoscaling::types::{InstanceRefresh, InstanceRefreshStatus};
use std::collections::BTreeSet;

/// Refreshes per page (Auto Scaling API reference, `DescribeInstanceRefreshes`: at most 100).
const PAGE: i32 = 100;
const GROUP: &str = "Auto Scaling group";

/// All of them. What a group's template launches is looked up in those that were read.
pub async fn read(api: &Api, found: &mut Found, templates: &Templates) -> Result<(), CallError> {
    let configurations = groups::configurations(api, &[]).await?;
    for configuration in &configurations {
        found.launches(&configuration.image, "launch configuration", configuration.arn.clone());
    }
    for (name, group) in groups::list(api).await? {
        let known = Known { templates, configurations: &configurations };
        for source in &group.sources {
            match known.image(source) {
                Some(image) => found.launches(image, GROUP, group.arn.clone()),
                None if *source == Source::Nothing => {
                    found.unread(&group.arn, "it names nothing that is understood as what it launches from");
                }
                // What is gone, or names no image, launches nothing.
                None => {}
            }
        }
        refreshes(api, found, (&name, &group), &known).await?;
    }
    Ok(())
}

/// What sources are looked up in.
struct Known<'a> {
    templates: &'a Templates,
    configurations: &'a [Configuration],
}

impl Known<'_> {
    fn image<'a>(&'a self, source: &'a Source) -> Option<&'a str> {
        match source {
            Source::Image(image) => Some(image),
            Source::Template(named) => self.templates.written(named),
            Source::Configuration(name) => {
                self.configurations.iter().find(|known| known.name == *name).map(|known| known.image.as_str())
            }
            Source::Nothing => None,
        }
    }
}

async fn refreshes(
    api: &Api,
    found: &mut Found,
    (name, group): (&str, &Group),
    known: &Known<'_>,
) -> Result<(), CallError> {
    let mut page = None;
    loop {
        let ask = || {
            let request = api.autoscaling.describe_instance_refreshes().auto_scaling_group_name(name).max_records(PAGE);
            request.set_next_token(page.clone()).send()
        };
        let answer = match api.caller.call(op::DESCRIBE_REFRESHES, name, ask).await {
            // The group was removed since it was listed.
            Err(error) if error.is("ValidationError") && error.message.contains("not found") => return Ok(()),
            answer => answer?,
        };
        for refresh in answer.instance_refreshes().iter().filter(|refresh| is_under_way(refresh)) {
            let wanted = desired(refresh);
            for image in wanted.iter().filter_map(|source| known.image(source)) {
                found.launches(image, Use::REFRESH, group.arn.clone());
            }
            // It goes back to what the group itself says, which changes only once the refresh has come to its end. Images
            // of templates and of launch configurations are seen in any case, those of overrides are not.
            if wanted == group.sources {
                let why = format!(
                    "its instance refresh {} is under way, and the group names already what that brings: to which image \
                     it would go back can't be seen until it has ended",
                    refresh.instance_refresh_id().unwrap_or_default()
                );
                found.unread(&group.arn, why);
            }
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
    }
}

/// A status that is not known here counts as under way.
fn is_under_way(refresh: &InstanceRefresh) -> bool {
    let over = [
        InstanceRefreshStatus::Successful,
        InstanceRefreshStatus::Failed,
        InstanceRefreshStatus::Cancelled,
        InstanceRefreshStatus::RollbackFailed,
        InstanceRefreshStatus::RollbackSuccessful,
    ];
    refresh.status().is_none_or(|status| !over.contains(status))
}

/// What it brings; nothing where it only replaces instances by what the group says.
fn desired(refresh: &InstanceRefresh) -> BTreeSet<Source> {
    let Some(desired) = refresh.desired_configuration() else { return BTreeSet::new() };
    match (desired.mixed_instances_policy(), desired.launch_template()) {
        (Some(mixed), _) => groups::of_mixed(mixed),
        (None, Some(template)) => [groups::specified(Some(template))].into(),
        (None, None) => BTreeSet::new(),
    }
}
