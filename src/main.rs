//! Parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(amifactory::cli::run() as u8)
}
