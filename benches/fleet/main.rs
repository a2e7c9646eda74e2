//! `fleet` over recorded answers: processor time and memory beside those of Cloud Custodian, memory as the fleet grows, and
//! time where many regions answer slowly.
//!
//! The server is the fake AWS of the tests on loopback, in a process of its own. The figures to be reached are for
//! the release profile; `cargo bench --profile dev --bench fleet` compiles sooner, and takes far more processor
//! time.

#[path = "../../tests/fake_aws/mod.rs"]
mod fake_aws;
#[path = "../aws/measure.rs"]
mod measure;

mod server;

use measure::{Running, Took};
use server::Server;
use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode};

type Failure = Box<dyn Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        [server::SERVE, instances, millis] => server::serve(instances, millis),
        [measure::MEASURE, program, rest @ ..] => measure::child(program, rest),
        [] => bench(),
        _ => Err("no arguments".into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<(), Failure> {
    println!("amifactory: {} profile", if cfg!(debug_assertions) { "dev" } else { "release" });
    println!("{:<58} {:>9} {:>9} {:>10}", "", "wall", "cpu", "memory");
    let one = run(10_000, 0, 1)?;
    row("10,000 instances, one region", &one);
    println!("{:<58} {:>7.1} s {:>9} {:>7.0} MB", "  Cloud Custodian, image age (reference)", 7.1, "", 262.0);
    println!("{:<58} {:>7.1} s {:>9} {:>7.0} MB", "  Cloud Custodian, three policies (reference)", 18.1, "", 262.0);
    println!("{:<58} {:>9} {:>9} {:>10}", "  to be reached", "", "1.0 s", "50 MB");
    row("20,000 instances, 50 account-regions", &run(400, 0, 50)?);
    row("100,000 instances, 50 account-regions", &run(2_000, 0, 50)?);
    row("2,000 instances, one region, 200 ms a call", &run(2_000, 200, 1)?);
    row("100,000 instances, 50 account-regions, 200 ms a call", &run(2_000, 200, 50)?);
    Ok(())
}

/// So many instances in each of so many places, each call answered after so many milliseconds.
fn run(instances: usize, millis: u64, places: usize) -> Result<Took, Failure> {
    let server = Server::start(instances, millis)?;
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("recipes"))?;
    let recipe =
        "recipe: web\ndescription: a web server\nversion: \"1.0\"\nbase: {aws: {ami: ami-0123456789abcdef0}}\n";
    fs::write(folder.path().join("recipes/web.yaml"), recipe)?;
    // Two regions of each account; the factory's own is one of them.
    let accounts: Vec<String> =
        (1..places / 2).map(|n| format!("\"{}\": {{role: fleet}}", server::account(n))).collect();
    let regions = if places == 1 { "[us-east-1]" } else { "[us-east-1, us-west-2]" };
    // Nobody knows their images: that would be an exit code of its own.
    let exempt = server::IMAGES.map(|id| format!("{{image: {id}, reason: bench, owner: bench, expires: 9999-12-31}}"));
    let (accounts, exempt) = (accounts.join(", "), exempt.join(", "));
    let policy = format!("fleet: {{regions: {regions}, accounts: {{{accounts}}}, exemptions: [{exempt}]}}");
    fs::write(folder.path().join("amifactory.yaml"), format!("default_target: aws\nchannels: [prod]\n{policy}\n"))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_amifactory"));
    command.args(["fleet", "--format", "csv"]).current_dir(folder.path());
    command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", server.port)).env("AWS_REGION", "us-east-1");
    command.env("AWS_ACCESS_KEY_ID", fake_aws::credentials::DEFAULT_KEY).env("AWS_SECRET_ACCESS_KEY", "not-verified");
    command.env("HOME", folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    for name in ["AMIFACTORY_STATE", "AWS_PROFILE", "AWS_SESSION_TOKEN", "NO_COLOR", "CI"] {
        command.env_remove(name);
    }
    let took = Running::start(vec![command])?.end()?;
    match took.failed.first() {
        Some(first) => Err(format!("it failed: {first}").into()),
        None => Ok(took),
    }
}

fn row(what: &str, took: &Took) {
    println!("{what:<58} {:>7.2} s {:>7.2} s {:>7.1} MB", took.wall_s, took.cpu_s, took.memory / 1e6);
}
