//! What an audience is told: the difference between what is seen and what it was told last. Pure.

use super::item::{Fingerprint, Item, Seen, UNREAD};
use super::memory::{MOST, Memory, Recall, Told};
use crate::fleet::freshness::{Level, Status};
use crate::identity::{AccountId, RecipeName};
use crate::pipeline::clock;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use time::{Duration, OffsetDateTime};

/// How long nothing is said while nothing changes. A little less than a week: a check that runs at the same hour each day
/// is never late by a day.
pub const HEARTBEAT: Duration = Duration::hours(7 * 24 - 6);

/// What an audience hears.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ear {
    /// Of these recipes alone; of all, and of what belongs to none, where it is empty.
    pub recipes: BTreeSet<RecipeName>,
    /// In these accounts alone; in all where it is empty.
    pub accounts: BTreeSet<AccountId>,
    /// Of these levels.
    pub levels: BTreeSet<Level>,
}

impl Ear {
    /// Whether it is asked for, whatever its level is now.
    fn is_about(&self, item: &Item) -> bool {
        let account = self.accounts.is_empty() || item.account.as_ref().is_some_and(|of| self.accounts.contains(of));
        // What could not be read, or not be told apart, may be of any recipe.
        let unknown = item.kind == UNREAD || item.level == Level::Unknown && item.recipe.is_none();
        let recipe =
            unknown || self.recipes.is_empty() || item.recipe.as_ref().is_some_and(|of| self.recipes.contains(of));
        account && recipe
    }

    /// Whether it is told.
    pub fn hears(&self, item: &Item) -> bool {
        self.levels.contains(&item.level) && self.is_about(item)
    }
}

/// Something that is told, and has become worse or another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Worse {
    /// As it is now.
    #[serde(flatten)]
    pub item: Item,
    /// What policy made of it before.
    pub was_level: Level,
    /// How many there were.
    pub was_count: u64,
    /// What the image was before; none where it still is that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_status: Option<String>,
}

/// Something that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// What it was about.
    pub fingerprint: String,
    /// In words.
    pub title: String,
    /// What it is now; none where it is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<&'static str>,
}

/// Why anything is told at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum News {
    /// Something is new, worse, changed, resolved or no longer looked at; or nothing was ever told.
    Changed,
    /// Nothing changed for a week: the check runs.
    Heartbeat,
    /// Nothing is to be told.
    Nothing,
}

/// What an audience is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// Why.
    pub news: News,
    /// When it was looked, RFC 3339.
    pub at: String,
    /// When anything last changed before, RFC 3339; none in the first digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why what was told before is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
    /// What was not told before, the riskiest first.
    pub new: Vec<Item>,
    /// What was told, and is worse now.
    pub worse: Vec<Worse>,
    /// What was told, is no worse, and is something else now: of the same image in the same place.
    pub changed: Vec<Worse>,
    /// What was told, and is over.
    pub resolved: Vec<Resolved>,
    /// What was told and is no longer looked at: its place is in the configuration no more.
    pub forgotten: Vec<String>,
    /// How many were told and are as they were.
    pub unchanged: usize,
    /// Those, by what they are remembered by.
    #[serde(skip)]
    pub same: Vec<Item>,
    /// How many were told and can't be told now: they are not resolved.
    pub unknown: usize,
    /// How many are beyond what is remembered, and so are told of by this number alone.
    pub beyond: usize,
}

/// The difference, and what is remembered once it has been told.
pub fn of(seen: &Seen, ear: &Ear, recall: &Recall, now: OffsetDateTime) -> (Digest, Memory) {
    let empty = Memory::default();
    let (before, damaged) = match recall {
        Recall::First => (&empty, None),
        Recall::Known(memory) => (memory, None),
        Recall::Damaged(why) => (&empty, Some(why.clone())),
    };
    let mut digest = Digest {
        news: News::Nothing,
        at: clock::rfc3339(now),
        since: Some(before.changed_at.clone()).filter(|since| !since.is_empty()),
        damaged,
        new: Vec::new(),
        worse: Vec::new(),
        changed: Vec::new(),
        resolved: Vec::new(),
        forgotten: Vec::new(),
        unchanged: 0,
        same: Vec::new(),
        unknown: 0,
        beyond: 0,
    };
    let names = names(seen, before);
    let name = |item: &Item| names.get(&item.fingerprint).cloned().unwrap_or((item.fingerprint.clone(), None));
    let heard: Vec<&Item> = seen.items.iter().filter(|item| ear.hears(item)).collect();
    let (heard, beyond) = bounded(heard, |item| before.told.contains_key(&name(item).0));
    digest.beyond = beyond;
    let mut told = BTreeMap::new();
    for item in heard {
        let (fingerprint, was_status) = name(item);
        let known = before.told.get(&fingerprint);
        let item = &Item { fingerprint, ..item.clone() };
        let mut count = item.count;
        let worse = |was: &Told| Worse {
            item: item.clone(),
            was_level: was.level,
            was_count: was.count,
            was_status: was_status.clone(),
        };
        match known {
            None => digest.new.push(item.clone()),
            Some(was)
                if item.level < was.level
                    || many_more(was.count, item.count)
                    || is_revoked(item, was_status.as_deref()) =>
            {
                digest.worse.push(worse(was));
            }
            Some(was) if was_status.is_some() => digest.changed.push(worse(was)),
            Some(was) => {
                digest.unchanged += 1;
                digest.same.push(item.clone());
                // By how many there were when it was told: what grows slowly is told too, and what comes and goes is not.
                count = was.count;
            }
        }
        let as_told = Told {
            place: item.place.clone(),
            subject: item.subject.clone(),
            level: item.level,
            count,
            title: item.title.clone(),
            unread: item.kind == UNREAD,
            status: Some(item.status.to_owned()),
        };
        told.insert(item.fingerprint.clone(), as_told);
    }
    let mut unknown: Vec<(&Fingerprint, &Told)> = Vec::new();
    let now_seen: BTreeMap<Fingerprint, &Item> = seen.items.iter().map(|item| (name(item).0, item)).collect();
    // The riskiest first, as they were.
    let mut former: Vec<(&Fingerprint, &Told)> = before.told.iter().collect();
    former.sort_by_key(|(_, was)| (was.level, &was.title));
    for (fingerprint, was) in former {
        if told.contains_key(fingerprint) {
            continue;
        }
        let over = |now| Resolved { fingerprint: fingerprint.to_string(), title: was.title.clone(), now };
        match now_seen.get(fingerprint) {
            // It is there, and beyond what is remembered, or not asked for any more.
            Some(item) if ear.hears(item) || !ear.is_about(item) => {}
            Some(item) if matches!(item.level, Level::Fine | Level::Exempt) => {
                digest.resolved.push(over(Some(item.level.as_str())));
            }
            // Of a level that is not asked for.
            Some(_) => {}
            None if !seen.places.contains(&was.place) => digest.forgotten.push(was.title.clone()),
            None if is_unknown(seen, was) => unknown.push((fingerprint, was)),
            None => digest.resolved.push(over(None)),
        }
    }
    // What can't be told now is remembered as far as there is room beside what can: the riskiest.
    unknown.sort_by_key(|(_, was)| was.level);
    digest.unknown = unknown.len().min(MOST.saturating_sub(told.len()));
    digest.beyond += unknown.len() - digest.unknown;
    told.extend(unknown.into_iter().take(digest.unknown).map(|(name, was)| (name.clone(), was.clone())));
    let first = matches!(recall, Recall::First | Recall::Damaged(_));
    let parts =
        [digest.new.len(), digest.worse.len(), digest.changed.len(), digest.resolved.len(), digest.forgotten.len()];
    digest.news = if first || parts.iter().any(|part| *part > 0) {
        News::Changed
    } else if is_due(&before.told_at, now) {
        News::Heartbeat
    } else {
        News::Nothing
    };
    let memory = Memory {
        told_at: if digest.news == News::Nothing { before.told_at.clone() } else { digest.at.clone() },
        changed_at: if digest.news == News::Changed { digest.at.clone() } else { before.changed_at.clone() },
        told,
    };
    (digest, memory)
}

/// By what each is remembered, and what it was where it is something else now: what was told of the same image in the same
/// place, whatever that was, is what it is remembered by.
fn names(seen: &Seen, before: &Memory) -> BTreeMap<Fingerprint, (Fingerprint, Option<String>)> {
    let own: BTreeSet<&Fingerprint> = seen.items.iter().map(|item| &item.fingerprint).collect();
    let (mut names, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for item in &seen.items {
        let told = |fingerprint: &Fingerprint| before.told.get(fingerprint);
        let is_free = |fingerprint: &&Fingerprint| told(fingerprint).is_some() && !own.contains(*fingerprint);
        let former = || {
            let mut formerly = item.formerly.iter().map(|(status, fingerprint)| (*status, fingerprint));
            formerly.find(|(_, fingerprint)| is_free(fingerprint) && !taken.contains(*fingerprint))
        };
        let (name, was) = match told(&item.fingerprint) {
            Some(was) => (&item.fingerprint, was.status.clone()),
            None => match former() {
                Some((status, former)) => {
                    (former, told(former).and_then(|was| was.status.clone()).or(Some(status.to_owned())))
                }
                None => continue,
            },
        };
        taken.insert(name);
        names.insert(item.fingerprint.clone(), (name.clone(), was.filter(|was| was != item.status)));
    }
    names
}

/// The riskiest, and of those that are alike rather those that were told: what is beyond changes nothing from day to day.
fn bounded(mut heard: Vec<&Item>, is_told: impl Fn(&Item) -> bool) -> (Vec<&Item>, usize) {
    let beyond = heard.len().saturating_sub(MOST);
    if beyond > 0 {
        heard.sort_by_key(|item| (item.level, item.status != Status::Revoked.as_str(), !is_told(item)));
        heard.truncate(MOST);
    }
    (heard, beyond)
}

/// Whether it was revoked since: that is worse than any age, whatever policy makes of both.
fn is_revoked(item: &Item, was_status: Option<&str>) -> bool {
    let revoked = Status::Revoked.as_str();
    item.status == revoked && was_status.is_some_and(|was| was != revoked)
}

/// Twice as many, and a handful at least.
fn many_more(was: u64, now: u64) -> bool {
    now >= was.saturating_mul(2) && now >= was.saturating_add(5)
}

/// Whether it may still be there, as far as can be told.
fn is_unknown(seen: &Seen, was: &Told) -> bool {
    let blind = if was.unread { &seen.dark } else { &seen.blind };
    blind.contains(&was.place) || seen.unclear.contains(&was.subject)
}

fn is_due(told_at: &str, now: OffsetDateTime) -> bool {
    let told = OffsetDateTime::parse(told_at, &time::format_description::well_known::Rfc3339);
    // What can't be read was long ago; a time to come is another clock's.
    told.map_or(true, |told| told > now || now - told >= HEARTBEAT)
}
