//! How fast the service is, over real HTTP, with its whole middleware and its access log. Two suites:
//!
//! - delivery, `make bench`: how fast answers are delivered, beside peers that deliver the same bytes: a bare actix server,
//!   nginx, and pgbench, all on the same two cores in the same minutes. What it finds is a ratio; requests a second mean
//!   something on one machine only.
//! - discovery, `make bench-discovery`: what it takes to find an article in libraries of different sizes; see [`discovery`].
//!
//! - [`settings`] what can be chosen · [`place`] the network and the cores · [`process`] programs that are started
//! - [`store`] Postgres and libraries of any size · [`servers`], [`peer`] what is measured
//! - [`load`], [`answer`], [`histogram`] the load · [`measure`] one measurement and what many come to
//! - [`delivery`], [`cold`], [`statements`], [`publication`] the work of delivery · [`goals`], [`report`] its results

mod answer;
mod cold;
mod delivery;
mod discovery;
mod goals;
mod histogram;
mod load;
mod measure;
mod peer;
mod place;
mod process;
mod publication;
mod report;
mod servers;
mod settings;
mod statements;
mod store;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use crate::{
    answer::request,
    delivery::targets,
    load::{Load, Until, Walk},
    measure::Spread,
    report::{Measured, Memory, Report},
    servers::Server,
    settings::{MEMORY_ARTICLES, Settings, Suite},
    store::{Library, Store},
};

/// Why a run ended early.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [mode, address, bytes] if mode == "--peer" => peer::serve(address, Path::new(bytes)),
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
    place::alone()?;
    let folder = std::env::temp_dir().join(format!("lectern-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    // What was measured before a failure is worth having too.
    let (result, text) = match settings.suite {
        Suite::Delivery => {
            place::settle(&settings)?;
            let mut report = Report::default();
            (measure_all(&settings, &folder, &mut report), report.write(&results())?)
        }
        Suite::Discovery => {
            let mut report = discovery::Report::default();
            (discovery::run(&settings, &folder, &mut report), report.write(&results())?)
        }
    };
    println!("{text}\nwritten to {}", results().display());
    fs::remove_dir_all(&folder)?;
    result
}

/// `target/bench`, wherever `target` is.
fn results() -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().unwrap_or(scratch).join("bench")
}

fn measure_all(settings: &Settings, folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let nginx = servers::find_nginx();
    let store = Store::start(folder, false)?;
    report.at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    report.machine = place::machine();
    report.versions =
        vec![format!("lectern {}", env!("CARGO_PKG_VERSION")), format!("PostgreSQL {}", store.version()?)];
    report.versions.extend(nginx.as_ref().and_then(|program| place::version(&program.to_string_lossy(), "-v")));
    report.setting = setting(settings, nginx.is_some());

    let mut memory = None;
    for (place, articles) in settings.sizes.iter().enumerate() {
        let (library, seconds) = load(&store, *articles)?;
        let mut measured = Measured { articles: *articles, loaded_in_seconds: seconds, ..Measured::default() };
        let result = one_size(settings, folder, &store, &library, nginx.as_deref(), &mut measured);
        report.libraries.push(measured);
        result?;
        if place == 0 && settings.wants("publication") {
            eprintln!("publication, {articles} articles");
            let [loaded, quiet] = [(); 2].map(|()| Server::lectern(settings, folder, &library));
            report.publication = publication::run(settings, &library, &loaded?, &quiet?)?.into();
        }
        if *articles == MEMORY_ARTICLES {
            memory = Some(library);
        }
    }
    if settings.wants("memory") {
        let library = match memory {
            Some(library) => library,
            None => load(&store, MEMORY_ARTICLES)?.0,
        };
        eprintln!("memory, {} articles", library.articles);
        report.memory = Some(read_all(settings, folder, &store, &library)?);
    }
    Ok(())
}

fn load(store: &Store, articles: u64) -> Result<(Library, f64), Failure> {
    eprintln!("loading {articles} articles");
    let start = Instant::now();
    let library = store.library(articles)?;
    Ok((library, start.elapsed().as_secs_f64()))
}

fn one_size(
    settings: &Settings,
    folder: &Path,
    store: &Store,
    library: &Library,
    nginx: Option<&Path>,
    measured: &mut Measured,
) -> Result<(), Failure> {
    if settings.wants("delivery") {
        let bytes = folder.join(format!("bytes-{}", library.articles));
        let lectern = Server::lectern(settings, folder, library)?;
        measured.notes.extend(delivery::write_bytes(&lectern, library, &bytes)?);
        let bare = Server::bare(settings, folder, &bytes)?;
        let nginx = nginx.map(|program| Server::nginx(settings, folder, program, &bytes)).transpose()?;
        measured.delivery = delivery::run(settings, library, &lectern, &bare, nginx.as_ref())?;
    }
    if settings.wants("cold") {
        let lectern = Server::cold(settings, folder, library)?;
        let (rows, notes) = cold::run(settings, store, library, &lectern, folder)?;
        measured.cold = rows;
        measured.notes.extend(notes);
        drop(lectern);
        let traced = Server::traced(settings, folder, library)?;
        measured.notes.extend(statements::compare(&traced, &library.slugs[0], &results().join("article.sql"))?);
    }
    if settings.wants("start") {
        let mut times = Vec::new();
        for _ in 0..settings.starts {
            times.push(Server::lectern(settings, folder, library)?.started_in.as_secs_f64() * 1000.0);
        }
        measured.start_to_ready_ms = Spread::of(times);
    }
    Ok(())
}

/// What the service has in memory after every article was read once.
fn read_all(settings: &Settings, folder: &Path, store: &Store, library: &Library) -> Result<Memory, Failure> {
    let slugs = store.all_slugs(library)?;
    let lectern = Server::lectern(settings, folder, library)?;
    let (started, _) = lectern.process.memory()?;
    let requests = slugs.iter().map(|slug| request("GET", &format!("/v1/articles/{slug}"), "")).collect();
    // This reads every article once; the load that follows reads each once more, over many connections.
    let targets = targets(&lectern, 200, requests)?;
    let mut load = Load::new(&vec![lectern.address; settings.connections])?;
    load.run(&mut Walk::new(&targets, settings.connections), Until::Answers(targets.len() as u64))?;
    let (resident, most) = lectern.process.memory()?;
    Ok(Memory { articles: library.articles, started, resident, most })
}

fn setting(settings: &Settings, with_nginx: bool) -> Vec<String> {
    let Settings { rounds, connections, server_core, load_core, .. } = settings;
    let time = settings.time.as_secs();
    let mut lines = vec![
        format!("core {server_core}: the server that is measured; the others have nothing to do meanwhile"),
        format!("core {load_core}: the load (one thread, {connections} connections, keep-alive), Postgres, the publisher; pgbench in place of the load, or apart on core {server_core}"),
        format!("{rounds} rounds in turn over all servers, {time} s each; medians (least..most), a ratio is that of one round"),
        "lectern: serve --workers 1, its log in a file; the load walks through the slugs, one after another over all connections".to_owned(),
        "Postgres: private, without fsync, which only publications and loading are faster for".to_owned(),
        "cold: LECTERN_CACHE_MB=0; srv %, ld %, oth %: of its core that the server and the load had, of both that all others had".to_owned(),
        "cold: others are mostly Postgres; page 1000: by cursors with limit=1, in a smaller library its last page".to_owned(),
    ];
    if !with_nginx {
        lines.push("nginx is not installed: skipped".to_owned());
    }
    if cfg!(debug_assertions) {
        lines.push("BUILT WITHOUT OPTIMIZATION: the figures mean nothing".to_owned());
    }
    lines
}
