//! Live progress: while a command runs, its standard error arrives in CloudWatch Logs, line by line.

use super::api::{Api, Class, op};
use super::command;
use crate::identity::BuilderId;
use crate::target::RunEvent;

/// The stream of one command on one builder.
pub struct Stream {
    group: String,
    name: String,
    next: Option<String>,
    told: command::Live,
    /// It may not be read.
    denied: bool,
}

impl Stream {
    /// Named as Systems Manager names it ("Configuring Amazon CloudWatch Logs for Run Command").
    pub fn new(group: &str, command: &str, builder: &BuilderId) -> Stream {
        let name = format!("{command}/{builder}/aws-runShellScript/stderr");
        Stream { group: group.to_owned(), name, next: None, told: command::Live::default(), denied: false }
    }

    /// Reads what has come since, and tells of it. Progress is a courtesy: where it can't be read, the build goes on and
    /// its answer comes all the same.
    pub async fn read(&mut self, api: &Api, watch: &(dyn Fn(RunEvent) + Send + Sync)) {
        if self.denied {
            return;
        }
        let ask = || {
            let request = api.logs.get_log_events().log_group_name(&self.group).log_stream_name(&self.name);
            request.start_from_head(true).set_next_token(self.next.clone()).send()
        };
        let answer = match api.caller.call(op::GET_LOG_EVENTS, &self.name, ask).await {
            Ok(answer) => answer,
            Err(error) => {
                self.denied = error.class == Class::Denied;
                return;
            }
        };
        for message in answer.events().iter().filter_map(|event| event.message()) {
            for event in self.told.events(message) {
                watch(event);
            }
        }
        self.next = answer.next_forward_token;
    }
}
