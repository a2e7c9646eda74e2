//! A component's document, in the schema of AWS TOE: "Use the AWSTOE component document framework for custom components".

mod read;
mod references;

use std::time::Duration;

pub use read::read;
pub use references::fill;

/// What a component does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub parameters: Vec<Parameter>,
    pub phases: Vec<Phase>,
}

/// What a recipe gives to a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    /// As it is written: `string`.
    pub kind: String,
    pub default: Option<String>,
    pub allowed: Vec<String>,
    pub description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// `build`, `validate` or `test`.
    pub name: String,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub action: Action,
    pub on_failure: OnFailure,
    /// None: it may take for ever.
    pub timeout: Option<Duration>,
    pub attempts: u32,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `ExecuteBash`: one script of these lines.
    Bash(Vec<String>),
    /// `Reboot`
    Reboot,
}

impl Action {
    pub fn name(&self) -> &'static str {
        match self {
            Action::Bash(_) => "ExecuteBash",
            Action::Reboot => "Reboot",
        }
    }
}

/// What becomes of the document when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It ends.
    Abort,
    /// The next steps run; the document has failed all the same.
    Continue,
    /// As if the step had not failed.
    Ignore,
}

impl Document {
    pub fn phase(&self, name: &str) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.name == name)
    }

    /// "If the document contains a single phase named test, the component type is TEST."
    pub fn kind(&self) -> &'static str {
        match self.phases.as_slice() {
            [phase] if phase.name == "test" => "TEST",
            _ => "BUILD",
        }
    }
}
