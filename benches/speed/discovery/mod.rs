//! What it takes to find an article: search, suggestions, related reading and the article itself, without the cache, in
//! libraries of different sizes that are made of generated articles.
//!
//! The service and Postgres share one core, the load has the other; a few connections ask from fixed lists.
//!
//! - [`vocabulary`], [`generator`] the articles · [`rows`], [`copy`], [`load`] how they get into Postgres
//! - [`works`] what is asked · [`report`] what came of it

mod copy;
mod generator;
mod load;
mod report;
mod rows;
mod vocabulary;
mod works;

use std::{path::Path, thread::sleep, time::Duration};

pub use self::report::Report;
use self::{
    report::{Measured, Work},
    works::works,
};
use crate::{
    Failure,
    measure::{Row, Sample, measure_over},
    place,
    servers::Server,
    settings::Settings,
    store::Store,
};

/// Over how many connections everything is asked.
pub const CONNECTIONS: [usize; 2] = [1, 8];

/// How many answers come before those that count.
const BEFORE: u64 = 20;

/// How long what was under way when a measurement failed may take to end.
const PAUSE: Duration = Duration::from_secs(2);

/// Measures everything in libraries of all sizes.
pub fn run(settings: &Settings, folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let (data, keep) = settings.data.as_deref().map_or((folder, false), |data| (data, true));
    let both = [settings.server_core, settings.load_core];
    let store = Store::start(data, keep)?;
    report.begin(settings, &store)?;
    for articles in &settings.sizes {
        // Loading takes both cores.
        let server = store.pid().ok_or("the private Postgres does not run")?;
        place::move_all_to(server, &both)?;
        place::move_to(std::process::id(), &both)?;
        eprintln!("the library of {articles} articles");
        let generator = load::generator(*articles)?;
        let (library, loaded) = load::library(&store, *articles, &generator)?;
        let mut measured = Measured::new(*articles, loaded, load::sizes(&store, &library)?);
        eprintln!("{}", measured.loading());

        place::settle(settings)?;
        place::move_all_to(server, &[settings.server_core])?;
        let lectern = Server::cold(settings, folder, &library)?;
        let works = works(settings, &lectern, &library, &generator)?;
        let mut samples: Vec<[Vec<Sample>; CONNECTIONS.len()]> = works.iter().map(|_| Default::default()).collect();
        for round in 1..=settings.rounds {
            eprintln!("discovery, {articles} articles, round {round} of {}", settings.rounds);
            for (work, samples) in works.iter().zip(&mut samples) {
                for (connections, samples) in CONNECTIONS.into_iter().zip(samples) {
                    let before = BEFORE.max(work.targets.len() as u64);
                    match measure_over(settings, &lectern, &work.targets, connections, before) {
                        Ok(sample) => samples.push(sample),
                        // Such as a search that takes longer than the service waits for Postgres: worth knowing, and no end.
                        Err(error) => {
                            let failure = format!("{}, {}: {error}", work.name, report::over(connections));
                            eprintln!("{failure}");
                            measured.failures.push(failure);
                            sleep(PAUSE);
                        }
                    }
                }
            }
            measured.load.push(place::load());
        }
        for (work, samples) in works.iter().zip(&samples) {
            // What failed in one round is not told by the others.
            let rows = CONNECTIONS.iter().zip(samples).filter(|(_, samples)| samples.len() == settings.rounds);
            let rows = rows.map(|(connections, samples)| Row::of(work.name, &report::over(*connections), samples));
            measured.works.push(Work { name: work.name, kind: work.kind, rows: rows.flatten().collect() });
        }
        report.libraries.push(measured);
    }
    Ok(())
}
