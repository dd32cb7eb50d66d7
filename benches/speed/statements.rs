//! Whether `article.sql` is what the service sends to Postgres for an article that was read before.

use std::{fs, path::Path, thread, time::Duration};

use crate::{Failure, answer::Client, process::Process, servers::Server};

pub const ARTICLE: &str =
    concat!(include_str!("article.sql"), include_str!("../../src/cache/response_store/find.sql"), ";\n");

/// Asks `lectern`, which must write every statement to its log, for an article, and compares. On a difference the
/// statements that were sent are written to the file `to`, and what to do is returned.
pub fn compare(lectern: &Server, slug: &str, to: &Path) -> Result<Option<String>, Failure> {
    for _ in 0..2 {
        lectern.process.forget_log()?;
        Client::new(lectern.address)?.get(&format!("/v1/articles/{slug}"))?;
        // What was assembled is kept for the second reading, and lines of the log are gathered for a tenth of a second.
        thread::sleep(Duration::from_millis(500));
    }
    let sent = sent(&lectern.process)?;
    let stored = ARTICLE.lines().filter(|line| !line.starts_with('\\')).map(uncommented).collect::<Vec<_>>().join("\n");
    if [plain(stored.trim_end().trim_end_matches(';'))] == *sent.iter().map(|text| plain(text)).collect::<Vec<_>>() {
        return Ok(None);
    }
    fs::write(to, sent.join(";\n\n") + ";\n")?;
    Ok(Some(format!(
        "the service sends other statements than benches/speed/article.sql has, so pgbench ran an old one: bring it up to date with {}",
        to.display()
    )))
}

/// The statements in the log of a service.
fn sent(process: &Process) -> Result<Vec<String>, Failure> {
    let log = process.log()?;
    // The first piece is what came before the first statement.
    let pieces = log.split("TRACE lectern::sql] ").skip(1);
    let statements = pieces.filter_map(|piece| piece.rsplit_once("-- binds: ").map(|(text, _)| text.to_owned()));
    Ok(statements.filter(|text| text.to_lowercase().contains("from")).collect())
}

fn uncommented(line: &str) -> &str {
    line.split_once("--").map_or(line, |(before, _)| before)
}

/// A statement without comments and space, with a `?` for every value.
fn plain(statement: &str) -> String {
    let text = statement.lines().map(uncommented).collect::<Vec<_>>().join(" ").replace("('article-' || :n)", "?");
    let mut out = String::new();
    let mut rest = text.as_str();
    let word = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let cast = |rest: &str| rest.strip_prefix("::").map_or(0, |kind| 2 + word(kind));
    while let Some(first) = rest.chars().next() {
        let value = match first {
            '$' => 1 + word(&rest[1..]),
            ':' if word(&rest[1..]) > 0 => 1 + word(&rest[1..]),
            '\'' if rest.starts_with("''::") => 2,
            'n' if rest.starts_with("null::") => 4,
            _ => 0,
        };
        if value > 0 {
            out.push('?');
            rest = &rest[value..];
            rest = &rest[cast(rest)..];
        } else {
            let skip = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            out.extend(rest[..skip].chars().filter(|c| !c.is_whitespace()));
            rest = &rest[skip..];
        }
    }
    out
}
