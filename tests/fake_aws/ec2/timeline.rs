//! A value that changes with time: what it was, is, and will be if nobody interferes.

use tokio::time::Instant;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline<T>(Vec<(Instant, T)>);

impl<T: Clone + PartialEq> Timeline<T> {
    pub fn new(at: Instant, value: T) -> Timeline<T> {
        Timeline(vec![(at, value)])
    }

    /// The value at that moment; before the beginning, the first one.
    pub fn at(&self, at: Instant) -> &T {
        &self.0[self.0.partition_point(|(since, _)| *since <= at).max(1) - 1].1
    }

    /// Since when it has had the value that it has at that moment.
    pub fn since(&self, at: Instant) -> Instant {
        self.0[self.0.partition_point(|(since, _)| *since <= at).max(1) - 1].0
    }

    /// From now on; whatever was to come does not come.
    pub fn set(&mut self, now: Instant, value: T) {
        self.0.retain(|(since, _)| *since <= now);
        self.0.push((now, value));
    }

    /// To come after what is there.
    pub fn then(&mut self, at: Instant, value: T) {
        self.0.push((at, value));
    }

    /// The first moment up to now at which it had the value.
    pub fn first(&self, now: Instant, value: &T) -> Option<Instant> {
        self.0.iter().find(|(since, held)| held == value && *since <= now).map(|(since, _)| *since)
    }

    /// Where it ends if nobody interferes.
    pub fn end(&self) -> &T {
        &self.0[self.0.len() - 1].1
    }
}
