//! Responses that are not in memory: the service without its memory cache, beside pgbench on the same Postgres.
//!
//! Postgres shares the core of the load with its client, which is the load or pgbench. In a second line pgbench has the
//! servers' core, so that Postgres has its own; but then each message wakes another core, as the service's do, which costs
//! more than sharing on a virtual machine.

use std::{fs, path::Path, process::Command};

use diesel::{sql_query, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use crate::{
    Failure,
    http::{Client, Target, request, targets},
    library::{Library, Store},
    measure::{Row, Sample, measure},
    servers::Server,
    settings::Settings,
};

/// The clients of pgbench, as many as the service has read connections.
const CLIENTS: usize = lectern::db::CONNECTIONS;

/// The page of the list, with one article a page; the same page exists in every library of that size.
const PAGES: u64 = 1_000;

/// The names of pgbench in the report: an article's response as one row, with Postgres on the same core and apart.
pub const ROW: &str = "pgbench, one row";
pub const ROW_APART: &str = "pgbench apart, one row";

/// Measures the service without its memory cache; returns rows and notes for the report.
pub fn run(
    settings: &Settings,
    store: &Store,
    library: &Library,
    lectern: &Server,
    folder: &Path,
) -> Result<(Vec<Row>, Vec<String>), Failure> {
    let mut works = works(library, lectern)?;
    works.retain(|(name, _)| settings.wants_work(name));
    let pgbench = store.program("pgbench");
    if pgbench.is_some() {
        store.block_on(store_responses(library, lectern))?;
        fs::write(folder.join("pgbench.sql"), include_str!("pgbench.sql"))?;
    }
    let peers = [(ROW, settings.load_core), (ROW_APART, settings.server_core)];
    let mut samples: Vec<Vec<Sample>> = works.iter().map(|_| Vec::new()).collect();
    let mut peer_samples: [Vec<Sample>; 2] = Default::default();
    for round in 1..=settings.rounds {
        eprintln!("cold, {} articles, round {round} of {}", library.articles, settings.rounds);
        for ((_, targets), samples) in works.iter().zip(&mut samples) {
            samples.push(measure(settings, lectern, targets)?);
        }
        for ((_, core), samples) in peers.iter().zip(&mut peer_samples) {
            if let Some(program) = &pgbench {
                let rate = run_pgbench(settings, program, *core, library, folder)?;
                samples.push(Sample { rate, details: None });
            }
        }
    }
    let mut rows = Vec::new();
    for ((name, _), own) in works.iter().zip(&samples) {
        let mut row = Row::new(name, "lectern", own);
        if *name == "cold article" {
            for ((peer, _), samples) in peers.iter().zip(&peer_samples) {
                row = row.map(|row| row.beside(peer, own, samples));
            }
        }
        rows.extend(row);
    }
    rows.extend(peers.iter().zip(&peer_samples).filter_map(|((peer, _), own)| Row::new("cold article", peer, own)));
    let notes = if pgbench.is_some() { vec![] } else { vec!["pgbench is not installed".to_owned()] };
    Ok((rows, notes))
}

fn works(library: &Library, lectern: &Server) -> Result<Vec<(&'static str, Vec<Target>)>, Failure> {
    let each = |tail: &str| {
        let paths = library.slugs.iter().map(|slug| request("GET", &format!("/v1/articles/{slug}{tail}"), ""));
        targets(lectern, 200, paths)
    };
    let single = |path: &str| targets(lectern, 200, [request("GET", path, "")]);
    let mut client = Client::new(lectern.address)?;
    let mut page = "/v1/articles?limit=1".to_owned();
    for _ in 1..PAGES.min(library.articles) {
        let list: serde_json::Value = serde_json::from_slice(&client.get(&page)?.body)?;
        let cursor = list["page"]["next_cursor"].as_str().ok_or_else(|| format!("{page} has no next page"))?;
        page = format!("/v1/articles?limit=1&cursor={cursor}");
    }
    Ok(vec![
        ("cold article", each("")?),
        ("cold related", each("/related")?),
        ("cold list of 20, page 1", single("/v1/articles")?),
        ("cold list of 1, page 1", single("/v1/articles?limit=1")?),
        ("cold list of 1, page 1000", single(&page)?),
    ])
}

/// Stores each article's response as one row, for pgbench.
async fn store_responses(library: &Library, lectern: &Server) -> Result<(), Failure> {
    let mut connection = AsyncPgConnection::establish(&library.url).await?;
    let mut client = Client::new(lectern.address)?;
    let make = "create schema bench; create table bench.responses (slug text primary key, body text not null)";
    connection.batch_execute(make).await?;
    connection.batch_execute("begin").await?;
    for slug in &library.slugs {
        let body = String::from_utf8(client.get(&format!("/v1/articles/{slug}"))?.body)?;
        let insert =
            sql_query("insert into bench.responses values ($1, $2)").bind::<Text, _>(slug).bind::<Text, _>(body);
        insert.execute(&mut connection).await?;
    }
    connection.batch_execute("commit").await?;
    Ok(connection.batch_execute("vacuum analyze bench.responses").await?)
}

/// Returns the transactions per second of pgbench on a core.
fn run_pgbench(
    settings: &Settings,
    program: &Path,
    core: usize,
    library: &Library,
    folder: &Path,
) -> Result<f64, Failure> {
    // Longer than the service is measured, because its connections prepare their statements first.
    let time = 2 * settings.time.as_secs() + 1;
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program).args(["-n", "-M", "prepared", "-j", "1"]);
    command.args(["-c", &CLIENTS.to_string(), "-T", &time.to_string(), "-f"]).arg(folder.join("pgbench.sql"));
    let values = [("turn", 0), ("clients", CLIENTS as u64), ("clones", library.clones), ("step", library.step)];
    for (name, value) in values {
        command.arg("-D").arg(format!("{name}={value}"));
    }
    let output = command.arg(&library.url).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = text.lines().rev().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    let errors = || String::from_utf8_lossy(&output.stderr).lines().rev().take(3).collect::<Vec<_>>().join("; ");
    rate.filter(|_| output.status.success()).ok_or_else(|| format!("pgbench: {}", errors()).into())
}
