//! Parse, run, exit code.

use amifactory::target::local::sandbox;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before any thread starts: the sandbox's processes are this same binary.
    if let Some(code) = sandbox::sandbox_main(std::env::args_os(), &[]) {
        return code;
    }
    ExitCode::SUCCESS
}
