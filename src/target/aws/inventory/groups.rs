//! Auto Scaling groups: what each launches next, and which instances wait in its warm pool.

use super::super::api::{Api, CallError, op};
use super::See;
use super::resolve::Resolved;
use super::templates::{Named, Templates};
use crate::target::{Kind, Sighting, TargetError, Unread};
use aws_sdk_autoscaling::types::{AutoScalingGroup, LaunchTemplateSpecification};
use std::collections::{BTreeMap, BTreeSet};

/// Groups per page (Auto Scaling API reference, `DescribeAutoScalingGroups`: at most 100).
const PAGE: i32 = 100;
/// Launch configurations per call (the same, `DescribeLaunchConfigurations`: at most 50 names).
const CONFIGURATIONS: usize = 50;
/// Instances of a warm pool per page (the same, `DescribeWarmPool`: at most 50).
const WARM: i32 = 50;

/// From what a group launches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// A launch template.
    Template(Named),
    /// A launch configuration.
    Configuration(String),
    /// An image that an override of mixed instances names itself.
    Image(String),
    /// Nothing that is understood.
    Nothing,
}

/// All groups of an account and region.
#[derive(Debug, Default)]
pub struct Groups {
    all: BTreeMap<String, BTreeSet<Source>>,
    /// Images of launch configurations.
    configurations: BTreeMap<String, String>,
    /// Instances that wait in warm pools, and the group of each.
    pub warm: BTreeMap<String, String>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// All of them.
pub async fn read(api: &Api) -> Result<Groups, CallError> {
    let mut groups = Groups::default();
    let mut with_pool = Vec::new();
    let mut page = None;
    loop {
        let ask = || {
            let request = api.autoscaling.describe_auto_scaling_groups().max_records(PAGE);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_SCALING_GROUPS, "Auto Scaling groups", ask).await?;
        for group in answer.auto_scaling_groups() {
            let name = group.auto_scaling_group_name().unwrap_or_default();
            if group.warm_pool_configuration().is_some() {
                with_pool.push(name.to_owned());
            }
            groups.all.insert(name.to_owned(), sources(group));
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            break;
        }
    }
    let read = groups.read_configurations(api).await;
    groups.or_unread("launch configurations", read)?;
    for group in with_pool {
        let read = groups.read_warm_pool(api, &group).await;
        groups.or_unread(&format!("the warm pool of {group}"), read)?;
    }
    Ok(groups)
}

/// Each override of mixed instances launches from its own image or template, or else from the policy's.
fn sources(group: &AutoScalingGroup) -> BTreeSet<Source> {
    if let Some(template) = group.mixed_instances_policy().and_then(|policy| policy.launch_template()) {
        let own = template.launch_template_specification();
        if template.overrides().is_empty() {
            return [specified(own)].into();
        }
        let of = |o: &aws_sdk_autoscaling::types::LaunchTemplateOverrides| match o.image_id() {
            Some(image) if !image.is_empty() => Source::Image(image.to_owned()),
            _ => specified(o.launch_template_specification().or(own)),
        };
        return template.overrides().iter().map(of).collect();
    }
    match (group.launch_template(), group.launch_configuration_name()) {
        (Some(template), _) => [specified(Some(template))].into(),
        (None, Some(name)) => [Source::Configuration(name.to_owned())].into(),
        (None, None) => [Source::Nothing].into(),
    }
}

fn specified(template: Option<&LaunchTemplateSpecification>) -> Source {
    let Some(template) = template else { return Source::Nothing };
    let Some(named) = template.launch_template_id().or(template.launch_template_name()) else { return Source::Nothing };
    let version = template.version().unwrap_or_default().to_owned();
    Source::Template(Named { template: named.to_owned(), version })
}

impl Groups {
    /// Versions of templates that groups name by their numbers, and that were not read yet.
    pub fn pinned(&self, templates: &Templates) -> BTreeMap<String, BTreeSet<i64>> {
        let mut pinned: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for source in self.all.values().flatten() {
            if let Source::Template(named) = source
                && let Some((id, number)) = templates.missing(named)
            {
                pinned.entry(id).or_default().insert(number);
            }
        }
        pinned
    }

    /// Shows each group, once for each image that it would launch.
    pub fn sightings(&self, templates: &Templates, resolved: &Resolved, see: See<'_>) {
        for (name, sources) in &self.all {
            for source in sources {
                let (image, via) = match source {
                    Source::Template(named) => {
                        let (image, via) = templates.image(named, resolved);
                        (image, Some(via))
                    }
                    Source::Configuration(configuration) => {
                        let via = format!("launch configuration {configuration}");
                        let image = self.configurations.get(configuration).cloned();
                        (image.ok_or_else(|| format!("{via} could not be read")), Some(via))
                    }
                    Source::Image(image) => (Ok(image.clone()), Some("an override of its mixed instances".to_owned())),
                    Source::Nothing => (Err("it names nothing that it would launch from".to_owned()), None),
                };
                see(Sighting {
                    kind: Kind::AutoScalingGroup,
                    id: name.clone(),
                    name: String::new(),
                    group: None,
                    image,
                    via,
                    stopped: false,
                    builder: false,
                });
            }
        }
    }

    async fn read_configurations(&mut self, api: &Api) -> Result<(), CallError> {
        let names: BTreeSet<&String> = self
            .all
            .values()
            .flatten()
            .filter_map(|source| match source {
                Source::Configuration(name) => Some(name),
                _ => None,
            })
            .collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        for some in names.chunks(CONFIGURATIONS) {
            let ask = || {
                let request = api.autoscaling.describe_launch_configurations();
                request.set_launch_configuration_names(Some(some.to_vec())).send()
            };
            let answer = api.caller.call(op::DESCRIBE_LAUNCH_CONFIGURATIONS, "launch configurations", ask).await?;
            for configuration in answer.launch_configurations() {
                let name = configuration.launch_configuration_name().unwrap_or_default();
                let image = configuration.image_id().unwrap_or_default();
                self.configurations.insert(name.to_owned(), image.to_owned());
            }
        }
        Ok(())
    }

    async fn read_warm_pool(&mut self, api: &Api, group: &str) -> Result<(), CallError> {
        let mut page = None;
        loop {
            let ask = || {
                let request = api.autoscaling.describe_warm_pool().auto_scaling_group_name(group).max_records(WARM);
                request.set_next_token(page.clone()).send()
            };
            let answer = api.caller.call(op::DESCRIBE_WARM_POOL, group, ask).await?;
            for instance in answer.instances() {
                let id = instance.instance_id().unwrap_or_default();
                self.warm.insert(id.to_owned(), group.to_owned());
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                return Ok(());
            }
        }
    }

    fn or_unread(&mut self, what: &str, read: Result<(), CallError>) -> Result<(), CallError> {
        match read {
            Err(error) if !error.is_credentials() => {
                let why = TargetError::from(error).to_string();
                self.unread.push(Unread { what: what.to_owned(), why, service: None });
                Ok(())
            }
            read => read,
        }
    }
}
