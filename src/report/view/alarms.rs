//! Alarms over the check of the fleet: what there is, and what was declared.

use crate::fleet::notify::metrics::Former;
use crate::hardening::shell;
use crate::identity::Region;
use crate::report::{Style, visible};
use crate::target::Alarm;
use serde::Serialize;

/// How one is, beside how it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmState {
    /// It is not there.
    New,
    /// It is there, and otherwise.
    Changed,
    /// It is there.
    Same,
}

impl AlarmState {
    /// How one is that should be so.
    pub fn of(wanted: &Alarm, found: Option<&Alarm>) -> AlarmState {
        match found {
            None => AlarmState::New,
            Some(found) if found == wanted => AlarmState::Same,
            Some(_) => AlarmState::Changed,
        }
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmRow {
    /// Its name.
    pub name: String,
    /// How it was.
    pub state: AlarmState,
    /// Where it is otherwise: what it has, and what it should have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
    /// Whether it was declared now.
    pub declared: bool,
    /// When it rings.
    pub description: String,
    /// What is told then.
    pub actions: Vec<String>,
}

impl AlarmRow {
    /// How it was, and whether that was mended.
    pub fn of(alarm: &Alarm, found: Option<&Alarm>, declared: bool) -> AlarmRow {
        let (name, description) = (alarm.name.clone(), alarm.description.clone());
        let state = AlarmState::of(alarm, found);
        let differs = found.map(|found| differs(alarm, found)).unwrap_or_default();
        AlarmRow { name, state, differs, declared, description, actions: alarm.actions.clone() }
    }
}

/// In words, what of an alarm is otherwise than it should be.
fn differs(wanted: &Alarm, found: &Alarm) -> Vec<String> {
    let metric = |alarm: &Alarm| match alarm.metric.as_str() {
        "" => "none of amifactory's metrics".to_owned(),
        metric => [metric.to_owned()]
            .into_iter()
            .chain(alarm.dimensions.iter().map(|(name, value)| format!("{name}={value}")))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let statistic = |alarm: &Alarm| if alarm.is_sum { "the sum" } else { "no sum" }.to_owned();
    let side = |alarm: &Alarm| if alarm.is_below { "below it" } else { "not below it" }.to_owned();
    let missing = |alarm: &Alarm| if alarm.breaching { "it rings" } else { "it does not ring" }.to_owned();
    let period = |alarm: &Alarm| format!("{} times {} s", alarm.periods, alarm.period);
    let topics = |alarm: &Alarm| match alarm.actions.as_slice() {
        [] => "nobody".to_owned(),
        topics => topics.join(", "),
    };
    let whole = |alarm: &Alarm| match alarm.is_whole {
        true => "it does, by all numbers of all periods",
        false => "its actions are switched off, or it counts one unit or some periods alone",
    };
    let each = [
        ("what it means", wanted.description.clone(), found.description.clone()),
        ("what it looks at", metric(wanted), metric(found)),
        ("what counts of it", statistic(wanted), statistic(found)),
        ("threshold", wanted.threshold.to_string(), found.threshold.to_string()),
        ("where it rings", side(wanted), side(found)),
        ("periods", period(wanted), period(found)),
        ("without any number", missing(wanted), missing(found)),
        ("who is told", topics(wanted), topics(found)),
        ("whether it tells at all", whole(wanted).to_owned(), whole(found).to_owned()),
    ];
    let differing = each.into_iter().filter(|(_, wanted, found)| wanted != found);
    differing.map(|(what, wanted, found)| format!("{what}: {found}; it should be: {wanted}")).collect()
}

/// The result of `fleet --alarms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarms {
    /// All of them.
    pub alarms: Vec<AlarmRow>,
    /// Those of a name that the factory had before, or of another factory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftAlarm>,
}

/// An alarm over numbers that this factory does not put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftAlarm {
    /// Its name.
    pub name: String,
    /// Whose it is; none: of a factory without a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factory: Option<String>,
    /// The command that removes it, for whoever knows that no other factory needs it.
    pub remove: String,
}

impl LeftAlarm {
    /// One in this region.
    pub fn of(left: &Former, here: &Region) -> LeftAlarm {
        let Former { name, factory } = left.clone();
        let remove = format!("aws cloudwatch delete-alarms --alarm-names {} --region {here}", shell::shown(&name));
        LeftAlarm { name, factory, remove }
    }
}

/// As text.
pub fn alarms(shown: &Alarms, style: Style) -> String {
    let mut text = String::new();
    for row in &shown.alarms {
        let state = match (row.state, row.declared) {
            (AlarmState::Same, _) => style.green("as it should be"),
            (_, true) => style.green("declared"),
            (AlarmState::New, false) => style.yellow("not there"),
            (AlarmState::Changed, false) => style.yellow("there, and otherwise"),
        };
        text.push_str(&format!("{}: {state}\n  {}\n", style.bold(&row.name), row.description));
        if !row.declared {
            text.extend(row.differs.iter().map(|differs| format!("  {}\n", visible::line(differs))));
        }
        match row.actions.as_slice() {
            [] => text.push_str("  nobody is told: no audience has a topic in this region\n"),
            topics => text.extend(topics.iter().map(|topic| format!("  then {topic} is told\n"))),
        }
    }
    for LeftAlarm { name, factory, remove } in &shown.left {
        let what = match factory {
            None => "there still, of a time without `factory:`, or of another factory without a name".to_owned(),
            Some(name) => {
                let name = visible::line(name);
                format!("there still, of when `factory:` was {name}, or of another factory that has this name")
            }
        };
        let text_of = format!(
            "{}: {}\n  where it was this one's it rings, and nothing is wrong: {}\n",
            style.bold(&visible::line(name)),
            style.yellow(&what),
            visible::line(remove)
        );
        text.push_str(&text_of);
    }
    if shown.alarms.iter().any(|row| row.state != AlarmState::Same && !row.declared) {
        text.push_str(&super::next(&["amifactory fleet --alarms --yes".into()], style));
    }
    text
}
