//! The fake AWS in a process of its own: what it uses is not counted.

use crate::Failure;
use crate::fake_aws::agents::NoAgent;
use crate::fake_aws::record::Outcome;
use crate::fake_aws::{Fake, Latencies, Settings, serve};
use crate::scale::{Size, seed};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

pub const SERVE: &str = "serve";

/// A server that runs until this goes.
pub struct Server {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub port: u16,
}

/// What was called since it was last asked.
pub struct Counted {
    pub calls: u64,
    /// In the region with the most.
    pub most: u64,
    pub refused: u64,
    /// Each action and how often.
    pub actions: String,
}

impl Server {
    pub fn start(size: Size) -> Result<Server, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([SERVE, &size.recipes.to_string(), &size.regions.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ask = child.stdin.take().ok_or("the server has no input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let mut server = Server { child, ask, answers, port: 0 };
        server.port = server.line()?.trim().parse().map_err(|_| "the fake AWS did not start: see above")?;
        Ok(server)
    }

    pub fn counted(&mut self) -> Result<Counted, Failure> {
        writeln!(self.ask, "count")?;
        let line = self.line()?;
        let mut parts = line.trim().splitn(4, ' ');
        let mut number = || -> Result<u64, Failure> { Ok(parts.next().ok_or("the server counts no more")?.parse()?) };
        let (calls, most, refused) = (number()?, number()?, number()?);
        Ok(Counted { calls, most, refused, actions: parts.next().unwrap_or_default().to_owned() })
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's own process.
pub fn serve(size: Size) -> Result<(), Failure> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let fake = Fake::new(Settings {
            latencies: Latencies { call: Duration::from_millis(80), ..Latencies::none() },
            start: OffsetDateTime::now_utc(),
            throttle: true,
            regions: size.regions(),
            ..Settings::new(Arc::new(NoAgent))
        });
        seed(&fake, size);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        let answering = fake.clone();
        std::thread::spawn(move || answer(&answering));
        serve::serve(fake, listener).await;
        Ok(())
    })
}

fn answer(fake: &Fake) {
    let mut refused_before = 0;
    for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut world = fake.world();
        let calls = std::mem::take(&mut world.calls);
        let refused = world.throttle.refused - std::mem::replace(&mut refused_before, world.throttle.refused);
        drop(world);
        let (mut regions, mut actions) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
        let mut not_answered = BTreeMap::<String, u64>::new();
        for call in &calls {
            *regions.entry(&call.region).or_default() += 1;
            *actions.entry(&call.action).or_default() += 1;
            if call.outcome != Outcome::Ok {
                *not_answered.entry(format!("{} in {}: {:?}", call.action, call.region, call.outcome)).or_default() +=
                    1;
            }
        }
        let most = regions.values().max().copied().unwrap_or_default();
        let mut each: Vec<String> = actions.iter().map(|(action, count)| format!("{action} {count}")).collect();
        each.extend(not_answered.iter().map(|(what, count)| format!("{count} × {what}")));
        println!("{} {most} {refused} {}", calls.len(), each.join(", "));
    }
}
