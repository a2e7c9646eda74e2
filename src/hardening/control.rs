//! Controls, parameters and profiles as the library's files describe them.

use super::form::Form;
use super::primitive::{AbsolutePath, Primitive};
use super::value::Values;
use crate::identity::{OsFamily, Slug};
use crate::recipe::{Parameter, ParameterKind, ParameterValue};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// When a control is applied, relative to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Packages come and go first: they bring the files that the rest changes.
    Packages,
    /// Files.
    Config,
    /// What starts at boot.
    Services,
    /// Rules of the audit daemon; the one that locks them is last by its name.
    AuditRules,
    /// What could cut off a running build.
    Firewall,
    /// What must see the finished tree.
    Seal,
}

impl Phase {
    /// All phases, in order, with their words.
    pub const ALL: [(Phase, &'static str); 6] = [
        (Phase::Packages, "packages"),
        (Phase::Config, "config"),
        (Phase::Services, "services"),
        (Phase::AuditRules, "audit-rules"),
        (Phase::Firewall, "firewall"),
        (Phase::Seal, "seal"),
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Phase::ALL.iter().find(|(phase, _)| phase == self);
        f.write_str(known.map_or("", |(_, word)| word))
    }
}

/// One hardening rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Its stable name.
    pub slug: Slug,
    /// What holds where it is met.
    pub title: String,
    /// Why one wants that.
    pub rationale: String,
    /// Benchmark ids: `cis-al2023-1.0.0` to `1.1.1.3`.
    pub ids: BTreeMap<String, String>,
    /// Benchmark level, 1 or 2.
    pub level: u8,
    /// Section of the benchmark, 1 to 6.
    pub section: u8,
    /// When it is applied.
    pub phase: Phase,
    /// On which families it means something.
    pub families: BTreeSet<OsFamily>,
    /// What it is made of, each with the families that it is for.
    pub ensure: Vec<Ensure>,
    /// What has to exist for it to apply at all.
    pub applies_when: Option<AppliesWhen>,
    /// What it can break, and how one notices.
    pub breaks: Vec<Breaks>,
    /// True only after the next boot.
    pub needs_reboot: bool,
    /// What a person has to look at, where no audit can tell.
    pub manual: Option<String>,
}

/// A primitive and where it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ensure {
    /// The setting.
    pub primitive: Primitive,
    /// Only on these; empty: on all families of the control.
    pub families: BTreeSet<OsFamily>,
    /// Only where a parameter says so.
    pub choice: Option<Choice>,
    /// Audited, never applied.
    pub audit_only: bool,
}

/// A control is about something that an image need not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliesWhen {
    /// What it is about, for people.
    pub what: String,
    /// It is there where one of these exists.
    pub paths: Vec<AbsolutePath>,
}

/// Where a benchmark offers either-or, a parameter says which. What belongs to another answer means nothing then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The parameter, one of words.
    pub parameter: String,
    /// Its value that asks for this.
    pub word: String,
}

/// What a control can break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaks {
    /// A word: ssm, cloud-init, snap, ipv6, network, multi-eni, containers, scripts, login, disk.
    pub what: String,
    /// How.
    pub how: String,
}

impl fmt::Display for Breaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.how)
    }
}

/// A parameter of controls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlParameter {
    /// Type, default and description.
    pub declaration: Parameter,
    /// The smallest and largest number that make sense.
    pub bounds: Option<(i64, i64)>,
    /// What its text looks like.
    pub form: Option<Form>,
}

impl ControlParameter {
    /// Which values it takes, for people.
    pub fn takes(&self) -> String {
        match (&self.declaration.kind, self.form, self.bounds) {
            (ParameterKind::String, Some(form), _) => form.describe().to_owned(),
            (ParameterKind::String, None, _) => "text".to_owned(),
            (ParameterKind::Integer, _, Some((low, high))) => format!("a number from {low} to {high}"),
            (ParameterKind::Integer, _, None) => "a whole number".to_owned(),
            (ParameterKind::Boolean, ..) => "true or false".to_owned(),
            (ParameterKind::Port, ..) => "a port, 1 to 65535".to_owned(),
            (ParameterKind::Choice(words), ..) => format!("one of {}", words.join(", ")),
        }
    }

    /// Why a value does not fit; none where it does.
    pub fn refuses(&self, value: &ParameterValue) -> Option<String> {
        let wrong = |expected: &str| Some(format!("expected {expected}, found `{value}`"));
        match (&self.declaration.kind, value) {
            (ParameterKind::String, ParameterValue::Text(text)) => match self.form {
                _ if text.chars().any(char::is_control) => Some("text may hold no control characters".to_owned()),
                Some(form) if !form.fits(text) => wrong(form.describe()),
                _ => None,
            },
            (ParameterKind::Integer, ParameterValue::Integer(number)) => match self.bounds {
                Some((low, high)) if !(low..=high).contains(number) => wrong(&format!("a number from {low} to {high}")),
                _ => None,
            },
            (ParameterKind::Boolean, ParameterValue::Boolean(_)) => None,
            (ParameterKind::Port, ParameterValue::Integer(number)) => {
                if (1..=65535).contains(number) {
                    None
                } else {
                    wrong("a port, 1 to 65535")
                }
            }
            (ParameterKind::Choice(words), ParameterValue::Text(text)) => {
                if words.contains(text) {
                    None
                } else {
                    wrong(&format!("one of {}", words.join(", ")))
                }
            }
            (ParameterKind::String, _) => wrong("text"),
            (ParameterKind::Integer, _) => wrong("a whole number"),
            (ParameterKind::Boolean, _) => wrong("true or false"),
            (ParameterKind::Port, _) => wrong("a port, 1 to 65535"),
            (ParameterKind::Choice(words), _) => wrong(&format!("one of {}", words.join(", "))),
        }
    }
}

/// A list of controls with values for their parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// `cis-al2023-l1-server`.
    pub name: String,
    /// For people.
    pub title: String,
    /// The profiles that it adds to, in order.
    pub extends: Vec<String>,
    /// Its own controls.
    pub controls: BTreeSet<Slug>,
    /// Its own values.
    pub parameters: Values,
}
