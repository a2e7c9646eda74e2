//! The fake AWS of the tests as a server on loopback: `cargo run --example fake-aws`.
//!
//! Any client can use it: amifactory, the aws CLI, boto3, Packer. No account, no network, no money.

#[path = "../../tests/fake_aws/mod.rs"]
mod fake_aws;

use amifactory::target::local::OPERATIONS;
use amifactory::target::local::sandbox::{self, Lower};
use clap::{Parser, ValueEnum};
use fake_aws::agents::NoAgent;
use fake_aws::agents::sandbox::SandboxAgent;
use fake_aws::agents::shell::ShellAgent;
use fake_aws::credentials::DEFAULT_KEY;
use fake_aws::record::{Call, Outcome};
use fake_aws::{Agent, Consistency, Fake, Faults, Latencies, Settings};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::net::TcpListener;

/// A fake AWS on loopback: EC2, EBS direct, S3, Image Builder, Auto Scaling, SSM, STS, KMS, SNS, CloudWatch, CloudWatch Logs, Service Quotas
#[derive(Parser)]
struct Args {
    /// Port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// Nothing takes any time
    #[arg(long)]
    fast: bool,
    /// Everything takes so many times less than on EC2
    #[arg(long, default_value_t = 1, conflicts_with = "fast", value_parser = clap::value_parser!(u32).range(1..))]
    speed: u32,
    /// Bad weather: 30 % throttled, 10 % lost replies, 5 % server errors, late and stale answers
    #[arg(long)]
    bad_weather: bool,
    /// Enforce the token buckets of each API
    #[arg(long)]
    throttle: bool,
    /// Where all randomness comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// An account that the policies of all keys let use them, as 111122223333, whose role can be assumed, needs it
    #[arg(long, value_name = "ACCOUNT")]
    key_user: Vec<String>,
    /// An action that the policy of that role does not allow, like kms:Decrypt
    #[arg(long, value_name = "ACTION")]
    role_lacks: Vec<String>,
    /// What becomes of the commands that are sent to instances
    #[arg(long, value_enum, default_value_t = Runs::Sandbox)]
    agent: Runs,
    /// Root filesystem folder for instances; without it this machine's own OS, read-only, which only root can lend
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Runs {
    /// They really run, where nothing they do can change this machine
    Sandbox,
    /// They really run, with this machine's /bin/sh and your rights: for scripts that you trust
    Shell,
    /// They fail
    None,
}

fn main() -> ExitCode {
    // The program is its own sandbox: it comes back as one of the sandbox's processes.
    if let Some(code) = sandbox::sandbox_main(std::env::args_os(), OPERATIONS) {
        return code;
    }
    let runtime = tokio::runtime::Runtime::new();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(Args::parse()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn agent(args: &Args) -> Result<Arc<dyn Agent>, Box<dyn std::error::Error>> {
    Ok(match args.agent {
        Runs::Sandbox => {
            let base = args.root.clone().map_or(Lower::Host, Lower::Dir);
            let agent = SandboxAgent::new(&std::env::current_exe()?, vec![base]);
            Arc::new(agent.map_err(|error| format!("{error}\n  or start with --agent none"))?)
        }
        Runs::Shell => Arc::new(ShellAgent::new()?),
        Runs::None => Arc::new(NoAgent),
    })
}

async fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let agent = agent(&args)?;
    let mut settings = Settings {
        seed: args.seed,
        start: OffsetDateTime::now_utc(),
        throttle: args.throttle,
        latencies: if args.fast { Latencies::none() } else { Latencies::realistic().divided(args.speed) },
        ..Settings::new(agent)
    };
    if args.bad_weather {
        settings.faults = Faults::bad_weather();
        settings.consistency = Consistency::nasty();
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await?;
    let roles = [
        format!("arn:aws:iam::{}:role/amifactory-operator", settings.account),
        "arn:aws:iam::111122223333:role/amifactory-consumer".to_owned(),
    ];
    let fake = Fake::new(settings);
    {
        let mut world = fake.world();
        world.sts.roles.extend(roles.iter().map(|role| (role.clone(), None)));
        world.sts.denied.insert(roles[1].clone(), args.role_lacks.iter().cloned().collect());
        world.ec2.users_of_every_key.extend(args.key_user.iter().cloned());
    }
    greet(&fake, listener.local_addr()?.port(), &args, &roles)?;
    tokio::select! {
        () = fake_aws::serve::serve(fake.clone(), listener) => Ok(()),
        result = watch(&fake) => Ok(result?),
        result = tokio::signal::ctrl_c() => Ok(result?),
    }
}

fn greet(fake: &Fake, port: u16, args: &Args, roles: &[String]) -> std::io::Result<()> {
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
    writeln!(out, "# regions: {}", fake.settings().regions.join(", "))?;
    writeln!(out, "# roles that can be assumed: {}", roles.join(", "))?;
    match (args.fast, args.speed) {
        (true, _) => writeln!(out, "# latencies: none")?,
        (false, 1) => writeln!(out, "# latencies: as on EC2")?,
        (false, speed) => writeln!(out, "# latencies: as on EC2, {speed} times faster")?,
    }
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
