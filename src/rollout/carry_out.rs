//! Carries a roll-out out: one wave after the other. In a wave all groups go at once, and each goes to its end, also where
//! another one fails: a refresh that is cut off leaves a group with two images, one that fails goes back by itself. After a
//! failure no further wave begins.

use super::alarms::Alarms;
use super::decide::{Seen, Stage, UNSETTLED, lacks};
use super::refusal::said;
use super::survey::{GroupPlan, Request, comes_back_to, due, look, unfit};
use super::{Refusal, RolloutError, error, goal, label};
use crate::recipe::ChannelRule;
use crate::release::ReleaseError;
use crate::release::scene::Scene;
use crate::report::visible::line;
use crate::target::{Begun, Refresh, RefreshState, Rollouts, Target, TargetError, TemplateRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How often refreshes are looked at.
const LOOK: Duration = Duration::from_secs(15);
/// How long a refresh that has begun may take to show.
const SHOWS: Duration = Duration::from_secs(2);
/// For how long what stands against beginning is not asked anew: so the groups of a wave ask once.
const ASKED: Duration = Duration::from_secs(5);

/// What became of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was as it should be already.
    UpToDate,
    /// It is now.
    Done,
    /// It is not, and why; AWS has brought it back where it says so.
    Failed(String),
    /// Nothing was begun with it, and why.
    NotBegun(String),
}

/// A group, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its name.
    pub name: String,
    /// In which wave, from 0.
    pub wave: usize,
    /// What became of it.
    pub outcome: Outcome,
    /// The version of its template that a refresh brought it to, or tried to.
    pub to: Option<i64>,
    /// How that refresh ended.
    pub refresh: Option<RefreshState>,
}

/// What became of a group.
struct Came {
    outcome: Outcome,
    /// The version that a refresh went to.
    to: Option<i64>,
    /// How that ended.
    refresh: Option<RefreshState>,
}

impl Came {
    fn of(outcome: Outcome, to: Option<i64>) -> Came {
        Came { outcome, to, refresh: None }
    }
}

/// What stands against beginning anything at this moment.
#[derive(Clone)]
enum Gate {
    /// That.
    Closed(String),
    /// Nothing.
    Open(Open),
}

/// What is known where nothing stands against it.
#[derive(Clone, Default)]
struct Open {
    /// The recipe's images as they are now, for whoever goes back.
    scene: Option<Arc<Scene>>,
    /// Alarms that ring at this moment, and don't hold it up.
    waived: Vec<String>,
}

/// What all groups share.
struct Work<'a> {
    target: &'a dyn Target,
    rollouts: &'a dyn Rollouts,
    channels: &'a [ChannelRule],
    request: &'a Request,
    tell: &'a (dyn Fn(String) + Send + Sync),
    asked: Mutex<Option<(Instant, Gate)>>,
}

/// Carries it out; `plans` as they were shown. `tell` hears of each change, in words for people.
pub async fn carry_out(
    target: &dyn Target,
    channels: &[ChannelRule],
    request: &Request,
    plans: &[GroupPlan],
    tell: &(dyn Fn(String) + Send + Sync),
) -> Result<Vec<Ended>, RolloutError> {
    let rollouts = target.rollouts().ok_or_else(|| RolloutError::NoGroups(target.kind()))?;
    let work = Work { target, rollouts, channels, request, tell, asked: Mutex::default() };
    let mut all: Vec<Ended> = Vec::with_capacity(plans.len());
    let mut halted: Option<String> = None;
    for wave in 0..request.waves.len() {
        let ours: Vec<&GroupPlan> = plans.iter().filter(|plan| plan.wave == wave).collect();
        let groups = ours.iter().map(|plan| work.group(plan, halted.as_deref()));
        let ended = futures_util::future::join_all(groups).await;
        for (plan, Came { outcome, to, refresh }) in ours.iter().zip(ended) {
            all.push(Ended { name: plan.name.clone(), wave, outcome, to, refresh });
        }
        let not_begun = all.iter().find_map(|ended| match &ended.outcome {
            Outcome::NotBegun(why) => Some(why.clone()),
            _ => None,
        });
        let failed = all.iter().any(|ended| matches!(ended.outcome, Outcome::Failed(_)));
        halted = halted.or(failed.then(|| format!("a group of wave {} failed", wave + 1))).or(not_begun);
    }
    Ok(all)
}

impl Work<'_> {
    /// What stands against beginning anything now. Much time may have passed since it was planned, also while a person was
    /// asked: the window may be closed, the image revoked, an alarm ringing.
    async fn gate(&self) -> Result<Gate, TargetError> {
        let mut asked = self.asked.lock().await;
        if let Some((_, gate)) = asked.as_ref().filter(|(at, _)| at.elapsed() < ASKED) {
            return Ok(gate.clone());
        }
        let gate = self.asks().await?;
        *asked = Some((Instant::now(), gate.clone()));
        Ok(gate)
    }

    async fn asks(&self) -> Result<Gate, TargetError> {
        let (now, request) = (self.target.now(), self.request);
        // Whoever goes back waits for nothing.
        if let Some(window) = request.policy.window.as_ref().filter(|_| request.why.is_none() && !request.back)
            && !window.is_open(now)
        {
            let opens = error::opening(window.opens(now));
            return Ok(Gate::Closed(format!("the maintenance window ({window}) has closed; it opens {opens}")));
        }
        let wanted = &request.goal;
        if request.back {
            return match Scene::look(self.target, &wanted.recipe).await {
                Ok(scene) => Ok(Gate::Open(Open { scene: Some(Arc::new(scene)), waived: Vec::new() })),
                Err(ReleaseError::Target(error)) => Err(error),
                Err(error) => Ok(Gate::Closed(error.to_string())),
            };
        }
        // Of those that rang before, the ones that are quiet by now watch over it again.
        let mut alarms = Alarms::look(self.rollouts, &request.policy.alarms).await?;
        if let Some(refusal) = alarms.refusal(request.waived()) {
            return Ok(Gate::Closed(refusal.to_string()));
        }
        let waived = std::mem::take(&mut alarms.ringing);
        let asked = (&wanted.recipe, wanted.channel.as_str(), Some(wanted.arch));
        match goal::read(self.target, self.channels, asked).await {
            Ok((now, _)) if now == *wanted => Ok(Gate::Open(Open { scene: None, waived })),
            Ok((now, _)) => Ok(Gate::Closed(format!("{} names {} meanwhile", now.channel, now.version))),
            Err(RolloutError::Target(error) | RolloutError::Release(ReleaseError::Target(error))) => Err(error),
            Err(error) => Ok(Gate::Closed(error.to_string())),
        }
    }

    /// Whether anything is begun with this group now, though it is due.
    async fn may_begin(&self, plan: &GroupPlan, seen: &Seen, stage: &Stage) -> Result<Gate, TargetError> {
        if let Some(what) = changed(plan, stage) {
            return Ok(Gate::Closed(Refusal::Changed(what).to_string()));
        }
        let gate = self.gate().await?;
        if let Gate::Open(Open { scene: Some(scene), .. }) = &gate
            && let Some(to) = comes_back_to(seen, stage)
            && let Some(refusal) = unfit(self.rollouts, scene, seen, to).await?
        {
            return Ok(Gate::Closed(refusal.to_string()));
        }
        Ok(gate)
    }

    /// Brings a group to its end. A failure is its own, and no reason to leave the others alone. `halted`: why nothing new
    /// is begun; what is in flight is watched all the same.
    async fn group(&self, plan: &GroupPlan, halted: Option<&str>) -> Came {
        if let Some(why) = halted.filter(|_| plan.is_begun()) {
            return Came::of(Outcome::NotBegun(why.to_owned()), None);
        }
        match self.to_its_end(plan, halted).await {
            Ok(came) => came,
            Err(error) => Came::of(Outcome::Failed(error.to_string()), None),
        }
    }

    async fn to_its_end(&self, plan: &GroupPlan, halted: Option<&str>) -> Result<Came, TargetError> {
        let names = std::slice::from_ref(&plan.name);
        let mut began = None;
        let mut waived = self.request.waived().to_vec();
        loop {
            let group = self.rollouts.groups(names).await?.pop();
            let gone = || TargetError::NotFound { what: format!("Auto Scaling group {}", plan.name) };
            let (goal, now) = (&self.request.goal, self.target.now());
            let seen = look(self.rollouts, group.ok_or_else(gone)?, goal, now).await?;
            let stage = match due(self.request, &seen, plan.forgiven.as_deref()) {
                Ok(stage) => stage,
                Err(refusal) => return Ok(Came::of(Outcome::Failed(refusal.to_string()), None)),
            };
            // What was tried already is not asked for again: AWS may have begun it.
            if began.is_none() && matches!(stage, Stage::Due { .. } | Stage::GoBack(_)) {
                let gate = match halted {
                    Some(why) => Gate::Closed(why.to_owned()),
                    None => self.may_begin(plan, &seen, &stage).await?,
                };
                match gate {
                    Gate::Closed(why) => return Ok(Came::of(Outcome::NotBegun(why), None)),
                    Gate::Open(open) => waived = open.waived,
                }
            }
            let comes_to = seen.comes_to(&stage, self.request.back);
            match stage {
                Stage::UpToDate if began.is_none() => return Ok(Came::of(Outcome::UpToDate, None)),
                Stage::UpToDate => return Ok(Came::of(Outcome::Done, comes_to)),
                Stage::InFlight(refresh) => {
                    for what in lacks(&refresh, &self.request.pace()) {
                        (self.tell)(format!("{}: the refresh in flight has {}", line(&plan.name), line(&what)));
                    }
                    let wanted = match self.request.back && seen.is_ahead(&refresh) {
                        true => RefreshState::RollbackSuccessful,
                        false => RefreshState::Successful,
                    };
                    let came = self.watch(&plan.name, refresh, wanted).await?;
                    return Ok(Came { to: comes_to, ..came });
                }
                Stage::GoBack(refresh) => {
                    if self.rollouts.go_back(&plan.name).await? {
                        (self.tell)(format!("{}: goes back", line(&plan.name)));
                        let came = self.watch(&plan.name, refresh, RefreshState::RollbackSuccessful).await?;
                        return Ok(Came { to: comes_to, ..came });
                    }
                    // It has ended meanwhile: what is due now is seen anew.
                }
                Stage::Due { source, to, description, replaced, .. } => {
                    let Some(own) = seen.group.template() else {
                        return Ok(Came::of(Outcome::Failed(Refusal::Nothing.to_string()), None));
                    };
                    let to = match to {
                        Some(to) => to,
                        None => {
                            let image = &goal.image;
                            let wanted = label::new_version(&own.template, source, image, &plan.name, &description);
                            self.rollouts.create_version(&wanted).await?
                        }
                    };
                    let named = TemplateRef { template: own.template.clone(), version: to.to_string() };
                    let first = *began.get_or_insert_with(Instant::now);
                    let failed = |why: String| Ok(Came::of(Outcome::Failed(why), Some(to)));
                    let pace = self.request.pace_without(&waived);
                    match self.rollouts.refresh(&plan.name, &named, &pace).await? {
                        Begun::Yes(id) => {
                            let name = line(&plan.name);
                            (self.tell)(format!("{name}: begun, version {to}, {replaced} to replace"));
                            // Whatever becomes of it, a second one is not for this run to begin.
                            let came = match self.shows(&plan.name, &id).await? {
                                Some(refresh) => self.watch(&plan.name, refresh, RefreshState::Successful).await?,
                                None => return failed(format!("AWS has begun the refresh {id}, and does not show it")),
                            };
                            return Ok(Came { to: Some(to), ..came });
                        }
                        Begun::Another if first.elapsed() > UNSETTLED => {
                            return failed("AWS says that a refresh is in flight, and shows none".to_owned());
                        }
                        Begun::NotKnown(why) if first.elapsed() > UNSETTLED => return failed(why),
                        Begun::Another | Begun::NotKnown(_) => {}
                    }
                }
            }
            tokio::time::sleep(SHOWS).await;
        }
    }

    /// A refresh that has just begun, when it shows.
    async fn shows(&self, group: &str, id: &str) -> Result<Option<Refresh>, TargetError> {
        let began = Instant::now();
        loop {
            tokio::time::sleep(SHOWS).await;
            let all = self.rollouts.refreshes(group).await?;
            let found = all.into_iter().find(|refresh| refresh.id == id);
            if found.is_some() || began.elapsed() > UNSETTLED {
                return Ok(found);
            }
        }
    }

    /// Watches a refresh to its end.
    async fn watch(&self, group: &str, mut refresh: Refresh, wanted: RefreshState) -> Result<Came, TargetError> {
        let to = refresh.desired.as_ref().and_then(TemplateRef::number);
        let mut told = String::new();
        loop {
            let now = told_of(&refresh);
            if now != told {
                (self.tell)(format!("{}: {now}", line(group)));
                told = now;
            }
            match refresh.state {
                state if state == wanted => return Ok(Came { outcome: Outcome::Done, to, refresh: Some(state) }),
                state if state.is_over() => {
                    let what = format!("the refresh ended: {}{}", state.as_str(), said(&refresh.reason));
                    return Ok(Came { outcome: Outcome::Failed(what), to, refresh: Some(state) });
                }
                _ => tokio::time::sleep(LOOK).await,
            }
            let all = self.rollouts.refreshes(group).await?;
            refresh = all.into_iter().find(|one| one.id == refresh.id).unwrap_or(refresh);
        }
    }
}

/// What another hand has changed since the plan was shown, where something else would be done now.
fn changed(plan: &GroupPlan, now: &Stage) -> Option<String> {
    match (&plan.stage, now) {
        // A refresh that was to be turned round can have come to its end meanwhile.
        (Ok(Stage::GoBack(_)), _) => None,
        (Ok(Stage::Due { source, .. }), Stage::Due { source: other, .. }) if source != other => {
            Some(format!("it launched from version {source}, and launches from version {other} now"))
        }
        (Ok(Stage::Due { to: Some(to), .. }), Stage::Due { to: Some(other), .. }) if to != other => {
            Some(format!("it was to go to version {to}, and would go to version {other} now"))
        }
        (Ok(Stage::Due { .. }), Stage::Due { .. }) => None,
        (Ok(Stage::Due { .. }), _) => Some("a refresh was begun, and would be turned round now".to_owned()),
        (Ok(Stage::UpToDate), _) => Some("it was where it should be, and is not now".to_owned()),
        (Ok(Stage::InFlight(_)), _) => Some("the refresh that was in flight is over, and it is not there".to_owned()),
        (Err(_), _) => None,
    }
}

fn told_of(refresh: &Refresh) -> String {
    let since = refresh.started.map(crate::pipeline::clock::rfc3339);
    let since = since.map(|since| format!(", since {since}")).unwrap_or_default();
    let why = said(&refresh.reason);
    format!("{}, {} % replaced, {} left{since}{why}", refresh.state.as_str(), refresh.percent, refresh.left)
}
