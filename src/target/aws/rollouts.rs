//! Auto Scaling groups and their refreshes, and the versions of launch templates that they go to.

use super::api::{Api, CallError, Class, PATIENCE, op};
use super::tags;
use super::target::AwsTarget;
use crate::identity::{Arch, Digest};
use crate::target::{
    AlarmSeen, AlarmState, Begun, ImageSeen, LaunchSource, Member, NamedAt, NewVersion, Pace, Refresh, RefreshState,
    Rollouts, ScalingGroup, TargetError, TemplateRef, TemplateUser, TemplateVersion, Turned,
};
use async_trait::async_trait;
use aws_sdk_autoscaling::types::{
    AlarmSpecification, AutoScalingGroup, DesiredConfiguration, Instance, InstanceRefresh, InstanceRefreshStatus,
    LaunchTemplate, LaunchTemplateSpecification, MixedInstancesPolicy, RefreshPreferences,
};
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use aws_sdk_ec2::types::{ArchitectureValues, RequestLaunchTemplateData, ResponseLaunchTemplateData};
use std::time::Duration;
use time::OffsetDateTime;

/// Names of groups per call (Auto Scaling API reference, `DescribeAutoScalingGroups`: by default 50 are answered, and 100
/// at most).
const GROUPS: usize = 50;
/// Names of alarms per call (CloudWatch API reference, `DescribeAlarms`: 100 records a page).
const ALARMS: usize = 100;
/// Versions per page (EC2 API reference, `DescribeLaunchTemplateVersions`: 1 to 200).
const VERSIONS: i32 = 200;
/// Groups per page where all are listed (Auto Scaling API reference, `DescribeAutoScalingGroups`: 100 at most).
const PAGE: i32 = 100;
/// Refreshes per page (the same, `DescribeInstanceRefreshes`: 100 at most).
const REFRESHES: i32 = 100;
/// For how long is asked what a group launches from, just before a refresh of it is begun.
const JUST_BEFORE: Duration = Duration::from_secs(15);
/// Instances of a warm pool per page (the same, `DescribeWarmPool`: 50 at most).
const WARM: i32 = 50;

#[async_trait]
impl Rollouts for AwsTarget {
    async fn groups(&self, names: &[String]) -> Result<Vec<ScalingGroup>, TargetError> {
        let mut found = Vec::new();
        for some in names.chunks(GROUPS) {
            for group in described(self.api(), some).await? {
                let mut seen = self::group(&group);
                if group.warm_pool_configuration().is_some() {
                    seen.warm = Some(warm(self.api(), &seen.name).await?);
                }
                found.push(seen);
            }
        }
        Ok(found)
    }

    async fn users(&self) -> Result<Vec<TemplateUser>, TargetError> {
        let mut users = Vec::new();
        for group in described(self.api(), &[]).await? {
            let policy = group.mixed_instances_policy().and_then(|policy| policy.launch_template());
            let overrides = policy.map(|policy| policy.overrides()).unwrap_or_default();
            let overrides = overrides.iter().filter_map(|of| of.launch_template_specification());
            let own = group.launch_template().map(|named| (NamedAt::Own, named));
            let mixed = policy.and_then(|policy| policy.launch_template_specification());
            let mixed = mixed.map(|named| (NamedAt::Mixed, named));
            let all = own.into_iter().chain(mixed).chain(overrides.map(|named| (NamedAt::Override, named)));
            let name = group.auto_scaling_group_name().unwrap_or_default();
            let user = |(at, of)| Some(TemplateUser { group: name.to_owned(), named: named(of)?, at });
            users.extend(all.filter_map(user));
        }
        Ok(users)
    }

    async fn versions(&self, template: &str) -> Result<Vec<TemplateVersion>, TargetError> {
        let api = self.api();
        let (mut found, mut page) = (Vec::new(), None);
        let is_id = template.starts_with("lt-");
        loop {
            let ask = || {
                let request = api.ec2.describe_launch_template_versions().max_results(VERSIONS);
                let request = request.set_launch_template_id(is_id.then(|| template.to_owned()));
                let request = request.set_launch_template_name((!is_id).then(|| template.to_owned()));
                request.set_next_token(page.clone()).send()
            };
            let answer = match api.caller.call(op::DESCRIBE_TEMPLATE_VERSIONS, template, ask).await {
                Err(error) if error.code.starts_with("InvalidLaunchTemplate") => return Ok(Vec::new()),
                answer => answer?,
            };
            found.extend(answer.launch_template_versions().iter().filter_map(version));
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                return Ok(found);
            }
        }
    }

    async fn image_seen(&self, image: &str) -> Result<Option<ImageSeen>, TargetError> {
        let api = self.api();
        let ask = || api.ec2.describe_images().image_ids(image).include_disabled(true).send();
        let answer = match api.caller.call(op::DESCRIBE_IMAGES, image, ask).await {
            Err(error) if error.code.starts_with("InvalidAMIID") => return Ok(None),
            answer => answer?,
        };
        Ok(answer.images().first().map(|image| ImageSeen {
            arch: match image.architecture() {
                Some(ArchitectureValues::X8664) => Some(Arch::X86_64),
                Some(ArchitectureValues::Arm64) => Some(Arch::Arm64),
                _ => None,
            },
            state: image.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
            tags: tags::read(image.tags()),
        }))
    }

    async fn create_version(&self, wanted: &NewVersion) -> Result<i64, TargetError> {
        let api = self.api();
        let is_id = wanted.template.starts_with("lt-");
        let ask = || {
            let data = RequestLaunchTemplateData::builder().image_id(wanted.image.as_str()).build();
            let request = api.ec2.create_launch_template_version().launch_template_data(data);
            let request = request.set_launch_template_id(is_id.then(|| wanted.template.clone()));
            let request = request.set_launch_template_name((!is_id).then(|| wanted.template.clone()));
            let request = request.source_version(wanted.source.to_string()).client_token(&wanted.token);
            request.version_description(&wanted.description).send()
        };
        let answer = api.caller.call(op::CREATE_TEMPLATE_VERSION, &wanted.template, ask).await?;
        let number = answer.launch_template_version().and_then(|version| version.version_number());
        number.ok_or_else(|| TargetError::Service {
            call: op::CREATE_TEMPLATE_VERSION.action.into(),
            resource: wanted.template.clone(),
            said: "the answer names no version".into(),
            help: "run the same command again".into(),
        })
    }

    async fn refreshes(&self, group: &str) -> Result<Vec<Refresh>, TargetError> {
        let api = self.api();
        let (mut found, mut page) = (Vec::new(), None);
        loop {
            let ask = || {
                let request = api.autoscaling.describe_instance_refreshes().auto_scaling_group_name(group);
                request.max_records(REFRESHES).set_next_token(page.clone()).send()
            };
            let answer = api.caller.call(op::DESCRIBE_REFRESHES, group, ask).await?;
            found.extend(answer.instance_refreshes().iter().map(refresh));
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                return Ok(found);
            }
        }
    }

    async fn alarms(&self, names: &[String]) -> Result<Vec<AlarmSeen>, TargetError> {
        let api = self.api();
        let mut found = Vec::new();
        for some in names.chunks(ALARMS) {
            let ask = || {
                let request = api.cloudwatch.describe_alarms().set_alarm_names(Some(some.to_vec()));
                // Without it composite alarms are left out.
                request
                    .alarm_types(AlarmType::MetricAlarm)
                    .alarm_types(AlarmType::CompositeAlarm)
                    .max_records(100)
                    .send()
            };
            let answer = api.caller.call(op::DESCRIBE_ALARMS, &some.join(", "), ask).await?;
            let metrics = answer.metric_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
            let composites = answer.composite_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
            found.extend(metrics.chain(composites).map(|(name, state)| AlarmSeen {
                name: name.unwrap_or_default().to_owned(),
                state: match state {
                    Some(StateValue::Ok) => AlarmState::Quiet,
                    Some(StateValue::Alarm) => AlarmState::Rings,
                    _ => AlarmState::NoData,
                },
            }));
        }
        Ok(found)
    }

    async fn refresh(&self, group: &str, to: &TemplateRef, pace: &Pace) -> Result<Begun, TargetError> {
        let api = self.api();
        let names = [group.to_owned()];
        let found = match described_within(JUST_BEFORE, api, &names).await {
            Err(error) if is_unheard(&error) => return Ok(Begun::Unheard(unheard(error))),
            found => found?,
        };
        let gone = || TargetError::NotFound { what: format!("Auto Scaling group {group}") };
        let desired = desired(found.first().ok_or_else(gone)?, to);
        let ask = || {
            let request = api.autoscaling.start_instance_refresh().auto_scaling_group_name(group);
            request.desired_configuration(desired.clone()).preferences(preferences(pace)).send()
        };
        match api.caller.call_within(Duration::ZERO, op::START_REFRESH, group, ask).await {
            Ok(answer) => Ok(Begun::Yes(answer.instance_refresh_id.unwrap_or_default())),
            Err(error) if error.is("InstanceRefreshInProgress") => Ok(Begun::Another),
            Err(error) if error.is("ValidationError") && error.message.contains("does not exist") => {
                Ok(Begun::NotKnown(error.message))
            }
            Err(error) if is_unheard(&error) => Ok(Begun::Unheard(unheard(error))),
            Err(error) => Err(error.into()),
        }
    }

    async fn go_back(&self, group: &str) -> Result<Turned, TargetError> {
        let api = self.api();
        let ask = || api.autoscaling.rollback_instance_refresh().auto_scaling_group_name(group).send();
        match api.caller.call_within(Duration::ZERO, op::ROLL_BACK_REFRESH, group, ask).await {
            Ok(_) => Ok(Turned::Yes),
            Err(error) if error.is("ActiveInstanceRefreshNotFound") => Ok(Turned::Over),
            Err(error) if is_unheard(&error) => Ok(Turned::Unheard(unheard(error))),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a call could have another answer a moment later.
fn is_unheard(error: &CallError) -> bool {
    matches!(error.class, Class::Throttle | Class::Eventual | Class::Transient | Class::Expired)
}

fn unheard(error: CallError) -> String {
    if error.code.is_empty() { error.message } else { format!("{}: {}", error.code, error.message) }
}

/// The groups of these names; all where none is named.
async fn described(api: &Api, names: &[String]) -> Result<Vec<AutoScalingGroup>, CallError> {
    described_within(PATIENCE, api, names).await
}

/// The same with less patience.
async fn described_within(most: Duration, api: &Api, names: &[String]) -> Result<Vec<AutoScalingGroup>, CallError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.autoscaling.describe_auto_scaling_groups();
            let request = match names {
                [] => request.max_records(PAGE),
                names => request.set_auto_scaling_group_names(Some(names.to_vec())),
            };
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call_within(most, op::DESCRIBE_SCALING_GROUPS, &names.join(", "), ask).await?;
        page = answer.next_token.clone();
        found.extend(answer.auto_scaling_groups.unwrap_or_default());
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// What waits in a group's warm pool.
async fn warm(api: &Api, group: &str) -> Result<Vec<Member>, CallError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.autoscaling.describe_warm_pool().auto_scaling_group_name(group).max_records(WARM);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_WARM_POOL, group, ask).await?;
        found.extend(answer.instances().iter().map(member));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

fn group(group: &AutoScalingGroup) -> ScalingGroup {
    let seconds = |seconds: i32| u64::try_from(seconds).ok().map(Duration::from_secs);
    ScalingGroup {
        name: group.auto_scaling_group_name().unwrap_or_default().to_owned(),
        region: group.auto_scaling_group_arn().and_then(|arn| arn.split(':').nth(3)).unwrap_or_default().to_owned(),
        source: source(group),
        members: group.instances().iter().map(member).collect(),
        suspended: group
            .suspended_processes()
            .iter()
            .filter_map(|process| process.process_name())
            .map(str::to_owned)
            .collect(),
        warm: None,
        warmup: group
            .default_instance_warmup()
            .and_then(seconds)
            .or(group.health_check_grace_period().and_then(seconds)),
    }
}

fn source(group: &AutoScalingGroup) -> LaunchSource {
    if let Some(template) = group.mixed_instances_policy().and_then(|policy| policy.launch_template()) {
        let named = template.launch_template_specification().and_then(named);
        let own = template.overrides().iter().filter_map(|of| {
            let kind = of.instance_type().unwrap_or("an override");
            let image = of.image_id().filter(|image| !image.is_empty()).map(|image| format!("{kind} names {image}"));
            let template = of.launch_template_specification().and_then(self::named);
            image.or_else(|| template.map(|template| format!("{kind} names launch template {}", template.template)))
        });
        return match named {
            Some(template) => LaunchSource::Mixed { template, own: own.collect() },
            None => LaunchSource::Nothing,
        };
    }
    match (group.launch_template().and_then(named), group.launch_configuration_name()) {
        (Some(template), _) => LaunchSource::Template(template),
        (None, Some(name)) => LaunchSource::Configuration(name.to_owned()),
        (None, None) => LaunchSource::Nothing,
    }
}

fn named(template: &LaunchTemplateSpecification) -> Option<TemplateRef> {
    let named = template.launch_template_id().or(template.launch_template_name())?;
    Some(TemplateRef { template: named.to_owned(), version: template.version().unwrap_or_default().to_owned() })
}

fn member(instance: &Instance) -> Member {
    let held = match instance.lifecycle_state().map(|state| state.as_str()) {
        _ if instance.protected_from_scale_in() == Some(true) => Some("is protected from scale-in"),
        Some("Standby" | "EnteringStandby") => Some("is in standby"),
        _ => None,
    };
    Member {
        id: instance.instance_id().unwrap_or_default().to_owned(),
        template: instance.launch_template().and_then(named),
        held,
    }
}

fn version(version: &aws_sdk_ec2::types::LaunchTemplateVersion) -> Option<TemplateVersion> {
    let image = version.launch_template_data().and_then(|data| data.image_id()).filter(|image| !image.is_empty());
    Some(TemplateVersion {
        number: version.version_number()?,
        image: image.map(str::to_owned),
        description: version.version_description().unwrap_or_default().to_owned(),
        by: version.created_by().unwrap_or_default().to_owned(),
        at: version.create_time().map(ToString::to_string).unwrap_or_default(),
        is_default: version.default_version() == Some(true),
        but_image: but_image(version.launch_template_data().cloned()),
    })
}

/// A digest of all that a version says but for its image. User data stands beside: the SDK does not print it.
fn but_image(data: Option<ResponseLaunchTemplateData>) -> Digest {
    let Some(mut data) = data else { return Digest::of(b"") };
    data.image_id = None;
    let user_data = data.user_data.take().unwrap_or_default();
    Digest::of(format!("{data:?}\n{user_data}").as_bytes())
}

fn refresh(refresh: &InstanceRefresh) -> Refresh {
    let moment = |at: Option<&aws_smithy_types::DateTime>| OffsetDateTime::from_unix_timestamp(at?.secs()).ok();
    let desired = refresh.desired_configuration();
    let of_mixed = |desired: &DesiredConfiguration| {
        let template = desired.mixed_instances_policy().and_then(|policy| policy.launch_template());
        template.and_then(|template| template.launch_template_specification()).and_then(named)
    };
    Refresh {
        id: refresh.instance_refresh_id().unwrap_or_default().to_owned(),
        state: refresh.status().map_or(RefreshState::Unknown, state),
        reason: refresh.status_reason().unwrap_or_default().to_owned(),
        percent: refresh.percentage_complete().unwrap_or(0).clamp(0, 100).try_into().unwrap_or(0),
        left: refresh.instances_to_update().unwrap_or(0).try_into().unwrap_or(0),
        started: moment(refresh.start_time()),
        ended: moment(refresh.end_time()),
        desired: desired.and_then(|desired| desired.launch_template().and_then(named).or_else(|| of_mixed(desired))),
        pace: refresh.preferences().map(pace),
    }
}

/// How a refresh replaces instances. What it does not say is AWS's default (Auto Scaling API reference,
/// `RefreshPreferences`: at least 90, at most 100).
fn pace(of: &RefreshPreferences) -> Pace {
    let percent = |value: i32| u8::try_from(value).unwrap_or(0);
    let seconds = |value: Option<i32>| value.and_then(|value| u64::try_from(value).ok()).map(Duration::from_secs);
    let checkpoints = of.checkpoint_percentages().iter().copied().map(percent).filter(|at| *at < 100);
    Pace {
        least: of.min_healthy_percentage().map_or(90, percent),
        most: of.max_healthy_percentage().map_or(100, percent),
        checkpoints: checkpoints.collect(),
        delay: seconds(of.checkpoint_delay()).unwrap_or_default(),
        bake: seconds(of.bake_time()).unwrap_or_default(),
        warmup: seconds(of.instance_warmup()),
        alarms: of.alarm_specification().map(|alarms| alarms.alarms().to_vec()).unwrap_or_default(),
        comes_back: of.auto_rollback() == Some(true),
    }
}

fn state(status: &InstanceRefreshStatus) -> RefreshState {
    use InstanceRefreshStatus as S;
    match status {
        S::Pending => RefreshState::Pending,
        S::InProgress => RefreshState::InProgress,
        S::Baking => RefreshState::Baking,
        S::Successful => RefreshState::Successful,
        S::Failed => RefreshState::Failed,
        S::Cancelling => RefreshState::Cancelling,
        S::Cancelled => RefreshState::Cancelled,
        S::RollbackInProgress => RefreshState::RollbackInProgress,
        S::RollbackFailed => RefreshState::RollbackFailed,
        S::RollbackSuccessful => RefreshState::RollbackSuccessful,
        other if other.as_str() == "Failing" => RefreshState::Failing,
        _ => RefreshState::Unknown,
    }
}

/// What the group launches from, with another version of its template; a policy of mixed instances keeps all else.
fn desired(group: &AutoScalingGroup, to: &TemplateRef) -> DesiredConfiguration {
    let specification = LaunchTemplateSpecification::builder().version(&to.version);
    let specification = match to.template.starts_with("lt-") {
        true => specification.launch_template_id(&to.template),
        false => specification.launch_template_name(&to.template),
    };
    let desired = DesiredConfiguration::builder();
    match group.mixed_instances_policy() {
        Some(policy) => {
            let template = policy.launch_template();
            let template = LaunchTemplate::builder()
                .launch_template_specification(specification.build())
                .set_overrides(template.and_then(|template| template.overrides.clone()))
                .build();
            let distribution = policy.instances_distribution().cloned();
            let policy = MixedInstancesPolicy::builder().launch_template(template);
            desired.mixed_instances_policy(policy.set_instances_distribution(distribution).build()).build()
        }
        None => desired.launch_template(specification.build()).build(),
    }
}

fn preferences(pace: &Pace) -> RefreshPreferences {
    let seconds = |duration: Duration| i32::try_from(duration.as_secs()).unwrap_or(i32::MAX);
    let mut all = RefreshPreferences::builder()
        .min_healthy_percentage(pace.least.into())
        .max_healthy_percentage(pace.most.into())
        .bake_time(seconds(pace.bake))
        .set_instance_warmup(pace.warmup.map(seconds))
        .skip_matching(true)
        .auto_rollback(pace.comes_back);
    if !pace.checkpoints.is_empty() {
        // The last must be 100, or the rest is never replaced.
        let points = pace.checkpoints.iter().copied().chain([100]).map(i32::from).collect();
        all = all.set_checkpoint_percentages(Some(points)).checkpoint_delay(seconds(pace.delay));
    }
    if !pace.alarms.is_empty() {
        all = all.alarm_specification(AlarmSpecification::builder().set_alarms(Some(pace.alarms.clone())).build());
    }
    all.build()
}
