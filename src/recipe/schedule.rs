//! Schedules: when EC2 Image Builder is to build a recipe by itself.

use serde::Serialize;
use std::fmt;

/// `schedule:` of a recipe, or of the factory file for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// `cron:` when it looks.
    pub cron: Cron,
    /// `time_zone:` by whose clock, as the IANA names it.
    pub time_zone: String,
    /// `rebuild:` whether it builds then.
    pub rebuild: Rebuild,
}

impl Schedule {
    /// By whose clock, where nothing is said.
    pub const UTC: &'static str = "Etc/UTC";
}

/// Whether there is an image each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rebuild {
    /// Only where the base or a component has changed.
    #[default]
    Changed,
    /// Each time: packages may be newer although nothing else is.
    Always,
}

impl Rebuild {
    /// As they are written.
    pub const WORDS: [&'static str; 2] = ["changed", "always"];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rebuild::Changed => Rebuild::WORDS[0],
            Rebuild::Always => Rebuild::WORDS[1],
        }
    }
}

/// Five fields: minute, hour, day of the month, month, day of the week; of the two days one is `?`, which is how AWS
/// has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Cron(String);

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A field: its name, its bounds, the words that stand for its numbers.
struct Field {
    name: &'static str,
    from: u32,
    to: u32,
    words: &'static [&'static str],
    is_day: bool,
}

const fn field(name: &'static str, from: u32, to: u32, words: &'static [&'static str], is_day: bool) -> Field {
    Field { name, from, to, words, is_day }
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// Sunday is 1 (Image Builder user guide, "Use cron expressions in Image Builder").
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const FIELDS: [Field; 5] = [
    field("minute", 0, 59, &[], false),
    field("hour", 0, 23, &[], false),
    field("day of the month", 1, 31, &[], true),
    field("month", 1, 12, &MONTHS, false),
    field("day of the week", 1, 7, &DAYS, true),
];

impl Cron {
    /// Reads it. The error says what is wrong, in words.
    pub fn read(text: &str) -> Result<Cron, String> {
        let mut fields: Vec<String> =
            text.split(' ').filter(|field| !field.is_empty()).map(str::to_ascii_uppercase).collect();
        if fields.len() != FIELDS.len() {
            return Err(format!("expected five fields, found {}", fields.len()));
        }
        for (text, field) in fields.iter().zip(&FIELDS) {
            field.check(text)?;
        }
        let (date, weekday) = (2, 4);
        match (fields[date].as_str(), fields[weekday].as_str()) {
            // As cron has it on other machines: each day.
            ("*", "*") => fields[weekday] = "?".to_owned(),
            ("?", "?") => return Err("one of the two days must be given: both are `?`".into()),
            ("?", _) | (_, "?") => {}
            ("*", _) => fields[date] = "?".to_owned(),
            (_, "*") => fields[weekday] = "?".to_owned(),
            _ => return Err("a day of the month and a day of the week can't both be given: make one `?`".into()),
        }
        Ok(Cron(fields.join(" ")))
    }

    /// As the service takes it.
    pub fn expression(&self) -> String {
        format!("cron({})", self.0)
    }
}

impl Field {
    fn check(&self, text: &str) -> Result<(), String> {
        if text == "*" || (text == "?" && self.is_day) {
            return Ok(());
        }
        let wrong = |part: &str| {
            let words = if self.words.is_empty() { String::new() } else { format!(" or {}", self.words.join(", ")) };
            Err(format!("`{part}` is no {}: expected {} to {}{words}", self.name, self.from, self.to))
        };
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(step)),
                None => (part, None),
            };
            if step.is_some_and(|step| !step.parse::<u32>().is_ok_and(|step| (1..=self.to).contains(&step))) {
                return wrong(part);
            }
            if range == "*" {
                continue;
            }
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            match (self.number(from), self.number(to)) {
                (Some(from), Some(to)) if from <= to => {}
                _ => return wrong(part),
            }
        }
        Ok(())
    }

    fn number(&self, text: &str) -> Option<u32> {
        let word = self.words.iter().position(|word| *word == text).and_then(|at| u32::try_from(at).ok());
        // One digit or two, so that no sign passes.
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = word.map(|at| at + self.from).or_else(|| text.parse().ok().filter(|_| is_number));
        number.filter(|number| (self.from..=self.to).contains(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_takes_is_what_people_mean() {
        let read = |text: &str| Cron::read(text).map(|cron| cron.expression());
        assert_eq!(read("0 3 * * *").unwrap(), "cron(0 3 * * ?)");
        assert_eq!(read("0 3 ? * mon-fri").unwrap(), "cron(0 3 ? * MON-FRI)");
        assert_eq!(read("*/15 0-5,22 1,15 JAN-mar *").unwrap(), "cron(*/15 0-5,22 1,15 JAN-MAR ?)");
        assert_eq!(read("5 4 * * SUN").unwrap(), "cron(5 4 ? * SUN)");
    }

    #[test]
    fn what_it_would_refuse_or_read_otherwise_is_refused_here() {
        for wrong in [
            "",
            "0 3 * *",
            "0 3 * * * *",
            "60 3 * * *",
            "0 24 * * *",
            "0 3 0 * *",
            "0 3 * 13 *",
            "0 3 * * 0",
            "0 3 1 * MON",
            "0 3 ? * ?",
            "? 3 * * *",
            "0 3 * * FOO",
            "0 5-3 * * *",
            "0 3/0 * * *",
            "+1 3 * * *",
            "0, 3 * * *",
            "0 3 L * *",
            "0\t3 * * * *",
        ] {
            assert!(Cron::read(wrong).is_err(), "`{wrong}`");
        }
    }
}
