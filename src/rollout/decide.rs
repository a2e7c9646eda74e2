//! What is due with a group: decided from what is seen of it, and from nothing else.

use super::label::Reasons;
use super::mends::Place;
use super::{Goal, Refusal, label, mends};
use crate::hardening::shell::option;
use crate::identity::{Arch, RecipeName};
use crate::target::{
    LaunchSource, Member, Pace, Refresh, RefreshState, ScalingGroup, TemplateRef, TemplateVersion, moment,
};
use std::collections::BTreeMap;
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
    /// The recipe of the image that it launches, where its tags say so.
    pub recipe: Option<RecipeName>,
    /// The image that it launches, where that is gone.
    pub gone: Option<String>,
    /// Images that its instances have, or that a refresh brings, and that are revoked: which each is, and why.
    pub revoked: BTreeMap<String, (String, String)>,
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
    pub(super) fn image(&self, named: Option<&TemplateRef>) -> Option<&str> {
        self.version(named?)?.image.as_deref()
    }

    /// Whether a refresh goes to a version that a roll-out made over the one that the group launches from.
    pub fn is_ahead(&self, refresh: &Refresh) -> bool {
        let to = refresh.desired.as_ref().and_then(|named| self.version(named));
        let over = to.and_then(|to| label::source(&to.description, &self.group.name));
        over.is_some() && over == self.group.template().and_then(TemplateRef::number)
    }

    /// The images that its instances have, and the one that a refresh in flight brings.
    pub(super) fn images(&self) -> impl Iterator<Item = &str> {
        let members = self.group.members.iter().chain(self.group.warm.iter().flatten());
        let named = members.map(|member| member.template.as_ref());
        named.chain(self.active().map(|active| active.desired.as_ref())).filter_map(|named| self.image(named))
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
    fn current(&self, goal: &Goal) -> Result<&TemplateVersion, Refusal> {
        let (at, is_mixed) = (self.place(), self.is_mixed());
        let named = match &self.group.source {
            LaunchSource::Configuration(name) => {
                return Err(Refusal::Configuration { name: name.clone(), at });
            }
            LaunchSource::Nothing => return Err(Refusal::Nothing),
            LaunchSource::Mixed { own, .. } if !own.is_empty() => {
                return Err(Refusal::Overrides { own: own.clone(), at });
            }
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
                at,
                is_mixed,
            });
        };
        let Some(current) = self.version(named) else {
            let latest = self.number_now("$Latest");
            return Err(Refusal::NoVersion { template: template(), version: number, latest, at, is_mixed });
        };
        match current.image.as_deref() {
            None => {
                let image = goal.image.clone();
                Err(Refusal::NoImage { template: template(), version: number, image, at, is_mixed })
            }
            Some(image) => match image.strip_prefix("resolve:ssm:") {
                Some(parameter) if goal.is_named_by(parameter) => {
                    let (image, channel) = (image.to_owned(), goal.channel.clone());
                    let refresh = mends::plain_refresh(&at);
                    Err(Refusal::OurPointer { image, channel, moves_back: goal.moves_back(), refresh })
                }
                Some(parameter) => {
                    let (template, parameter) = (template(), parameter.to_owned());
                    Err(Refusal::Resolved { template, version: number, parameter, at, is_mixed })
                }
                None => Ok(current),
            },
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

    /// How commands of AWS's own say which group it is.
    pub fn place(&self) -> Place {
        Place { group: self.group.name.clone(), region: self.group.region.clone() }
    }

    /// The version that a group comes to with what is due; none where that is to be made first.
    pub fn comes_to(&self, stage: &Stage, is_back: bool) -> Option<i64> {
        let current = self.group.template().and_then(TemplateRef::number);
        match stage {
            Stage::Due { to, .. } => *to,
            Stage::InFlight(refresh) if !(is_back && self.is_ahead(refresh)) => {
                refresh.desired.as_ref().and_then(TemplateRef::number)
            }
            Stage::GoBack(_) | Stage::InFlight(_) | Stage::UpToDate => current,
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
        let revoked = self.revoked.iter().filter_map(|(image, (what, why))| {
            let has = |member: &&Member| self.image(member.template.as_ref()) == Some(image.as_str());
            let count = self.group.members.iter().filter(has).count();
            let of = self.group.members.len();
            (count > 0).then(|| format!("{count} of its {of} instances run {what}, which is revoked: {why}"))
        });
        ill.into_iter().chain(foreign).chain(revoked).collect()
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

    /// The version that a refresh goes to.
    fn goes_to(&self, refresh: &Refresh) -> Option<&TemplateVersion> {
        self.version(refresh.desired.as_ref()?)
    }

    /// A refresh that is over without success, and nobody asks for another try.
    fn failed(&self, last: &Refresh, forgiven: Option<&str>, goal: Option<&Goal>) -> Result<(), Refusal> {
        if last.state == RefreshState::Successful || forgiven == Some(last.id.as_str()) {
            return Ok(());
        }
        Err(Refusal::FailedBefore {
            id: last.id.clone(),
            state: last.state,
            reason: last.reason.clone(),
            look: self.place().activities(),
            moves_back: goal.map(Goal::moves_back),
        })
    }

    /// What speaks against this image: the newest refresh that had to do with it failed, or was the way back from it. Other
    /// images may have come and gone since: that does not make it a better one.
    fn spoken_for(&self, goal: &Goal, forgiven: Option<&str>) -> Result<(), Refusal> {
        let image = goal.image.as_str();
        let its: Vec<&TemplateVersion> =
            self.versions.iter().filter(|version| version.image.as_deref() == Some(image)).collect();
        for (at, refresh) in self.refreshes.iter().enumerate() {
            let Some(to) = self.goes_to(refresh) else { continue };
            if to.image.as_deref() == Some(image) {
                return self.failed(refresh, forgiven, Some(goal));
            }
            let is_left = |from: &&&TemplateVersion| {
                label::source(&from.description, &self.group.name) == Some(to.number)
                    && self.refreshes[at + 1..].iter().any(|older| self.goes_to(older) == Some(**from))
            };
            if let Some(from) = its.iter().find(is_left) {
                return match forgiven == Some(refresh.id.as_str()) {
                    true => Ok(()),
                    false => Err(Refusal::CameBack {
                        id: refresh.id.clone(),
                        state: refresh.state,
                        from: from.number,
                        to: to.number,
                        version: goal.version,
                        ended: refresh.ended,
                        moves_back: goal.moves_back(),
                    }),
                };
            }
        }
        Ok(())
    }

    /// Whether a refresh ever went to this version. A version alone is no evidence: anyone can make one, and a roll-out can
    /// die before it uses it.
    fn went_to(&self, number: i64) -> bool {
        self.refreshes.iter().any(|refresh| self.goes_to(refresh).map(|to| to.number) == Some(number))
    }

    /// The versions that roll-outs made over this one.
    fn made_over(&self, number: i64) -> impl Iterator<Item = &TemplateVersion> {
        let over = move |version: &TemplateVersion| label::source(&version.description, &self.group.name);
        self.versions.iter().filter(move |version| over(version) == Some(number))
    }

    /// Whether it came back to this version: a roll-out went to one that was made over it.
    fn is_back_at(&self, number: i64) -> bool {
        self.made_over(number).any(|version| self.went_to(version.number))
    }

    /// Whether a refresh brings it back: to the version over which the one was made that it launches from, or the rest of
    /// its instances to that.
    fn is_way_back(&self, refresh: &Refresh, current: &TemplateVersion) -> bool {
        self.goes_to(refresh).is_some_and(|to| {
            label::source(&current.description, &self.group.name) == Some(to.number)
                || to.number == current.number && self.is_back_at(to.number)
        })
    }

    /// Whether a version is older than refreshes are kept: whether one went there can't be told any more.
    fn is_beyond_memory(&self, version: &TemplateVersion) -> bool {
        moment(&version.at).is_some_and(|made| self.at - made > KEPT)
    }

    fn busy(&self, refresh: &Refresh, goal: &Goal) -> Refusal {
        let image = self.image(refresh.desired.as_ref());
        let is_going = !matches!(refresh.state, RefreshState::RollbackInProgress | RefreshState::Cancelling);
        if let Some((what, why)) = image.and_then(|image| self.revoked.get(image))
            && is_going
            && self.is_ahead(refresh)
        {
            return Refusal::BringsRevoked {
                what: what.clone(),
                why: why.clone(),
                state: refresh.state,
                percent: refresh.percent,
                back: goal.brings_back(&self.group.name),
            };
        }
        let to = refresh.desired.as_ref();
        let to = to.map_or("what it launches from".to_owned(), |to| format!("{} version {}", to.template, to.version));
        Refusal::Busy { state: refresh.state, percent: refresh.percent, to, at: self.place() }
    }
}

/// What is due with a group that is to run this image. `reasons`: for which what is refused else is done. `forgiven`: the
/// refresh that speaks against it, and after which it is tried again.
pub fn forward(seen: &Seen, goal: &Goal, reasons: Reasons<'_>, forgiven: Option<&str>) -> Result<Stage, Refusal> {
    let current = seen.current(goal)?;
    let image = goal.image.as_str();
    if let Some(active) = seen.active() {
        let to = seen.goes_to(active);
        return match to {
            Some(to) if to.image.as_deref() == Some(image) => Ok(Stage::InFlight(active.clone())),
            Some(to) if seen.is_way_back(active, current) => Err(Refusal::OnItsWayBack {
                state: active.state,
                percent: active.percent,
                to: to.number,
                watch: format!("{} --rollback {}", goal.command(), option("--group", &seen.group.name)),
            }),
            _ => Err(seen.busy(active, goal)),
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
    seen.spoken_for(goal, forgiven)?;
    if is_there {
        return Ok(seen.is_due(current.number, Some(current.number), current.description.clone()));
    }
    let description = label::write(goal, &seen.group.name, current.number, reasons);
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
pub fn back(seen: &Seen, goal: &Goal, forgiven: Option<&str>) -> Result<Stage, Refusal> {
    let current = seen.current(goal)?;
    let group = seen.group.name.as_str();
    let over = |version: &TemplateVersion| label::source(&version.description, group);
    // It is back already where a roll-out went to a version that was made over the one that it launches from. Asked first:
    // the same command once more must not go further back.
    let is_back = seen.is_back_at(current.number);
    if let Some(active) = seen.active() {
        return match seen.goes_to(active) {
            Some(_) if seen.is_way_back(active, current) => Ok(Stage::InFlight(active.clone())),
            Some(_) if seen.is_ahead(active) => Ok(match active.state {
                RefreshState::RollbackInProgress | RefreshState::Cancelling => Stage::InFlight(active.clone()),
                _ => Stage::GoBack(active.clone()),
            }),
            _ => Err(seen.busy(active, goal)),
        };
    }
    let to = match (is_back, over(current)) {
        (true, _) => current.number,
        (false, Some(before)) => match seen.made_over(current.number).find(|version| seen.is_beyond_memory(version)) {
            Some(old) => return Err(Refusal::Forgotten { version: old.number, current: current.number, before }),
            None => before,
        },
        (false, None) => return Err(Refusal::NothingBefore),
    };
    if to == current.number && seen.others(Some(to)) == (0, 0) {
        return Ok(Stage::UpToDate);
    }
    seen.is_free()?;
    // What failed longer ago holds nobody up who goes back.
    if let Some(last) = seen.refreshes.first().filter(|last| seen.goes_to(last).map(|to| to.number) == Some(to)) {
        seen.failed(last, forgiven, None)?;
    }
    let version = seen.versions.iter().find(|version| version.number == to);
    let version = version.ok_or(Refusal::NothingThere { version: to })?;
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
