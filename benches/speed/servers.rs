//! The servers under test: the service, and peers that deliver the same bytes from memory or from files.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{Failure, http::Client, library::Library, machine::Process, settings::Settings};

/// The longest start of a server.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A server on the core for servers.
pub struct Server {
    pub address: SocketAddr,
    pub process: Process,
    /// The time from its start to its first 200.
    pub started_in: Duration,
}

impl Server {
    fn start(
        settings: &Settings,
        (program, arguments): (&Path, &[&str]),
        variables: &[(&str, &str)],
        (address, ready): (SocketAddr, &str),
        log: &Path,
    ) -> Result<Server, Failure> {
        let start = Instant::now();
        let mut process = Process::start(settings.server_core, program, arguments, variables, log)?;
        while Client::new(address).and_then(|mut client| client.get(ready)).is_err() {
            process.check()?;
            if start.elapsed() > START_LIMIT {
                return Err(format!("{} did not start within a minute", program.display()).into());
            }
            sleep(Duration::from_micros(500));
        }
        Ok(Server { address, process, started_in: start.elapsed() })
    }

    /// Starts the service on a library, with more settings as environment variables.
    pub fn lectern(
        settings: &Settings,
        folder: &Path,
        library: &Library,
        variables: &[(&str, &str)],
    ) -> Result<Server, Failure> {
        let address = free_address()?;
        let log = folder.join(format!("lectern-{}.log", address.port()));
        let listen = address.to_string();
        let arguments = ["serve", "--workers", "1", "--listen", &listen];
        let variables = [&[("DATABASE_URL", library.url.as_str())], variables].concat();
        Server::start(settings, (&settings.lectern, &arguments), &variables, (address, "/health/ready"), &log)
    }

    /// Starts the service without its memory cache.
    pub fn cold(settings: &Settings, folder: &Path, library: &Library) -> Result<Server, Failure> {
        Server::lectern(settings, folder, library, &[("LECTERN_CACHE_MB", "0")])
    }

    /// Starts the bare actix server of `bare.rs`.
    pub fn bare(settings: &Settings, folder: &Path, bytes: &Path) -> Result<Server, Failure> {
        let address = free_address()?;
        let program = std::env::current_exe()?;
        let arguments = ["--bare", &address.to_string(), &bytes.to_string_lossy()];
        Server::start(settings, (&program, &arguments), &[], (address, "/empty"), &folder.join("bare.log"))
    }

    /// Starts nginx with the same bytes as files.
    pub fn nginx(settings: &Settings, folder: &Path, program: &Path, bytes: &Path) -> Result<Server, Failure> {
        let address = free_address()?;
        let file = folder.join("nginx.conf");
        let configuration = include_str!("nginx.conf")
            .replace("{folder}", &folder.to_string_lossy())
            .replace("{bytes}", &bytes.to_string_lossy())
            .replace("{address}", &address.to_string());
        fs::write(&file, configuration)?;
        let (prefix, file) = (folder.to_string_lossy(), file.to_string_lossy());
        let arguments = ["-p", &prefix, "-c", &file, "-e", "stderr"];
        Server::start(settings, (program, &arguments), &[], (address, "/list/first"), &folder.join("nginx.log"))
    }
}

/// Returns an unused address. Nobody else in this network namespace can take it.
fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
