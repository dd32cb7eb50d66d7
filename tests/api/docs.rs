//! Runs every `console` block of the documentation against a fresh service with the bundled library, and compares the output.
//!
//! Lines after `$ ` are commands, with their continuation lines and here-documents; the rest is expected output. `…` stands for any
//! text, and white space does not count. The blocks of one file share a shell, so a variable that one sets is there for the next.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::harness::{App, scratch};

/// A command of a `console` block and the output that the documentation shows.
#[derive(Debug)]
struct Example {
    line: usize,
    command: String,
    expected: String,
}

/// Ends the output of each command; the shell prints the exit code after it.
const SEPARATOR: char = '\u{1e}';

fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut in_block = false;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.starts_with("```") {
            in_block = line == "```console";
        } else if !in_block {
        } else if let Some(command) = line.strip_prefix("$ ") {
            let mut command = command.to_owned();
            let end = command.split_once("<<'").and_then(|(_, rest)| Some(rest.split_once('\'')?.0.to_owned()));
            while command.ends_with('\\') || end.as_ref().is_some_and(|end| !command.ends_with(&format!("\n{end}"))) {
                let (_, next) = lines.next().unwrap_or_else(|| panic!("line {}: the command has no end", number + 1));
                command.push('\n');
                command.push_str(next);
            }
            examples.push(Example { line: number + 1, command, expected: String::new() });
        } else {
            let example = examples.last_mut().unwrap_or_else(|| panic!("line {}: output before a command", number + 1));
            example.expected.push_str(line);
        }
    }
    examples
}

/// Tells whether `actual` has the form of `expected`, where `…` stands for any text and white space does not count.
fn matches(expected: &str, actual: &str) -> bool {
    let condensed = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let (expected, actual) = (condensed(expected), condensed(actual));
    let mut pieces = expected.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = actual.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(found) = rest.find(piece) else { return false };
        rest = &rest[found + piece.len()..];
    }
    rest.ends_with(last)
}

fn documents() -> Vec<PathBuf> {
    let in_docs = fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from).to_vec();
    files.extend(in_docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    files.sort();
    files
}

/// Runs the examples of one file and returns a description of each that differs.
async fn run(file: &Path, examples: &[Example]) -> Vec<String> {
    let app = App::library().await;
    app.catch_up().await;
    let folder = scratch(&format!("docs-{}", file.file_stem().unwrap().to_str().unwrap()));
    let binary = Path::new(env!("CARGO_BIN_EXE_lectern")).parent().unwrap();
    let mut script = String::from("curl() { command curl --silent --show-error --max-time 60 \"$@\"; }\n");
    for example in examples {
        let command = example.command.replace("http://localhost:8080", &app.base);
        writeln!(script, "{command}\nprintf '{SEPARATOR}%s{SEPARATOR}' $?").unwrap();
    }
    let (path, folder_of_run) = (format!("{}:{}", binary.display(), std::env::var("PATH").unwrap()), folder.clone());
    let (database, data) = (app.database.clone(), folder.join("data"));
    let output = tokio::task::spawn_blocking(move || {
        let mut bash = Command::new("bash");
        bash.arg("-c").arg(script).current_dir(folder_of_run).env("PATH", path).env("DATABASE_URL", database);
        bash.env("LECTERN_DATA_DIR", data).output().expect("bash cannot be started")
    });
    let output = output.await.unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let mut results = stdout.split(SEPARATOR);
    let mut differences = Vec::new();
    for Example { line, command, expected } in examples {
        let (actual, code) = (results.next().unwrap_or_default(), results.next().unwrap_or("none"));
        if code != "0" || !(expected.is_empty() || matches(expected, actual)) {
            let place = format!("{}:{line}", file.display());
            differences
                .push(format!("{place}: {command}\nexpected: {expected}\nactual (exit code {code}): {actual}\n"));
        }
    }
    if !differences.is_empty() {
        differences.push(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    fs::remove_dir_all(folder).unwrap();
    differences
}

#[tokio::test(flavor = "multi_thread")]
async fn console_blocks_give_the_output_that_the_documentation_shows() {
    let mut count = 0;
    let mut differences = Vec::new();
    for file in documents() {
        let examples = examples(&fs::read_to_string(&file).unwrap());
        count += examples.len();
        if !examples.is_empty() {
            differences.extend(run(&file, &examples).await);
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(count > 20, "only {count} commands were found");
}

#[test]
fn links_between_documents_lead_to_files() {
    for file in documents() {
        let text = fs::read_to_string(&file).unwrap();
        // Every second part is inside a fence.
        let text: String = text.split("```").step_by(2).collect();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '/'])) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = file.parent().unwrap().join(path);
            assert!(linked.exists(), "{} links to {target}, which does not exist", file.display());
            if !anchor.is_empty() && linked.extension().is_some_and(|extension| extension == "md") && linked.exists() {
                let slug = |heading: &str| heading.trim().to_lowercase().replace(' ', "-");
                let headings = fs::read_to_string(&linked).unwrap();
                let found = headings
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| slug(line.trim_start_matches('#')) == anchor);
                assert!(found, "{} links to {target}, which has no such heading", file.display());
            }
        }
    }
}

#[test]
fn readme_is_short() {
    assert!(fs::metadata("README.md").unwrap().len() <= 8 * 1024);
}

#[test]
fn an_ellipsis_stands_for_any_text() {
    assert!(matches("a…c", "a b c") && matches("…", "") && matches("{\"a\": 1}", "{\"a\":1}\n"));
    assert!(!matches("a…c", "a b") && !matches("a", "ab") && !matches("…a…b", "ba"));
}

#[test]
fn files_that_the_architecture_names_exist() {
    let page = fs::read_to_string("docs/architecture.md").unwrap();
    let named =
        page.split('`').skip(1).step_by(2).filter(|name| {
            Path::new(name).extension().is_some_and(|extension| extension == "rs" || extension == "sql")
        });
    let mut count = 0;
    for name in named {
        count += 1;
        assert!(["src", "."].iter().any(|base| Path::new(base).join(name).exists()), "there is no file {name}");
    }
    assert!(count > 30, "only {count} files are named");
}
