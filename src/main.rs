//! Parses the command, runs it, prints its error; no logic.

use std::process::ExitCode;

fn main() -> ExitCode {
    lectern::cli::run()
}
