//! The discovery suite: search, suggestions, related articles and the article itself, without the memory cache, in
//! libraries of generated articles. The service and Postgres share a core, the load has the other.

mod generator;
mod load;
mod queries;
mod vocabulary;

use std::{path::Path, thread::sleep, time::Duration};

use crate::{
    Failure,
    library::Store,
    machine,
    measure::{Row, measure_over},
    report::{Goal, LARGE, Measured, Report},
    servers::Server,
    settings::Settings,
};

/// The numbers of connections.
const CONNECTIONS: [usize; 2] = [1, 8];

/// The least number of unmeasured responses.
const WARM_UP: usize = 20;

/// The time for the outstanding requests of a failed measurement to end.
const PAUSE: Duration = Duration::from_secs(2);

/// The limit of a search in the large library.
const SEARCH_MS: f64 = 50.0;

pub fn conditions(settings: &Settings) -> [String; 1] {
    let Settings { server_core, load_core, .. } = settings;
    [format!(
        "core {server_core}: the service (LECTERN_CACHE_MB=0) and Postgres, core {load_core}: the load (one thread)"
    )]
}

/// Measures everything in libraries of all sizes.
pub fn run(settings: &Settings, folder: &Path, store: &Store, report: &mut Report) -> Result<(), Failure> {
    let both = [settings.server_core, settings.load_core];
    for articles in &settings.sizes {
        // Loading uses both cores.
        let server = store.pid().ok_or("the embedded Postgres does not run")?;
        machine::move_all_to(server, &both)?;
        machine::move_to(std::process::id(), &both)?;
        eprintln!("loading {articles} generated articles");
        let generator = load::generator(*articles)?;
        let library = load::library(store, *articles, &generator)?;
        machine::move_to_load_core(settings)?;
        machine::move_all_to(server, &[settings.server_core])?;

        let mut measured =
            Measured { articles: *articles, notes: load::sizes(store, &library)?, ..Measured::default() };
        let lectern = Server::cold(settings, folder, &library)?;
        let works = queries::works(settings, &lectern, &library, &generator)?;
        let mut samples = vec![[const { Vec::new() }; CONNECTIONS.len()]; works.len()];
        for round in 1..=settings.rounds {
            eprintln!("discovery, {articles} articles, round {round} of {}", settings.rounds);
            for (work, samples) in works.iter().zip(&mut samples) {
                for (connections, samples) in CONNECTIONS.into_iter().zip(samples) {
                    let warm_up = WARM_UP.max(work.targets.len()) as u64;
                    match measure_over(settings, &lectern, &work.targets, connections, warm_up) {
                        Ok(sample) => samples.push(sample),
                        // A search that takes longer than the service's limit is a result too.
                        Err(error) => {
                            measured.notes.push(format!("{}, {connections} connections: {error}", work.name));
                            sleep(PAUSE);
                        }
                    }
                }
            }
        }
        for (index, connections) in CONNECTIONS.into_iter().enumerate() {
            let server = format!("{connections} connection{}", if connections == 1 { "" } else { "s" });
            for (work, samples) in works.iter().zip(&samples) {
                // A failed round makes the others too good.
                let samples = Some(&samples[index]).filter(|samples| samples.len() == settings.rounds);
                let row = samples.and_then(|samples| Row::new(work.name, &server, samples));
                if work.has_goal && *articles == LARGE {
                    let p99 = row.as_ref().and_then(|row| row.p99_us).map(|p99| p99 / 1000.0);
                    report.goals.push(Goal {
                        work: format!("search, {}, {LARGE} articles, {server}", work.name),
                        wanted: format!("p99 at most {SEARCH_MS} ms"),
                        found: p99.map_or_else(|| "failed".to_owned(), |p99| format!("{p99:.1} ms")),
                        is_met: p99.is_some_and(|p99| p99 <= SEARCH_MS),
                    });
                }
                measured.rows.extend(row);
            }
        }
        report.libraries.push(measured);
    }
    Ok(())
}
