//! Who is told what is new in the fleet, and how: `fleet: notify:` of `amifactory.yaml`.

use crate::identity::{AccountId, AudienceName, FactoryName, RecipeName, TopicArn};
use std::collections::BTreeMap;

/// `fleet: notify:`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notify {
    /// `audiences:` each hears what it asks for, and is told apart from the others.
    pub audiences: BTreeMap<AudienceName, Audience>,
    /// `metrics:` whether each check puts metrics in CloudWatch.
    pub metrics: bool,
    /// `factory:` what tells this factory's metrics, alarms and memories from those of others in the same account and region.
    pub factory: Option<FactoryName>,
}

/// One of `audiences:`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audience {
    /// `recipes:` only of these; none: of all, and of what belongs to none.
    pub recipes: Vec<RecipeName>,
    /// `accounts:` only in these; none: in all.
    pub accounts: Vec<AccountId>,
    /// `levels:` only of these; none: of all.
    pub levels: Vec<Heard>,
    /// `sns:` a topic that it is told by.
    pub sns: Option<TopicArn>,
    /// `webhook:` where an address stands that it is told at.
    pub webhook: Option<Hook>,
    /// `opscenter:` whether it has items in OpsCenter.
    pub opscenter: bool,
}

/// A level that an audience can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    /// What breaks the policy.
    Fail,
    /// What can't be told, and so is not fine.
    Unknown,
    /// What is warned of.
    Warn,
}

impl Heard {
    /// All of them, as people write them.
    pub const WORDS: [&'static str; 3] = ["fail", "unknown", "warn"];

    /// As people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Heard::Fail => "fail",
            Heard::Unknown => "unknown",
            Heard::Warn => "warn",
        }
    }
}

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the address of a webhook stands. The address is a secret, so it stands in no file of a factory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// `env:` in this variable of the environment.
    Env(String),
    /// `parameter:` in this parameter of Systems Manager, encrypted or not.
    Parameter(String),
}

impl std::fmt::Display for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Hook::Env(name) => write!(f, "the address in ${name}"),
            Hook::Parameter(name) => write!(f, "the address in parameter {name}"),
        }
    }
}
