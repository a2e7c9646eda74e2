//! What is due with a group: decided from what is seen of it, and from nothing else.

use super::{Goal, Refusal, label};
use crate::hardening::shell;
use crate::identity::Arch;
use crate::target::{
    LaunchSource, Member, Pace, Refresh, RefreshState, ScalingGroup, TemplateRef, TemplateVersion, moment,
};
use std::time::Duration;
use time::OffsetDateTime;

/// Without these a refresh stands still, or brings instances that no load balancer knows (Auto Scaling user guide,
/// "Suspend-resume processes").
const NEEDED: [&str; 4] = ["Launch", "Terminate", "InstanceRefresh", "AddToLoadBalancer"];
/// Without these nobody notices instances that fall ill after they came, or replaces them (the same).
const USEFUL: [&str; 2] = ["HealthCheck", "ReplaceUnhealthy"];
/// For how long AWS keeps refreshes (Auto Scaling API reference, `DescribeInstanceRefreshes`: six weeks).
const KEPT: Duration = Duration::from_secs(6 * 7 * 86_400);
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
    /// When it was looked at.
    pub at: OffsetDateTime,
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
        /// And how many of those that wait in its warm pool.
        warm: usize,
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

    /// Whether a refresh goes to a version that a roll-out made over the one that the group launches from.
    pub fn is_ahead(&self, refresh: &Refresh) -> bool {
        let to = refresh.desired.as_ref().and_then(|named| self.version(named));
        let over = to.and_then(|to| label::source(&to.description, &self.group.name));
        over.is_some() && over == self.group.template().and_then(TemplateRef::number)
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
            LaunchSource::Configuration(name) => {
                return Err(Refusal::Configuration { name: name.clone(), at: self.place() });
            }
            LaunchSource::Nothing => return Err(Refusal::Nothing),
            LaunchSource::Mixed { own, .. } if !own.is_empty() => return Err(Refusal::Overrides(own.clone())),
            LaunchSource::Template(named) | LaunchSource::Mixed { template: named, .. } => named,
        };
        let template = || named.template.clone();
        let Some(number) = named.number() else {
            let version = if named.version.is_empty() { "$Default" } else { &named.version };
            let version = version.to_owned();
            return Err(Refusal::NotNumbered {
                template: template(),
                number: self.number_now(&version),
                version,
                at: self.place(),
                is_mixed: self.is_mixed(),
            });
        };
        let gone = || Refusal::NoVersion { template: template(), version: number };
        let current = self.version(named).ok_or_else(gone)?;
        match current.image.as_deref() {
            None => Err(Refusal::NoImage { template: template(), version: number }),
            Some(image) if image.starts_with("resolve:ssm:") => Err(Refusal::Resolved(image.to_owned())),
            Some(_) => Ok(current),
        }
    }

    /// The number that `$Latest` or `$Default` is now.
    fn number_now(&self, version: &str) -> Option<i64> {
        match version {
            "$Latest" => self.versions.iter().map(|version| version.number).max(),
            _ => self.versions.iter().find(|version| version.is_default).map(|version| version.number),
        }
    }

    fn is_mixed(&self) -> bool {
        matches!(self.group.source, LaunchSource::Mixed { .. })
    }

    /// How a command of AWS's own says which group it is.
    fn place(&self) -> String {
        let group = format!("--auto-scaling-group-name {}", shell::shown(&self.group.name));
        match self.group.region.as_str() {
            "" => group,
            region => format!("{group} --region {}", shell::shown(region)),
        }
    }

    /// What whoever rolls this group should know, and what does not hold it up.
    pub fn warnings(&self, pace: &Pace) -> Vec<String> {
        let suspended = self.group.suspended.iter().filter(|process| USEFUL.contains(&process.as_str()));
        let suspended: Vec<&str> = suspended.map(String::as_str).collect();
        let ill = (!suspended.is_empty()).then(|| {
            format!("its processes {} are suspended: instances that fall ill stay as they are", suspended.join(", "))
        });
        let foreign = self.active().map(|active| lacks(active, pace)).filter(|lacks| !lacks.is_empty());
        let foreign = foreign.map(|lacks| {
            format!("the refresh in flight was not begun as amifactory.yaml says; it has {}", lacks.join(", "))
        });
        ill.into_iter().chain(foreign).collect()
    }

    /// Whether a refresh could run to its end.
    fn is_free(&self) -> Result<(), Refusal> {
        let group = &self.group;
        let suspended: Vec<String> =
            group.suspended.iter().filter(|process| NEEDED.contains(&process.as_str())).cloned().collect();
        if !suspended.is_empty() {
            return Err(Refusal::Suspended { processes: suspended, at: self.place() });
        }
        let held = group.members.iter().find_map(|member| Some((member, member.held?)));
        held.map_or(Ok(()), |(member, why)| Err(Refusal::Held { id: member.id.clone(), why }))
    }

    /// How many instances were not launched from that version, and how many in its warm pool; all where it has to be made
    /// first.
    fn others(&self, to: Option<i64>) -> (usize, usize) {
        let is_other = |member: &&Member| {
            let named = member.template.as_ref().and_then(|named| self.version(named));
            to.is_none() || named.map(|version| version.number) != to
        };
        let warm = self.group.warm.iter().flatten();
        (self.group.members.iter().filter(is_other).count(), warm.filter(is_other).count())
    }

    /// Whether all its instances have this image, also those that wait in its warm pool.
    fn all_have(&self, image: &str) -> bool {
        let mut all = self.group.members.iter().chain(self.group.warm.iter().flatten());
        all.all(|member| self.image(member.template.as_ref()) == Some(image))
    }

    fn is_due(&self, source: i64, to: Option<i64>, description: String) -> Stage {
        let (replaced, warm) = self.others(to);
        Stage::Due { source, to, description, replaced, warm }
    }

    /// The last refresh, where it went to this and is over without success, and nobody asks for another try.
    fn failed_before(&self, forgiven: Option<&str>, went_there: impl Fn(&TemplateRef) -> bool) -> Result<(), Refusal> {
        match self.refreshes.first() {
            Some(last)
                if last.state.is_over()
                    && last.state != RefreshState::Successful
                    && last.desired.as_ref().is_some_and(went_there)
                    && forgiven != Some(last.id.as_str()) =>
            {
                Err(Refusal::FailedBefore { state: last.state, reason: last.reason.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether a refresh ever went to this version. A version alone is no evidence: anyone can make one, and a roll-out can
    /// die before it uses it.
    fn went_to(&self, number: i64) -> bool {
        let to = |refresh: &Refresh| refresh.desired.as_ref().and_then(|to| self.version(to)).map(|to| to.number);
        self.refreshes.iter().any(|refresh| to(refresh) == Some(number))
    }

    /// Whether a version is older than refreshes are kept: whether one went there can't be told any more.
    fn is_beyond_memory(&self, version: &TemplateVersion) -> bool {
        moment(&version.at).is_some_and(|made| self.at - made > KEPT)
    }

    fn busy(&self, refresh: &Refresh) -> Refusal {
        let to = refresh.desired.as_ref();
        let to = to.map_or("what it launches from".to_owned(), |to| format!("{} version {}", to.template, to.version));
        Refusal::Busy { state: refresh.state, percent: refresh.percent, to, at: self.place() }
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
    if is_there && seen.all_have(image) {
        return Ok(Stage::UpToDate);
    }
    if let Some(its) = seen.arch.filter(|its| *its != goal.arch) {
        return Err(Refusal::Architecture { its, ours: goal.arch });
    }
    seen.is_free()?;
    seen.failed_before(forgiven, |to| seen.image(Some(to)) == Some(image))?;
    if is_there {
        return Ok(seen.is_due(current.number, Some(current.number), current.description.clone()));
    }
    let description = label::write(goal, &seen.group.name, current.number, why);
    // Anyone can write that description: only a version that is the source in all but its image is what would be made.
    let is_made = |version: &&TemplateVersion| {
        version.image.as_deref() == Some(image)
            && version.description == description
            && version.but_image == current.but_image
    };
    let to = seen.versions.iter().find(is_made).map(|version| version.number);
    Ok(seen.is_due(current.number, to, description))
}

/// What is due with a group that is to go back to what it had before its last roll-out. `forgiven`: the refresh that failed,
/// and after which it is tried again.
pub fn back(seen: &Seen, forgiven: Option<&str>) -> Result<Stage, Refusal> {
    let current = seen.current()?;
    let group = seen.group.name.as_str();
    let over = |version: &TemplateVersion| label::source(&version.description, group);
    // It is back already where a roll-out went to a version that was made over the one that it launches from. Asked first:
    // the same command once more must not go further back.
    let mut left = seen.versions.iter().filter(|version| over(version) == Some(current.number));
    let is_back = left.clone().any(|version| seen.went_to(version.number));
    if let Some(active) = seen.active() {
        let to = active.desired.as_ref().and_then(|named| seen.version(named));
        return match to {
            Some(to) if over(current) == Some(to.number) => Ok(Stage::InFlight(active.clone())),
            Some(to) if to.number == current.number && is_back => Ok(Stage::InFlight(active.clone())),
            Some(_) if seen.is_ahead(active) => Ok(match active.state {
                RefreshState::RollbackInProgress | RefreshState::Cancelling => Stage::InFlight(active.clone()),
                _ => Stage::GoBack(active.clone()),
            }),
            _ => Err(seen.busy(active)),
        };
    }
    let to = match (is_back, over(current)) {
        (true, _) => current.number,
        (false, Some(before)) => match left.find(|version| seen.is_beyond_memory(version)) {
            Some(old) => return Err(Refusal::Forgotten { version: old.number, current: current.number, before }),
            None => before,
        },
        (false, None) => return Err(Refusal::NothingBefore),
    };
    if to == current.number && seen.others(Some(to)) == (0, 0) {
        return Ok(Stage::UpToDate);
    }
    seen.is_free()?;
    seen.failed_before(forgiven, |named| seen.version(named).map(|version| version.number) == Some(to))?;
    let version = seen.versions.iter().find(|version| version.number == to);
    let template = seen.group.template().map(|named| named.template.clone()).unwrap_or_default();
    let version = version.ok_or(Refusal::NoVersion { template, version: to })?;
    Ok(seen.is_due(current.number, Some(to), version.description.clone()))
}

/// What a refresh that someone has begun does not have of what is asked for, in words.
pub fn lacks(refresh: &Refresh, pace: &Pace) -> Vec<String> {
    let Some(its) = &refresh.pace else { return Vec::new() };
    let mut lacks: Vec<String> =
        pace.alarms.iter().filter(|name| !its.alarms.contains(name)).map(|name| format!("no alarm {name}")).collect();
    let mut unless = |is_fine: bool, what: &str| {
        if !is_fine {
            lacks.push(what.to_owned());
        }
    };
    unless(pace.checkpoints.iter().all(|at| its.checkpoints.contains(at)), "other checkpoints");
    unless(pace.checkpoints.is_empty() || its.delay >= pace.delay, "less waiting at checkpoints");
    unless(its.bake >= pace.bake, "less waiting at the end");
    unless(its.least >= pace.least, "fewer instances in service");
    unless(its.comes_back || !pace.comes_back, "no way back by itself");
    lacks
}

#[cfg(test)]
mod tests;
