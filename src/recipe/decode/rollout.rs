//! `rollout:` of the factory file.

use super::super::tables::rollout::{MOST_ALARMS, WEEKDAYS};
use super::super::{RolloutPolicy, Window, tables};
use super::distribution::by_name;
use super::{distinct, each, line, maybe, value};
use crate::identity::RecipeName;
use crate::source::{Diagnostics, Node, Value, printable};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use time::macros::format_description;
use time::{Time, UtcOffset, Weekday};

/// Reads it. `recipes`: those that have a file.
pub(super) fn rollout(node: &Node, recipes: &BTreeSet<String>, diagnostics: &mut Diagnostics) -> Option<RolloutPolicy> {
    let mut reader = tables::ROLLOUT.read(node, diagnostics)?;
    let least = maybe(&mut reader, "minimum_healthy", diagnostics, |node, d| percent(node, 0, 100, d));
    let most = maybe(&mut reader, "maximum_healthy", diagnostics, |node, d| percent(node, 100, 200, d));
    let checkpoints = maybe(&mut reader, "checkpoints", diagnostics, checkpoints);
    let delay = maybe(&mut reader, "checkpoint_delay", diagnostics, wait);
    let bake = maybe(&mut reader, "bake", diagnostics, wait);
    let warmup = maybe(&mut reader, "warmup", diagnostics, value::duration);
    let alarms = maybe(&mut reader, "alarms", diagnostics, alarms);
    let waves = maybe(&mut reader, "waves", diagnostics, |node, d| waves(node, recipes, d));
    let window = maybe(&mut reader, "window", diagnostics, window);
    reader.finish();
    let usual = RolloutPolicy::default();
    let policy = RolloutPolicy {
        minimum_healthy: least?.unwrap_or(usual.minimum_healthy),
        maximum_healthy: most?.unwrap_or(usual.maximum_healthy),
        checkpoints: checkpoints?.unwrap_or_default(),
        checkpoint_delay: delay?.unwrap_or(usual.checkpoint_delay),
        bake: bake?.unwrap_or(usual.bake),
        warmup: warmup?,
        alarms: alarms?.unwrap_or_default(),
        waves: waves?.unwrap_or_default(),
        window: window?,
    };
    if policy.maximum_healthy - policy.minimum_healthy > 100 {
        diagnostics.report(&node.span, "`maximum_healthy` is more than 100 above `minimum_healthy`, which AWS refuses");
        return None;
    }
    Some(policy)
}

/// As long as AWS waits (Auto Scaling API reference, `RefreshPreferences`: 172,800 s).
fn wait(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    value::duration_within(node, (1, "1s"), (172_800, "2d"), diagnostics)
}

fn percent(node: &Node, from: u8, to: u8, diagnostics: &mut Diagnostics) -> Option<u8> {
    let value = u8::try_from(node.integer(diagnostics)?).ok().filter(|value| (from..=to).contains(value));
    if value.is_none() {
        diagnostics.report(&node.span, format!("out of bounds: expected {from} to {to}"));
    }
    value
}

fn checkpoints(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<u8>> {
    let all = distinct(node, "percentages", diagnostics, |node, d| percent(node, 1, 99, d))?;
    if !all.is_sorted() {
        diagnostics.report(&node.span, "checkpoints must ascend");
        return None;
    }
    Some(all)
}

fn alarms(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<String>> {
    if let Value::List(items) = &node.value
        && let Some(beyond) = items.get(MOST_ALARMS)
    {
        let what = format!("{} alarms: AWS takes at most {MOST_ALARMS} for a refresh", items.len());
        diagnostics.report(&beyond.span, what);
        return None;
    }
    distinct(node, "alarms", diagnostics, line)
}

fn waves(
    node: &Node,
    recipes: &BTreeSet<String>,
    diagnostics: &mut Diagnostics,
) -> Option<BTreeMap<RecipeName, Vec<Vec<String>>>> {
    let mut whole = true;
    if let Value::Map(entries) = &node.value {
        for (key, _) in entries.iter().filter(|(key, _)| !recipes.contains(&key.text)) {
            diagnostics.report_unknown(&key.span, "recipe", &key.text, recipes.iter().map(String::as_str));
            whole = false;
        }
    }
    let read = by_name(node, "recipes", diagnostics, |node, d| {
        let waves = each(node, "waves", d, |node, d| distinct(node, "groups", d, line))?;
        let all: Vec<&String> = waves.iter().flatten().collect();
        let twice = all.iter().enumerate().find(|(at, group)| all[..*at].contains(group));
        if let Some((_, group)) = twice {
            d.report(&node.span, format!("the group `{}` is in two waves", printable(group)));
            return None;
        }
        if waves.is_empty() || waves.iter().any(Vec::is_empty) {
            d.report(&node.span, "a wave without groups");
            return None;
        }
        Some(waves)
    });
    read.filter(|_| whole)
}

fn window(node: &Node, diagnostics: &mut Diagnostics) -> Option<Window> {
    let mut reader = tables::WINDOW.read(node, diagnostics)?;
    let days = reader.take("days").and_then(|node| distinct(node, "days", diagnostics, day));
    let from = reader.take("from").and_then(|node| clock(node, diagnostics));
    let to = reader.take("to").and_then(|node| clock(node, diagnostics));
    let zone = maybe(&mut reader, "zone", diagnostics, zone);
    reader.finish();
    let mut days: Vec<usize> = days?;
    if days.is_empty() {
        diagnostics.report(&node.span, "a window that never opens: expected at least one day");
        return None;
    }
    days.sort_unstable();
    let days = days.into_iter().filter_map(|day| u8::try_from(day).ok()).map(|day| Weekday::Monday.nth_next(day));
    Some(Window { days: days.collect(), from: from?, to: to?, zone: zone?.unwrap_or(UtcOffset::UTC) })
}

fn day(node: &Node, diagnostics: &mut Diagnostics) -> Option<usize> {
    let word = node.one_of("day", &WEEKDAYS, diagnostics)?;
    WEEKDAYS.iter().position(|day| *day == word)
}

fn clock(node: &Node, diagnostics: &mut Diagnostics) -> Option<Time> {
    let text = node.text(diagnostics)?;
    let time = Time::parse(text, format_description!("[hour]:[minute]")).ok();
    if time.is_none() {
        let message = format!("`{}` is not a time of the day: expected \"HH:MM\"", printable(text));
        diagnostics.report(&node.span, message);
    }
    time
}

fn zone(node: &Node, diagnostics: &mut Diagnostics) -> Option<UtcOffset> {
    let text = node.text(diagnostics)?;
    if text == "UTC" {
        return Some(UtcOffset::UTC);
    }
    let format = format_description!("[offset_hour sign:mandatory]:[offset_minute]");
    let zone = UtcOffset::parse(text, format).ok();
    if zone.is_none() {
        let help = "names of zones are not known here: write UTC, or an offset such as \"+01:00\"";
        diagnostics.report_with_help(&node.span, format!("`{}` is not a zone", printable(text)), help);
    }
    zone
}
