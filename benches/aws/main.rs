//! Builds on AWS beside Packer's, on the same server in the same run: calls, time beyond the cloud's own, processor time
//! and memory; one build, and many at once.
//!
//! The server is the fake AWS of the tests on loopback, with latencies as on EC2 and the token buckets of each API.
//! `cargo bench --bench aws` takes about ten minutes, nearly all of it waiting; `-- --builds 200` runs that many at once;
//! `-- --image-builder 200` hands that many to EC2 Image Builder.
//! Needs root: what is sent to instances really runs, in sandboxes. Packer's rows are missing, and say so, where there
//! is no `packer` (Debian has 1.6.6).

#[path = "../../tests/fake_aws/mod.rs"]
mod fake_aws;

mod clients;
mod measure;
mod server;

use amifactory::target::local::OPERATIONS;
use amifactory::target::local::sandbox::sandbox_main;
use clients::{Amifactory, Packer};
use measure::Took;
use server::Server;
use std::error::Error;
use std::process::ExitCode;

type Failure = Box<dyn Error>;

fn main() -> ExitCode {
    // The program is its own sandbox: it comes back as one of the sandbox's processes.
    if let Some(code) = sandbox_main(std::env::args_os(), OPERATIONS) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        [server::SERVE] => server::serve(),
        [measure::MEASURE, program, rest @ ..] => measure::child(program, rest),
        [] => bench(50),
        ["--builds", number] => number.parse().map_err(Into::into).and_then(bench),
        ["--image-builder", number] => number.parse().map_err(Into::into).and_then(by_image_builder),
        _ => Err("arguments: [--builds N | --image-builder N]".into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(builds: usize) -> Result<(), Failure> {
    let mut server = Server::start()?;
    println!("amifactory: {} profile; {}", profile(), clients::packer_version());
    println!("{:<34} {:>6} {:>9} {:>9} {:>9} {:>11} {:>10}", "", "calls", "wall", "late", "cpu", "cpu/build", "memory");

    // Side by side: both mostly wait.
    let (amifactory, packer) = (Amifactory::new(1)?, Packer::new(1)?);
    let running = (amifactory.start(&server)?, packer.as_ref().map(|packer| packer.start(&server)).transpose()?);
    let one = whole(running.0.end()?)?;
    row("amifactory, boot test and all", &one, server.calls(clients::AMIFACTORY)?, 1, server::critical_path());
    if let Some(running) = running.1 {
        let took = whole(running.end()?)?;
        let calls = server.calls(clients::PACKER)?;
        row("Packer, no command, no boot test", &took, calls, 1, server::critical_path_of_packer());
    }

    // One after the other: they share the processors.
    let many = whole(Amifactory::new(builds)?.start(&server)?.end()?)?;
    row(
        &format!("amifactory, {builds} at once"),
        &many,
        server.calls(clients::AMIFACTORY)?,
        builds,
        server::critical_path(),
    );
    if let Some(packer) = Packer::new(builds)? {
        let took = packer.start(&server)?.end()?;
        let calls = server.calls(clients::PACKER)?;
        row(&format!("Packer, {builds} processes at once"), &took, calls, builds, server::critical_path_of_packer());
        if let Some(first) = took.failed.first() {
            println!("{} of these {builds} made no image; the first error: {first}", took.failed.len());
        }
        println!(
            "per build, of {builds} at once: {:.2} of Packer's processor time, {:.2} of its memory",
            many.cpu_s / took.cpu_s,
            many.memory / took.memory
        );
    } else {
        println!("PACKER'S ROWS ARE MISSING: there is no program packer here (apt-get install packer)");
    }
    println!("refused for their rate: {} calls", server.refused()?);
    println!(
        "late: beyond what the cloud itself takes. amifactory: {:.0} s (two boots with their agents, two commands, stop, \
         image, check of the pointers); Packer: {:.0} s (running, stop, image, terminated)",
        server::critical_path(),
        server::critical_path_of_packer()
    );
    Ok(())
}

/// The same recipes by EC2 Image Builder: one, and so many handed over at once from one process.
fn by_image_builder(builds: usize) -> Result<(), Failure> {
    let mut server = Server::start()?;
    println!("amifactory: {} profile; by EC2 Image Builder", profile());
    println!(
        "{:<16} {:>7} {:>11} {:>9} {:>9} {:>9} {:>11} {:>10}",
        "", "calls", "per image", "listings", "wall", "cpu", "cpu/build", "memory"
    );
    let mut listed = 0;
    for builds in [1, builds] {
        let took = whole(Amifactory::by_image_builder(builds)?.start(&server)?.end()?)?;
        let (calls, listings) = (server.calls(clients::AMIFACTORY)?, server.listings()?);
        println!(
            "{:<16} {calls:>7} {:>11.1} {:>9} {:>7.1} s {:>7.2} s {:>8.0} ms {:>7.1} MB",
            format!("{builds} at once"),
            calls as f64 / builds as f64,
            listings - listed,
            took.wall_s,
            took.cpu_s,
            took.cpu_s * 1000.0 / builds as f64,
            took.memory / 1e6
        );
        listed = listings;
    }
    println!("refused for their rate: {} calls", server.refused()?);
    println!("listings: pages of the one listing in which all image builds are looked at, 25 a page");
    Ok(())
}

/// One of which nothing failed.
fn whole(took: Took) -> Result<Took, Failure> {
    match took.failed.first() {
        Some(first) => Err(format!("{} of the programs failed, the first one so: {first}", took.failed.len()).into()),
        None => Ok(took),
    }
}

fn row(what: &str, took: &Took, calls: usize, builds: usize, cloud: f64) {
    let late = took.wall_s - cloud;
    println!(
        "{what:<34} {calls:>6} {:>7.1} s {late:>7.1} s {:>7.2} s {:>8.0} ms {:>7.1} MB",
        took.wall_s,
        took.cpu_s,
        took.cpu_s * 1000.0 / builds as f64,
        took.memory / 1e6
    );
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "dev" } else { "release" }
}
