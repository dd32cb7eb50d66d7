//! What a run came to: a table to read, and the same for programs.

use std::{fmt::Write as _, fs, path::Path};

use serde::Serialize;

use crate::{
    Failure,
    goals::{self, Goal},
    measure::{Row, Spread},
    publication::Seen,
};

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub at: String,
    pub machine: String,
    pub versions: Vec<String>,
    /// What ran where, and how.
    pub setting: Vec<String>,
    pub libraries: Vec<Measured>,
    pub publication: Vec<Seen>,
    pub memory: Option<Memory>,
    pub goals: Vec<Goal>,
}

/// Everything with a library of one size.
#[derive(Debug, Default, Serialize)]
pub struct Measured {
    pub articles: u64,
    pub loaded_in_seconds: f64,
    pub delivery: Vec<Row>,
    pub cold: Vec<Row>,
    pub start_to_ready_ms: Option<Spread>,
    pub notes: Vec<String>,
}

/// Resident memory of the service after every article was read once, in bytes.
#[derive(Debug, Serialize)]
pub struct Memory {
    pub articles: u64,
    pub started: u64,
    pub resident: u64,
    pub most: u64,
}

const MEBIBYTE: f64 = 1024.0 * 1024.0;

impl Memory {
    pub fn mebibytes(bytes: u64) -> f64 {
        f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) * 1024.0 / MEBIBYTE
    }
}

impl Report {
    /// Writes `delivery.txt` and `delivery.json` in `folder`, and returns the text.
    pub fn write(&mut self, folder: &Path) -> Result<String, Failure> {
        self.goals = goals::held(self);
        store(folder, "delivery", self.text()?, self)
    }

    fn text(&self) -> Result<String, Failure> {
        let mut out = String::new();
        writeln!(out, "{}\n{}\n{}", self.at, self.machine, self.versions.join("; "))?;
        for line in &self.setting {
            writeln!(out, "- {line}")?;
        }
        for library in &self.libraries {
            writeln!(out, "\n{} articles, loaded in {:.0} s", library.articles, library.loaded_in_seconds)?;
            for note in &library.notes {
                writeln!(out, "- {note}")?;
            }
            for rows in [&library.delivery, &library.cold] {
                table(&mut out, rows)?;
            }
            if let Some(start) = library.start_to_ready_ms {
                let Spread { median, min, max } = start;
                writeln!(out, "\nstart to ready: {median:.0} ms ({min:.0}..{max:.0})")?;
            }
        }
        if !self.publication.is_empty() {
            writeln!(out, "\nfrom the commit of a publication to the first new answer of another instance")?;
        }
        for seen in &self.publication {
            writeln!(
                out,
                "{:20} {} publications: p50 {:.1} ms, p99 {:.1} ms; {} old answers in {} tries after a new one; {:.0} requests/s",
                seen.instance,
                seen.publications,
                seen.p50_ms,
                seen.p99_ms,
                seen.stale,
                seen.tries,
                seen.requests_per_second
            )?;
        }
        if let Some(memory) = &self.memory {
            let Memory { articles, started, resident, most } = memory;
            let [started, resident, most] = [started, resident, most].map(|bytes| Memory::mebibytes(*bytes));
            writeln!(
                out,
                "\nresident memory: {started:.0} MiB when started, {resident:.0} MiB after {articles} articles were read once, {most:.0} MiB at most"
            )?;
        }
        goals(&mut out, &self.goals)?;
        Ok(out)
    }
}

/// Writes a report, as text and for programs, to `folder`, and returns the text.
pub fn store(folder: &Path, name: &str, text: String, report: &impl Serialize) -> Result<String, Failure> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(format!("{name}.txt")), &text)?;
    fs::write(folder.join(format!("{name}.json")), serde_json::to_vec_pretty(report)?)?;
    Ok(text)
}

/// What was wanted, and whether it is so.
pub fn goals(out: &mut String, goals: &[Goal]) -> Result<(), Failure> {
    if !goals.is_empty() {
        writeln!(out, "\ngoals")?;
    }
    for goal in goals {
        let held = if goal.held { "held  " } else { "MISSED" };
        writeln!(out, "{held}  {}: {} (goal: {})", goal.work, goal.found, goal.wanted)?;
    }
    Ok(())
}

/// A line for each row.
pub fn table<'a>(out: &mut String, rows: impl IntoIterator<Item = &'a Row>) -> Result<(), Failure> {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{:26} {:28} {:>9} {:>17} {:>8} {:>8} {:>5} {:>5} {:>6}",
        "work", "server", "req/s", "(min..max)", "p50 us", "p99 us", "srv %", "ld %", "oth %"
    )?;
    let whole = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
    for row in rows {
        let rate = row.requests_per_second;
        let range = format!("({:.0}..{:.0})", rate.min, rate.max);
        write!(
            out,
            "{:26} {:28} {:9.0} {range:>17} {:>8} {:>8} {:>5} {:>5} {:>6.0}",
            row.work,
            row.server,
            rate.median,
            whole(row.p50_us),
            whole(row.p99_us),
            whole(row.server_core_percent),
            whole(row.load_core_percent),
            row.others_percent
        )?;
        for ratio in &row.ratios {
            let Spread { median, min, max } = ratio.ratio;
            write!(out, "  {median:.2} ({min:.2}..{max:.2}) of {}", ratio.beside)?;
        }
        writeln!(out)?;
    }
    Ok(())
}
