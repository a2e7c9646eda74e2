//! The life of a command on one instance: delivered, run by the agent, ended. The only part of the fake that goes on
//! by itself, because processes do.

use super::super::super::Fake;
use super::super::super::agents::{Output, RunContext, Secret, Stream, Watch};
use super::super::super::ec2::model::Home;
use super::super::nodes::{self, Presence};
use super::super::{Gone, Place};
use super::{Invocation, Status};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until};

/// The status by which a script asks for a reboot, after which it is run again from its beginning.
const REBOOT: i32 = 194;
/// How often the service tries to reach an agent.
const RETRY: Duration = Duration::from_secs(1);

/// One invocation, and where it is.
#[derive(Clone)]
struct Life {
    fake: Fake,
    home: Home,
    command: String,
    instance: String,
}

/// What is run.
struct Job {
    script: String,
    context: RunContext,
    log_group: Option<String>,
}

/// Starts it, to be delivered at that moment. To be called within a tokio runtime.
pub fn start(fake: &Fake, home: &Home, command: &str, instance: &str, delivered: Instant) {
    let life =
        Life { fake: fake.clone(), home: home.clone(), command: command.to_owned(), instance: instance.to_owned() };
    tokio::spawn(async move {
        sleep_until(delivered).await;
        if let Some(job) = life.deliver().await {
            life.run(job).await;
        }
    });
}

impl Life {
    /// Changes the invocation; none once it has ended.
    fn with<T>(&self, change: impl FnOnce(&mut Invocation, Presence, Instant) -> T) -> Option<T> {
        let mut world = self.fake.world();
        let now = world.clock.now();
        let presence = nodes::presence(&world, &self.home, &self.instance, now);
        let invocation = world.ssm.place(&self.home).commands.invocation(&self.command, &self.instance)?;
        if invocation.status.has_ended() { None } else { Some(change(invocation, presence, now)) }
    }

    /// Waits for the agent, as long as `TimeoutSeconds` says.
    async fn deliver(&self) -> Option<Job> {
        let deadline = {
            let mut world = self.fake.world();
            let command = world.ssm.place(&self.home).commands.get(&self.command)?;
            command.requested + command.delivery_timeout
        };
        loop {
            let delivered = self.with(|invocation, presence, now| match presence {
                Presence::Online(_) => {
                    invocation.status = Status::InProgress;
                    invocation.started = Some(now);
                    true
                }
                Presence::Gone => {
                    invocation.end(Status::Undeliverable, now);
                    false
                }
                Presence::Offline if now >= deadline => {
                    invocation.end(Status::DeliveryTimedOut, deadline);
                    false
                }
                Presence::Offline => {
                    invocation.status = Status::Delayed;
                    false
                }
            })?;
            if delivered {
                return self.job();
            }
            sleep_until(deadline.min(Instant::now() + RETRY)).await;
        }
    }

    fn job(&self) -> Option<Job> {
        let mut world = self.fake.world();
        let secrets = world.ssm.readable(&self.home);
        let place = world.ssm.place(&self.home);
        let command = place.commands.get(&self.command)?;
        let context = RunContext {
            region: self.home.region.clone(),
            account: self.home.account.clone(),
            command_id: self.command.clone(),
            working_directory: command.working_directory.clone(),
            timeout: Some(command.execution_timeout),
            secrets,
            ..RunContext::default()
        };
        Some(Job { script: command.script.clone(), context, log_group: command.log_group.clone() })
    }

    async fn run(&self, job: Job) {
        while self.wait_for_agent().await == Some(true) {
            let Some((output, up_since)) = self.run_once(&job).await else { continue };
            if self.judge(output, up_since).await != Some(true) {
                return;
            }
        }
    }

    /// Runs the script once, and waits as long as a run is to take. What came of it, and since when the operating
    /// system was up under it. None where it must not begin.
    async fn run_once(&self, job: &Job) -> Option<(Output, Instant)> {
        let (stop, up_since, began) = self.with(|invocation, presence, now| {
            let Presence::Online(up_since) = presence else { return None };
            invocation.runs += 1;
            Some((invocation.stop.clone(), up_since, now))
        })??;
        // Whatever takes the instance away takes the script with it.
        let (here, clock) = (self.clone(), Handle::current());
        let stop = stop.also(move || {
            // The agent may have a runtime of its own, whose clock is not the world's.
            let _clock = clock.enter();
            let world = here.fake.world();
            nodes::up_since(&world, &here.instance, world.clock.now()) != Some(up_since)
        });
        let context = RunContext { stop, watch: self.watch(job), ..job.context.clone() };
        let mut output = self.fake.agent().run(&self.instance, &job.script, &context).await;
        self.flush_logs(job);

        let takes = self.fake.world().ssm.runs_take;
        let timeout = job.context.timeout.unwrap_or(Duration::MAX);
        let until = if output.timed_out { began + timeout } else { began + takes.min(timeout) };
        while Instant::now() < until && !context.stop.is_asked() {
            sleep_until(until.min(Instant::now() + RETRY)).await;
        }
        output.timed_out |= takes >= timeout && !context.stop.is_asked();
        Some((output, up_since))
    }

    /// What became of a run. Whether the script is to be run again.
    async fn judge(&self, output: Output, up_since: Instant) -> Option<bool> {
        let (silent, expires, still_up) = {
            let mut world = self.fake.world();
            let now = world.clock.now();
            let expires = world.ssm.place(&self.home).commands.get(&self.command)?.expires();
            let still_up = nodes::up_since(&world, &self.instance, now) == Some(up_since);
            (world.ssm.gone == Gone::Silent, expires, still_up)
        };
        let verdict = self.with(|invocation, presence, now| {
            invocation.stdout.extend_from_slice(&output.stdout);
            invocation.stderr.extend_from_slice(&output.stderr);
            match presence {
                Presence::Gone if silent => return Verdict::Silence,
                Presence::Gone => {
                    invocation.end(Status::Terminated, now);
                    return Verdict::Ended;
                }
                // The script ended, but nobody can tell.
                Presence::Offline if still_up => return Verdict::Silence,
                // It died with the operating system: the agent takes it up again when it is back.
                Presence::Offline => return Verdict::Again,
                Presence::Online(_) if !still_up => return Verdict::Again,
                Presence::Online(_) => {}
            }
            if output.code == REBOOT && invocation.status != Status::Cancelling && !output.timed_out {
                return Verdict::Reboot;
            }
            invocation.code = output.code;
            if output.code != 0 {
                // As the real agent does.
                let failed = format!("failed to run commands: exit status {}", output.code);
                invocation.stderr.extend_from_slice(failed.as_bytes());
            }
            let status = match invocation.status {
                Status::Cancelling => Status::Cancelled,
                _ if output.timed_out => Status::ExecutionTimedOut,
                _ if output.code == 0 => Status::Success,
                _ => Status::Failed,
            };
            invocation.end(status, now);
            Verdict::Ended
        })?;
        match verdict {
            Verdict::Ended => Some(false),
            Verdict::Again => Some(true),
            Verdict::Silence => {
                // The service gives up when all time is over.
                sleep_until(expires).await;
                self.with(|invocation, _, now| invocation.end(Status::ExecutionTimedOut, now));
                Some(false)
            }
            Verdict::Reboot => {
                let up = {
                    let mut world = self.fake.world();
                    let up = world.clock.now() + world.latencies.reboot;
                    world.ec2.reboot(&self.instance, up);
                    up
                };
                sleep_until(up).await;
                Some(true)
            }
        }
    }

    /// Until the agent is back, the command is cancelled, or the instance gone.
    async fn wait_for_agent(&self) -> Option<bool> {
        loop {
            let back = self.with(|invocation, presence, now| match presence {
                Presence::Online(_) if invocation.status != Status::Cancelling => Some(true),
                Presence::Online(_) => {
                    invocation.end(Status::Cancelled, now);
                    Some(false)
                }
                Presence::Gone => {
                    invocation.end(Status::Terminated, now);
                    Some(false)
                }
                Presence::Offline => None,
            })?;
            match back {
                Some(back) => return Some(back),
                None => sleep(RETRY).await,
            }
        }
    }

    /// Writes output to the log group while it comes.
    fn watch(&self, job: &Job) -> Watch {
        let Some(group) = job.log_group.clone() else { return Watch::default() };
        let (life, clock) = (self.clone(), Handle::current());
        Watch::new(move |stream, bytes| {
            let _clock = clock.enter();
            let mut world = life.fake.world();
            let now = world.clock.now();
            world.logs.append(&life.home, &group, &life.log_stream(stream), bytes, now);
        })
    }

    fn flush_logs(&self, job: &Job) {
        let Some(group) = &job.log_group else { return };
        let mut world = self.fake.world();
        let now = world.clock.now();
        for stream in [Stream::Stdout, Stream::Stderr] {
            world.logs.flush(&self.home, group, &self.log_stream(stream), now);
        }
    }

    fn log_stream(&self, stream: Stream) -> String {
        let name = match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        };
        format!("{}/{}/aws-runShellScript/{name}", self.command, self.instance)
    }
}

enum Verdict {
    Ended,
    Again,
    Reboot,
    Silence,
}
