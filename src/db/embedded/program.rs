//! Calls of Postgres programs.

use std::process::{Command, Output};

use super::{EmbeddedError, error::At};

/// Runs a command and returns its output.
pub(super) fn run(doing: &'static str, command: &mut Command) -> Result<Output, EmbeddedError> {
    command.output().at(doing, command.get_program())
}

/// Returns the error of a program that failed, with its last output.
pub(super) fn check_success(doing: &'static str, output: Output) -> Result<(), EmbeddedError> {
    if output.status.success() {
        return Ok(());
    }
    let output = [output.stdout, output.stderr].concat();
    Err(EmbeddedError::Program { doing, output: last_lines(&String::from_utf8_lossy(&output)) })
}

/// Returns the last lines of an output, without blank ones.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
}
