//! Instance refreshes as clients meet them (Auto Scaling API reference and user guide, "Instance refresh"): beginning one,
//! looking at it, cancelling it, going back.

use super::super::World;
use super::super::params::Params;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, node, text};
use super::make::{mixed, named, required};
use super::{Group, Home, Mixed, Named, invalid, members, mixed_xml, page, specification};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Pending,
    InProgress,
    Baking,
    Successful,
    Failing,
    Failed,
    Cancelling,
    Cancelled,
    RollbackInProgress,
    RollbackFailed,
    RollbackSuccessful,
    /// One that AWS may add.
    SomethingNew,
}

impl Status {
    pub fn is_over(self) -> bool {
        use Status::{Cancelled, Failed, RollbackFailed, RollbackSuccessful, Successful};
        matches!(self, Successful | Failed | Cancelled | RollbackFailed | RollbackSuccessful)
    }
}

/// What a group launches from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Template(Named),
    Mixed(Mixed),
}

impl Source {
    pub fn template(&self) -> &Named {
        match self {
            Source::Template(named) => named,
            Source::Mixed(mixed) => &mixed.template,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Preferences {
    pub least: u64,
    pub most: u64,
    pub warmup: Option<u64>,
    pub checkpoints: Vec<u64>,
    pub delay: Duration,
    pub bake: Duration,
    pub skip_matching: bool,
    pub auto_rollback: bool,
    pub alarms: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Refresh {
    pub id: String,
    pub status: Status,
    pub reason: Option<String>,
    pub started: Instant,
    pub ended: Option<Instant>,
    /// From when on everybody sees it.
    pub visible: Instant,
    /// When something happens to it next.
    pub next: Instant,
    pub desired: Option<Source>,
    /// What the group launched from before.
    pub before: Option<Source>,
    pub preferences: Preferences,
    /// How many are to be replaced, and how many of these are left.
    pub total: usize,
    pub left: usize,
    pub rollback: Option<(String, Instant)>,
}

impl Refresh {
    /// One that stays as it is.
    pub fn standing(id: &str, status: Status, desired: Source, now: Instant) -> Refresh {
        let preferences = Preferences {
            least: 90,
            most: 100,
            warmup: None,
            checkpoints: Vec::new(),
            delay: Duration::ZERO,
            bake: Duration::ZERO,
            skip_matching: false,
            auto_rollback: false,
            alarms: Vec::new(),
        };
        Refresh {
            id: id.to_owned(),
            status,
            reason: None,
            started: now,
            ended: status.is_over().then_some(now),
            visible: now,
            next: now + Duration::from_secs(30 * 86_400),
            desired: Some(desired),
            before: None,
            preferences,
            total: 0,
            left: 0,
            rollback: None,
        }
    }

    pub fn percent(&self) -> u64 {
        ((self.total - self.left) * 100).checked_div(self.total).unwrap_or(100) as u64
    }
}

pub(super) fn source(group: &Group) -> Option<Source> {
    group.mixed.clone().map(Source::Mixed).or_else(|| group.template.clone().map(Source::Template))
}

pub fn start(world: &mut World, call: &Incoming<'_>) -> Reply {
    let key = group_of(world, call)?;
    let group = &world.autoscaling.groups[&key];
    if group.refreshes.iter().any(|refresh| !refresh.status.is_over()) {
        let message = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.";
        return Err(Failure::bad("InstanceRefreshInProgress", message));
    }
    if call.params.get("Strategy").is_some_and(|strategy| strategy != "Rolling") {
        return Err(invalid("This fake knows the strategy Rolling alone.".to_owned()));
    }
    let preferences = preferences(&call.params.group("Preferences"))?;
    let asked = call.params.group("DesiredConfiguration");
    let desired = named(&asked.group("LaunchTemplate")).map(Source::Template);
    let desired = desired.or_else(|| mixed(&asked.group("MixedInstancesPolicy")).map(Source::Mixed));
    let before = source(group);
    for source in desired.iter() {
        let (template, version) = source.template();
        let known = |number: &usize| world.ec2.is_version_seen(template, *number, call.now);
        let is_known = version.parse().ok().is_none_or(|number| known(&number));
        if !is_known || world.ec2.template_image(&key.0, template, version).is_none() {
            let message = "The launch template specified in the desired configuration does not exist.";
            return Err(invalid(message.to_owned()));
        }
    }
    let fixed = |source: &Option<Source>| source.as_ref().is_some_and(|source| is_fixed(world, &key.0, source));
    if preferences.auto_rollback && (desired.is_none() || !fixed(&desired) || !fixed(&before)) {
        return Err(invalid(
            "Auto rollback needs a desired configuration with a numbered version and image.".to_owned(),
        ));
    }
    let target = desired.as_ref().or(before.as_ref()).map(|source| source.template().clone());
    let matches = |template: &Option<Named>| preferences.skip_matching && *template == target;
    let total = group.members.iter().filter(|member| !matches(&member.template)).count();
    let id = world.uuid();
    let refresh = Refresh {
        id: id.clone(),
        status: Status::Pending,
        reason: None,
        started: call.now,
        ended: None,
        visible: world.visible_at(call.now),
        next: call.now + world.latencies.running,
        desired,
        before,
        preferences,
        total,
        left: total,
        rollback: None,
    };
    if let Some(group) = world.autoscaling.groups.get_mut(&key) {
        group.refreshes.push(refresh);
    }
    Ok(Done::xml(vec![text("InstanceRefreshId", &id)]).made([id]).needs(["ec2:RunInstances", "iam:PassRole"]))
}

/// Whether it names a numbered version, and that an image: only to such can be gone back.
fn is_fixed(world: &World, home: &Home, source: &Source) -> bool {
    let (template, version) = source.template();
    let image = world.ec2.template_image(home, template, version);
    version.parse::<u64>().is_ok() && image.is_some_and(|image| !image.starts_with("resolve:ssm:"))
}

fn preferences(asked: &Params) -> Result<Preferences, Failure> {
    let within = |name: &str, from: u64, to: u64, default: u64| match asked.number(name)?.unwrap_or(default) {
        value if (from..=to).contains(&value) => Ok(value),
        _ => Err(invalid(format!("{name} must be between {from} and {to}."))),
    };
    let least = within("MinHealthyPercentage", 0, 100, 90)?;
    let most = within("MaxHealthyPercentage", 100, 200, 100.max(least))?;
    if most - least > 100 {
        return Err(invalid("The difference between the healthy percentages must be at most 100.".to_owned()));
    }
    let checkpoints = asked.list("CheckpointPercentages.member");
    let checkpoints: Vec<u64> = checkpoints.iter().filter_map(|text| text.parse().ok()).collect();
    if checkpoints.iter().any(|at| !(1..=100).contains(at)) || !checkpoints.is_sorted_by(|a, b| a < b) {
        return Err(invalid("CheckpointPercentages must ascend, each from 1 to 100.".to_owned()));
    }
    let alarms = asked.list("AlarmSpecification.Alarms.member");
    // Auto Scaling API reference, `AlarmSpecification`: up to 10.
    if alarms.len() > 10 {
        return Err(invalid("The number of alarms in AlarmSpecification must be at most 10.".to_owned()));
    }
    Ok(Preferences {
        least,
        most,
        warmup: asked.number("InstanceWarmup")?,
        checkpoints,
        delay: Duration::from_secs(within("CheckpointDelay", 0, 172_800, 3600)?),
        bake: Duration::from_secs(within("BakeTime", 0, 172_800, 0)?),
        skip_matching: asked.flag("SkipMatching")?.unwrap_or(false),
        auto_rollback: asked.flag("AutoRollback")?.unwrap_or(false),
        alarms,
    })
}

fn group_of(world: &World, call: &Incoming<'_>) -> Result<(Home, String), Failure> {
    let name = required(call.params, "AutoScalingGroupName")?;
    let key = (Home::of(call.caller), name);
    match world.autoscaling.groups.contains_key(&key) {
        true => Ok(key),
        false => Err(invalid("AutoScalingGroup name not found - null".to_owned())),
    }
}

pub fn describe(world: &mut World, call: &Incoming<'_>) -> Reply {
    let key = group_of(world, call)?;
    let wanted = call.params.list("InstanceRefreshIds.member");
    let all = &world.autoscaling.groups[&key].refreshes;
    let seen = all.iter().rev().filter(|refresh| refresh.visible <= call.now);
    let seen = seen.filter(|refresh| wanted.is_empty() || wanted.contains(&refresh.id));
    // The newest first; what comes after one is known by its place.
    let seen: Vec<(usize, &Refresh)> = seen.enumerate().collect();
    let (page, next) = page(seen, call.params, 50, 100, |(at, _)| format!("{at:06}"))?;
    let mut out = vec![members("InstanceRefreshes", page.iter().map(|(_, refresh)| xml(world, &key, refresh)))];
    out.extend(next);
    Ok(Done::xml(out))
}

fn xml(world: &World, (home, group): &(Home, String), refresh: &Refresh) -> Vec<Xml> {
    let mut out = vec![
        text("InstanceRefreshId", &refresh.id),
        text("AutoScalingGroupName", group),
        text("Status", format!("{:?}", refresh.status)),
        text("StartTime", world.clock.iso(refresh.started)),
        text("PercentageComplete", refresh.percent()),
        text("InstancesToUpdate", refresh.left),
        node("Preferences", preferences_xml(&refresh.preferences)),
    ];
    out.extend(refresh.reason.as_ref().map(|reason| text("StatusReason", reason)));
    out.extend(refresh.ended.map(|at| text("EndTime", world.clock.iso(at))));
    out.extend(refresh.desired.as_ref().map(|desired| {
        node(
            "DesiredConfiguration",
            vec![match desired {
                Source::Template(named) => node("LaunchTemplate", specification(world, home, named)),
                Source::Mixed(mixed) => node("MixedInstancesPolicy", mixed_xml(world, home, mixed)),
            }],
        )
    }));
    out.extend(refresh.rollback.as_ref().map(|(reason, at)| {
        let started = text("RollbackStartTime", world.clock.iso(*at));
        node("RollbackDetails", vec![text("RollbackReason", reason), started])
    }));
    out
}

fn preferences_xml(preferences: &Preferences) -> Vec<Xml> {
    let mut out = vec![
        text("MinHealthyPercentage", preferences.least),
        text("MaxHealthyPercentage", preferences.most),
        text("SkipMatching", preferences.skip_matching),
        text("AutoRollback", preferences.auto_rollback),
        text("BakeTime", preferences.bake.as_secs()),
    ];
    out.extend(preferences.warmup.map(|warmup| text("InstanceWarmup", warmup)));
    if !preferences.checkpoints.is_empty() {
        let all = preferences.checkpoints.iter().map(|at| text("member", at)).collect();
        out.extend([node("CheckpointPercentages", all), text("CheckpointDelay", preferences.delay.as_secs())]);
    }
    if !preferences.alarms.is_empty() {
        let all = preferences.alarms.iter().map(|alarm| text("member", alarm)).collect();
        out.push(node("AlarmSpecification", vec![node("Alarms", all)]));
    }
    out
}

pub fn cancel(world: &mut World, call: &Incoming<'_>) -> Reply {
    let key = group_of(world, call)?;
    let next = call.now + world.latencies.stop;
    let refresh = active(world, &key)?;
    (refresh.status, refresh.next) = (Status::Cancelling, next);
    Ok(Done::xml(vec![text("InstanceRefreshId", &refresh.id)]).made([refresh.id.clone()]))
}

pub fn roll_back(world: &mut World, call: &Incoming<'_>) -> Reply {
    let key = group_of(world, call)?;
    let (desired, before) = {
        let refresh = active(world, &key)?;
        (refresh.desired.clone(), refresh.before.clone())
    };
    let fixed = |source: &Option<Source>| source.as_ref().is_some_and(|source| is_fixed(world, &key.0, source));
    if desired.is_none() || !fixed(&desired) || !fixed(&before) {
        let message = "The instance refresh has no desired configuration that could be rolled back from.";
        return Err(Failure::bad("IrreversibleInstanceRefresh", message));
    }
    let next = call.now + world.latencies.running;
    let refresh = active(world, &key)?;
    if matches!(refresh.status, Status::RollbackInProgress | Status::Cancelling) {
        let message = "The instance refresh can't be rolled back in its state.";
        return Err(Failure::bad("IrreversibleInstanceRefresh", message));
    }
    refresh.go_back("Rollback requested by user.", call.now, next);
    Ok(Done::xml(vec![text("InstanceRefreshId", &refresh.id)]).made([refresh.id.clone()]))
}

impl Refresh {
    /// What was replaced is replaced once more.
    pub(super) fn go_back(&mut self, reason: &str, now: Instant, next: Instant) {
        (self.status, self.next) = (Status::RollbackInProgress, next);
        (self.reason, self.rollback) = (Some(reason.to_owned()), Some((reason.to_owned(), now)));
    }
}

fn active<'w>(world: &'w mut World, key: &(Home, String)) -> Result<&'w mut Refresh, Failure> {
    let refreshes = world.autoscaling.groups.get_mut(key).map(|group| &mut group.refreshes);
    let mut all = refreshes.into_iter().flatten();
    all.find(|refresh| !refresh.status.is_over()).ok_or_else(|| {
        let message = "No in progress or pending Instance Refresh found for Auto Scaling group.";
        Failure::bad("ActiveInstanceRefreshNotFound", message)
    })
}
