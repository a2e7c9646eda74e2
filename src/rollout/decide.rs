//! What is due with a group: decided from what is seen of it, and from nothing else.

use super::{Goal, Refusal, label};
use crate::identity::Arch;
use crate::target::{LaunchSource, Refresh, RefreshState, ScalingGroup, TemplateRef, TemplateVersion};
use std::time::Duration;
use time::OffsetDateTime;

/// Without these a refresh stands still (Auto Scaling user guide, "Suspend-resume processes").
const NEEDED: [&str; 2] = ["Launch", "Terminate"];
/// For how long what was just changed may not show.
pub const UNSETTLED: Duration = Duration::from_secs(150);

/// What is seen of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The group.
    pub group: ScalingGroup,
    /// The versions of its template; empty where it has none.
    pub versions: Vec<TemplateVersion>,
    /// Its refreshes, the newest first.
    pub refreshes: Vec<Refresh>,
    /// The architecture of the image that it launches, where that can be told.
    pub arch: Option<Arch>,
}

/// What is due with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Nothing.
    UpToDate,
    /// The refresh is in flight.
    InFlight(Refresh),
    /// A refresh in flight goes where it should not go any more: it is to go back.
    GoBack(Refresh),
    /// A refresh is to be begun.
    Due {
        /// The version that it launches from now.
        source: i64,
        /// The version that it is to launch from; none where it has to be made first.
        to: Option<i64>,
        /// What that version says.
        description: String,
        /// How many instances are to be replaced.
        replaced: usize,
    },
}

impl Seen {
    /// The version of its template that something names by its number.
    fn version(&self, named: &TemplateRef) -> Option<&TemplateVersion> {
        let own = self.group.template()?;
        let number = named.number().filter(|_| named.template == own.template)?;
        self.versions.iter().find(|version| version.number == number)
    }

    /// The image of what something names.
    fn image(&self, named: Option<&TemplateRef>) -> Option<&str> {
        self.version(named?)?.image.as_deref()
    }

    /// The refresh in flight.
    pub fn active(&self) -> Option<&Refresh> {
        self.refreshes.iter().find(|refresh| !refresh.state.is_over())
    }

    /// Whether one answer knows something that another does not know yet: then it is asked again. `image`: what the group
    /// is to come to.
    pub fn is_settled(&self, image: &str, now: OffsetDateTime) -> bool {
        let own = self.group.template();
        let newest = self.versions.iter().map(|version| version.number).max().unwrap_or(0);
        let is_known = |named: &TemplateRef| {
            Some(&named.template) != own.map(|own| &own.template)
                || named.number().is_none_or(|number| number <= newest)
        };
        let known = own.is_none_or(is_known) && self.active().and_then(|it| it.desired.as_ref()).is_none_or(is_known);
        let just_ended = self.refreshes.first().is_some_and(|last| {
            last.state == RefreshState::Successful
                && self.image(last.desired.as_ref()) == Some(image)
                && self.image(own) != Some(image)
                && last.ended.is_some_and(|ended| now - ended < UNSETTLED)
        });
        known && !just_ended
    }

    /// What it launches from, if that is something that can be rolled: the version.
    fn current(&self) -> Result<&TemplateVersion, Refusal> {
        let named = match &self.group.source {
            LaunchSource::Configuration(name) => return Err(Refusal::Configuration(name.clone())),
            LaunchSource::Nothing => return Err(Refusal::Nothing),
            LaunchSource::Mixed { own, .. } if !own.is_empty() => return Err(Refusal::Overrides(own.clone())),
            LaunchSource::Template(named) | LaunchSource::Mixed { template: named, .. } => named,
        };
        let template = || named.template.clone();
        let Some(number) = named.number() else {
            let version = if named.version.is_empty() { "$Default" } else { &named.version };
            return Err(Refusal::NotNumbered { template: template(), version: version.to_owned() });
        };
        let gone = || Refusal::NoVersion { template: template(), version: number };
        let current = self.version(named).ok_or_else(gone)?;
        match current.image.as_deref() {
            None => Err(Refusal::NoImage { template: template(), version: number }),
            Some(image) if image.starts_with("resolve:ssm:") => Err(Refusal::Resolved(image.to_owned())),
            Some(_) => Ok(current),
        }
    }

    /// Whether a refresh could run to its end.
    fn is_free(&self) -> Result<(), Refusal> {
        let group = &self.group;
        let suspended: Vec<String> =
            group.suspended.iter().filter(|process| NEEDED.contains(&process.as_str())).cloned().collect();
        if !suspended.is_empty() {
            return Err(Refusal::Suspended(suspended));
        }
        let held = group.members.iter().find_map(|member| Some((member, member.held?)));
        held.map_or(Ok(()), |(member, why)| Err(Refusal::Held { id: member.id.clone(), why }))
    }

    /// How many instances were not launched from that version; all where it has to be made first.
    fn others(&self, to: Option<i64>) -> usize {
        let is_other = |named: &Option<TemplateRef>| {
            to.is_none() || named.as_ref().and_then(|named| self.version(named)).map(|version| version.number) != to
        };
        self.group.members.iter().filter(|member| is_other(&member.template)).count()
    }

    fn busy(&self, refresh: &Refresh) -> Refusal {
        let to = refresh.desired.as_ref();
        let to = to.map_or("what it launches from".to_owned(), |to| format!("{} version {}", to.template, to.version));
        Refusal::Busy { state: refresh.state, percent: refresh.percent, to }
    }
}

/// What is due with a group that is to run this image. `why`: for which reason it is begun outside of the window.
/// `forgiven`: the refresh that failed, and after which it is tried again.
pub fn forward(seen: &Seen, goal: &Goal, why: Option<&str>, forgiven: Option<&str>) -> Result<Stage, Refusal> {
    let current = seen.current()?;
    let image = goal.image.as_str();
    if let Some(active) = seen.active() {
        return match seen.image(active.desired.as_ref()) == Some(image) {
            true => Ok(Stage::InFlight(active.clone())),
            false => Err(seen.busy(active)),
        };
    }
    let is_there = current.image.as_deref() == Some(image);
    if is_there && seen.group.members.iter().all(|member| seen.image(member.template.as_ref()) == Some(image)) {
        return Ok(Stage::UpToDate);
    }
    if let Some(its) = seen.arch.filter(|its| *its != goal.arch) {
        return Err(Refusal::Architecture { its, ours: goal.arch });
    }
    seen.is_free()?;
    if let Some(last) = seen.refreshes.first()
        && last.state != RefreshState::Successful
        && seen.image(last.desired.as_ref()) == Some(image)
        && forgiven != Some(last.id.as_str())
    {
        return Err(Refusal::FailedBefore { state: last.state, reason: last.reason.clone() });
    }
    if is_there {
        let to = Some(current.number);
        let description = current.description.clone();
        return Ok(Stage::Due { source: current.number, to, description, replaced: seen.others(to) });
    }
    let description = label::write(goal, &seen.group.name, current.number, why);
    let is_made =
        |version: &&TemplateVersion| version.image.as_deref() == Some(image) && version.description == description;
    let to = seen.versions.iter().find(is_made).map(|version| version.number);
    Ok(Stage::Due { source: current.number, to, description, replaced: seen.others(to) })
}

/// What is due with a group that is to go back to what it had before its last roll-out.
pub fn back(seen: &Seen) -> Result<Stage, Refusal> {
    let current = seen.current()?;
    let group = seen.group.name.as_str();
    let over = |version: &TemplateVersion| label::source(&version.description, group);
    if let Some(active) = seen.active() {
        let to = active.desired.as_ref().and_then(|named| seen.version(named));
        return match to {
            Some(to) if over(current) == Some(to.number) => Ok(Stage::InFlight(active.clone())),
            Some(to) if over(to) == Some(current.number) => Ok(match active.state {
                RefreshState::RollbackInProgress | RefreshState::Cancelling => Stage::InFlight(active.clone()),
                _ => Stage::GoBack(active.clone()),
            }),
            _ => Err(seen.busy(active)),
        };
    }
    // It is back already where a version was made over the one that it launches from. Asked first: the same command once
    // more must not go further back.
    let is_back = seen.versions.iter().any(|version| over(version) == Some(current.number));
    let to = match (is_back, over(current)) {
        (true, _) => current.number,
        (false, Some(number)) => number,
        (false, None) => return Err(Refusal::NothingBefore),
    };
    if to == current.number && seen.others(Some(to)) == 0 {
        return Ok(Stage::UpToDate);
    }
    seen.is_free()?;
    let version = seen.versions.iter().find(|version| version.number == to);
    let template = seen.group.template().map(|named| named.template.clone()).unwrap_or_default();
    let version = version.ok_or(Refusal::NoVersion { template, version: to })?;
    let (to, description) = (Some(to), version.description.clone());
    Ok(Stage::Due { source: current.number, to, description, replaced: seen.others(to) })
}

#[cfg(test)]
mod tests;
