//! The fleet's freshness over time as a drawing: columns of time, each as high as what was seen then, by level. No script,
//! no text inside: what is written beside it keeps its size on any screen.

use crate::fleet::trend::Point;
use crate::pipeline::clock;
use crate::report::view::minute;
use crate::report::wording;
use serde::Serialize;
use time::OffsetDateTime;

/// How many columns of time there are.
const COLUMNS: usize = 240;
/// The drawing's own size; it is stretched to whatever room there is.
const HIGH: f64 = 100.0;
const DAY: i64 = 86_400;
/// The longest and the shortest time that is drawn, in seconds.
const SPAN: (i64, i64) = (90 * DAY, 600);

/// The drawing, and what it shows in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Chart {
    pub from: String,
    pub to: String,
    pub most: u64,
    pub words: String,
    bars: Vec<Bar>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Bar {
    key: &'static str,
    x: usize,
    y: f64,
    width: usize,
    height: f64,
}

impl Chart {
    /// None where nothing was kept yet.
    pub fn of(points: &[Point], now: OffsetDateTime) -> Option<Chart> {
        let to = now.unix_timestamp();
        let first = points.iter().map(|point| point.at).min()?;
        let from = to - (to - first).clamp(SPAN.1, SPAN.0);
        let columns = columns(points, from, to);
        let most = columns.iter().flatten().map(|point| point.total()).max().unwrap_or_default();
        let text = |at: i64| OffsetDateTime::from_unix_timestamp(at).map(clock::rfc3339).unwrap_or_default();
        Some(Chart {
            from: minute(&text(from)),
            to: minute(&text(to)),
            most,
            words: words(now_holding(points, to), &columns, from, to),
            bars: bars(&columns, most),
        })
    }
}

/// Of each column the worst point that holds in it; none where nobody knows.
fn columns(points: &[Point], from: i64, to: i64) -> Vec<Option<Point>> {
    let mut columns: Vec<Option<Point>> = vec![None; COLUMNS];
    let span = (to - from).max(1) as f64;
    let column = |at: i64| ((at - from) as f64 / span * COLUMNS as f64).floor().clamp(0.0, COLUMNS as f64) as usize;
    for (n, point) in points.iter().enumerate() {
        let holds = point.at.saturating_add(point.holds.into());
        let until = points.get(n + 1).map_or(holds, |next| holds.min(next.at)).min(to);
        if until < from || point.at > to {
            continue;
        }
        let first = column(point.at).min(COLUMNS - 1);
        let last = column(until).max(first + 1).min(COLUMNS);
        for slot in &mut columns[first..last] {
            if slot
                .is_none_or(|there| (there.fail, there.unknown, there.warn) <= (point.fail, point.unknown, point.warn))
            {
                *slot = Some(*point);
            }
        }
    }
    columns
}

fn levels(point: &Point) -> [(&'static str, u64); 5] {
    [
        ("fail", point.fail),
        ("unknown", point.unknown),
        ("error", point.warn),
        ("waived", point.exempt),
        ("pass", point.fine),
    ]
}

/// Columns that are alike become one bar for each level, the worst level lowest.
fn bars(columns: &[Option<Point>], most: u64) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut x = 0;
    for alike in columns.chunk_by(|a, b| a.map(|a| levels(&a)) == b.map(|b| levels(&b))) {
        let width = alike.len();
        match alike[0] {
            None => bars.push(Bar { key: "dark", x, y: 0.0, width, height: HIGH }),
            Some(point) => {
                let mut below = 0.0;
                for (key, count) in levels(&point).into_iter().filter(|(_, count)| *count > 0) {
                    let height = count as f64 / most.max(1) as f64 * HIGH;
                    below += height;
                    bars.push(Bar { key, x, y: rounded(HIGH - below), width, height: rounded(height) });
                }
            }
        }
        x += width;
    }
    bars
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The newest point, where it still holds.
fn now_holding(points: &[Point], to: i64) -> Option<Point> {
    let newest = points.iter().filter(|point| point.at <= to).max_by_key(|point| point.at)?;
    (to <= newest.at.saturating_add(newest.holds.into())).then_some(*newest)
}

fn words(now: Option<Point>, columns: &[Option<Point>], from: i64, to: i64) -> String {
    let count = |n: u64| wording::count(usize::try_from(n).unwrap_or(usize::MAX), "use");
    let mut text = match now {
        Some(point) => format!("Now: {} of images, {} breaking the policy", count(point.total()), point.fail),
        None => "Now: unknown".to_owned(),
    };
    let worst = columns.iter().enumerate().filter_map(|(n, point)| Some((n, (*point)?))).max_by_key(|(_, p)| p.fail);
    if let Some((n, point)) = worst.filter(|(_, point)| point.fail > 0) {
        let at = from + (to - from) * n as i64 / COLUMNS as i64;
        let at = OffsetDateTime::from_unix_timestamp(at).map(clock::rfc3339).unwrap_or_default();
        text.push_str(&format!("; worst: {} about {}", point.fail, minute(&at)));
    }
    let dark = columns.iter().filter(|point| point.is_none()).count();
    if dark > 0 {
        // Never 100 where something was seen, and never 0 where something was not.
        let share = (dark * 100 / COLUMNS).max(1);
        text.push_str(&format!("; nobody looked, or could, in {share} % of the time"));
    }
    text + "."
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-02 0:00 UTC);

    fn point(hours_ago: i64, fail: u64, fine: u64) -> Point {
        let at = NOW.unix_timestamp() - hours_ago * 3600;
        Point { at, holds: 2 * 3600, fail, unknown: 0, warn: 0, exempt: 0, fine, unread: 0 }
    }

    #[test]
    fn what_nobody_saw_is_neither_fine_nor_what_it_was_before() {
        let chart = Chart::of(&[point(24, 0, 10), point(23, 5, 5), point(6, 0, 8)], NOW).unwrap();
        let shape: Vec<_> = chart.bars.iter().map(|b| (b.key, b.x, b.width, b.y, b.height)).collect();
        assert_eq!(
            shape,
            [
                ("pass", 0, 10, 0.0, 100.0),
                ("fail", 10, 20, 50.0, 50.0),
                ("pass", 10, 20, 0.0, 50.0),
                ("dark", 30, 150, 0.0, 100.0),
                ("pass", 180, 20, 20.0, 80.0),
                ("dark", 200, 40, 0.0, 100.0),
            ]
        );
        assert_eq!(chart.most, 10);
        assert_eq!(
            chart.words,
            "Now: unknown; worst: 5 about 2026-01-01 02:54 UTC; nobody looked, or could, in 79 % of the time."
        );
    }

    #[test]
    fn one_point_makes_a_chart_and_none_makes_none() {
        assert_eq!(Chart::of(&[], NOW), None);
        let chart = Chart::of(&[point(0, 0, 3)], NOW).unwrap();
        assert_eq!(chart.bars.iter().map(|bar| bar.width).sum::<usize>(), COLUMNS);
        assert!(chart.words.starts_with("Now: 3 uses of images, 0 breaking the policy"), "{}", chart.words);
        // Points of years ago and of tomorrow don't break it.
        let odd = [point(24 * 400, 1, 1), point(1, 0, 0), point(-24, 9, 9)];
        assert_eq!(Chart::of(&odd, NOW).unwrap().bars.iter().filter(|bar| bar.key == "fail").count(), 0);
    }
}
