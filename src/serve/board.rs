//! What pages are made from: what was seen last of each part of the factory, and whether the last look at it went well.

use super::elsewhere::ElsewhereRow;
use super::history::History;
use super::look::Channels;
use crate::identity::{ImageId, TargetKind};
use crate::pipeline::underway::InFlight;
use crate::report::view::{Fleet, ImageRow};
use crate::target::ImageRecord;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use time::OffsetDateTime;

/// After so many looks' time what was seen is no longer told as a figure: it may be anything by now.
const TOO_OLD: u32 = 3;
/// How long a look may take. What a service does not answer is asked for once more for ten minutes: until that has an end it
/// is not known whether it answers at all.
pub const SLOW: Duration = Duration::from_secs(300);

/// A part of the factory that is looked at by itself: one that can't be read hides no other.
#[derive(Debug, Clone)]
pub struct Part<T> {
    /// What was seen when it was last looked at with success.
    pub good: Option<Good<T>>,
    /// Why the last look failed, where it did.
    pub failed: Option<Failed>,
    /// Since when a look is under way, where one is.
    pub under_way: Option<OffsetDateTime>,
}

/// What was seen.
#[derive(Debug, Clone)]
pub struct Good<T> {
    /// What.
    pub value: Arc<T>,
    /// When it was looked.
    pub at: OffsetDateTime,
    /// How long that took.
    pub took: Duration,
}

/// A look that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub why: String,
    /// When.
    pub at: OffsetDateTime,
}

impl<T> Default for Part<T> {
    fn default() -> Part<T> {
        Part { good: None, failed: None, under_way: None }
    }
}

impl<T> Part<T> {
    /// Whether it was ever looked at, or is now.
    pub fn is_used(&self) -> bool {
        self.good.is_some() || self.failed.is_some() || self.under_way.is_some()
    }

    /// A look begins.
    pub fn begins(&mut self, at: OffsetDateTime) {
        self.under_way = Some(at);
    }

    /// Takes what a look has answered. What was seen before stays until there is something newer.
    pub fn looked(&mut self, answer: Result<T, String>, at: OffsetDateTime, took: Duration) {
        self.under_way = None;
        match answer {
            Ok(value) => {
                self.good = Some(Good { value: Arc::new(value), at, took });
                self.failed = None;
            }
            Err(why) => self.failed = Some(Failed { why, at }),
        }
    }

    /// What was seen, however old.
    pub fn value(&self) -> Option<&T> {
        self.good.as_ref().map(|good| &*good.value)
    }

    /// How old that is; none where nothing was seen yet.
    pub fn age(&self, now: OffsetDateTime) -> Option<Duration> {
        self.good.as_ref().map(|good| (now - good.at).try_into().unwrap_or_default())
    }

    /// Whether the look that is under way should have had an end by now: whoever is asked does not answer.
    pub fn is_slow(&self, now: OffsetDateTime) -> bool {
        self.under_way.is_some_and(|began| now - began > SLOW)
    }

    /// Whether no look goes well at this moment: the last one failed, the one under way comes to no end, or none came to one
    /// for several looks' time.
    pub fn is_failing(&self, now: OffsetDateTime, every: Duration) -> bool {
        self.failed.is_some() || self.is_slow(now) || self.freshness(now, every) == Freshness::TooOld
    }

    /// Whether what was seen is still to be told as how things are.
    pub fn freshness(&self, now: OffsetDateTime, every: Duration) -> Freshness {
        match self.age(now) {
            None => Freshness::Nothing,
            Some(age) if age > every.saturating_mul(TOO_OLD) => Freshness::TooOld,
            Some(_) if self.failed.is_some() || self.is_slow(now) => Freshness::Stale,
            Some(_) => Freshness::Fresh,
        }
    }

    /// What was seen, where it is not too old to be a figure.
    pub fn current(&self, now: OffsetDateTime, every: Duration) -> Option<&T> {
        match self.freshness(now, every) {
            Freshness::Fresh | Freshness::Stale => self.value(),
            Freshness::TooOld | Freshness::Nothing => None,
        }
    }
}

/// How far what was seen can be told as how things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// The last look went well.
    Fresh,
    /// The last look failed, or comes to no end; what the one before has seen is shown.
    Stale,
    /// No look went well for several looks' time: how things are is unknown.
    TooOld,
    /// No look ever went well: all is unknown.
    Nothing,
}

/// The evidence of an image, or why it is not here.
pub type Evidence = Result<Arc<ImageRecord>, String>;

/// All that was seen. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Where images are.
    pub target: TargetKind,
    /// How often it is looked.
    pub every: Duration,
    /// All images, newest first in each recipe.
    pub images: Part<Vec<ImageRow>>,
    /// The evidence of those that channels name, and of the newest.
    pub evidence: Part<BTreeMap<ImageId, Evidence>>,
    /// What each channel names.
    pub channels: Part<Channels>,
    /// What they name in other places, where they reach any.
    pub places: Part<Vec<ElsewhereRow>>,
    /// Builds that have not ended.
    pub builds: Part<Vec<InFlight>>,
    /// Whether anything is launched from images on this target.
    pub has_fleet: bool,
    /// Who runs what.
    pub fleet: Part<Fleet>,
    /// How that was over time.
    pub freshness: Arc<History>,
}

impl Seen {
    /// Before the first look.
    pub fn nothing(target: TargetKind, every: Duration, has_fleet: bool) -> Seen {
        Seen {
            target,
            every,
            images: Part::default(),
            evidence: Part::default(),
            channels: Part::default(),
            places: Part::default(),
            builds: Part::default(),
            has_fleet,
            fleet: Part::default(),
            freshness: Arc::default(),
        }
    }
}

/// Where the one who looks leaves what it saw, and requests find it. Nobody waits for anybody.
#[derive(Debug)]
pub struct Board(RwLock<Seen>);

impl Board {
    /// One with this on it.
    pub fn new(seen: Seen) -> Board {
        Board(RwLock::new(seen))
    }

    /// What is there now.
    pub fn read(&self) -> Seen {
        // Whoever panicked while writing had written whole values.
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Changes something.
    pub fn write(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn what_was_seen_stays_and_is_told_as_stale_then_not_at_all() {
        let (then, every) = (datetime!(2026-01-01 0:00 UTC), Duration::from_secs(300));
        let mut part: Part<u32> = Part::default();
        assert_eq!((part.freshness(then, every), part.current(then, every)), (Freshness::Nothing, None));
        part.looked(Err("no answer".into()), then, every);
        assert_eq!((part.freshness(then, every), part.value()), (Freshness::Nothing, None));
        part.looked(Ok(7), then, every);
        let at = |seconds: u64| then + Duration::from_secs(seconds);
        assert_eq!((part.freshness(at(900), every), part.current(at(900), every)), (Freshness::Fresh, Some(&7)));
        part.looked(Err("no answer".into()), at(600), every);
        assert_eq!((part.freshness(at(900), every), part.current(at(900), every)), (Freshness::Stale, Some(&7)));
        // A look that never comes back makes it too old as one that fails does.
        assert_eq!((part.freshness(at(901), every), part.current(at(901), every)), (Freshness::TooOld, None));
        assert_eq!(part.value(), Some(&7));
        part.looked(Ok(8), at(1000), every);
        assert_eq!((part.freshness(at(1000), every), part.failed.is_none()), (Freshness::Fresh, true));
        // A clock that was set back makes nothing older.
        assert_eq!(part.age(at(0)), Some(Duration::ZERO));
    }

    /// AWS is gone, and each call is tried for minutes: nobody has said yet that it failed.
    #[test]
    fn a_look_that_comes_to_no_end_is_one_that_fails() {
        let then = datetime!(2026-01-01 0:00 UTC);
        let (at, day) = (|seconds: u64| then + Duration::from_secs(seconds), Duration::from_secs(86_400));
        let mut part: Part<u32> = Part::default();
        part.begins(then);
        assert_eq!(
            (part.is_failing(at(300), day), part.is_failing(at(301), day)),
            (false, true),
            "not even the first one"
        );
        part.looked(Ok(7), at(400), Duration::from_secs(400));
        assert!(!part.is_failing(at(2000), day), "none is under way");
        part.begins(at(2000));
        assert_eq!((part.is_failing(at(2300), day), part.freshness(at(2300), day)), (false, Freshness::Fresh));
        assert_eq!((part.is_failing(at(2301), day), part.freshness(at(2301), day)), (true, Freshness::Stale));
        // One that is looked at often is too old before that.
        let often = Duration::from_secs(30);
        part.looked(Ok(8), at(3000), Duration::ZERO);
        part.begins(at(3030));
        assert_eq!((part.is_failing(at(3090), often), part.is_failing(at(3091), often)), (false, true));
    }
}
