//! How images are rolled out: `rollout:` of `amifactory.yaml`. How fast instances are replaced, in which order groups, and
//! when nothing is begun.

use crate::identity::RecipeName;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use time::{OffsetDateTime, Time, UtcOffset, Weekday};

/// `rollout:`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutPolicy {
    /// `minimum_healthy:` so many of a hundred instances stay in service.
    pub minimum_healthy: u8,
    /// `maximum_healthy:` so many of a hundred are there at most.
    pub maximum_healthy: u8,
    /// `checkpoints:` percentages at which it waits.
    pub checkpoints: Vec<u8>,
    /// `checkpoint_delay:`
    pub checkpoint_delay: Duration,
    /// `bake:` how long it waits at the end.
    pub bake: Duration,
    /// `warmup:` how long a new instance is left alone; none: as its group says.
    pub warmup: Option<Duration>,
    /// `alarms:` of CloudWatch that end it.
    pub alarms: Vec<String>,
    /// `waves:` of each recipe: groups that are rolled at once, and one wave after the other.
    pub waves: BTreeMap<RecipeName, Vec<Vec<String>>>,
    /// `window:` outside of it nothing is begun.
    pub window: Option<Window>,
}

impl Default for RolloutPolicy {
    fn default() -> Self {
        RolloutPolicy {
            minimum_healthy: 90,
            maximum_healthy: 100,
            checkpoints: Vec::new(),
            checkpoint_delay: Duration::from_secs(600),
            bake: Duration::ZERO,
            warmup: None,
            alarms: Vec::new(),
            waves: BTreeMap::new(),
            window: None,
        }
    }
}

/// A maintenance window: on these days, from one time of the day to another. One that ends at or before its beginning ends
/// on the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// `days:` on which it opens, by the zone's calendar.
    pub days: Vec<Weekday>,
    /// `from:`
    pub from: Time,
    /// `to:`
    pub to: Time,
    /// `zone:` UTC, or a fixed offset from it.
    pub zone: UtcOffset,
}

impl Window {
    /// Whether it is open.
    pub fn is_open(&self, now: OffsetDateTime) -> bool {
        // It may have opened yesterday.
        (-1..=0).filter_map(|days| self.opening(now, days)).any(|(from, to)| from <= now && now < to)
    }

    /// When it opens next; none where it has no days.
    pub fn opens(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        (0..=7).filter_map(|days| self.opening(now, days)).map(|(from, _)| from).find(|from| *from > now)
    }

    /// From when to when it is open that begins so many days after today.
    fn opening(&self, now: OffsetDateTime, days: i64) -> Option<(OffsetDateTime, OffsetDateTime)> {
        let day = now.to_offset(self.zone).date().checked_add(time::Duration::days(days))?;
        if !self.days.contains(&day.weekday()) {
            return None;
        }
        let end = if self.to <= self.from { day.next_day()? } else { day };
        Some((day.with_time(self.from).assume_offset(self.zone), end.with_time(self.to).assume_offset(self.zone)))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<String> = self.days.iter().map(|day| day.to_string()[..3].to_lowercase()).collect();
        let time = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
        write!(f, "{} {} to {} ", days.join(", "), time(self.from), time(self.to))?;
        if self.zone.is_utc() {
            return f.write_str("UTC");
        }
        let (hours, minutes, _) = self.zone.as_hms();
        let sign = if self.zone.is_negative() { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", hours.unsigned_abs(), minutes.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{datetime, offset, time};

    #[test]
    fn a_window_is_open_from_its_beginning_up_to_its_end() {
        // 2026-11-21 is a Saturday.
        let window = Window { days: vec![Weekday::Saturday], from: time!(2:00), to: time!(5:00), zone: UtcOffset::UTC };
        assert_eq!(window.to_string(), "sat 02:00 to 05:00 UTC");
        assert!(!window.is_open(datetime!(2026-11-21 01:59:59 UTC)));
        assert!(window.is_open(datetime!(2026-11-21 02:00 UTC)) && window.is_open(datetime!(2026-11-21 04:59:59 UTC)));
        assert!(!window.is_open(datetime!(2026-11-21 05:00 UTC)) && !window.is_open(datetime!(2026-11-22 03:00 UTC)));
        assert_eq!(window.opens(datetime!(2026-11-21 01:00 UTC)), Some(datetime!(2026-11-21 02:00 UTC)));
        assert_eq!(window.opens(datetime!(2026-11-21 02:00 UTC)), Some(datetime!(2026-11-28 02:00 UTC)));
        assert_eq!(window.opens(datetime!(2026-11-22 00:00 UTC)), Some(datetime!(2026-11-28 02:00 UTC)));
    }

    #[test]
    fn one_over_midnight_belongs_to_the_day_on_which_it_opens_and_days_are_those_of_its_zone() {
        let window =
            Window { days: vec![Weekday::Saturday], from: time!(22:00), to: time!(2:00), zone: offset!(+02:00) };
        assert_eq!(window.to_string(), "sat 22:00 to 02:00 +02:00");
        assert!(!window.is_open(datetime!(2026-11-21 19:59 UTC)) && window.is_open(datetime!(2026-11-21 20:00 UTC)));
        assert!(window.is_open(datetime!(2026-11-21 23:59 UTC)) && !window.is_open(datetime!(2026-11-22 00:00 UTC)));
        assert!(!window.is_open(datetime!(2026-11-20 23:00 UTC)));
        assert_eq!(window.opens(datetime!(2026-11-21 23:00 UTC)), Some(datetime!(2026-11-28 20:00 UTC)));
    }
}
