//! Tells of steps as they begin and end, from the lines that a log group receives while a command runs.

use crate::plan::{RunLine, parse_line};
use crate::target::RunEvent;
use std::collections::BTreeSet;

/// Bytes; beyond the longest that the wrapper writes: an id and fields of fixed length.
const LONGEST: usize = 8_192;

/// What was told already. Log events can come more than once, and after a restart the runner says again what it has
/// done.
#[derive(Debug, Clone, Default)]
pub struct Live {
    begun: BTreeSet<String>,
    ended: BTreeSet<String>,
}

impl Live {
    /// What the lines of a log event say, without what they say again. Lines that are not the runner's say nothing, and
    /// none holds what a step printed.
    pub fn events(&mut self, message: &str) -> Vec<RunEvent> {
        message.lines().filter_map(|line| self.event(line)).collect()
    }

    /// The wrapper put the runner's line into one for log stores.
    fn event(&mut self, line: &str) -> Option<RunEvent> {
        let line = Some(line).filter(|line| line.len() <= LONGEST)?;
        let own = serde_json::from_str::<serde_json::Value>(line).ok()?.get("amifactory")?.to_string();
        match parse_line(&own)? {
            RunLine::Started(step) => self.begun.insert(step.clone()).then_some(RunEvent::Started { step }),
            RunLine::Ended(result) => self.ended.insert(result.step.clone()).then_some(RunEvent::Ended(result)),
            RunLine::Stopped(_) | RunLine::End => None,
        }
    }
}
