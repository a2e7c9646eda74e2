//! Auto Scaling groups: what each launches next, and which instances wait in its warm pool. Whoever looks for what keeps
//! images reads them by the same calls ([`super::super::uses`]).

use super::super::api::{Api, CallError, op};
use super::See;
use super::resolve::Resolved;
use super::templates::{Named, Templates};
use crate::target::{Kind, NamedAt, Sighting, TargetError, Unread};
use aws_sdk_autoscaling::types::{AutoScalingGroup, LaunchTemplateSpecification, MixedInstancesPolicy};
use std::collections::{BTreeMap, BTreeSet};

/// Groups per page (Auto Scaling API reference, `DescribeAutoScalingGroups`: at most 100).
const PAGE: i32 = 100;
/// Launch configurations per call (the same, `DescribeLaunchConfigurations`: at most 50 names, at most 100 a page).
const CONFIGURATIONS: usize = 50;
/// Instances of a warm pool per page (the same, `DescribeWarmPool`: at most 50).
const WARM: i32 = 50;

/// From what a group launches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A launch template.
    Template(Named),
    /// A launch configuration.
    Configuration(String),
    /// An image that an override of mixed instances names itself: its id, or `resolve:ssm:` and a parameter.
    Image(String),
    /// Nothing that is understood.
    Nothing,
}

/// A group, as far as it says what it launches.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Its ARN.
    pub arn: String,
    /// From what it launches.
    pub sources: BTreeSet<Source>,
    /// What its policy of mixed instances launches from, but for overrides.
    mixed: Option<Source>,
    has_pool: bool,
}

/// A launch configuration.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
}

impl Group {
    fn names_at(&self, source: &Source) -> NamedAt {
        match &self.mixed {
            None => NamedAt::Own,
            Some(own) if own == source => NamedAt::Mixed,
            Some(_) => NamedAt::Override,
        }
    }
}

/// All groups of an account and region.
#[derive(Debug, Default)]
pub struct Groups {
    all: BTreeMap<String, Group>,
    /// Images of launch configurations.
    configurations: BTreeMap<String, String>,
    /// Instances that wait in warm pools, and the group of each.
    pub warm: BTreeMap<String, String>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// All groups, and what is needed to say what they launch.
pub async fn read(api: &Api) -> Result<Groups, CallError> {
    let mut groups = Groups { all: list(api).await?, ..Groups::default() };
    let read = groups.read_configurations(api).await;
    groups.or_unread("launch configurations", read)?;
    let with_pool = groups.all.iter().filter(|(_, group)| group.has_pool).map(|(name, _)| name.clone());
    for group in with_pool.collect::<Vec<_>>() {
        let read = groups.read_warm_pool(api, &group).await;
        groups.or_unread(&format!("the warm pool of {group}"), read)?;
    }
    Ok(groups)
}

/// All groups by their names.
pub async fn list(api: &Api) -> Result<BTreeMap<String, Group>, CallError> {
    let mut groups = BTreeMap::new();
    let mut page = None;
    loop {
        let ask = || {
            let request = api.autoscaling.describe_auto_scaling_groups().max_records(PAGE);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_SCALING_GROUPS, "Auto Scaling groups", ask).await?;
        for group in answer.auto_scaling_groups() {
            let of = Group {
                arn: group.auto_scaling_group_arn().unwrap_or_default().to_owned(),
                sources: sources(group),
                mixed: group.mixed_instances_policy().map(|policy| {
                    specified(policy.launch_template().and_then(|it| it.launch_template_specification()))
                }),
                has_pool: group.warm_pool_configuration().is_some(),
            };
            groups.insert(group.auto_scaling_group_name().unwrap_or_default().to_owned(), of);
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(groups);
        }
    }
}

/// Launch configurations of these names; without names all that there are.
pub async fn configurations(api: &Api, names: &[String]) -> Result<Vec<Configuration>, CallError> {
    let mut found = Vec::new();
    let mut page = None;
    loop {
        let ask = || {
            let request = api.autoscaling.describe_launch_configurations().set_next_token(page.clone());
            request.set_launch_configuration_names((!names.is_empty()).then(|| names.to_vec())).max_records(PAGE).send()
        };
        let answer = api.caller.call(op::DESCRIBE_LAUNCH_CONFIGURATIONS, "launch configurations", ask).await?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        found.extend(answer.launch_configurations().iter().map(|configuration| Configuration {
            arn: text(configuration.launch_configuration_arn()),
            name: text(configuration.launch_configuration_name()),
            image: text(configuration.image_id()),
        }));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

fn sources(group: &AutoScalingGroup) -> BTreeSet<Source> {
    if let Some(mixed) = group.mixed_instances_policy() {
        return of_mixed(mixed);
    }
    match (group.launch_template(), group.launch_configuration_name()) {
        (Some(template), _) => [specified(Some(template))].into(),
        (None, Some(name)) => [Source::Configuration(name.to_owned())].into(),
        (None, None) => [Source::Nothing].into(),
    }
}

/// Each override of mixed instances launches from its own image or template, or else from the policy's.
pub fn of_mixed(policy: &MixedInstancesPolicy) -> BTreeSet<Source> {
    let Some(template) = policy.launch_template() else { return [Source::Nothing].into() };
    let own = template.launch_template_specification();
    if template.overrides().is_empty() {
        return [specified(own)].into();
    }
    let of = |o: &aws_sdk_autoscaling::types::LaunchTemplateOverrides| match o.image_id() {
        Some(image) if !image.is_empty() => Source::Image(image.to_owned()),
        _ => specified(o.launch_template_specification().or(own)),
    };
    template.overrides().iter().map(of).collect()
}

/// A template as a group names it.
pub fn specified(template: Option<&LaunchTemplateSpecification>) -> Source {
    let Some(template) = template else { return Source::Nothing };
    let Some(named) = template.launch_template_id().or(template.launch_template_name()) else { return Source::Nothing };
    let version = template.version().unwrap_or_default().to_owned();
    Source::Template(Named { template: named.to_owned(), version })
}

impl Groups {
    /// Versions of templates that groups name by their numbers, and that were not read yet.
    pub fn pinned(&self, templates: &Templates) -> BTreeMap<String, BTreeSet<i64>> {
        let mut pinned: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for source in self.all.values().flat_map(|group| &group.sources) {
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
        for (name, group) in &self.all {
            for source in &group.sources {
                let (image, via) = match source {
                    Source::Template(named) => {
                        let (image, via) = templates.image(named, group.names_at(source), resolved);
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
            .flat_map(|group| &group.sources)
            .filter_map(|source| match source {
                Source::Configuration(name) => Some(name),
                _ => None,
            })
            .collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        for some in names.chunks(CONFIGURATIONS) {
            for Configuration { name, image, .. } in configurations(api, some).await? {
                self.configurations.insert(name, image);
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
