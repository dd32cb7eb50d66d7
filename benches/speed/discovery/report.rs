//! What a run of discovery came to: a table to read, and the same for programs.

use std::{fmt::Write as _, path::Path};

use serde::Serialize;

use super::{
    CONNECTIONS,
    load::{Loaded, Size},
    works::Kind,
};
use crate::{
    Failure,
    goals::Goal,
    measure::Row,
    place,
    report::{self, Memory},
    settings::Settings,
    store::Store,
};

/// What search may take, in the largest library.
const SEARCH_MS: f64 = 50.0;
const LARGEST: u64 = 100_000;

/// How many times as long what is steady may take there as in the smallest.
const GROWTH: f64 = 1.3;
const SMALLEST: u64 = 1_000;

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub at: String,
    pub machine: String,
    pub versions: Vec<String>,
    /// What ran where, and how.
    pub setting: Vec<String>,
    pub libraries: Vec<Measured>,
    pub growth: Vec<Growth>,
    pub goals: Vec<Goal>,
}

/// Everything with a library of one size.
#[derive(Debug, Serialize)]
pub struct Measured {
    pub articles: u64,
    pub loaded: Loaded,
    /// The largest tables and indexes.
    pub sizes: Vec<Size>,
    /// The load average after each round.
    pub load: Vec<String>,
    /// What could not be measured, and why.
    pub failures: Vec<String>,
    pub works: Vec<Work>,
}

/// One kind of work, over each number of [`CONNECTIONS`] for which no round failed.
#[derive(Debug, Serialize)]
pub struct Work {
    pub name: &'static str,
    pub kind: Kind,
    pub rows: Vec<Row>,
}

/// How many times as long something takes in the largest library as in the smallest.
#[derive(Debug, Serialize)]
pub struct Growth {
    pub work: String,
    pub server: String,
    pub kind: Kind,
    pub from: u64,
    pub to: u64,
    pub p50: f64,
    pub p99: f64,
    pub rate: f64,
}

/// A number of connections, as it stands in a table.
pub fn over(connections: usize) -> String {
    format!("{connections} connection{}", if connections == 1 { "" } else { "s" })
}

impl Measured {
    pub fn new(articles: u64, loaded: Loaded, sizes: Vec<Size>) -> Measured {
        Measured { articles, loaded, sizes, load: Vec::new(), failures: Vec::new(), works: Vec::new() }
    }

    /// How it was loaded, in one line.
    pub fn loading(&self) -> String {
        let Loaded { seconds, indexes_in_seconds, .. } = &self.loaded;
        let size = |size: &Size| {
            let bytes = Memory::mebibytes(size.bytes.unsigned_abs());
            format!("{} {bytes:.0} MiB, {} rows", size.name, size.rows)
        };
        let sizes = self.sizes.iter().map(size).collect::<Vec<_>>().join("; ");
        let indexes = format!("{indexes_in_seconds:.0} s of that for indexes");
        format!("{} articles, loaded in {seconds:.0} s, {indexes}: {sizes}", self.articles)
    }
}

impl Report {
    pub fn begin(&mut self, settings: &Settings, store: &Store) -> Result<(), Failure> {
        self.at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        self.machine = place::machine();
        self.versions =
            vec![format!("lectern {}", env!("CARGO_PKG_VERSION")), format!("PostgreSQL {}", store.version()?)];
        let Settings { rounds, server_core, load_core, .. } = settings;
        let time = settings.time.as_secs();
        self.setting = vec![
            format!("core {server_core}: the service and Postgres, core {load_core}: the load (one thread, keep-alive)"),
            format!("{rounds} rounds, {time} s each; medians (least..most)"),
            "lectern: serve --workers 1, LECTERN_CACHE_MB=0, its log in a file; Postgres: private, without fsync".to_owned(),
            "srv %, ld %, oth %: of its core that the service and the load had, of both that all others had: Postgres, mostly".to_owned(),
        ];
        if cfg!(debug_assertions) {
            self.setting.push("BUILT WITHOUT OPTIMIZATION: the figures mean nothing".to_owned());
        }
        Ok(())
    }

    /// Writes `discovery.txt` and `discovery.json` in `folder`, and returns the text.
    pub fn write(&mut self, folder: &Path) -> Result<String, Failure> {
        self.growth = self.growth();
        self.goals = self.held();
        report::store(folder, "discovery", self.text()?, self)
    }

    fn growth(&self) -> Vec<Growth> {
        let (Some(small), Some(large)) = (self.libraries.first(), self.libraries.last()) else { return Vec::new() };
        if small.articles >= large.articles {
            return Vec::new();
        }
        let of = |(kind, small_row, large_row): (Kind, &Row, &Row)| {
            Some(Growth {
                work: large_row.work.clone(),
                server: large_row.server.clone(),
                kind,
                from: small.articles,
                to: large.articles,
                p50: large_row.p50_us? / small_row.p50_us?,
                p99: large_row.p99_us? / small_row.p99_us?,
                rate: small_row.requests_per_second.median / large_row.requests_per_second.median,
            })
        };
        let same = |a: &&Row, b: &Row| (&a.work, &a.server) == (&b.work, &b.server);
        let before = |row: &Row| small.works.iter().flat_map(|work| &work.rows).find(|other| same(other, row));
        let rows = large.works.iter().flat_map(|work| work.rows.iter().map(|row| (work.kind, row)));
        rows.filter_map(|(kind, row)| of((kind, before(row)?, row))).collect()
    }

    fn held(&self) -> Vec<Goal> {
        let largest = self.libraries.iter().filter(|library| library.articles == LARGEST);
        let searches = largest.flat_map(|library| &library.works).filter(|work| work.kind == Kind::SearchWithGoal);
        let each = searches.flat_map(|work| CONNECTIONS.map(|connections| (work, over(connections))));
        let mut goals: Vec<Goal> = each
            .map(|(work, server)| {
                let row = work.rows.iter().find(|row| row.server == server);
                let p99 = row.and_then(|row| row.p99_us).map(|p99| p99 / 1000.0);
                Goal {
                    work: format!("search, {}, {LARGEST} articles, {server}", work.name),
                    wanted: format!("p99 at most {SEARCH_MS} ms"),
                    found: p99.map_or_else(|| "failed".to_owned(), |p99| format!("{p99:.1} ms")),
                    held: p99.is_some_and(|p99| p99 <= SEARCH_MS),
                }
            })
            .collect();
        let steady = self.growth.iter().filter(|growth| growth.kind == Kind::Steady);
        goals.extend(steady.filter(|growth| (growth.from, growth.to) == (SMALLEST, LARGEST)).map(|growth| Goal {
            work: format!("{}, {LARGEST} articles, {}", growth.work, growth.server),
            wanted: format!("within {GROWTH} of the time with {SMALLEST} articles"),
            found: format!("{:.2}", growth.rate),
            held: growth.rate <= GROWTH,
        }));
        goals
    }

    fn text(&self) -> Result<String, Failure> {
        let mut out = String::new();
        writeln!(out, "{}\n{}\n{}", self.at, self.machine, self.versions.join("; "))?;
        for line in &self.setting {
            writeln!(out, "- {line}")?;
        }
        for library in &self.libraries {
            writeln!(out, "\n{}\nload average after each round: {}", library.loading(), library.load.join(", "))?;
            for server in CONNECTIONS.map(over) {
                let rows = library.works.iter().flat_map(|work| &work.rows).filter(|row| row.server == server);
                report::table(&mut out, rows)?;
            }
            for failure in &library.failures {
                writeln!(out, "failed: {failure}")?;
            }
        }
        if let Some(Growth { from, to, .. }) = self.growth.first() {
            writeln!(out, "\nhow many times as long with {to} articles as with {from}: in the mean, p50, p99")?;
        }
        for Growth { work, server, rate, p50, p99, .. } in &self.growth {
            writeln!(out, "{work:26} {server:28} {rate:6.2} {p50:6.2} {p99:6.2}")?;
        }
        report::goals(&mut out, &self.goals)?;
        Ok(out)
    }
}
