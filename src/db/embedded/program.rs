//! Running a program of Postgres to its end.

use std::process::{Command, Output};

use super::{PrivateError, error::At};

/// Runs a command to its end.
pub(super) fn run(doing: &'static str, command: &mut Command) -> Result<Output, PrivateError> {
    command.output().at(doing, command.get_program())
}

/// The error of a program that failed, with what it said last.
pub(super) fn succeed(doing: &'static str, output: Output) -> Result<(), PrivateError> {
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(PrivateError::Program { doing, output: last_lines(&String::from_utf8_lossy(&said)) })
}

/// The last lines of a program's output, without blank ones.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
}
