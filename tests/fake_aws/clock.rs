//! The only clock: tokio's, so that paused time works. Wall-clock stamps are the start plus what has elapsed.

use std::time::Duration;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
    start: OffsetDateTime,
}

impl Clock {
    pub fn new(start: OffsetDateTime) -> Clock {
        Clock { zero: Instant::now(), start }
    }

    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// What a calendar shows at that moment.
    pub fn wall(&self, at: Instant) -> OffsetDateTime {
        match at.checked_duration_since(self.zero) {
            Some(after) => self.start + after,
            None => self.start - self.zero.duration_since(at),
        }
    }

    /// `2026-11-20T08:00:00.000Z`, as EC2 writes it.
    pub fn iso(&self, at: Instant) -> String {
        iso(self.wall(at))
    }

    /// Seconds since 1970, as the JSON services write it.
    pub fn epoch(&self, at: Instant) -> f64 {
        self.wall(at).unix_timestamp_nanos() as f64 / 1e9
    }

    /// The moment that lies `ago` before now, or the start of the world.
    pub fn before(&self, now: Instant, ago: Duration) -> Instant {
        now.checked_sub(ago).filter(|at| *at >= self.zero).unwrap_or(self.zero)
    }
}

/// A stamp as EC2 writes it.
pub fn iso(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.format(format).unwrap_or_default()
}
