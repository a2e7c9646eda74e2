//! Carries a roll-out out: one wave after the other. In a wave all groups go at once, and each goes to its end, also where
//! another one fails: a refresh that is cut off leaves a group with two images, one that fails goes back by itself. After a
//! failure no further wave begins.

use super::decide::{Stage, lacks};
use super::gate::{ASKED, Asked, Gate, Open};
use super::goal::Site;
use super::survey::{GroupPlan, Request, due, look, whose};
use super::tries::{Answer, Tries};
use super::{Refusal, RolloutError, label};
use crate::recipe::ChannelRule;
use crate::report::visible::line;
use crate::target::{Begun, RefreshState, Rollouts, Target, TargetError, TemplateRef, Turned};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

/// What became of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was as it should be already.
    UpToDate,
    /// It is now.
    Done,
    /// It is not, and why; AWS has brought it back where it says so.
    Failed(String),
    /// A refresh has begun, or may have, and its end was not seen: that says nothing against the image. And why.
    NotKnown(String),
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
    /// How that refresh ended, and how many of a hundred it had replaced then.
    pub refresh: Option<(RefreshState, u8)>,
    /// Whether it was begun outside of the maintenance window.
    pub outside: bool,
    /// Whether a refresh was in flight or may have been: else the group is as it was.
    pub touched: bool,
    /// Whether it failed because the image was revoked while it went out.
    pub revoked: bool,
}

/// What became of a group.
pub(super) struct Came {
    pub outcome: Outcome,
    /// The version that a refresh went to.
    pub to: Option<i64>,
    /// How that ended, and how many of a hundred it had replaced then.
    pub refresh: Option<(RefreshState, u8)>,
    /// Whether it was begun outside of the maintenance window.
    pub outside: bool,
    /// Whether the image was revoked while it went out.
    pub revoked: bool,
}

impl Came {
    pub fn of(outcome: Outcome, to: Option<i64>) -> Came {
        Came { outcome, to, refresh: None, outside: false, revoked: false }
    }

    /// Of a refresh that has begun, as far as it could be watched: what keeps it from being seen does not end it.
    fn of_watching(watched: Result<Came, TargetError>) -> Came {
        let unseen = |error| Outcome::NotKnown(format!("the refresh goes on, and could not be watched: {error}"));
        watched.unwrap_or_else(|error| Came::of(unseen(error), None))
    }
}

/// What all groups share.
pub(super) struct Work<'a> {
    pub target: &'a dyn Target,
    pub home: Option<&'a dyn Target>,
    pub rollouts: &'a dyn Rollouts,
    pub channels: &'a [ChannelRule],
    pub request: &'a Request,
    pub tell: &'a (dyn Fn(String) + Send + Sync),
    pub asked: Asked,
}

/// Carries it out; `plans` as they were shown. `tell` hears of each change, in words for people.
pub async fn carry_out(
    Site { target, home }: Site<'_>,
    channels: &[ChannelRule],
    request: &Request,
    plans: &[GroupPlan],
    tell: &(dyn Fn(String) + Send + Sync),
) -> Result<Vec<Ended>, RolloutError> {
    let rollouts = target.rollouts().ok_or_else(|| RolloutError::NoGroups(target.kind()))?;
    let work = Work { target, home, rollouts, channels, request, tell, asked: Asked::default() };
    let mut all: Vec<Ended> = Vec::with_capacity(plans.len());
    let mut halted: Option<String> = None;
    for wave in 0..request.waves.len() {
        let ours: Vec<&GroupPlan> = plans.iter().filter(|plan| plan.wave == wave).collect();
        let groups = ours.iter().map(|plan| work.group(plan, halted.as_deref()));
        all.extend(futures_util::future::join_all(groups).await);
        let not_begun = all.iter().find_map(|ended| match &ended.outcome {
            Outcome::NotBegun(why) => Some(why.clone()),
            _ => None,
        });
        let is = |wanted: fn(&Outcome) -> bool| all.iter().any(|ended| wanted(&ended.outcome));
        let failed = is(|outcome| matches!(outcome, Outcome::Failed(_)));
        let failed = failed.then(|| format!("a group of wave {} failed", wave + 1));
        let unseen = is(|outcome| matches!(outcome, Outcome::NotKnown(_)));
        let unseen = unseen.then(|| format!("what becomes of a group of wave {} is not known", wave + 1));
        halted = halted.or(failed).or(unseen).or(not_begun);
    }
    Ok(all)
}

impl Work<'_> {
    pub fn site(&self) -> Site<'_> {
        Site { target: self.target, home: self.home }
    }

    /// Brings a group to its end. A failure is its own, and no reason to leave the others alone. `halted`: why nothing new
    /// is begun; what is in flight is watched all the same.
    async fn group(&self, plan: &GroupPlan, halted: Option<&str>) -> Ended {
        let touched = AtomicBool::new(false);
        let came = match halted.filter(|_| plan.is_begun()) {
            Some(why) => Came::of(Outcome::NotBegun(why.to_owned()), None),
            None => match self.to_its_end(plan, halted, &touched).await {
                Ok(came) => came,
                Err(error) if touched.load(Ordering::Relaxed) => {
                    let why = format!("a refresh may have begun, and goes on then: {error}");
                    Came::of(Outcome::NotKnown(why), None)
                }
                Err(error) => Came::of(Outcome::Failed(error.to_string()), None),
            },
        };
        let (Came { outcome, to, refresh, outside, revoked }, touched) = (came, touched.into_inner());
        Ended { name: plan.name.clone(), wave: plan.wave, outcome, to, refresh, outside, touched, revoked }
    }

    /// What may not be begun is not begun at the second try either: between two the group is looked at anew, and all that
    /// stands against it is asked again.
    async fn to_its_end(
        &self,
        plan: &GroupPlan,
        halted: Option<&str>,
        touched: &AtomicBool,
    ) -> Result<Came, TargetError> {
        let names = std::slice::from_ref(&plan.name);
        let mut tries = Tries::default();
        // A version that its token answers with, and that is not there: someone has deleted it.
        let mut deleted = None;
        loop {
            let mut made = None;
            let group = self.rollouts.groups(names).await?.pop();
            let gone = || TargetError::NotFound { what: format!("Auto Scaling group {}", plan.name) };
            let goal = &self.request.goal;
            let mut seen = look(self.site(), self.rollouts, group.ok_or_else(gone)?, goal).await?;
            whose(self.site(), self.request, &mut seen).await?;
            let stage = match due(self.request, &seen, plan.forgiven.as_deref()) {
                Ok(stage) => stage,
                Err(refusal) => return Ok(Came::of(Outcome::Failed(refusal.to_string()), None)),
            };
            let mut waived = self.request.waived().to_vec();
            if matches!(stage, Stage::Due { .. } | Stage::GoBack(_)) {
                let gate = match halted {
                    Some(why) => Gate::Closed(why.to_owned()),
                    None => self.may_begin(plan, &seen, &stage).await?,
                };
                match gate {
                    // An earlier try may have begun it all the same: then it shows before long.
                    Gate::Closed(_) if tries.may_show() => {
                        tokio::time::sleep(tries.pause()).await;
                        continue;
                    }
                    Gate::Closed(why) => return Ok(Came::of(Outcome::NotBegun(why), None)),
                    Gate::Open(Open { waived: now, .. }) => waived = now,
                }
            }
            // From the answers on: where asking itself takes long, it would never be time.
            let answered = Instant::now();
            let mut comes_to = seen.comes_to(&stage, self.request.back);
            let answer = match stage {
                Stage::UpToDate if tries.is_none() => return Ok(Came::of(Outcome::UpToDate, None)),
                Stage::UpToDate => return Ok(Came::of(Outcome::Done, comes_to)),
                Stage::InFlight(refresh) => {
                    touched.store(true, Ordering::Relaxed);
                    for what in lacks(&refresh, &self.request.pace()) {
                        (self.tell)(format!("{}: the refresh in flight has {}", line(&plan.name), line(&what)));
                    }
                    let wanted = match self.request.back && seen.is_ahead(&refresh) {
                        true => RefreshState::RollbackSuccessful,
                        false => RefreshState::Successful,
                    };
                    let came = Came::of_watching(self.watch(&seen.group, refresh, wanted).await);
                    return Ok(Came { to: comes_to, ..came });
                }
                Stage::GoBack(refresh) => {
                    touched.store(true, Ordering::Relaxed);
                    match self.rollouts.go_back(&plan.name).await {
                        Ok(Turned::Yes) => {
                            (self.tell)(format!("{}: goes back", line(&plan.name)));
                            let watched = self.watch(&seen.group, refresh, RefreshState::RollbackSuccessful).await;
                            return Ok(Came { to: comes_to, ..Came::of_watching(watched) });
                        }
                        // What is due now is seen anew.
                        Ok(Turned::Over) => Answer::Over,
                        Ok(Turned::Unheard(why)) => Answer::Unheard(why),
                        Err(error) => return Ok(Came::of(Outcome::Failed(error.to_string()), comes_to)),
                    }
                }
                Stage::Due { source, to, description, replaced, .. } => {
                    let Some(own) = seen.group.template() else {
                        return Ok(Came::of(Outcome::Failed(Refusal::Nothing.to_string()), None));
                    };
                    let to = match to {
                        Some(to) => to,
                        None => {
                            let image = &goal.image;
                            let over = (own.template.as_str(), source);
                            let wanted = label::new_version(over, image, &plan.name, &description, deleted);
                            *made.insert(self.rollouts.create_version(&wanted).await?)
                        }
                    };
                    comes_to = Some(to);
                    // It took its time: what was decided before it may hold no more.
                    if answered.elapsed() > 2 * ASKED {
                        continue;
                    }
                    let named = TemplateRef { template: own.template.clone(), version: to.to_string() };
                    let pace = self.request.pace_without(&waived);
                    let begun = self.rollouts.refresh(&plan.name, &named, &pace).await?;
                    touched.fetch_or(!matches!(begun, Begun::NotKnown(_)), Ordering::Relaxed);
                    match begun {
                        Begun::Yes(id) => {
                            let name = line(&plan.name);
                            let why = self.request.reasons(seen.at).now;
                            let outside = why.is_some();
                            let why = why.map(|why| format!("; outside of its window: {why}")).unwrap_or_default();
                            (self.tell)(format!("{name}: begun, version {to}, {replaced} to replace{why}"));
                            // Whatever becomes of it, a second one is not for this run to begin.
                            let watched = match self.shows(&plan.name, &id).await {
                                Ok(Some(refresh)) => self.watch(&seen.group, refresh, RefreshState::Successful).await,
                                Ok(None) => {
                                    let why = format!("AWS has begun the refresh {id}, and does not show it");
                                    Ok(Came::of(Outcome::NotKnown(why), None))
                                }
                                Err(error) => Err(error),
                            };
                            return Ok(Came { to: Some(to), outside, ..Came::of_watching(watched) });
                        }
                        Begun::Another => Answer::Another,
                        Begun::NotKnown(why) => Answer::NotKnown(why),
                        Begun::Unheard(why) => Answer::Unheard(why),
                    }
                }
            };
            let is_unknown = matches!(answer, Answer::NotKnown(_));
            if let Err(why) = tries.again(answer) {
                if made.is_some() && deleted.is_none() && is_unknown && !tries.may_show() {
                    (deleted, tries) = (made, Tries::default());
                    continue;
                }
                return Ok(Came::of(Outcome::Failed(why), comes_to));
            }
            tokio::time::sleep(tries.pause()).await;
        }
    }
}
