//! The fake AWS of the tests as a server on loopback: `cargo run --example fake-aws`.
//!
//! Any client can use it: amifactory, the aws CLI, boto3, Packer. No account, no network, no money.

#[path = "../../tests/fake_aws/mod.rs"]
mod fake_aws;

use clap::Parser;
use fake_aws::credentials::DEFAULT_KEY;
use fake_aws::record::{Call, Outcome};
use fake_aws::{Agent, Consistency, Fake, Faults, Latencies, Settings};
use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::net::TcpListener;

/// A fake AWS on loopback: EC2, SSM, STS, Service Quotas, CloudWatch Logs, EBS direct
#[derive(Parser)]
struct Args {
    /// Port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// Nothing takes any time
    #[arg(long)]
    fast: bool,
    /// Bad weather: 30 % throttled, 10 % lost replies, 5 % server errors, late and stale answers
    #[arg(long)]
    bad_weather: bool,
    /// Enforce the token buckets of each API
    #[arg(long)]
    throttle: bool,
    /// Where all randomness comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run(Args::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> std::io::Result<()> {
    let agent: Arc<dyn Agent> = Arc::new(fake_aws::agents::NoAgent);
    let mut settings = Settings {
        seed: args.seed,
        start: OffsetDateTime::now_utc(),
        throttle: args.throttle,
        latencies: if args.fast { Latencies::none() } else { Latencies::realistic() },
        ..Settings::new(agent)
    };
    if args.bad_weather {
        settings.faults = Faults::bad_weather();
        settings.consistency = Consistency::nasty();
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await?;
    let fake = Fake::new(settings);
    greet(&fake, listener.local_addr()?.port(), args.fast)?;
    tokio::select! {
        () = fake_aws::serve::serve(fake.clone(), listener) => Ok(()),
        result = watch(&fake) => result,
        result = tokio::signal::ctrl_c() => result,
    }
}

fn greet(fake: &Fake, port: u16, fast: bool) -> std::io::Result<()> {
    let region = &fake.settings().regions[0];
    let mut out = std::io::stdout().lock();
    writeln!(out, "export AWS_ENDPOINT_URL=http://127.0.0.1:{port}")?;
    writeln!(out, "export AWS_REGION={region}")?;
    writeln!(out, "export AWS_DEFAULT_REGION={region}")?;
    writeln!(out, "export AWS_ACCESS_KEY_ID={DEFAULT_KEY}")?;
    writeln!(out, "export AWS_SECRET_ACCESS_KEY=not-verified")?;
    writeln!(out)?;
    writeln!(out, "# AGENT: {}", fake.agent().describe())?;
    writeln!(out, "# instance profile: amifactory-builder")?;
    writeln!(out, "# latencies: {}", if fast { "none" } else { "as on EC2" })?;
    out.flush()
}

/// One line per call.
async fn watch(fake: &Fake) -> std::io::Result<()> {
    let mut shown = 0;
    loop {
        let lines: Vec<String> = {
            let world = fake.world();
            let lines = world.calls[shown..].iter().map(|call| line(call, world.clock.wall(call.at))).collect();
            shown = world.calls.len();
            lines
        };
        let mut out = std::io::stdout().lock();
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()?;
        drop(out);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn line(call: &Call, at: OffsetDateTime) -> String {
    let outcome = match &call.outcome {
        Outcome::Ok => "ok",
        Outcome::Error(code) => code,
        Outcome::Reset => "CONNECTION RESET",
        Outcome::ReplyLost => "REPLY LOST",
    };
    let (hour, minute, second) = at.time().as_hms();
    let resources = call.resources.join(" ");
    format!("{hour:02}:{minute:02}:{second:02}  {}:{}  {outcome}  {resources}", call.service, call.action)
        .trim_end()
        .to_owned()
}
