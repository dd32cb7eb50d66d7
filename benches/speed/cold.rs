//! What answers cost that are not in memory: the service without its cache, beside pgbench on the same Postgres.
//!
//! Postgres has the core of the load in both cases, and shares it with whoever asks: the load that asks the service, or
//! pgbench in its place. A second line has pgbench apart, on the core where the service is otherwise: Postgres then has its
//! core to itself, but every question and answer wakes another core, as the service's do. In a virtual machine that costs more
//! than the sharing.

use std::{fs, path::Path, process::Command};

use diesel::{sql_query, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use lectern::cache::response_store::BUILD;

use crate::{
    Failure,
    answer::{Client, request},
    delivery::targets,
    load::Target,
    measure::{Row, Sample, measure},
    servers::Server,
    settings::Settings,
    statements::ARTICLE,
    store::{Library, Store},
};

/// As many as the service has connections to read with.
const CLIENTS: usize = lectern::db::CONNECTIONS;

/// How far the pages of the list are followed, one article a page: the same page is there in every library of that size.
const PAGES: u64 = 1_000;

/// Names of pgbench's lines.
pub const FINISHED: &str = "pgbench, finished row";
pub const FINISHED_APART: &str = "pgbench apart, finished row";

/// pgbench with one of its scripts.
struct Pgbench {
    name: &'static str,
    script: &'static str,
    own_core: bool,
}

const PGBENCH: [Pgbench; 3] = [
    Pgbench { name: "pgbench, same statement", script: ARTICLE, own_core: false },
    Pgbench { name: FINISHED, script: include_str!("finished.sql"), own_core: false },
    Pgbench { name: FINISHED_APART, script: include_str!("finished.sql"), own_core: true },
];

/// Measures the service without cache. The rows, and what is worth knowing of them.
pub fn run(
    settings: &Settings,
    store: &Store,
    library: &Library,
    lectern: &Server,
    folder: &Path,
) -> Result<(Vec<Row>, Vec<String>), Failure> {
    let mut notes = Vec::new();
    let mut works = works(library, lectern)?;
    works.retain(|(name, _)| settings.wants_work(name));
    let pgbench = store.program("pgbench");
    if pgbench.is_some() {
        store.wait(finish(library, lectern))?;
        for bench in &PGBENCH {
            fs::write(folder.join(bench.name), bench.script)?;
        }
    } else {
        notes.push("pgbench is not installed: the cold article has nothing beside it".to_owned());
    }
    let mut samples: Vec<Vec<Sample>> = works.iter().map(|_| Vec::new()).collect();
    let mut beside: Vec<Vec<Sample>> = PGBENCH.iter().map(|_| Vec::new()).collect();
    for round in 1..=settings.rounds {
        eprintln!("cold, {} articles, round {round} of {}", library.articles, settings.rounds);
        for ((_, targets), samples) in works.iter().zip(&mut samples) {
            samples.push(measure(settings, lectern, targets)?);
        }
        for (bench, samples) in PGBENCH.iter().zip(&mut beside) {
            if let Some(program) = &pgbench {
                let rate = bench.run(settings, program, library, folder)?;
                samples.push(Sample { rate, latency: None, busy: None, others: 0.0 });
            }
        }
    }
    let mut rows = Vec::new();
    for ((name, _), own) in works.iter().zip(&samples) {
        let mut row = Row::of(name, "lectern", own);
        if *name == "cold article" {
            for (bench, other) in PGBENCH.iter().zip(&beside) {
                row = row.map(|row| row.beside(bench.name, own, other));
            }
        }
        rows.extend(row);
    }
    rows.extend(PGBENCH.iter().zip(&beside).filter_map(|(bench, other)| Row::of("cold article", bench.name, other)));
    Ok((rows, notes))
}

fn works(library: &Library, lectern: &Server) -> Result<Vec<(&'static str, Vec<Target>)>, Failure> {
    let walk = |tail: &str| {
        let paths = library.slugs.iter().map(|slug| request("GET", &format!("/v1/articles/{slug}{tail}"), ""));
        targets(lectern, 200, paths.collect())
    };
    let one = |path: &str| targets(lectern, 200, vec![request("GET", path, "")]);
    // To the page, by following the list from its beginning.
    let mut client = Client::new(lectern.address)?;
    let mut page = "/v1/articles?limit=1".to_owned();
    for _ in 1..PAGES.min(library.articles) {
        let list: serde_json::Value = serde_json::from_slice(&client.get(&page)?.body)?;
        let cursor = list["page"]["next_cursor"].as_str().ok_or_else(|| format!("{page} leads no further"))?;
        page = format!("/v1/articles?limit=1&cursor={cursor}");
    }
    Ok(vec![
        ("cold article", walk("")?),
        ("cold related", walk("/related")?),
        ("cold list of 20, page 1", one("/v1/articles")?),
        ("cold list of 1, page 1", one("/v1/articles?limit=1")?),
        ("cold list of 1, page 1000", one(&page)?),
    ])
}

/// Stores the answers of the service, each as one row.
async fn finish(library: &Library, lectern: &Server) -> Result<(), Failure> {
    let mut connection = AsyncPgConnection::establish(&library.url).await?;
    let mut client = Client::new(lectern.address)?;
    let make = "create schema bench; create table bench.finished (slug text primary key, body text not null)";
    connection.batch_execute(make).await?;
    connection.batch_execute("begin").await?;
    for slug in &library.slugs {
        let body = String::from_utf8(client.get(&format!("/v1/articles/{slug}"))?.body)?;
        let insert =
            sql_query("insert into bench.finished values ($1, $2)").bind::<Text, _>(slug).bind::<Text, _>(body);
        insert.execute(&mut connection).await?;
    }
    connection.batch_execute("commit").await?;
    Ok(connection.batch_execute("vacuum analyze bench.finished").await?)
}

impl Pgbench {
    /// Transactions a second.
    fn run(&self, settings: &Settings, program: &Path, library: &Library, folder: &Path) -> Result<f64, Failure> {
        let core = if self.own_core { settings.server_core } else { settings.load_core };
        // Longer than the service is measured: its connections plan their statements anew each time.
        let time = 2 * settings.time.as_secs() + 1;
        let values = [
            ("turn", "0".to_owned()),
            ("clients", CLIENTS.to_string()),
            ("clones", library.clones.to_string()),
            ("step", library.step.to_string()),
            ("build", BUILD.to_owned()),
        ];
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string()]).arg(program).args(["-n", "-M", "prepared", "-j", "1"]);
        command.args(["-c", &CLIENTS.to_string(), "-T", &time.to_string(), "-f"]).arg(folder.join(self.name));
        for (name, value) in values {
            command.arg("-D").arg(format!("{name}={value}"));
        }
        let output = command.arg(&library.url).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let rate = said.lines().rev().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        let complaint = || String::from_utf8_lossy(&output.stderr).lines().rev().take(3).collect::<Vec<_>>().join("; ");
        rate.filter(|_| output.status.success()).ok_or_else(|| format!("{}: {}", self.name, complaint()).into())
    }
}
