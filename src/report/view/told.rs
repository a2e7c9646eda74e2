//! Who was told what of the fleet, for whoever runs the check.

use super::fleet::Measured;
use crate::fleet::notify::left::LeftItems;
use crate::fleet::notify::tell::{Outcome, Telling};
use crate::report::{Style, visible, wording};

/// A line for each audience and way.
pub fn told(all: &[Telling], (measured, left): (Option<&Measured>, &[LeftItems]), style: Style) -> String {
    let mut text: String = all.iter().map(|telling| line(telling, style)).collect();
    if let Some(Measured { metrics, error }) = measured {
        let what = wording::count(*metrics, "metric");
        match error {
            None => text.push_str(&format!("{what} put\n")),
            Some(error) => text.push_str(&format!("{} {what}: {}\n", style.red("not put:"), visible::joined(error))),
        }
    }
    for LeftItems { opened_by, count, why, resolve } in left {
        let items = wording::count(*count, "open item");
        text.push_str(&format!(
            "{} {items} in OpsCenter of {}: {}\n  {}\n",
            style.yellow("left:"),
            visible::line(opened_by),
            visible::line(why),
            visible::line(resolve)
        ));
    }
    text
}

fn line(telling: &Telling, style: Style) -> String {
    let who = format!("{} by {}", telling.audience, telling.way.as_str());
    let changed = if telling.changed > 0 { format!(", {} changed", telling.changed) } else { String::new() };
    let mut text = match (telling.outcome, &telling.error) {
        (Outcome::Told, _) => format!(
            "{who}: told: {} new, {} worse{changed}, {} resolved, {} unchanged{}\n",
            telling.new,
            telling.worse,
            telling.resolved,
            telling.unchanged,
            more(telling),
        ),
        (Outcome::Heartbeat, _) => {
            let same = wording::count(telling.unchanged, "finding");
            format!("{who}: told that all is the same: {same}\n")
        }
        (Outcome::Quiet, _) => format!("{who}: nothing new: {}\n", wording::count(telling.unchanged, "finding")),
        (Outcome::Failed, error) => {
            let why = visible::joined(error.as_deref().unwrap_or_default());
            format!("{} {who}: {why}\n", style.red("not told:"))
        }
    };
    if let Some(why) = &telling.damaged {
        text.push_str(&format!(
            "  what it was told before could not be read, and all was new: {}\n",
            visible::joined(why)
        ));
    }
    text
}

fn more(telling: &Telling) -> String {
    let mut text = String::new();
    if telling.unknown > 0 {
        text.push_str(&format!(", {} unknown", telling.unknown));
    }
    if telling.waiting > 0 {
        text.push_str(&format!("; {} wait for the next run", telling.waiting));
    }
    text
}
