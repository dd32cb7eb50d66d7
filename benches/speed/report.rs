//! The results of a run: a table, the same as JSON, and the goals.

use std::{fmt::Write as _, fs, path::Path};

use serde::Serialize;

use crate::{
    Failure,
    cold::{ROW, ROW_APART},
    library::Store,
    machine,
    measure::{Row, Spread},
    publication::Propagation,
    settings::Settings,
};

/// The least share of a peer's rate.
const SHARES: [(&str, &str, f64); 7] = [
    ("article", "bare", 0.90),
    ("article 304", "bare", 0.90),
    ("article HEAD", "bare", 0.90),
    ("small (/v1)", "bare", 0.90),
    ("view (POST)", "bare", 0.80),
    ("cold article", ROW, 0.50),
    ("cold article", ROW_APART, 0.50),
];

/// The work whose time may grow by this factor from the smaller to the larger library.
const GROWTH: f64 = 1.3;
const SMALL: u64 = 1_000;
pub const LARGE: u64 = 100_000;
const STEADY: [&str; 5] =
    ["cold list of 20, page 1", "cold list of 1, page 1", "cold list of 1, page 1000", "article", "related"];

const PUBLICATION_MS: f64 = 50.0;
const READS: u64 = 100_000;
const MEMORY_MIB: f64 = 128.0;
const START_MS: f64 = 150.0;

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub at: String,
    pub machine: String,
    pub versions: Vec<String>,
    /// The arrangement of processes and cores.
    pub conditions: Vec<String>,
    pub libraries: Vec<Measured>,
    pub publication: Vec<Propagation>,
    pub memory: Option<Memory>,
    pub goals: Vec<Goal>,
}

/// The figures with a library of one size.
#[derive(Debug, Default, Serialize)]
pub struct Measured {
    pub articles: u64,
    pub notes: Vec<String>,
    pub rows: Vec<Row>,
    pub start_to_ready_ms: Option<Spread>,
}

/// The service's resident memory in bytes, before and after it read every article once.
#[derive(Debug, Serialize)]
pub struct Memory {
    pub articles: u64,
    pub started: u64,
    pub resident: u64,
    pub peak: u64,
}

#[derive(Debug, Serialize)]
pub struct Goal {
    pub work: String,
    pub wanted: String,
    pub found: String,
    pub is_met: bool,
}

impl Report {
    /// Describes the run.
    pub fn start(settings: &Settings, store: &Store, conditions: &[String]) -> Result<Report, Failure> {
        let mut conditions = conditions.to_vec();
        let (rounds, seconds) = (settings.rounds, settings.time.as_secs());
        conditions.push(format!("{rounds} rounds in turn over all servers, {seconds} s each; medians (min..max)"));
        conditions.push("lectern: serve --workers 1, log in a file; Postgres: embedded, without fsync".to_owned());
        conditions.push("srv %, ld %: shares of its core that the server used, and the load".to_owned());
        if cfg!(debug_assertions) {
            conditions.push("BUILT WITHOUT OPTIMIZATION: the figures mean nothing".to_owned());
        }
        Ok(Report {
            at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            machine: machine::description(),
            versions: vec![
                format!("lectern {}", env!("CARGO_PKG_VERSION")),
                format!("PostgreSQL {}", store.version()?),
            ],
            conditions,
            ..Report::default()
        })
    }

    /// Compares the figures with the goals, writes `{name}.txt` and `{name}.json` to `folder`, and returns the text.
    pub fn write(&mut self, folder: &Path, name: &str) -> Result<String, Failure> {
        self.compare();
        let text = self.text()?;
        fs::create_dir_all(folder)?;
        fs::write(folder.join(format!("{name}.txt")), &text)?;
        fs::write(folder.join(format!("{name}.json")), serde_json::to_vec_pretty(self)?)?;
        Ok(text)
    }

    fn compare(&mut self) {
        let mut goals = Vec::new();
        let mut add = |work, wanted, found, is_met| goals.push(Goal { work, wanted, found, is_met });
        for Measured { articles, rows, start_to_ready_ms, .. } in &self.libraries {
            for (work, beside, least) in SHARES {
                let row = rows.iter().find(|row| row.work == work && row.server == "lectern");
                if let Some(ratio) = row.and_then(|row| row.ratios.iter().find(|ratio| ratio.beside == beside)) {
                    let median = ratio.ratio.median;
                    let wanted = format!("at least {least:.2} of {beside}");
                    add(format!("{work}, {articles} articles"), wanted, format!("{median:.2}"), median >= least);
                }
            }
            if let Some(Spread { median, .. }) = start_to_ready_ms {
                let wanted = format!("at most {START_MS} ms");
                add(format!("start, {articles} articles"), wanted, format!("{median:.0} ms"), *median <= START_MS);
            }
        }
        let library = |size| self.libraries.iter().find(|library| library.articles == size);
        if let Some((small, large)) = library(SMALL).zip(library(LARGE)) {
            let is_peer = |row: &Row| row.server == "bare" || row.server == "nginx";
            let is_steady = |row: &&Row| STEADY.contains(&row.work.as_str()) && row.ratios.is_empty() && !is_peer(row);
            for row in large.rows.iter().filter(is_steady) {
                let is_same = |other: &&Row| (&other.work, &other.server) == (&row.work, &row.server);
                if let Some(before) = small.rows.iter().find(is_same) {
                    let growth = before.requests_per_second.median / row.requests_per_second.median;
                    let work = format!("{}, {LARGE} articles, {}", row.work, row.server);
                    let wanted = format!("at most {GROWTH} times the time with {SMALL} articles");
                    add(work, wanted, format!("{growth:.2}"), growth <= GROWTH);
                }
            }
        }
        for Propagation { instance, p99_ms, .. } in &self.publication {
            let wanted = format!("p99 at most {PUBLICATION_MS} ms");
            let work = format!("commit to new response, {instance} instance");
            add(work, wanted, format!("{p99_ms:.1} ms"), *p99_ms <= PUBLICATION_MS);
        }
        if !self.publication.is_empty() {
            let stale: u64 = self.publication.iter().map(|seen| seen.stale).sum();
            let reads: u64 = self.publication.iter().map(|seen| seen.reads).sum();
            let (wanted, found) = (format!("none in {READS} reads"), format!("{stale} in {reads}"));
            add("stale responses after a new one".to_owned(), wanted, found, stale == 0 && reads >= READS);
        }
        if let Some(memory) = &self.memory {
            let resident = mebibytes(memory.resident);
            let (work, wanted) = (format!("memory, {} articles", memory.articles), format!("at most {MEMORY_MIB} MiB"));
            add(work, wanted, format!("{resident:.0} MiB"), resident <= MEMORY_MIB);
        }
        self.goals.extend(goals);
    }

    fn text(&self) -> Result<String, Failure> {
        let mut out = String::new();
        writeln!(out, "{}\n{}\n{}", self.at, self.machine, self.versions.join("; "))?;
        for line in &self.conditions {
            writeln!(out, "- {line}")?;
        }
        for library in &self.libraries {
            writeln!(out, "\n{} articles", library.articles)?;
            for note in &library.notes {
                writeln!(out, "- {note}")?;
            }
            table(&mut out, &library.rows)?;
            if let Some(Spread { median, min, max }) = library.start_to_ready_ms {
                writeln!(out, "\nstart to ready: {median:.0} ms ({min:.0}..{max:.0})")?;
            }
        }
        for Propagation { instance, publications, p50_ms, p99_ms, reads, stale, responses_per_second } in
            &self.publication
        {
            writeln!(
                out,
                "\ncommit to new response, {instance} instance: {publications} publications, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms; {stale} stale in {reads} reads after a new one; {responses_per_second:.0} responses/s"
            )?;
        }
        if let Some(Memory { articles, started, resident, peak }) = &self.memory {
            let [started, resident, peak] = [started, resident, peak].map(|bytes| mebibytes(*bytes));
            writeln!(
                out,
                "\nresident memory: {started:.0} MiB when started, {resident:.0} MiB after reading {articles} articles, {peak:.0} MiB peak"
            )?;
        }
        writeln!(out, "\ngoals")?;
        for Goal { work, wanted, found, is_met } in &self.goals {
            writeln!(out, "{}  {work}: {found} (goal: {wanted})", if *is_met { "met   " } else { "MISSED" })?;
        }
        Ok(out)
    }
}

fn mebibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}

fn table(out: &mut String, rows: &[Row]) -> Result<(), Failure> {
    writeln!(
        out,
        "\n{:26} {:28} {:>9} {:>17} {:>8} {:>8} {:>5} {:>5}",
        "work", "server", "req/s", "(min..max)", "p50 us", "p99 us", "srv %", "ld %"
    )?;
    let rounded = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
    for row in rows {
        let Spread { median, min, max } = row.requests_per_second;
        let [p50, p99] = [row.p50_us, row.p99_us].map(rounded);
        let [server, load] = [row.server_core_percent, row.load_core_percent].map(rounded);
        let range = format!("({min:.0}..{max:.0})");
        let Row { work, server: name, .. } = row;
        write!(out, "{work:26} {name:28} {median:9.0} {range:>17} {p50:>8} {p99:>8} {server:>5} {load:>5}")?;
        for ratio in &row.ratios {
            let Spread { median, min, max } = ratio.ratio;
            write!(out, "  {median:.2} ({min:.2}..{max:.2}) of {}", ratio.beside)?;
        }
        writeln!(out)?;
    }
    Ok(())
}
