//! The fake AWS in a process of its own: what it uses is not counted.

use crate::fake_aws::agents::remembering::{Remembering, without_numbers};
use crate::fake_aws::agents::sandbox::SandboxAgent;
use crate::fake_aws::credentials::Credential;
use crate::fake_aws::{Fake, Latencies, Settings, serve};
use crate::{Failure, clients};
use amifactory::target::local::sandbox::Lower;
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use time::OffsetDateTime;

pub const SERVE: &str = "serve";

/// What the cloud itself takes for a build of amifactory, in seconds.
pub fn critical_path() -> f64 {
    let of = Latencies::realistic();
    ((of.running + of.agent + of.delivery) * 2 + of.stop + of.image + of.parameter_check).as_secs_f64()
}

/// The same for a build of Packer without any command: it waits until its instance is terminated.
pub fn critical_path_of_packer() -> f64 {
    let of = Latencies::realistic();
    (of.running + of.stop + of.image + of.terminate).as_secs_f64()
}

/// A server that runs until this goes.
pub struct Server {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub port: u16,
}

impl Server {
    pub fn start() -> Result<Server, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ask = child.stdin.take().ok_or("the server has no input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let mut server = Server { child, ask, answers, port: 0 };
        server.port = server.answer()?.try_into()?;
        Ok(server)
    }

    /// How many calls were made with this access key since it was last asked.
    pub fn calls(&mut self, key: &str) -> Result<usize, Failure> {
        writeln!(self.ask, "{key}")?;
        self.answer()
    }

    /// How many listings of image builds were made so far: all builds of a run are looked at in the same ones.
    pub fn listings(&mut self) -> Result<usize, Failure> {
        self.calls("listings")
    }

    /// How many calls were refused because there were too many.
    pub fn refused(&mut self) -> Result<usize, Failure> {
        self.calls("refused")
    }

    fn answer(&mut self) -> Result<usize, Failure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim().parse().map_err(|_| "the fake AWS did not start: see above")?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's own process.
pub fn serve() -> Result<(), Failure> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let agent = SandboxAgent::new(&std::env::current_exe()?, vec![Lower::Host])?;
        let fake = Fake::new(Settings {
            latencies: Latencies::realistic(),
            start: OffsetDateTime::now_utc(),
            throttle: true,
            ..Settings::new(Arc::new(Remembering::new(agent, without_numbers)))
        });
        for key in [clients::AMIFACTORY, clients::PACKER] {
            let account = fake.settings().account.clone();
            fake.world().credentials.0.insert(key.to_owned(), Credential::user(&account, key));
        }
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        let answering = fake.clone();
        std::thread::spawn(move || answer(&answering));
        serve::serve(fake, listener).await;
        Ok(())
    })
}

fn answer(fake: &Fake) {
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for key in std::io::stdin().lock().lines().map_while(Result::ok) {
        let world = fake.world();
        if key == "refused" {
            println!("{}", world.throttle.refused);
            continue;
        }
        if key == "listings" {
            let is_one = |action: &str| action == "ListImageBuildVersions";
            println!("{}", world.calls.iter().filter(|call| is_one(&call.action)).count());
            continue;
        }
        let all = world.calls.iter().filter(|call| call.key == key).count();
        println!("{}", all - seen.insert(key, all).unwrap_or_default());
    }
}
