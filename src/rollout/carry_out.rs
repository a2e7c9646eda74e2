//! Carries a roll-out out: one wave after the other. In a wave all groups go at once, and each goes to its end, also where
//! another one fails: a refresh that is cut off leaves a group with two images, one that fails goes back by itself. After a
//! failure no further wave begins.

use super::decide::{Stage, UNSETTLED};
use super::refusal::said;
use super::survey::{GroupPlan, Request, due, look};
use super::{Refusal, RolloutError, error, goal, label};
use crate::recipe::ChannelRule;
use crate::report::visible::line;
use crate::target::{Begun, Refresh, RefreshState, Rollouts, Target, TargetError, TemplateRef};
use std::time::Duration;

/// How often refreshes are looked at.
const LOOK: Duration = Duration::from_secs(15);
/// How long a refresh that has begun may take to show.
const SHOWS: Duration = Duration::from_secs(2);

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
}

/// What all groups share.
struct Work<'a> {
    target: &'a dyn Target,
    rollouts: &'a dyn Rollouts,
    request: &'a Request,
    tell: &'a (dyn Fn(String) + Send + Sync),
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
    let work = Work { target, rollouts, request, tell };
    let mut all: Vec<Ended> = Vec::with_capacity(plans.len());
    let mut halted: Option<String> = None;
    for wave in 0..request.waves.len() {
        let ours: Vec<&GroupPlan> = plans.iter().filter(|plan| plan.wave == wave).collect();
        if halted.is_none() && wave > 0 && ours.iter().any(|plan| plan.is_begun()) {
            halted = work.why_not_now(channels).await?;
        }
        let ended = match &halted {
            Some(why) => ours.iter().map(|_| Outcome::NotBegun(why.clone())).collect(),
            None => futures_util::future::join_all(ours.iter().map(|plan| work.group(plan))).await,
        };
        all.extend(ours.iter().zip(ended).map(|(plan, outcome)| Ended { name: plan.name.clone(), wave, outcome }));
        if halted.is_none() && all.iter().any(|ended| matches!(ended.outcome, Outcome::Failed(_))) {
            halted = Some(format!("a group of wave {} failed", wave + 1));
        }
    }
    Ok(all)
}

impl Work<'_> {
    /// Why the next wave does not begin. Much time may have passed: the window may be closed, the image revoked.
    async fn why_not_now(&self, channels: &[ChannelRule]) -> Result<Option<String>, RolloutError> {
        let (now, request) = (self.target.now(), self.request);
        if let Some(window) = request.policy.window.as_ref().filter(|_| request.why.is_none())
            && !window.is_open(now)
        {
            let opens = error::opening(window.opens(now));
            return Ok(Some(format!("the maintenance window ({window}) has closed; it opens {opens}")));
        }
        if request.back {
            return Ok(None);
        }
        let wanted = &request.goal;
        let asked = (&wanted.recipe, wanted.channel.as_str(), Some(wanted.arch));
        Ok(match goal::read(self.target, channels, asked).await {
            Ok((now, _)) if now == *wanted => None,
            Ok((now, _)) => Some(format!("{} names {} meanwhile", now.channel, now.version)),
            Err(RolloutError::Target(error)) => return Err(error.into()),
            Err(error) => Some(error.to_string()),
        })
    }

    /// Brings a group to its end. A failure is its own, and no reason to leave the others alone.
    async fn group(&self, plan: &GroupPlan) -> Outcome {
        match self.to_its_end(plan).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    async fn to_its_end(&self, plan: &GroupPlan) -> Result<Outcome, TargetError> {
        let names = std::slice::from_ref(&plan.name);
        let mut began = None;
        loop {
            let group = self.rollouts.groups(names).await?.pop();
            let gone = || TargetError::NotFound { what: format!("Auto Scaling group {}", plan.name) };
            let (goal, now) = (&self.request.goal, self.target.now());
            let seen = look(self.rollouts, group.ok_or_else(gone)?, goal, now).await?;
            match due(self.request, &seen, plan.forgiven.as_deref()) {
                Ok(Stage::UpToDate) if began.is_none() => return Ok(Outcome::UpToDate),
                Ok(Stage::UpToDate) => return Ok(Outcome::Done),
                Ok(Stage::InFlight(refresh)) => return self.watch(&plan.name, refresh).await,
                Ok(Stage::GoBack(refresh)) => {
                    if self.rollouts.go_back(&plan.name).await? {
                        (self.tell)(format!("{}: goes back", line(&plan.name)));
                        return self.watch(&plan.name, refresh).await;
                    }
                    // It has ended meanwhile: what is due now is seen anew.
                }
                Ok(Stage::Due { source, to, description, replaced }) => {
                    let Some(own) = seen.group.template() else { return Ok(refused(&Refusal::Nothing)) };
                    let to = match to {
                        Some(to) => to,
                        None => {
                            let image = &goal.image;
                            let wanted = label::new_version(&own.template, source, image, &plan.name, &description);
                            self.rollouts.create_version(&wanted).await?
                        }
                    };
                    let to = TemplateRef { template: own.template.clone(), version: to.to_string() };
                    let first = *began.get_or_insert_with(tokio::time::Instant::now);
                    match self.rollouts.refresh(&plan.name, &to, &self.request.pace()).await? {
                        Begun::Yes => {
                            let (name, version) = (line(&plan.name), &to.version);
                            (self.tell)(format!("{name}: begun, version {version}, {replaced} to replace"));
                        }
                        Begun::Another if first.elapsed() > UNSETTLED => {
                            let why = "AWS says that a refresh is in flight, and shows none";
                            return Ok(Outcome::Failed(why.to_owned()));
                        }
                        Begun::NotKnown(why) if first.elapsed() > UNSETTLED => return Ok(Outcome::Failed(why)),
                        Begun::Another | Begun::NotKnown(_) => {}
                    }
                }
                Err(refusal) => return Ok(refused(&refusal)),
            }
            tokio::time::sleep(SHOWS).await;
        }
    }

    /// Watches a refresh to its end.
    async fn watch(&self, group: &str, mut refresh: Refresh) -> Result<Outcome, TargetError> {
        let mut told = String::new();
        loop {
            let now = told_of(&refresh);
            if now != told {
                (self.tell)(format!("{}: {now}", line(group)));
                told = now;
            }
            match refresh.state {
                RefreshState::Successful => return Ok(Outcome::Done),
                // What was asked for.
                RefreshState::RollbackSuccessful if self.request.back => return Ok(Outcome::Done),
                state if state.is_over() => {
                    let what = format!("the refresh ended: {}{}", state.as_str(), said(&refresh.reason));
                    return Ok(Outcome::Failed(what));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
            let all = self.rollouts.refreshes(group).await?;
            refresh = all.into_iter().find(|one| one.id == refresh.id).unwrap_or(refresh);
        }
    }
}

fn refused(refusal: &Refusal) -> Outcome {
    Outcome::Failed(refusal.to_string())
}

fn told_of(refresh: &Refresh) -> String {
    let since = refresh.started.map(crate::pipeline::clock::rfc3339);
    let since = since.map(|since| format!(", since {since}")).unwrap_or_default();
    let why = said(&refresh.reason);
    format!("{}, {} % replaced, {} left{since}{why}", refresh.state.as_str(), refresh.percent, refresh.left)
}
