//! Looks at all groups before the first change, and says of each what would be done.

use super::decide::{Seen, Stage, UNSETTLED, back, forward};
use super::{Goal, Refusal, RolloutError};
use crate::recipe::RolloutPolicy;
use crate::target::{Pace, RefreshState, Rollouts, ScalingGroup, TargetError};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use std::time::Duration;
use time::OffsetDateTime;

/// How long AWS takes to have a new instance in service, about: for the guess at how long it takes.
const LAUNCH: Duration = Duration::from_secs(120);
/// How many groups are looked at side by side.
const AT_ONCE: usize = 8;
/// How long what can't be true yet is left alone before it is read again.
const AGAIN: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The image.
    pub goal: Goal,
    /// Groups, wave by wave.
    pub waves: Vec<Vec<String>>,
    /// How.
    pub policy: RolloutPolicy,
    /// Back to what each group had before its last roll-out, and not to the image.
    pub back: bool,
    /// Why it is begun outside of the window.
    pub why: Option<String>,
    /// Try again what has failed before.
    pub retry: bool,
}

impl Request {
    /// How instances are replaced.
    pub fn pace(&self) -> Pace {
        let policy = self.policy.clone();
        Pace {
            least: policy.minimum_healthy,
            most: policy.maximum_healthy,
            checkpoints: policy.checkpoints,
            delay: policy.checkpoint_delay,
            bake: policy.bake,
            warmup: policy.warmup,
            alarms: policy.alarms,
        }
    }
}

/// What would be done with a group.
#[derive(Debug, Clone)]
pub struct GroupPlan {
    /// Its name.
    pub name: String,
    /// In which wave, from 0.
    pub wave: usize,
    /// What was seen of it.
    pub seen: Seen,
    /// What is due with it, or why it can't be rolled.
    pub stage: Result<Stage, Refusal>,
    /// The refresh that failed, and after which it is tried again.
    pub forgiven: Option<String>,
    /// About how long it takes.
    pub about: Duration,
}

impl GroupPlan {
    /// Whether something new is begun.
    pub fn is_begun(&self) -> bool {
        matches!(self.stage, Ok(Stage::Due { .. } | Stage::GoBack(_)))
    }
}

/// Looks at all groups. Changes nothing.
pub async fn survey(
    rollouts: &dyn Rollouts,
    request: &Request,
    now: OffsetDateTime,
) -> Result<Vec<GroupPlan>, RolloutError> {
    let names: Vec<String> = request.waves.iter().flatten().cloned().collect();
    if names.is_empty() {
        return Err(RolloutError::NoneNamed(request.goal.recipe.clone()));
    }
    let mut once = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !once.insert(*name)) {
        return Err(RolloutError::Twice(twice.clone()));
    }
    let groups = rollouts.groups(&names).await?;
    let missing: Vec<String> =
        names.iter().filter(|name| !groups.iter().any(|group| group.name == **name)).cloned().collect();
    if !missing.is_empty() {
        return Err(RolloutError::NoGroup(missing));
    }
    let looks = groups.into_iter().map(|group| async move {
        let seen = look(rollouts, group, &request.goal, now).await?;
        plan(request, seen, rollouts).await
    });
    let mut plans: Vec<GroupPlan> = stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await?;
    plans.sort_by_key(|plan| names.iter().position(|name| *name == plan.name));
    Ok(plans)
}

async fn plan(request: &Request, seen: Seen, rollouts: &dyn Rollouts) -> Result<GroupPlan, TargetError> {
    let name = seen.group.name.clone();
    let wave = request.waves.iter().position(|wave| wave.contains(&name)).unwrap_or_default();
    let failed = seen.refreshes.first().filter(|last| last.state.is_over() && last.state != RefreshState::Successful);
    let forgiven = failed.filter(|_| request.retry).map(|last| last.id.clone());
    let mut stage = due(request, &seen, forgiven.as_deref());
    if let Ok(Stage::Due { to: Some(to), .. }) = &stage
        && let Some(version) = seen.versions.iter().find(|version| version.number == *to)
        && let Some(image) = version.image.as_deref().filter(|image| *image != request.goal.image.as_str())
        && rollouts.architecture(image).await?.is_none()
    {
        stage = Err(Refusal::ImageGone { version: *to, image: image.to_owned() });
    }
    let about = about(request, &seen, &stage);
    Ok(GroupPlan { name, wave, seen, stage, forgiven, about })
}

/// What is due with a group.
pub fn due(request: &Request, seen: &Seen, forgiven: Option<&str>) -> Result<Stage, Refusal> {
    if request.back { back(seen) } else { forward(seen, &request.goal, request.why.as_deref(), forgiven) }
}

/// All that is seen of a group, read again while one answer knows something that another does not know yet.
pub async fn look(
    rollouts: &dyn Rollouts,
    mut group: ScalingGroup,
    goal: &Goal,
    now: OffsetDateTime,
) -> Result<Seen, TargetError> {
    let began = tokio::time::Instant::now();
    loop {
        let template = group.template().map(|named| named.template.clone());
        let names = [group.name.clone()];
        let versions = async {
            match &template {
                Some(template) => rollouts.versions(template).await,
                None => Ok(Vec::new()),
            }
        };
        let (versions, refreshes) = tokio::join!(versions, rollouts.refreshes(&names[0]));
        let mut seen = Seen { group, versions: versions?, refreshes: refreshes?, arch: None };
        if seen.is_settled(goal.image.as_str(), now) || began.elapsed() > UNSETTLED {
            let number = seen.group.template().and_then(|named| named.number());
            let current = seen.versions.iter().find(|version| Some(version.number) == number);
            if let Some(image) = current.and_then(|version| version.image.as_deref()).filter(|i| i.starts_with("ami-"))
            {
                let is_goal = image == goal.image.as_str();
                seen.arch = if is_goal { Some(goal.arch) } else { rollouts.architecture(image).await? };
            }
            return Ok(seen);
        }
        tokio::time::sleep(AGAIN).await;
        let found = rollouts.groups(&names).await?.pop();
        group = found.ok_or_else(|| TargetError::NotFound { what: format!("Auto Scaling group {}", names[0]) })?;
    }
}

/// So many at a time, each as long as an instance takes to come and to warm up; and all waits.
fn about(request: &Request, seen: &Seen, stage: &Result<Stage, Refusal>) -> Duration {
    let policy = &request.policy;
    let count = match stage {
        Ok(Stage::Due { replaced, .. }) => *replaced,
        Ok(Stage::InFlight(refresh) | Stage::GoBack(refresh)) => refresh.left as usize,
        Ok(Stage::UpToDate) | Err(_) => return Duration::ZERO,
    };
    let share = usize::from(100 - policy.minimum_healthy) + usize::from(policy.maximum_healthy - 100);
    let batch = (seen.group.members.len() * share / 100).max(1);
    let warmup = policy.warmup.or(seen.group.warmup).unwrap_or_default();
    let rounds = u32::try_from(count.div_ceil(batch)).unwrap_or(u32::MAX);
    let stops = u32::try_from(policy.checkpoints.len()).unwrap_or_default();
    (LAUNCH + warmup).saturating_mul(rounds) + policy.checkpoint_delay * stops + policy.bake
}
