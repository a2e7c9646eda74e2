//! The fleet's freshness over time: a point for each look, thinned with age, and bounded. Pure.

use serde::{Deserialize, Serialize};

/// How the fleet stood when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// When, seconds since 1970.
    pub at: i64,
    /// How long it holds, in seconds: after that it is unknown how the fleet stood.
    pub holds: u32,
    /// How many break the policy.
    pub fail: u64,
    /// How many can't be told.
    pub unknown: u64,
    /// How many are to be warned of.
    pub warn: u64,
    /// How many are exempt.
    pub exempt: u64,
    /// How many are fine.
    pub fine: u64,
    /// In how many places something could not be read.
    pub unread: u64,
}

impl Point {
    /// All that were seen.
    pub fn total(&self) -> u64 {
        [self.unknown, self.warn, self.exempt, self.fine]
            .iter()
            .fold(self.fail, |sum, count| sum.saturating_add(*count))
    }

    /// What makes one worse than another.
    fn badness(&self) -> (u64, u64, u64, u64) {
        (self.fail, self.unread, self.unknown, self.warn)
    }
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Up to which age of points, in seconds, one is kept for each so many seconds: a day in steps of five minutes, sixty days
/// in hours, three years in days. 288 + 1440 + 1095 points at most.
const STEPS: [(i64, i64); 3] = [(DAY, 300), (60 * DAY, HOUR), (3 * 365 * DAY, DAY)];

/// Adds a point and thins those before it: of each step the worst stays, so that a bad hour is still seen after a year.
/// The newest always stays.
pub fn add(points: &mut Vec<Point>, new: Point) {
    // What claims to be from later was written by a clock that was wrong.
    points.retain(|point| point.at < new.at);
    points.sort_by_key(|point| point.at);
    let mut kept: Vec<Point> = Vec::with_capacity(points.len() + 1);
    let mut bucket = None;
    for point in points.drain(..) {
        let Some(step) = step(new.at.saturating_sub(point.at)) else { continue };
        let of = Some((step, point.at.div_euclid(step)));
        match kept.last_mut() {
            Some(last) if of == bucket => {
                // It stands for both.
                let holds = (point.at - last.at).saturating_add(point.holds.into()).max(last.holds.into());
                let first = last.at;
                if point.badness() > last.badness() {
                    *last = point;
                }
                last.at = first;
                last.holds = u32::try_from(holds).unwrap_or(u32::MAX);
            }
            _ => kept.push(point),
        }
        bucket = of;
    }
    kept.push(new);
    *points = kept;
}

fn step(age: i64) -> Option<i64> {
    STEPS.iter().find(|(up_to, _)| age <= *up_to).map(|(_, step)| *step)
}

/// Points with no time between them in which nobody knows how the fleet stood.
pub fn stretches(points: &[Point]) -> Vec<&[Point]> {
    points.chunk_by(|a, b| b.at.saturating_sub(a.at) <= i64::from(a.holds)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: i64, fail: u64) -> Point {
        Point { at, holds: 900, fail, unknown: 0, warn: 0, exempt: 0, fine: 10, unread: 0 }
    }

    #[test]
    fn three_years_of_looks_stay_few_and_the_worst_is_still_there() {
        let mut points = Vec::new();
        let mut most = 0;
        for n in 0..4 * 365 * 24 {
            // A look each hour; one bad one in the second year.
            add(&mut points, Point { holds: 3 * 3600, ..point(n * HOUR, u64::from(n == 15_000)) });
            most = most.max(points.len());
        }
        assert!(most <= 288 + 1440 + 1095 + 4, "{most}");
        assert_eq!(points.iter().filter(|point| point.fail > 0).count(), 1);
        assert!(points.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert!(points.last().unwrap().at - points[0].at <= 3 * 365 * DAY);
        assert_eq!(stretches(&points).len(), 1, "thinning makes no gap");
    }

    #[test]
    fn looks_every_minute_are_thinned_without_a_gap() {
        let mut points = Vec::new();
        for n in 0..3 * 24 * 60 {
            add(&mut points, Point { holds: 180, ..point(n * 60, 0) });
        }
        assert!(points.len() < 288 + 51 + 3, "{}", points.len());
        assert_eq!(stretches(&points).len(), 1);
    }

    #[test]
    fn where_nobody_looked_there_is_a_gap() {
        let mut points = Vec::new();
        for at in [0, 300, 600, 9_000, 9_300] {
            add(&mut points, point(at, 0));
        }
        let lengths: Vec<usize> = stretches(&points).iter().map(|stretch| stretch.len()).collect();
        assert_eq!(lengths, [3, 2]);
        assert_eq!(stretches(&[]).len(), 0);
    }

    #[test]
    fn what_comes_from_the_future_or_twice_is_dropped() {
        let mut points = vec![point(500, 1), point(100, 0), point(900, 0)];
        add(&mut points, point(500, 2));
        assert_eq!(points.iter().map(|p| (p.at, p.fail)).collect::<Vec<_>>(), [(100, 0), (500, 2)]);
    }
}
