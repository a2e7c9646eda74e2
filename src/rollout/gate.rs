//! What stands against beginning anything at this moment, and what speaks against what is in flight. It is asked just before
//! each try: much time may have passed since it was planned, also while a person was asked.

use super::alarms::Alarms;
use super::carry_out::Work;
use super::decide::{Seen, Stage};
use super::survey::{GroupPlan, comes_back_to, makes_a_version, shared, unfit};
use super::{Refusal, RolloutError, error, goal, marks};
use crate::pipeline::tags;
use crate::release::ReleaseError;
use crate::release::scene::Scene;
use crate::target::{PointerName, Slot, TargetError, TemplateUser};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// For how long an answer is not asked for anew: so the groups of a wave ask once.
pub(super) const ASKED: Duration = Duration::from_secs(5);

/// What stands against beginning anything at this moment.
#[derive(Clone)]
pub(super) enum Gate {
    /// That.
    Closed(String),
    /// Nothing.
    Open(Open),
}

/// What is known where nothing stands against it.
#[derive(Clone, Default)]
pub(super) struct Open {
    /// The recipe's images as they are now, for whoever goes back.
    scene: Option<Arc<Scene>>,
    /// Alarms that ring at this moment, and don't hold it up.
    pub waived: Vec<String>,
}

/// Answers that all groups share, and when they were given.
#[derive(Default)]
pub(super) struct Asked {
    gate: Mutex<Option<(Instant, Gate)>>,
    users: Mutex<Option<(Instant, Arc<Vec<TemplateUser>>)>>,
    revoked: Mutex<Option<(Instant, Option<String>)>>,
}

/// The answer, where it is young enough.
fn young<T: Clone>(asked: &Option<(Instant, T)>) -> Option<T> {
    asked.as_ref().filter(|(at, _)| at.elapsed() < ASKED).map(|(_, answer)| answer.clone())
}

impl Work<'_> {
    /// Whether anything is begun with this group now, though it is due.
    pub(super) async fn may_begin(&self, plan: &GroupPlan, seen: &Seen, stage: &Stage) -> Result<Gate, TargetError> {
        if let Some(what) = changed(plan, stage) {
            return Ok(Gate::Closed(Refusal::Changed(what).to_string()));
        }
        if makes_a_version(stage)
            && let Some(refusal) = shared(seen, &self.users().await?)
        {
            return Ok(Gate::Closed(refusal.to_string()));
        }
        let gate = self.gate().await?;
        if let Gate::Open(Open { scene: Some(scene), .. }) = &gate
            && let Some(to) = comes_back_to(seen, stage)
            && let Some(refusal) = unfit(self.site(), self.rollouts, scene, seen, to).await?
        {
            return Ok(Gate::Closed(refusal.to_string()));
        }
        Ok(gate)
    }

    async fn users(&self) -> Result<Arc<Vec<TemplateUser>>, TargetError> {
        let mut asked = self.asked.users.lock().await;
        if let Some(users) = young(&asked) {
            return Ok(users);
        }
        let users = Arc::new(self.rollouts.users().await?);
        *asked = Some((Instant::now(), users.clone()));
        Ok(users)
    }

    async fn gate(&self) -> Result<Gate, TargetError> {
        let mut asked = self.asked.gate.lock().await;
        if let Some(gate) = young(&asked) {
            return Ok(gate);
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
        match goal::read(self.site(), self.channels, asked).await {
            Ok((now, _)) if now == *wanted => Ok(Gate::Open(Open { scene: None, waived })),
            Ok((now, _)) => Ok(Gate::Closed(format!("{} names {} meanwhile", now.channel, now.version))),
            Err(RolloutError::Target(error) | RolloutError::Release(ReleaseError::Target(error))) => Err(error),
            Err(error) => Ok(Gate::Closed(error.to_string())),
        }
    }

    /// Why the image that goes out was revoked, where it was.
    pub(super) async fn revoked(&self) -> Result<Option<String>, TargetError> {
        let mut asked = self.asked.revoked.lock().await;
        if let Some(revoked) = young(&asked) {
            return Ok(revoked);
        }
        let goal = &self.request.goal;
        let seen = self.rollouts.image_seen(goal.image.as_str()).await?;
        let mut revoked = seen.as_ref().and_then(|image| tags::revoked(&image.tags).map(str::to_owned));
        if revoked.is_none() {
            let slot = Slot::Version(goal.version);
            let version = PointerName { recipe: goal.recipe.clone(), arch: goal.arch, slot };
            let tags = seen.as_ref().map(|image| &image.tags);
            revoked = marks::marked(self.site(), &version, goal.image.as_str(), tags).await?;
        }
        *asked = Some((Instant::now(), revoked.clone()));
        Ok(revoked)
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
