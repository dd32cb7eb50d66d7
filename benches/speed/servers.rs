//! The servers that are measured: the service, and its peers, which deliver the same bytes from memory or from files.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    Failure,
    answer::{Client, request},
    process::Process,
    settings::Settings,
    store::Library,
};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

const NO_CACHE: (&str, &str) = ("LECTERN_CACHE_MB", "0");

/// A server, pinned to its core.
pub struct Server {
    pub address: SocketAddr,
    pub process: Process,
    /// The time from its start to its first good answer.
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
        while !answers(address, ready) {
            process.check()?;
            if start.elapsed() > PATIENCE {
                return Err(format!("{} did not start within a minute", program.display()).into());
            }
            sleep(Duration::from_micros(500));
        }
        Ok(Server { address, process, started_in: start.elapsed() })
    }

    /// The service, on a library, as it is unless told.
    pub fn lectern(settings: &Settings, folder: &Path, library: &Library) -> Result<Server, Failure> {
        Server::lectern_with(settings, folder, library, &[])
    }

    /// The service without a cache.
    pub fn cold(settings: &Settings, folder: &Path, library: &Library) -> Result<Server, Failure> {
        Server::lectern_with(settings, folder, library, &[NO_CACHE])
    }

    /// The service without a cache, with every statement in its log.
    pub fn traced(settings: &Settings, folder: &Path, library: &Library) -> Result<Server, Failure> {
        Server::lectern_with(settings, folder, library, &[NO_CACHE, ("RUST_LOG", "lectern::sql=trace")])
    }

    fn lectern_with(
        settings: &Settings,
        folder: &Path,
        library: &Library,
        more: &[(&str, &str)],
    ) -> Result<Server, Failure> {
        let address = free_address()?;
        let log = folder.join(format!("lectern-{}.log", address.port()));
        let listen = address.to_string();
        let mut variables = vec![("DATABASE_URL", library.url.as_str())];
        variables.extend(more);
        let arguments = ["serve", "--workers", "1", "--listen", &listen];
        Server::start(settings, (&settings.lectern, &arguments), &variables, (address, "/health/ready"), &log)
    }

    /// The bare actix server; see `peer.rs`.
    pub fn bare(settings: &Settings, folder: &Path, bytes: &Path) -> Result<Server, Failure> {
        let address = free_address()?;
        let program = std::env::current_exe()?;
        let arguments = ["--peer", &address.to_string(), &bytes.to_string_lossy()];
        Server::start(settings, (&program, &arguments), &[], (address, "/empty"), &folder.join("bare.log"))
    }

    /// nginx with the same bytes as files, tuned for them.
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

/// nginx, where it is installed.
pub fn find_nginx() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join("nginx")).find(|program| program.is_file())
}

/// An address that nobody listens on. Nobody else is in this network who could take it.
fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn answers(address: SocketAddr, path: &str) -> bool {
    let answer = Client::new(address).and_then(|mut client| client.ask(&request("GET", path, "")));
    answer.is_ok_and(|answer| answer.status == 200)
}
