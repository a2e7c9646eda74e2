//! `schedule:` of the factory file, and of a recipe over it.

use super::super::schedule::{self, Cron, Rebuild, Schedule};
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
    let schedule = Schedule {
        cron,
        time_zone: time_zone?
            .or_else(|| over.map(|over| over.time_zone.clone()))
            .unwrap_or_else(|| Schedule::UTC.to_owned()),
        rebuild: rebuild?.or(over.map(|over| over.rebuild)).unwrap_or_default(),
    };
    if let Err(why) = check(&schedule) {
        let help = "give one minute, such as \"0 3 * * *\", or `rebuild: changed`";
        diagnostics.report_with_help(&node.span, why, help);
        return None;
    }
    Some(schedule)
}

/// What only all of it together shows.
fn check(schedule: &Schedule) -> Result<(), String> {
    match schedule.cron.per_hour() {
        0 | 1 => Ok(()),
        _ if schedule.rebuild == Rebuild::Changed => Ok(()),
        times => Err(format!(
            "with `rebuild: always` this begins {times} images in an hour, each before the last one can be there"
        )),
    }
}

fn cron(node: &Node, diagnostics: &mut Diagnostics) -> Option<Cron> {
    let text = node.text(diagnostics)?;
    match Cron::read(text) {
        Ok(cron) => Some(cron),
        Err(why) => {
            let help = "minute, hour, day of the month, month, day of the week: \"0 3 * * *\" is each night at three, \
                        \"0 3 ? * MON-FRI\" that of each working day";
            diagnostics.report_with_help(&node.span, format!("`{}` is no schedule: {why}", printable(text)), help);
            None
        }
    }
}

fn time_zone(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text(diagnostics)?;
    let help = match schedule::time_zone(text) {
        Ok(()) => return Some(text.to_owned()),
        Err(Some(near)) => format!("did you mean {near}?"),
        Err(None) => "such as Europe/Berlin, or Etc/UTC".to_owned(),
    };
    let message = format!("`{}` is no name of a time zone", printable(text));
    diagnostics.report_with_help(&node.span, message, help);
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::schedule::{Cron, Rebuild, Schedule};
    use super::check;

    #[test]
    fn no_image_is_begun_before_the_last_one_is_there() {
        let of = |cron: &str, rebuild| Schedule { cron: Cron::read(cron).unwrap(), time_zone: "UTC".into(), rebuild };
        assert!(check(&of("0 * * * *", Rebuild::Always)).is_ok());
        assert!(check(&of("*/5 * * * *", Rebuild::Changed)).is_ok());
        let why = check(&of("* * * * *", Rebuild::Always)).unwrap_err();
        assert_eq!(
            why,
            "with `rebuild: always` this begins 60 images in an hour, each before the last one can be there"
        );
    }
}
