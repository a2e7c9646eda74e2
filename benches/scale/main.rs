//! Release and retirement in a large factory: what `verify`, `retire` and `promote` take where there are 500 recipes with
//! three channels in 20 regions. Calls, time, processor time and memory of the program, and how many of its calls were
//! refused for their rate.
//!
//! The server is the fake AWS of the tests on loopback, 80 ms away, with the token buckets of each API. All that builds,
//! promotions and distributions would have left is put there first. `cargo bench --bench scale` takes some minutes;
//! `-- --recipes 50 --regions 4` makes it smaller.

#[path = "../../tests/fake_aws/mod.rs"]
mod fake_aws;
#[path = "../aws/measure.rs"]
mod measure;
#[path = "../../tests/scale/mod.rs"]
mod scale;

mod server;

use measure::{Running, Took};
use scale::{Size, name};
use server::Server;
use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode};
use tempfile::TempDir;

type Failure = Box<dyn Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        [server::SERVE, recipes, regions] => size(recipes, regions).and_then(server::serve),
        [measure::MEASURE, program, rest @ ..] => measure::child(program, rest),
        [] => size("500", "20").and_then(bench),
        ["--recipes", recipes, "--regions", regions] => size(recipes, regions).and_then(bench),
        _ => Err("arguments: [--recipes N --regions N]".into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn size(recipes: &str, regions: &str) -> Result<Size, Failure> {
    let size = Size { recipes: recipes.parse()?, regions: regions.parse()? };
    match (1..=1000).contains(&size.recipes) && (1..=20).contains(&size.regions) {
        true => Ok(size),
        false => Err("1 to 1000 recipes, 1 to 20 regions".into()),
    }
}

fn bench(size: Size) -> Result<(), Failure> {
    let factory = factory(size)?;
    let mut server = Server::start(size)?;
    let Size { recipes, regions } = size;
    println!("{} profile; {recipes} recipes, 3 channels, {regions} regions, calls take 80 ms", profile());
    println!(
        "{:<28} {:>7} {:>12} {:>9} {:>9} {:>10} {:>8}",
        "", "calls", "most/region", "wall", "cpu", "memory", "refused"
    );
    let one = name(recipes / 2);
    let verbs: [(&str, Vec<&str>); 5] = [
        ("promote one, to be shown", vec!["promote", &one, "--to", "prod", "--plan"]),
        ("promote one, everywhere", vec!["promote", &one, "--to", "prod", "--yes"]),
        ("verify one", vec!["verify", &one]),
        ("verify all", vec!["verify"]),
        ("retire, to be shown", vec!["retire"]),
    ];
    for (what, arguments) in verbs {
        let took = run(&factory, &server, &arguments)?;
        let counted = server.counted()?;
        println!(
            "{what:<28} {:>7} {:>12} {:>7.1} s {:>7.1} s {:>7.1} MB {:>8}",
            counted.calls,
            counted.most,
            took.wall_s,
            took.cpu_s,
            took.memory / 1e6,
            counted.refused
        );
        println!("  {}", counted.actions);
    }
    Ok(())
}

fn factory(size: Size) -> Result<TempDir, Failure> {
    let folder = TempDir::with_prefix("amifactory-scale-")?;
    fs::write(folder.path().join("amifactory.yaml"), size.yaml())?;
    fs::create_dir(folder.path().join("recipes"))?;
    for number in 0..size.recipes {
        let recipe = name(number);
        let text = format!(
            "recipe: {recipe}\ndescription: one of many\nversion: \"1.0\"\nbase: {{aws: {{name: \"al2023-ami-2023.*\", \
             owner: amazon, arch: x86_64}}}}\npublish: {{channel: dev}}\n"
        );
        fs::write(folder.path().join(format!("recipes/{recipe}.yaml")), text)?;
    }
    Ok(folder)
}

fn run(factory: &TempDir, server: &Server, arguments: &[&str]) -> Result<Took, Failure> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amifactory"));
    command.args(arguments).args(["--format", "json"]).current_dir(factory.path());
    for name in ["AMIFACTORY_STATE", "AWS_PROFILE", "AWS_SESSION_TOKEN", "NO_COLOR", "CI"] {
        command.env_remove(name);
    }
    let key = fake_aws::credentials::DEFAULT_KEY;
    command.env("HOME", factory.path()).env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", "not-verified");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", scale::HOME);
    command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", server.port));
    let took = Running::start(vec![command])?.end()?;
    match took.failed.first() {
        Some(first) => Err(format!("amifactory {}: {first}", arguments.join(" ")).into()),
        None => Ok(took),
    }
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "dev" } else { "release" }
}
