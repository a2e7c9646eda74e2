//! Parse, run, exit code.

use amifactory::target::local::{OPERATIONS, sandbox};
use std::process::ExitCode;

fn main() -> ExitCode {
    // The program is its own sandbox: it comes back as one of the sandbox's processes.
    if let Some(code) = sandbox::sandbox_main(std::env::args_os(), OPERATIONS) {
        return code;
    }
    ExitCode::from(amifactory::cli::run() as u8)
}
