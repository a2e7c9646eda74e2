//! Alarms over the check of the fleet: what there is, and what was declared.

use crate::report::Style;
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

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmRow {
    /// Its name.
    pub name: String,
    /// How it was.
    pub state: AlarmState,
    /// Whether it was declared now.
    pub declared: bool,
    /// When it rings.
    pub description: String,
    /// What is told then.
    pub actions: Vec<String>,
}

impl AlarmRow {
    /// How it was, and whether that was mended.
    pub fn of(alarm: &Alarm, state: AlarmState, declared: bool) -> AlarmRow {
        let (name, description) = (alarm.name.clone(), alarm.description.clone());
        AlarmRow { name, state, declared, description, actions: alarm.actions.clone() }
    }
}

/// The result of `fleet --alarms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarms {
    /// All of them.
    pub alarms: Vec<AlarmRow>,
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
        match row.actions.as_slice() {
            [] => text.push_str("  nobody is told: no audience has a topic in this region\n"),
            topics => text.extend(topics.iter().map(|topic| format!("  then {topic} is told\n"))),
        }
    }
    if shown.alarms.iter().any(|row| row.state != AlarmState::Same && !row.declared) {
        text.push_str(&super::next(&["amifactory fleet --alarms --yes".into()], style));
    }
    text
}
