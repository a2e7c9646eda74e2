//! Running bundles on a builder: one command carries them, its status is asked for until it has ended, and its answer is
//! read whole.

use super::api::{Api, CallError, op};
use super::command::{self, Command, Incoming, Options};
use super::shared::{Paged, Shared};
use super::view::{Life, View};
use crate::identity::{BuildId, BuilderId, Digest};
use crate::pipeline::wait::pace;
use crate::plan::Bundle;
use crate::target::{RunEnd, RunEvent, RunRequest, RunResult, TargetError};
use aws_sdk_ssm::operation::get_command_invocation::GetCommandInvocationOutput;
use aws_sdk_ssm::types::{CloudWatchOutputConfig, CommandFilter, CommandFilterKey, CommandInvocationStatus as Status};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a command may wait for its builder, in seconds (Systems Manager API reference, `SendCommand`: from 30).
const DELIVERY_S: i32 = 600;
/// The pause between looks at the live output of a command.
const LOOK: Duration = Duration::from_secs(5);
/// How often is looked whether the builder still lives, while a command runs on it.
const ALIVE: Duration = Duration::from_secs(15);
/// How often is asked whether its agent is still heard of, while a command runs long.
const LISTEN: Duration = Duration::from_secs(60);
/// After how many such looks in a row without a sign of it a builder counts as lost. An agent is out of touch after five
/// minutes of silence ("Checking SSM Agent status"): longer than any restart of the machine takes.
const SILENT: u32 = 2;
/// With more commands than this in flight they are looked at in one list.
const FEW: usize = 3;
/// Beyond the command's own time: until its end is known.
const SLACK: Duration = Duration::from_secs(300);

/// How far this machine's clock may be ahead of AWS's: a command that seems older than this program is not listed, and
/// would never end. Requests are accepted with five minutes ("Signing AWS API requests").
const SKEW: Duration = Duration::from_secs(600);

/// Commands in flight, and results that are known.
pub struct Runs {
    results: Mutex<BTreeMap<(BuilderId, Digest), RunResult>>,
    in_flight: Mutex<BTreeMap<String, Instant>>,
    list: Shared<BTreeMap<String, Status>>,
    /// When this began: older commands are not asked for.
    since: String,
}

/// What a command printed, once it has ended.
struct Output {
    status: Status,
    details: String,
    stdout: String,
    stderr: String,
}

impl Runs {
    /// None yet.
    pub fn new() -> Runs {
        let since = crate::pipeline::clock::timestamp_ago(SKEW);
        Runs { results: Mutex::default(), in_flight: Mutex::default(), list: Shared::new(), since }
    }

    /// A result that this program has received itself.
    pub fn known(&self, builder: &BuilderId, bundle: &Digest) -> Option<RunResult> {
        super::locked(&self.results).get(&(builder.clone(), bundle.clone())).cloned()
    }

    fn keep(&self, builder: &BuilderId, result: &RunResult) {
        super::locked(&self.results).insert((builder.clone(), result.bundle.clone()), result.clone());
    }

    /// Runs a bundle, and the one after it where that ended well.
    pub async fn run(
        &self,
        api: &Api,
        view: &View,
        builder: &BuilderId,
        request: &RunRequest<'_>,
    ) -> Result<RunResult, TargetError> {
        if let Some(known) = self.known(builder, &request.bundle.digest) {
            return Ok(known);
        }
        let bundles: Vec<_> = [request.bundle].into_iter().chain(request.then).collect();
        let live = request.log_group.is_some();
        let options = Options {
            build: request.build,
            limit: Duration::from_secs(request.time_s),
            live,
            volumes: request.volumes,
        };
        let mut commands = command::run_in_parts(&bundles, &options).map_err(|error| too_large(&error))?;
        let Some(last) = commands.pop() else {
            return Err(unreadable(builder, "no command was made"));
        };
        for part in &commands {
            let output = self.send(api, view, builder, part, None).await?;
            command::put(part, &output.stdout).map_err(|error| unreadable(builder, &error.to_string()))?;
        }
        // A step that was told of while it ran is not told of again at the end.
        let told = Mutex::new(BTreeSet::new());
        let tell = |event: RunEvent| {
            let news = match &event {
                RunEvent::Started { .. } => true,
                RunEvent::Ended(result) => super::locked(&told).insert(result.step.clone()),
            };
            if news {
                (request.watch)(event);
            }
        };
        let watch = request.log_group.map(|group| Live { group, watch: &tell });
        let output = self.send(api, view, builder, &last, watch.as_ref()).await?;
        let digests: Vec<&Digest> = bundles.iter().map(|bundle| &bundle.digest).collect();
        let answers = match self.collect(api, view, builder, &digests, &options, &output).await? {
            Ok(answers) => answers,
            Err(why) => return Ok(without_answer(request, &output, why)),
        };
        let mut first = None;
        for (bundle, answer) in bundles.iter().zip(&answers) {
            let log = request.log.with_file_name(format!("{}.log", bundle.name));
            let Some(result) = answer.run_result(&bundle.digest, &log) else { continue };
            write_log(&log, &answer.log)?;
            for step in &result.steps {
                tell(RunEvent::Ended(step.clone()));
            }
            self.keep(builder, &result);
            first.get_or_insert(result);
        }
        Ok(first.unwrap_or_else(|| without_answer(request, &output, "it says that nothing ran".into())))
    }

    /// The results that an image carries, asked of a builder that was started from it.
    pub async fn in_image(
        &self,
        api: &Api,
        view: &View,
        builder: &BuilderId,
        build: &BuildId,
        digests: &[&Digest],
        log: &Path,
    ) -> Result<Option<Vec<RunResult>>, TargetError> {
        let options = Options { build, limit: LOOK, live: false, volumes: &[] };
        let asked = command::result(digests, &options);
        let output = self.send(api, view, builder, &asked, None).await?;
        let answers = self.collect(api, view, builder, digests, &options, &output).await?;
        let answers = answers.map_err(|why| unreadable(builder, &why))?;
        Ok(digests.iter().zip(&answers).map(|(digest, answer)| answer.run_result(digest, log)).collect())
    }

    /// Reads an answer, and fetches what of it did not fit. The inner error is an answer that can't be used.
    async fn collect(
        &self,
        api: &Api,
        view: &View,
        builder: &BuilderId,
        digests: &[&Digest],
        options: &Options<'_>,
        output: &Output,
    ) -> Result<Result<Vec<command::Answer>, String>, TargetError> {
        let mut incoming = match Incoming::begin(digests, &output.stdout, &output.stderr) {
            Ok(incoming) => incoming,
            Err(error) => return Ok(Err(error.to_string())),
        };
        while let Some(more) = incoming.missing() {
            let slice = self.send(api, view, builder, &command::fetch(digests, &more, options), None).await?;
            if let Err(error) = incoming.add(&slice.stdout, &slice.stderr) {
                return Ok(Err(error.to_string()));
            }
        }
        Ok(incoming.finish().map_err(|error| error.to_string()))
    }

    /// Sends a command and waits for its end.
    async fn send(
        &self,
        api: &Api,
        view: &View,
        builder: &BuilderId,
        command: &Command,
        live: Option<&Live<'_>>,
    ) -> Result<Output, TargetError> {
        let seconds = command.execution_timeout.as_secs().to_string();
        let request = || {
            let cloudwatch = live.map(|live| {
                CloudWatchOutputConfig::builder()
                    .cloud_watch_log_group_name(live.group)
                    .cloud_watch_output_enabled(true)
                    .build()
            });
            api.ssm
                .send_command()
                .document_name("AWS-RunShellScript")
                .instance_ids(builder.as_str())
                .comment(&command.comment)
                .timeout_seconds(DELIVERY_S)
                .parameters("commands", command.lines.clone())
                .parameters("executionTimeout", vec![seconds.clone()])
                .set_cloud_watch_output_config(cloudwatch)
                .send()
        };
        let sent = match api.caller.call(op::SEND_COMMAND, builder.as_str(), request).await {
            Ok(sent) => sent,
            Err(error) => return Err(gone_or(api, view, builder, error.into()).await),
        };
        let id = sent.command.and_then(|command| command.command_id).unwrap_or_default();
        super::locked(&self.in_flight).insert(id.clone(), Instant::now());
        let bound = command.execution_timeout + Duration::from_secs(DELIVERY_S.unsigned_abs().into()) + SLACK;
        let ended = self.wait(api, view, builder, &id, bound, live).await;
        super::locked(&self.in_flight).remove(&id);
        ended
    }

    async fn wait(
        &self,
        api: &Api,
        view: &View,
        builder: &BuilderId,
        command: &str,
        bound: Duration,
        live: Option<&Live<'_>>,
    ) -> Result<Output, TargetError> {
        let began = Instant::now();
        let (mut listened, mut silent) = (began, 0);
        let mut stream = live.map(|live| super::live::Stream::new(live.group, command, builder));
        let mut streamed = began;
        loop {
            // None has ended before its builder has even got it.
            sleep(pace(began.elapsed())).await;
            if let (Some(live), Some(stream)) = (live, &mut stream)
                && streamed.elapsed() >= LOOK
            {
                streamed = Instant::now();
                stream.read(api, live.watch).await;
            }
            if self.may_have_ended(api, command).await? {
                let answer = invocation(api, builder, command).await?;
                let status = answer.status.clone().unwrap_or(Status::Pending);
                if has_ended(&status) {
                    return Ok(Output {
                        status,
                        details: answer.status_details.unwrap_or_default(),
                        stdout: answer.standard_output_content.unwrap_or_default(),
                        stderr: answer.standard_error_content.unwrap_or_default(),
                    });
                }
            }
            if began.elapsed() > bound {
                return Err(TargetError::GaveUp {
                    call: op::GET_INVOCATION.action.into(),
                    resource: format!("command {command} on {builder}"),
                    attempts: 1,
                    seconds: bound.as_secs(),
                    last: "it has not ended, though its time is over".into(),
                });
            }
            if began.elapsed() > ALIVE {
                still_there(api, view, builder).await?;
            }
            if listened.elapsed() >= LISTEN {
                listened = Instant::now();
                silent = if view.hears(api, builder.as_str()).await? { 0 } else { silent + 1 };
                if silent >= SILENT {
                    let why = "it runs, and its Systems Manager agent has been silent for minutes".to_owned();
                    return Err(TargetError::BuilderGone { builder: builder.clone(), why });
                }
            }
        }
    }

    /// With a few commands each is asked for by itself, which brings its output along. With many, one list says which of
    /// them have ended.
    async fn may_have_ended(&self, api: &Api, command: &str) -> Result<bool, TargetError> {
        if super::locked(&self.in_flight).len() <= FEW {
            return Ok(true);
        }
        let list = self.list.look(list(api, &self.since)).await?;
        Ok(list.get(command).is_some_and(has_ended))
    }
}

struct Live<'a> {
    group: &'a str,
    watch: &'a (dyn Fn(RunEvent) + Send + Sync),
}

async fn invocation(api: &Api, builder: &BuilderId, command: &str) -> Result<GetCommandInvocationOutput, CallError> {
    let ask = || api.ssm.get_command_invocation().command_id(command).instance_id(builder.as_str()).send();
    api.caller.call(op::GET_INVOCATION, &format!("command {command} on {builder}"), ask).await
}

async fn list(api: &Api, since: &str) -> Result<Paged<BTreeMap<String, Status>>, CallError> {
    let filter = CommandFilter::builder().key(CommandFilterKey::InvokedAfter).value(since).build().ok();
    let mut found = BTreeMap::new();
    let (mut page, mut pages) = (None, 0);
    loop {
        pages += 1;
        let ask = || {
            let request = api.ssm.list_command_invocations().set_filters(filter.clone().map(|filter| vec![filter]));
            request.max_results(50).set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::LIST_INVOCATIONS, "commands in flight", ask).await?;
        for invocation in answer.command_invocations() {
            if let (Some(id), Some(status)) = (invocation.command_id(), invocation.status()) {
                found.insert(id.to_owned(), status.clone());
            }
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(Paged { answer: found, pages });
        }
    }
}

fn has_ended(status: &Status) -> bool {
    !matches!(status, Status::Pending | Status::InProgress | Status::Delayed | Status::Cancelling)
}

/// Whether the builder still lives; a command on one that does not never ends.
async fn still_there(api: &Api, view: &View, builder: &BuilderId) -> Result<(), TargetError> {
    match view.instance(api, builder.as_str(), ALIVE).await? {
        Some(instance) if matches!(instance.life, Life::Gone | Life::Stopped | Life::Stopping) => {
            Err(TargetError::BuilderGone { builder: builder.clone(), why: instance.why() })
        }
        _ => Ok(()),
    }
}

async fn gone_or(api: &Api, view: &View, builder: &BuilderId, error: TargetError) -> TargetError {
    match still_there(api, view, builder).await {
        Err(gone @ TargetError::BuilderGone { .. }) => gone,
        _ => error,
    }
}

/// The end of a command without an answer that can be used: what SSM says of it.
fn without_answer(request: &RunRequest<'_>, output: &Output, why: String) -> RunResult {
    let end = match (&output.status, output.details.as_str()) {
        (_, "DeliveryTimedOut" | "Delivery Timed Out" | "Undeliverable" | "Terminated") => RunEnd::Interrupted,
        (Status::TimedOut, _) => RunEnd::LimitExceeded(format!("time: {} s for each bundle", request.time_s)),
        (Status::Cancelled, _) => RunEnd::Died("someone cancelled its SSM command".into()),
        (status, details) => {
            let said: String = output.stderr.chars().rev().take(500).collect::<Vec<_>>().into_iter().rev().collect();
            RunEnd::Died(format!("SSM says {} ({details}), and {why}; {said}", status.as_str()))
        }
    };
    let log = request.log.to_owned();
    RunResult { bundle: request.bundle.digest.clone(), steps: Vec::new(), end, log, place: None }
}

/// Whether commands can carry these bundles.
pub fn check(build: &BuildId, bundles: &[&Bundle]) -> Result<(), TargetError> {
    let options = Options { build, limit: LOOK, live: false, volumes: &[] };
    command::run_in_parts(bundles, &options).map(drop).map_err(|error| too_large(&error))
}

fn too_large(error: &command::CommandError) -> TargetError {
    TargetError::Unsupported { what: "a bundle can't be sent to a builder".into(), help: error.to_string() }
}

fn unreadable(builder: &BuilderId, why: &str) -> TargetError {
    TargetError::Damaged {
        what: format!("what builder {builder} answered"),
        why: why.to_owned(),
        help: "amifactory resume asks again; amifactory logs shows what there is".into(),
    }
}

fn write_log(path: &Path, bytes: &[u8]) -> Result<(), TargetError> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, bytes));
    written.map_err(|source| TargetError::Io { what: format!("writing {}", path.display()), source })
}
