//! What is wanted of the service, held against what was measured.

use serde::Serialize;

use crate::{
    cold::{FINISHED, FINISHED_APART},
    measure::Row,
    report::{Memory, Report},
};

#[derive(Debug, Serialize)]
pub struct Goal {
    pub work: String,
    pub wanted: String,
    pub found: String,
    pub held: bool,
}

/// The least share of a peer's rate that the service should reach.
const SHARES: [(&str, &str, f64); 7] = [
    ("article", "bare", 0.90),
    ("article 304", "bare", 0.90),
    ("article HEAD", "bare", 0.90),
    ("small (/v1)", "bare", 0.90),
    ("view (POST)", "bare", 0.80),
    ("cold article", FINISHED, 0.50),
    ("cold article", FINISHED_APART, 0.50),
];

/// The work that may take this many times as long with the larger library as with the smaller.
const GROWTH: (u64, u64, f64) = (1_000, 100_000, 1.3);
const GROWING: [&str; 3] = ["cold list of 20, page 1", "cold list of 1, page 1", "cold list of 1, page 1000"];

const PUBLICATION_MS: f64 = 50.0;
const TRIES: u64 = 100_000;
const MEMORY_MIB: f64 = 128.0;
const START_MS: f64 = 150.0;

/// Every goal that the run says something about.
pub fn held(report: &Report) -> Vec<Goal> {
    let mut goals = Vec::new();
    let mut add = |work, wanted, found, held| goals.push(Goal { work, wanted, found, held });
    for library in &report.libraries {
        let articles = library.articles;
        for (work, beside, least) in SHARES {
            let row =
                library.delivery.iter().chain(&library.cold).find(|row| row.work == work && row.server == "lectern");
            let ratio = row.and_then(|row| row.ratios.iter().find(|ratio| ratio.beside == beside));
            if let Some(ratio) = ratio {
                let (goal, found) = (format!("at least {least:.2} of {beside}"), format!("{:.2}", ratio.ratio.median));
                add(format!("{work}, {articles} articles"), goal, found, ratio.ratio.median >= least);
            }
        }
        if let Some(start) = library.start_to_ready_ms {
            let (goal, found) = (format!("at most {START_MS} ms"), format!("{:.0} ms", start.median));
            add(format!("start to ready, {articles} articles"), goal, found, start.median <= START_MS);
        }
    }
    let (small, large, most) = GROWTH;
    for work in GROWING {
        if let Some((fast, slow)) = rate(report, small, work).zip(rate(report, large, work)) {
            let goal = format!("within {most} of the time with {small} articles");
            add(format!("{work}, {large} articles"), goal, format!("{:.2}", fast / slow), fast / slow <= most);
        }
    }
    for seen in &report.publication {
        let goal = format!("p99 at most {PUBLICATION_MS} ms");
        add(
            format!("commit to new answer, instance {}", seen.instance),
            goal,
            format!("{:.1} ms", seen.p99_ms),
            seen.p99_ms <= PUBLICATION_MS,
        );
    }
    if !report.publication.is_empty() {
        let (stale, tries) =
            report.publication.iter().fold((0, 0), |sum, seen| (sum.0 + seen.stale, sum.1 + seen.tries));
        let goal = format!("none in {TRIES} tries");
        add(
            "old answers after a new one".to_owned(),
            goal,
            format!("{stale} in {tries}"),
            stale == 0 && tries >= TRIES,
        );
    }
    if let Some(memory) = &report.memory {
        let resident = Memory::mebibytes(memory.resident);
        let (work, goal) = (format!("memory, {} articles", memory.articles), format!("at most {MEMORY_MIB} MiB"));
        add(work, goal, format!("{resident:.0} MiB"), resident <= MEMORY_MIB);
    }
    goals
}

fn rate(report: &Report, articles: u64, work: &str) -> Option<f64> {
    let library = report.libraries.iter().find(|library| library.articles == articles)?;
    let row: &Row = library.cold.iter().find(|row| row.work == work)?;
    Some(row.requests_per_second.median)
}
