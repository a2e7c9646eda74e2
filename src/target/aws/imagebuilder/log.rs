//! The log of an image build: results and progress come from it, and what people read when something failed.

use super::builds::ImageBuild;
use super::lines::{Lines, Missing, Results};
use crate::plan::Bundles;
use crate::target::aws::api::{Api, CallError, op};
use crate::target::aws::command::Live;
use crate::target::{RunEvent, TargetError, moment};
use std::collections::VecDeque;

/// How many lines for people are kept; a log is read whole in CloudWatch.
const KEPT: usize = 2_000;

/// By how much the clock that dates a line may be behind the service's.
const CLOCKS: time::Duration = time::Duration::minutes(10);

/// What was read of a build's log so far.
#[derive(Default)]
pub struct Log {
    next: Option<String>,
    lines: Lines,
    results: Results,
    live: Live,
    /// Lines for people, the newest last.
    words: VecDeque<String>,
    /// Where the agent is, by its own words.
    at: Where,
}

/// What the agent ran last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Where {
    /// The component's name.
    pub component: String,
    /// `build`, `validate` or `test`.
    pub phase: String,
    /// The step.
    pub step: String,
}

impl std::fmt::Display for Where {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "component {}, phase {}, step {}", self.component, self.phase, self.step)
    }
}

impl Where {
    /// Takes in what the agent says as it goes: `Document ARN`, `Phase build`, `Step apply`.
    fn hear(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let (Some(what), Some(name), None) = (words.next(), words.next(), words.next()) else { return };
        match what {
            "Document" => {
                let component = name.split_once(":component/").and_then(|(_, rest)| rest.split('/').next());
                if let Some(component) = component {
                    *self = Where { component: component.to_owned(), ..Where::default() };
                }
            }
            "Phase" => self.phase = name.to_owned(),
            "Step" => self.step = name.to_owned(),
            _ => {}
        }
    }
}

impl Log {
    /// Reads what has come since. Answers with what was begun and has ended on the instance.
    pub async fn read(
        &mut self,
        api: &Api,
        build: &ImageBuild,
        bundles: &Bundles,
    ) -> Result<Vec<RunEvent>, TargetError> {
        let Some((group, stream)) = build.log() else { return Ok(Vec::new()) };
        // What stood in the stream before the build began is none of its results. Clocks of instances may be behind.
        let since = moment(&build.created_at).map(|at| (at - CLOCKS).unix_timestamp() * 1000);
        let mut events = Vec::new();
        let mut news = false;
        loop {
            let ask = || {
                let request = api.logs.get_log_events().log_group_name(&group).log_stream_name(&stream);
                request.start_from_head(true).set_start_time(since).set_next_token(self.next.clone()).send()
            };
            let answer = match api.caller.call(op::GET_LOG_EVENTS, &format!("{group} {stream}"), ask).await {
                Ok(answer) => answer,
                Err(error) if is_empty(&error) => break,
                Err(error) => return Err(error.into()),
            };
            for message in answer.events().iter().filter_map(|event| event.message()) {
                news = true;
                self.hear(message, &mut events);
            }
            // The same token again is the end (CloudWatch Logs API reference, `GetLogEvents`).
            let is_end = answer.next_forward_token == self.next;
            self.next = answer.next_forward_token;
            if is_end || self.next.is_none() {
                break;
            }
        }
        if news {
            self.results = Results::read(&self.lines, bundles);
        }
        Ok(events)
    }

    fn hear(&mut self, message: &str, events: &mut Vec<RunEvent>) {
        self.lines.add(message);
        for line in message.lines() {
            if line.contains("amifactory-result 1 ") {
                continue;
            }
            if let Some(at) = line.find("{\"@timestamp\"") {
                events.extend(self.live.events(line[at..].trim_end()));
                continue;
            }
            self.at.hear(line);
            if self.words.len() == KEPT {
                self.words.pop_front();
            }
            self.words.push_back(line.trim_end().to_owned());
        }
    }

    /// What came of the bundles, as far as it is here.
    pub fn results(&self) -> &Results {
        &self.results
    }

    /// What of it is missing.
    pub fn missing(&self) -> Vec<Missing> {
        self.lines.missing()
    }

    /// Where the agent was last.
    pub fn place(&self) -> &Where {
        &self.at
    }

    /// The last lines for people.
    pub fn last(&self, count: usize) -> Vec<String> {
        self.words.iter().skip(self.words.len().saturating_sub(count)).cloned().collect()
    }
}

/// Neither the group nor the stream comes into being before the first line.
fn is_empty(error: &CallError) -> bool {
    error.is("ResourceNotFoundException")
}
