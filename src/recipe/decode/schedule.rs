//! `schedule:` of the factory file, and of a recipe over it.

use super::super::schedule::{Cron, Rebuild, Schedule};
use super::super::tables;
use super::maybe;
use crate::source::{Diagnostics, Node, Value, printable};

/// What a recipe says of its schedule.
pub(super) enum Said {
    /// It has one.
    Schedule(Schedule),
    /// It has none, whatever the factory file says.
    None,
}

/// A recipe's own.
pub(super) fn of_recipe(node: &Node, over: Option<&Schedule>, diagnostics: &mut Diagnostics) -> Option<Said> {
    match &node.value {
        Value::Scalar { text, .. } if text == "none" => Some(Said::None),
        _ => schedule(node, over, diagnostics).map(Said::Schedule),
    }
}

/// Reads it, key by key over what was said before.
pub(super) fn schedule(node: &Node, over: Option<&Schedule>, diagnostics: &mut Diagnostics) -> Option<Schedule> {
    let mut reader = tables::SCHEDULE.read(node, diagnostics)?;
    let cron = maybe(&mut reader, "cron", diagnostics, cron);
    let time_zone = maybe(&mut reader, "time_zone", diagnostics, time_zone);
    let rebuild = maybe(&mut reader, "rebuild", diagnostics, |node, d| {
        let word = node.one_of("word", &Rebuild::WORDS, d)?;
        Some(if word == Rebuild::Always.as_str() { Rebuild::Always } else { Rebuild::Changed })
    });
    reader.finish();
    let Some(cron) = cron?.or_else(|| over.map(|over| over.cron.clone())) else {
        let help = "cron: \"0 3 * * *\" is each night at three";
        diagnostics.report_with_help(&node.span, "a schedule needs `cron`", help);
        return None;
    };
    Some(Schedule {
        cron,
        time_zone: time_zone?
            .or_else(|| over.map(|over| over.time_zone.clone()))
            .unwrap_or_else(|| Schedule::UTC.to_owned()),
        rebuild: rebuild?.or(over.map(|over| over.rebuild)).unwrap_or_default(),
    })
}

fn cron(node: &Node, diagnostics: &mut Diagnostics) -> Option<Cron> {
    let text = node.text(diagnostics)?;
    match Cron::read(text) {
        Ok(cron) => Some(cron),
        Err(why) => {
            let help = "minute, hour, day of the month, month, day of the week: \"0 3 * * *\" is each night at three, \
                        \"0 3 ? * SUN\" each Sunday's";
            diagnostics.report_with_help(&node.span, format!("`{}` is no schedule: {why}", printable(text)), help);
            None
        }
    }
}

fn time_zone(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text(diagnostics)?;
    let is_part = |part: &str, more: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let mut parts = text.split('/');
    let is_first = parts.next().is_some_and(|first| first.len() >= 2 && is_part(first, ""));
    if is_first && parts.all(|part| is_part(part, "_+-")) && text.len() <= 100 {
        return Some(text.to_owned());
    }
    let message = format!("`{}` is no name of a time zone", printable(text));
    diagnostics.report_with_help(&node.span, message, "such as Europe/Berlin, or Etc/UTC");
    None
}
