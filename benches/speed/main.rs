//! The speed of the service over real HTTP, with all middleware and its log. Two suites:
//!
//! - delivery, `make bench`: responses beside peers that deliver the same bytes (a bare actix server, nginx, pgbench) on
//!   the same two cores in the same minutes. The result is a ratio; requests per second compare on one machine only.
//! - discovery, `make bench-discovery`: search, suggestions and related articles in libraries of several sizes.
//!
//! [`settings`] and [`machine`] set up a run, [`library`] fills Postgres, [`servers`] and [`bare`] start what is measured,
//! [`http`], [`load`] and [`measure`] measure it. [`delivery`], [`cold`] and [`publication`] are the parts of the first
//! suite, [`discovery`] is the second, [`report`] has the tables and the goals.

mod bare;
mod cold;
mod delivery;
mod discovery;
mod http;
mod library;
mod load;
mod machine;
mod measure;
mod publication;
mod report;
mod servers;
mod settings;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{
    http::{request, targets},
    library::{Library, Store},
    load::{Load, Until, Walk},
    measure::Spread,
    report::{Measured, Memory, Report},
    servers::Server,
    settings::{MEMORY_ARTICLES, Settings, Suite},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [mode, address, bytes] if mode == "--bare" => bare::serve(address, Path::new(bytes)),
        _ => run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let settings = Settings::read()?;
    machine::check_network()?;
    machine::move_to_load_core(&settings)?;
    let folder = std::env::temp_dir().join(format!("lectern-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let results: PathBuf = scratch.parent().unwrap_or(scratch).join("bench");
    // A failure still reports what was measured before it.
    let (result, name, mut report) = match settings.suite {
        Suite::Delivery => {
            let store = Store::start(&folder, false)?;
            let mut report = Report::start(&settings, &store, &delivery_conditions(&settings))?;
            (run_delivery(&settings, &folder, &store, &mut report), "delivery", report)
        }
        Suite::Discovery => {
            let store = Store::start(settings.data.as_deref().unwrap_or(&folder), settings.data.is_some())?;
            let mut report = Report::start(&settings, &store, &discovery::conditions(&settings))?;
            (discovery::run(&settings, &folder, &store, &mut report), "discovery", report)
        }
    };
    println!("{}\nwritten to {}", report.write(&results, name)?, results.display());
    fs::remove_dir_all(&folder)?;
    result
}

fn delivery_conditions(settings: &Settings) -> Vec<String> {
    let Settings { connections, server_core, load_core, .. } = settings;
    vec![
        format!("core {server_core}: the server that is measured; the others are idle"),
        format!(
            "core {load_core}: the load (one thread, {connections} connections, keep-alive), Postgres, the publisher; pgbench in place of the load, or apart on core {server_core}"
        ),
        "cold: LECTERN_CACHE_MB=0; page 1000 by cursors with limit=1, in a smaller library its last page".to_owned(),
    ]
}

fn run_delivery(settings: &Settings, folder: &Path, store: &Store, report: &mut Report) -> Result<(), Failure> {
    let nginx = machine::find_program("nginx");
    if nginx.is_none() {
        report.conditions.push("nginx is not installed".to_owned());
    }
    let mut memory = None;
    for (index, articles) in settings.sizes.iter().enumerate() {
        let library = store.library(*articles)?;
        let mut measured = Measured { articles: *articles, ..Measured::default() };
        let result = measure_library(settings, folder, store, &library, nginx.as_deref(), &mut measured);
        report.libraries.push(measured);
        result?;
        if index == 0 && settings.wants("publication") {
            eprintln!("publication, {articles} articles");
            let [busy, idle] = [(); 2].map(|()| Server::lectern(settings, folder, &library, &[]));
            report.publication = publication::run(settings, &library, &busy?, &idle?)?.into();
        }
        if *articles == MEMORY_ARTICLES {
            memory = Some(library);
        }
    }
    if settings.wants("memory") {
        let library = memory.map_or_else(|| store.library(MEMORY_ARTICLES), Ok)?;
        eprintln!("memory, {} articles", library.articles);
        report.memory = Some(measure_memory(settings, folder, store, &library)?);
    }
    Ok(())
}

fn measure_library(
    settings: &Settings,
    folder: &Path,
    store: &Store,
    library: &Library,
    nginx: Option<&Path>,
    measured: &mut Measured,
) -> Result<(), Failure> {
    if settings.wants("delivery") {
        let bytes = folder.join(format!("bytes-{}", library.articles));
        let lectern = Server::lectern(settings, folder, library, &[])?;
        measured.notes.extend(delivery::write_bytes(&lectern, library, &bytes)?);
        let bare = Server::bare(settings, folder, &bytes)?;
        let nginx = nginx.map(|program| Server::nginx(settings, folder, program, &bytes)).transpose()?;
        measured.rows.extend(delivery::run(settings, library, &lectern, &bare, nginx.as_ref())?);
    }
    if settings.wants("cold") {
        let lectern = Server::cold(settings, folder, library)?;
        let (rows, notes) = cold::run(settings, store, library, &lectern, folder)?;
        measured.rows.extend(rows);
        measured.notes.extend(notes);
    }
    if settings.wants("start") {
        let mut times = Vec::new();
        for _ in 0..settings.starts {
            let started_in = Server::lectern(settings, folder, library, &[])?.started_in;
            times.push(started_in.as_secs_f64() * 1000.0);
        }
        measured.start_to_ready_ms = Spread::of(times);
    }
    Ok(())
}

/// Measures the service's memory after each article was read twice, first over one connection, then over many.
fn measure_memory(settings: &Settings, folder: &Path, store: &Store, library: &Library) -> Result<Memory, Failure> {
    let slugs = store.query(&library.url, "select slug as value from articles order by slug")?;
    let lectern = Server::lectern(settings, folder, library, &[])?;
    let (started, _) = lectern.process.memory()?;
    let requests = slugs.iter().map(|slug| request("GET", &format!("/v1/articles/{slug}"), ""));
    let targets = targets(&lectern, 200, requests)?;
    let mut load = Load::new(&vec![lectern.address; settings.connections])?;
    load.run(&mut Walk::new(&targets, settings.connections), Until::Responses(targets.len() as u64))?;
    let (resident, peak) = lectern.process.memory()?;
    Ok(Memory { articles: library.articles, started, resident, peak })
}
