//! Looks at all groups before the first change, and says of each what would be done.

use super::alarms::Alarms;
use super::decide::{Seen, Stage, UNSETTLED, back, forward};
use super::goal::Site;
use super::label::Reasons;
use super::{Goal, Refusal, RolloutError, marks, mends};
use crate::hardening::shell::option;
use crate::identity::{ImageId, RecipeName};
use crate::pipeline::tags;
use crate::recipe::RolloutPolicy;
use crate::release::scene::Scene;
use crate::report::visible::line;
use crate::target::{NamedAt, Pace, Rollouts, ScalingGroup, TargetError, TemplateUser};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Why it may be begun outside of the window.
    pub why: Option<String>,
    /// Alarms that ring, and don't hold it up.
    pub despite: Option<Despite>,
    /// Try again what has failed before.
    pub retry: bool,
    /// The recipe whose groups may come to run this one's image.
    pub take_over: Option<RecipeName>,
}

/// Alarms that ring, and don't hold up what may be just what quiets them.
#[derive(Debug, Clone)]
pub struct Despite {
    /// Which.
    pub alarms: Vec<String>,
    /// Why.
    pub why: String,
}

impl Request {
    /// For which reasons what is refused else is done at this moment: in its window nothing is out of order, whatever was
    /// said, and a window can close while it goes on.
    pub fn reasons(&self, now: OffsetDateTime) -> Reasons<'_> {
        let is_closed = !self.back && self.policy.window.as_ref().is_some_and(|window| !window.is_open(now));
        Reasons {
            now: self.why.as_deref().filter(|_| is_closed),
            despite: self.despite.as_ref().map(|despite| despite.why.as_str()),
        }
    }

    /// The alarms that it was shown not to be held up by.
    pub fn waived(&self) -> &[String] {
        self.despite.as_ref().map(|despite| despite.alarms.as_slice()).unwrap_or_default()
    }

    /// How instances are replaced, as it stands before it begins.
    pub fn pace(&self) -> Pace {
        self.pace_without(self.waived())
    }

    /// How instances are replaced, with no watch by these alarms. Whoever goes back is in a hurry, and the alarms may be
    /// ringing for that very reason: no checkpoint, no bake time and no alarm holds that up, and what fails does not go
    /// forward again.
    pub fn pace_without(&self, waived: &[String]) -> Pace {
        let mut policy = self.policy.clone();
        policy.alarms.retain(|name| !waived.contains(name));
        let pace = Pace {
            least: policy.minimum_healthy,
            most: policy.maximum_healthy,
            checkpoints: policy.checkpoints,
            delay: policy.checkpoint_delay,
            bake: policy.bake,
            warmup: policy.warmup,
            alarms: policy.alarms,
            comes_back: true,
        };
        match self.back {
            true => Pace { checkpoints: vec![], bake: Duration::ZERO, alarms: vec![], comes_back: false, ..pace },
            false => pace,
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
    /// Whether a refresh is in flight that goes where it should.
    pub fn is_in_flight(&self) -> bool {
        matches!(self.stage, Ok(Stage::InFlight(_)))
    }

    /// Whether something new is begun.
    pub fn is_begun(&self) -> bool {
        matches!(self.stage, Ok(Stage::Due { .. } | Stage::GoBack(_)))
    }
}

/// What was seen before the first change.
#[derive(Debug, Clone)]
pub struct Survey {
    /// What would be done with each group.
    pub plans: Vec<GroupPlan>,
    /// Alarms that are to watch over it and have no data: they end nothing until they have some.
    pub silent: Vec<String>,
}

/// Looks at all groups. Changes nothing.
pub async fn survey(site: Site<'_>, request: &Request, scene: &Scene) -> Result<Survey, RolloutError> {
    let rollouts = site.target.rollouts().ok_or_else(|| RolloutError::NoGroups(site.target.kind()))?;
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
        return Err(RolloutError::NoGroup { names: missing, region: request.goal.region.clone() });
    }
    let looks = groups.into_iter().map(|group| async move {
        let mut seen = look(site, rollouts, group, &request.goal).await?;
        whose(site, request, &mut seen).await?;
        plan(site, request, seen, rollouts, scene).await
    });
    let mut plans: Vec<GroupPlan> = stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut silent = Vec::new();
    if plans.iter().any(is_due) {
        let alarms = Alarms::look(rollouts, &request.pace().alarms).await?;
        if let Some(refusal) = alarms.refusal(&[]) {
            for plan in plans.iter_mut().filter(|plan| is_due(plan)) {
                plan.stage = Err(refusal.clone());
            }
        }
        silent = alarms.silent;
    }
    let makes = |plan: &GroupPlan| plan.stage.as_ref().is_ok_and(makes_a_version);
    if plans.iter().any(makes) {
        let users = rollouts.users().await?;
        for plan in plans.iter_mut().filter(|plan| makes(plan)) {
            if let Some(refusal) = shared(&plan.seen, &users) {
                plan.stage = Err(refusal);
            }
        }
    }
    plans.sort_by_key(|plan| names.iter().position(|name| *name == plan.name));
    Ok(Survey { plans, silent })
}

fn is_due(plan: &GroupPlan) -> bool {
    matches!(plan.stage, Ok(Stage::Due { .. }))
}

/// Whether the group's template gets a new version for it.
pub(super) fn makes_a_version(stage: &Stage) -> bool {
    matches!(stage, Stage::Due { to: None, .. })
}

/// Other groups that would take a new version of this one's template by themselves.
pub(super) fn shared(seen: &Seen, users: &[TemplateUser]) -> Option<Refusal> {
    let template = &seen.group.template()?.template;
    let is_other = |user: &&TemplateUser| {
        user.group != seen.group.name && user.named.template == *template && user.named.version == "$Latest"
    };
    let users: BTreeSet<(&str, NamedAt)> =
        users.iter().filter(is_other).map(|user| (user.group.as_str(), user.at)).collect();
    let latest = seen.versions.iter().map(|version| version.number).max()?;
    let mend = |(group, at): &(&str, NamedAt)| {
        let place = mends::Place { group: (*group).to_owned(), ..seen.place() };
        match at {
            NamedAt::Override => mends::overrides_by_number(&place, template, latest),
            NamedAt::Own | NamedAt::Mixed => mends::by_number(&place, template, latest, *at == NamedAt::Mixed),
        }
    };
    let mut others: Vec<String> = users.iter().map(|(group, _)| (*group).to_owned()).collect();
    others.dedup();
    let mends = users.iter().map(mend).collect();
    (!others.is_empty()).then(|| Refusal::Shared { template: template.clone(), others, mends })
}

/// Why a version is nothing to go back to: its image must be there, and be fit for use where it is one of ours. What is
/// revoked at home is so everywhere, whatever its tags say here.
pub async fn unfit(
    site: Site<'_>,
    rollouts: &dyn Rollouts,
    scene: &Scene,
    seen: &Seen,
    version: i64,
) -> Result<Option<Refusal>, TargetError> {
    let of_version = seen.versions.iter().find(|one| one.number == version);
    let Some(image) = of_version.and_then(|version| version.image.clone()) else { return Ok(None) };
    let seen = rollouts.image_seen(&image).await?.filter(|seen| !seen.state.is_empty());
    let gone = |state: &str| Refusal::ImageGone { version, image: image.clone(), state: state.to_owned() };
    let Some(seen) = seen else { return Ok(Some(gone("gone"))) };
    if seen.state != "available" {
        return Ok(Some(gone(&seen.state)));
    }
    // What a group had before it was rolled for the first time is perhaps no image of the recipe.
    let id = image.parse::<ImageId>().ok();
    let fit = id.and_then(|id| scene.version_of(&id).map(|of_recipe| scene.fit(of_recipe, &id)));
    if let Some(Err(error)) = fit {
        return Ok(Some(Refusal::Unfit { version, image, why: error.to_string() }));
    }
    // A mark says it of any recipe's image.
    let Some(reason) = marks::revoked(site, &image, &seen).await? else { return Ok(None) };
    let owner = tags::owner(&seen.tags);
    let what = owner.map_or("it".to_owned(), |owner| format!("{} {}", owner.recipe, owner.version));
    let why = format!("{what} is revoked: {}\n  roll another image out", line(&reason));
    Ok(Some(Refusal::Unfit { version, image, why }))
}

/// The version that a group that goes back comes to.
pub fn comes_back_to(seen: &Seen, stage: &Stage) -> Option<i64> {
    match stage {
        Stage::Due { to, .. } => *to,
        Stage::GoBack(_) => seen.group.template().and_then(|named| named.number()),
        Stage::UpToDate | Stage::InFlight(_) => None,
    }
}

async fn plan(
    site: Site<'_>,
    request: &Request,
    seen: Seen,
    rollouts: &dyn Rollouts,
    scene: &Scene,
) -> Result<GroupPlan, TargetError> {
    let name = seen.group.name.clone();
    let wave = request.waves.iter().position(|wave| wave.contains(&name)).unwrap_or_default();
    let mut stage = due(request, &seen, None);
    let against = stage.as_ref().err().and_then(Refusal::forgivable);
    let forgiven = against.filter(|_| request.retry).map(str::to_owned);
    if forgiven.is_some() {
        stage = due(request, &seen, forgiven.as_deref());
    }
    if request.back
        && let Some(to) = stage.as_ref().ok().and_then(|stage| comes_back_to(&seen, stage))
        && let Some(refusal) = unfit(site, rollouts, scene, &seen, to).await?
    {
        stage = Err(refusal);
    }
    let about = about(request, &seen, &stage);
    Ok(GroupPlan { name, wave, seen, stage, forgiven, about })
}

/// What is due with a group.
pub fn due(request: &Request, seen: &Seen, forgiven: Option<&str>) -> Result<Stage, Refusal> {
    if request.back {
        return back(seen, &request.goal, forgiven);
    }
    let stage = forward(seen, &request.goal, request.reasons(seen.at), forgiven)?;
    match (&stage, &seen.recipe) {
        (Stage::Due { .. }, Some(its)) if *its != request.goal.recipe && request.take_over.as_ref() != Some(its) => {
            let command = request.goal.command();
            let way = format!("{command} --take-over {its} {}", option("--group", &seen.group.name));
            Err(Refusal::AnotherRecipe { its: its.clone(), ours: request.goal.recipe.clone(), way })
        }
        (Stage::Due { .. }, None) if request.take_over.as_ref() != Some(&request.goal.recipe) => match &seen.gone {
            Some(image) => {
                let (command, ours) = (request.goal.command(), request.goal.recipe.clone());
                let way = format!("{command} --take-over {ours} {}", option("--group", &seen.group.name));
                Err(Refusal::NobodyKnowsWhose { image: image.clone(), ours, way })
            }
            None => Ok(stage),
        },
        _ => Ok(stage),
    }
}

/// Whose the image was that a group launches and that is gone: an image that nobody sees any more has no tags that say it, and
/// what the recipe that goes out has on record does, or the one that is to be taken over.
pub async fn whose(site: Site<'_>, request: &Request, seen: &mut Seen) -> Result<(), TargetError> {
    let Some(image) = seen.gone.as_deref().filter(|_| !request.back && seen.recipe.is_none()) else { return Ok(()) };
    for recipe in [Some(&request.goal.recipe), request.take_over.as_ref()].into_iter().flatten() {
        if marks::was_of(site, recipe, image).await? {
            seen.recipe = Some(recipe.clone());
            break;
        }
    }
    Ok(())
}

/// All that is seen of a group, read again while one answer knows something that another does not know yet.
pub async fn look(
    site: Site<'_>,
    rollouts: &dyn Rollouts,
    mut group: ScalingGroup,
    goal: &Goal,
) -> Result<Seen, TargetError> {
    let now = site.target.now();
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
        let mut seen = Seen {
            group,
            versions: versions?,
            refreshes: refreshes?,
            arch: None,
            recipe: None,
            gone: None,
            revoked: BTreeMap::new(),
            at: now,
        };
        if seen.is_settled(goal.image.as_str(), now) || began.elapsed() > UNSETTLED {
            let number = seen.group.template().and_then(|named| named.number());
            let current = seen.versions.iter().find(|version| Some(version.number) == number);
            let current = current.and_then(|version| version.image.clone());
            let mut images: BTreeSet<&str> = seen.images().chain(current.as_deref()).collect();
            images.retain(|image| image.starts_with("ami-") && *image != goal.image.as_str());
            let mut looked = BTreeMap::new();
            for image in images {
                if let Some(found) = rollouts.image_seen(image).await? {
                    looked.insert(image.to_owned(), found);
                }
            }
            for (image, found) in &looked {
                // It is told, and decides nothing: where home can't be read now, the tags are all that is known.
                let of_tags = |_| tags::revoked(&found.tags).map(str::to_owned);
                if let Some(reason) = marks::revoked(site, image, found).await.unwrap_or_else(of_tags) {
                    let owner = tags::owner(&found.tags);
                    let what = owner.map_or(image.clone(), |owner| format!("{} {}", owner.recipe, owner.version));
                    seen.revoked.insert(image.clone(), (what, reason));
                }
            }
            if current.as_deref() == Some(goal.image.as_str()) {
                (seen.arch, seen.recipe) = (Some(goal.arch), Some(goal.recipe.clone()));
            } else if let Some(current) = current {
                match looked.remove(&current) {
                    Some(image) => {
                        seen.arch = image.arch;
                        seen.recipe = tags::owner(&image.tags).map(|owner| owner.recipe);
                    }
                    None => seen.gone = Some(current),
                }
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
    let pace = request.pace();
    let count = match stage {
        Ok(Stage::Due { replaced, warm, .. }) => *replaced + *warm,
        Ok(Stage::InFlight(refresh) | Stage::GoBack(refresh)) => refresh.left as usize,
        Ok(Stage::UpToDate) | Err(_) => return Duration::ZERO,
    };
    let share = usize::from(100 - pace.least) + usize::from(pace.most - 100);
    let batch = (seen.group.members.len() * share / 100).max(1);
    let warmup = pace.warmup.or(seen.group.warmup).unwrap_or_default();
    let rounds = u32::try_from(count.div_ceil(batch)).unwrap_or(u32::MAX);
    let stops = u32::try_from(pace.checkpoints.len()).unwrap_or_default();
    (LAUNCH + warmup).saturating_mul(rounds) + pace.delay * stops + pace.bake
}
