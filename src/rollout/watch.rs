//! Watches refreshes to their end. One that brings an image that was revoked meanwhile is turned round, by the same rules as
//! whoever goes back: where those say no, it is told, and a person decides.

use super::carry_out::{Came, Outcome, Work};
use super::decide::{Stage, UNSETTLED, back};
use super::refusal::said;
use super::survey::{comes_back_to, look, unfit};
use crate::release::scene::Scene;
use crate::report::visible::line;
use crate::rollout::mends::Place;
use crate::target::{Refresh, RefreshState, ScalingGroup, TargetError, TemplateRef, Turned};
use std::time::Duration;
use tokio::time::Instant;

/// How often refreshes are looked at.
const LOOK: Duration = Duration::from_secs(15);
/// How long a refresh that has begun may take to show.
const SHOWS: Duration = Duration::from_secs(2);

impl Work<'_> {
    /// A refresh that has just begun, when it shows.
    pub(super) async fn shows(&self, group: &str, id: &str) -> Result<Option<Refresh>, TargetError> {
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
    pub(super) async fn watch(
        &self,
        group: &ScalingGroup,
        mut refresh: Refresh,
        wanted: RefreshState,
    ) -> Result<Came, TargetError> {
        let to = refresh.desired.as_ref().and_then(TemplateRef::number);
        let mut told = String::new();
        let mut seen = Instant::now();
        let mut revoked = Revoked::default();
        loop {
            let now = told_of(&refresh);
            if now != told {
                self.told(group, &now);
                told = now;
            }
            if !self.request.back {
                self.look_at_the_image(group, &refresh, &mut revoked).await;
            }
            let is_revoked = revoked.why.is_some();
            let ended = |outcome| {
                let came = Came { revoked: is_revoked, ..Came::of(outcome, to) };
                Ok(Came { refresh: Some((refresh.state, refresh.percent)), ..came })
            };
            match (refresh.state, &revoked.why) {
                (state, None) if state == wanted => return ended(Outcome::Done),
                (state, why) if state.is_over() => {
                    let why = why.as_ref().map(|why| format!("{why}; ")).unwrap_or_default();
                    let what = format!("{why}the refresh ended: {}{}", state.as_str(), said(&refresh.reason));
                    return ended(Outcome::Failed(what));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
            let all = self.rollouts.refreshes(&group.name).await?;
            match all.into_iter().find(|one| one.id == refresh.id) {
                Some(now) => (refresh, seen) = (now, Instant::now()),
                None if seen.elapsed() > UNSETTLED => {
                    let place = Place { group: group.name.clone(), region: group.region.clone() };
                    let what = format!(
                        "AWS does not show the refresh {} any more, which was {}\n  look: {}",
                        line(&refresh.id),
                        refresh.state.as_str(),
                        line(&place.activities())
                    );
                    return Ok(Came { revoked: revoked.why.is_some(), ..Came::of(Outcome::NotKnown(what), to) });
                }
                None => {}
            }
        }
    }

    /// Whether the image was revoked that a refresh brings, and what is done about it. What can't be read is asked again at
    /// the next look.
    async fn look_at_the_image(&self, group: &ScalingGroup, refresh: &Refresh, revoked: &mut Revoked) {
        use RefreshState::{Baking, InProgress, Pending, Successful};
        let goal = &self.request.goal;
        if revoked.why.is_none() && matches!(refresh.state, Pending | InProgress | Baking | Successful) {
            match self.revoked().await {
                Ok(None) => return,
                Ok(Some(reason)) => {
                    let why =
                        format!("{} {} was revoked while it went out ({})", goal.recipe, goal.version, line(&reason));
                    self.told(group, &why);
                    revoked.why = Some(why);
                }
                Err(error) => {
                    return revoked.tell(self, group, format!("whether it was revoked is not known: {error}"));
                }
            }
        }
        if revoked.why.is_none() || revoked.is_decided || refresh.state.is_over() {
            return;
        }
        match self.turn_round(group).await {
            Ok(Way::Back(to)) => {
                revoked.is_decided = true;
                self.told(group, &format!("goes back to version {to}"));
            }
            Ok(Way::No(why)) => {
                revoked.is_decided = true;
                let named = Place { group: group.name.clone(), region: group.region.clone() }.named();
                let cancel = format!("aws autoscaling cancel-instance-refresh {}", line(&named));
                self.told(
                    group,
                    &format!("the refresh goes on, and can't go back: {why}; {cancel} ends it where it stands"),
                );
            }
            Ok(Way::Later(why)) => revoked.tell(self, group, format!("it does not go back yet: {why}")),
            Err(error) => revoked.tell(self, group, format!("it does not go back yet: {error}")),
        }
    }

    /// Turns the refresh in flight round, where whoever goes back would do that.
    async fn turn_round(&self, group: &ScalingGroup) -> Result<Way, TargetError> {
        let goal = &self.request.goal;
        let Some(group) = self.rollouts.groups(std::slice::from_ref(&group.name)).await?.pop() else {
            return Ok(Way::No("the group is gone".to_owned()));
        };
        let seen = look(self.site(), self.rollouts, group, goal).await?;
        let stage = match back(&seen, goal, None) {
            Ok(stage @ Stage::GoBack(_)) => stage,
            // It goes back already, or has ended: the next look shows how.
            Ok(_) => return Ok(Way::Later("it is not in flight any more, or goes back already".to_owned())),
            Err(refusal) => return Ok(Way::No(refusal.to_string())),
        };
        let Some(to) = comes_back_to(&seen, &stage) else { return Ok(Way::No("no version is known".to_owned())) };
        let scene = match Scene::look(self.target, &goal.recipe).await {
            Ok(scene) => scene,
            Err(error) => return Ok(Way::Later(error.to_string())),
        };
        if let Some(refusal) = unfit(self.site(), self.rollouts, &scene, &seen, to).await? {
            return Ok(Way::No(refusal.to_string()));
        }
        Ok(match self.rollouts.go_back(&seen.group.name).await {
            Ok(Turned::Yes) => Way::Back(to),
            Ok(Turned::Over) => Way::Later("it is not in flight any more".to_owned()),
            Ok(Turned::Unheard(why)) => Way::Later(why),
            Err(error) => Way::No(error.to_string()),
        })
    }

    fn told(&self, group: &ScalingGroup, what: &str) {
        (self.tell)(format!("{}: {what}", line(&group.name)));
    }
}

/// What is known and done about an image that was revoked.
#[derive(Default)]
struct Revoked {
    /// That it was, in words.
    why: Option<String>,
    /// Whether the refresh was turned round, or can't be.
    is_decided: bool,
    /// What was told last, so that it is told once.
    told: String,
}

impl Revoked {
    fn tell(&mut self, work: &Work<'_>, group: &ScalingGroup, what: String) {
        if self.told != what {
            work.told(group, &what);
            self.told = what;
        }
    }
}

/// What came of turning a refresh round.
enum Way {
    /// It goes back to this version.
    Back(i64),
    /// It can't.
    No(String),
    /// It is tried again at the next look.
    Later(String),
}

fn told_of(refresh: &Refresh) -> String {
    let since = refresh.started.map(crate::pipeline::clock::rfc3339);
    let since = since.map(|since| format!(", since {since}")).unwrap_or_default();
    let why = said(&refresh.reason);
    format!("{}, {} % replaced, {} left{since}{why}", refresh.state.as_str(), refresh.percent, refresh.left)
}
