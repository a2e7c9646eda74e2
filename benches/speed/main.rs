//! Speed: each figure beside its reference, both measured in this run, on this machine.
//!
//! `cargo bench` runs all; `cargo bench -- no-op validate` runs some; `--rounds N` measures more or less often.
//! Nothing here fails because something was slow: the table says it, and people judge.

mod at_once;
mod by_hand;
mod factory;
mod figure;
mod machine;
mod no_op;
mod program;
mod validate;
mod whole_build;

use figure::{Figure, Table};
use machine::Machine;
use std::error::Error;
use std::process::ExitCode;

/// What a benchmark ends with where it could not be run.
type Failure = Box<dyn Error>;

/// A benchmark: its name on the command line, what it is, and what runs it.
struct Benchmark {
    name: &'static str,
    about: &'static str,
    run: fn(&Settings) -> Result<Vec<Figure>, Failure>,
}

/// What the command line asks for.
struct Settings {
    rounds: usize,
}

const BENCHMARKS: [Benchmark; 7] = [
    Benchmark { name: "no-op", about: "a build with nothing changed", run: no_op::run },
    Benchmark { name: "validate", about: "1,000 generated recipes", run: validate::run },
    Benchmark { name: "hardened", about: "a hardened image, from nothing", run: whole_build::hardened },
    Benchmark { name: "again", about: "a hardened image, base known", run: whole_build::again },
    Benchmark { name: "tiny", about: "the smallest image", run: whole_build::tiny },
    Benchmark { name: "web-tier", about: "web-tier on cis-base, with packages", run: whole_build::web_tier },
    Benchmark { name: "at-once", about: "8 builds at once", run: at_once::run },
];

fn main() -> ExitCode {
    if let Some(code) = program::measured() {
        return code;
    }
    let (settings, names) = match arguments() {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let machine = Machine::now();
    println!("{}", machine.before());
    let mut table = Table::default();
    for benchmark in BENCHMARKS.iter().filter(|b| names.is_empty() || names.iter().any(|name| name == b.name)) {
        eprintln!("{}: {} …", benchmark.name, benchmark.about);
        match (benchmark.run)(&settings) {
            Ok(figures) => table.extend(figures),
            Err(error) => table.not_run(benchmark.about, &error.to_string()),
        }
    }
    println!("\n{table}");
    println!("{}", machine.after());
    ExitCode::SUCCESS
}

fn arguments() -> Result<(Settings, Vec<String>), String> {
    let mut settings = Settings { rounds: 5 };
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Cargo says so to every benchmark.
            "--bench" => {}
            "--rounds" => {
                let number = arguments.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
                settings.rounds = number.ok_or("--rounds takes a number from 1 on")?;
            }
            name if BENCHMARKS.iter().any(|benchmark| benchmark.name == name) => names.push(argument),
            other => {
                let known: Vec<&str> = BENCHMARKS.iter().map(|benchmark| benchmark.name).collect();
                return Err(format!("there is no benchmark `{other}`; there are: {}", known.join(", ")));
            }
        }
    }
    Ok((settings, names))
}
