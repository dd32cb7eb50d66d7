//! The embedded Postgres: a server that the service creates, starts, takes over and stops.
//!
//! Without `DATABASE_URL`, the data are in a Postgres of the service's own, which listens only on a Unix socket in the data
//! folder. It survives a `kill -9` of the service, and the next start takes it over. Several processes may use it at once
//! (`serve` and `import`); the last one stops it.
//!
//! There are two lock files. `start.lock` is exclusive while a process looks for the server, creates, starts or stops it.
//! `users.lock` is shared by all processes that use the server; the kernel releases it however a process ends. A process
//! that leaves takes `start.lock`, releases its share, and stops the server if no other process has one.
//!
//! All functions block. They are for the time before the HTTP server starts and after it has stopped.

mod account;
mod binaries;
mod database;
mod error;
mod folder;
mod process;
mod program;

use std::{
    env, fs,
    fs::{File, TryLockError},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

pub use error::EmbeddedError;
use nix::unistd::{User, geteuid};

use self::{
    account::Account,
    binaries::Binaries,
    error::At,
    folder::Folder,
    process::{Server, State},
};

/// The timeout for a server to become ready, crash recovery included, or to stop.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The interval at which a starting or stopping server is checked.
const POLL: Duration = Duration::from_millis(50);

/// Returns the data folder for this user: `/var/lib/lectern` for root, whose home the server's user cannot enter, else
/// `lectern` in `$XDG_DATA_HOME` or in `~/.local/share` (XDG Base Directory Specification).
///
/// Fails if this user has no home folder.
pub fn default_data_dir() -> Result<PathBuf, EmbeddedError> {
    if geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/lectern"));
    }
    // The specification ignores a relative path.
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(data) = absolute("XDG_DATA_HOME") {
        return Ok(data.join("lectern"));
    }
    let home = absolute("HOME").or_else(|| User::from_uid(geteuid()).ok().flatten().map(|user| user.dir));
    home.filter(|home| home.is_dir()).map(|home| home.join(".local/share/lectern")).ok_or(EmbeddedError::NoHome)
}

/// Options of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// A commit survives a crash of the machine. `false` is faster and for tests only: such a crash may destroy the data. A
    /// server that is already running is used as it is.
    pub durable: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { durable: true }
    }
}

/// A share in a running embedded Postgres, released by [`stop`](Self::stop) or when dropped.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    folder: Folder,
    installed: Vec<Binaries>,
    options: Options,
    /// The shared lock on `users.lock`; `None` once it is released.
    share: Option<File>,
}

impl EmbeddedPostgres {
    /// Starts the server of the data folder durably; see [`start_with`](Self::start_with).
    pub fn start(data_dir: &Path) -> Result<EmbeddedPostgres, EmbeddedError> {
        Self::start_with(data_dir, Options::default())
    }

    /// Starts the server of the data folder, or takes over one that is running, and takes a share in it.
    ///
    /// Before a start, stale files of a dead server are removed, an incomplete database is moved aside, and a missing one is
    /// created. The server runs as the owner of the data: this user, or an unprivileged one if this user is root.
    ///
    /// Fails without any change if no suitable Postgres is installed (a data folder needs its own major version), if the
    /// folder belongs to another user or the server's user cannot reach it, or if the path is not usable. Other failures of
    /// the system or of a Postgres program carry its last output.
    pub fn start_with(data_dir: &Path, options: Options) -> Result<EmbeddedPostgres, EmbeddedError> {
        let folder = Folder::named(data_dir)?;
        let installed = binaries::installed();
        let contents = folder.contents()?;
        let programs = binaries::choose(&installed, &folder.data(), contents.major)?;
        let account = Account::choose(contents.is_complete.then(|| folder.data()).as_deref())?;
        let postgres = programs.program("postgres");
        let above = folder.top.ancestors().skip(1).find(|folder| folder.exists()).unwrap_or(Path::new("/"));
        account.check_access(&above.canonicalize().at("find", above)?, &postgres)?;

        let folder = folder.make()?;
        account.let_in(&folder.top, folder.is_ours(), &postgres)?;
        account.check_access(&folder.top, &postgres)?;
        let mut server = EmbeddedPostgres { folder, installed, options, share: None };
        let lock = server.lock()?;
        server.bring_up(&lock)?;
        let users = Account::lock_file(&server.users())?;
        // An exclusive lock is taken only with the start lock, which is held here, so this does not wait.
        retry_interrupted(|| users.lock_shared()).at("lock", server.users())?;
        server.share = Some(users);
        Ok(server)
    }

    /// Returns the database URL over the Unix socket, in the syntax of `tokio-postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        self.folder.url()
    }

    /// Returns the path of the server's log file.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.log()
    }

    /// Checks that the server is running and ready, with a few system calls.
    #[must_use]
    pub fn is_running(&self) -> bool {
        process::find(&self.folder.data()).is_some_and(|server| server.state == State::Ready)
    }

    /// Restarts the server if it died, and returns `true` if it had. Blocks while it restarts.
    ///
    /// Fails as [`start_with`](Self::start_with) does.
    pub fn ensure_running(&self) -> Result<bool, EmbeddedError> {
        if self.is_running() {
            return Ok(false);
        }
        let lock = self.lock()?;
        self.bring_up(&lock)
    }

    /// Releases the share, and stops the server if no other process has one.
    ///
    /// Fails if the server does not stop; the share is released all the same.
    pub fn stop(mut self) -> Result<(), EmbeddedError> {
        self.leave()
    }

    fn users(&self) -> PathBuf {
        self.folder.top.join("users.lock")
    }

    /// Takes the start lock, waiting while another process starts or stops the server.
    fn lock(&self) -> Result<File, EmbeddedError> {
        let path = self.folder.top.join("start.lock");
        let file = Account::lock_file(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                log::info!(
                    "waiting for another process to start or stop PostgreSQL, folder={}",
                    self.folder.top.display()
                );
                retry_interrupted(|| file.lock()).at("lock", path)?;
                Ok(file)
            }
            Err(TryLockError::Error(error)) => Err(error).at("lock", path),
        }
    }

    /// Takes over the server or starts it, and returns `true` if it had to be started. Needs the start lock.
    fn bring_up(&self, lock: &File) -> Result<bool, EmbeddedError> {
        let (folder, data) = (&self.folder, self.folder.data());
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let contents = folder.contents()?;
            let programs = binaries::choose(&self.installed, &data, contents.major)?;
            let account = Account::choose(contents.is_complete.then_some(data.as_path()))?;
            match process::find(&data) {
                Some(Server { state: State::Ready, .. }) if process::answers(&folder.socket()) => return Ok(false),
                Some(Server { pid, state: State::Ready }) => {
                    log::warn!("PostgreSQL cannot be reached at its socket, restarting pid={pid}");
                    self.halt(&account, &programs)?;
                }
                Some(Server { pid, .. }) if Instant::now() > deadline => {
                    return Err(EmbeddedError::Timeout { pid, log: folder.log() });
                }
                Some(_) => thread::sleep(POLL),
                None => {
                    if !contents.is_complete {
                        if contents.exists {
                            folder.set_aside()?;
                        }
                        folder.create_data(&account, &programs, self.options, lock)?;
                    }
                    folder.prepare(&account)?;
                    match self.launch(&account, &programs, lock) {
                        Ok(()) => return Ok(true),
                        // It needs longer than pg_ctl waits, or children of a killed server have not ended yet, which
                        // they do by themselves.
                        Err(EmbeddedError::Program { output, .. })
                            if Instant::now() < deadline
                                && (process::find(&data).is_some() || output.contains("still in use")) =>
                        {
                            thread::sleep(POLL);
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// Starts the server and waits until it is ready.
    fn launch(&self, account: &Account, programs: &Binaries, lock: &File) -> Result<(), EmbeddedError> {
        let doing = "start PostgreSQL";
        let log = self.folder.log();
        let before = fs::metadata(&log).at("read the metadata of", &log)?.len();
        // On the command line, because a configuration file could be edited. `Folder::named` refuses characters with a
        // meaning inside the shell's double quotes.
        let mut settings = format!(
            "-c listen_addresses= -c port=5432 -c unix_socket_permissions=0700 \
             -c \"unix_socket_directories=\\\"{}\\\"\" -c logging_collector=off -c log_destination=stderr",
            self.folder.run().display()
        );
        if !self.options.durable {
            settings.push_str(" -c fsync=off -c synchronous_commit=off -c full_page_writes=off");
        }
        let mut start = account.command(&programs.program("pg_ctl"));
        start.args(["start", "-s", "-w", "-t", "60", "-o", &settings]);
        start.arg("-D").arg(self.folder.data()).arg("-l").arg(&log);
        // pg_ctl inherits the lock and the server does not: if this process is killed, no other one takes the lock before
        // the server has started.
        start.stdin(lock.try_clone().at("share the lock of", &self.folder.top)?).process_group(0);
        let output = program::run(doing, &mut start)?;
        if output.status.success() {
            log::info!("PostgreSQL started version={} folder={}", programs.major, self.folder.top.display());
            return Ok(());
        }
        Err(EmbeddedError::Program { doing, output: self.folder.log_tail(before) })
    }

    /// Stops the server and closes its connections; commits are durable.
    fn halt(&self, account: &Account, programs: &Binaries) -> Result<(), EmbeddedError> {
        let doing = "stop PostgreSQL";
        let data = self.folder.data();
        let mut stop = account.command(&programs.program("pg_ctl"));
        stop.args(["stop", "-s", "-w", "-t", "60", "-m", "fast", "-D"]).arg(&data).process_group(0);
        let output = program::run(doing, &mut stop)?;
        if process::find(&data).is_none() { Ok(()) } else { program::check_success(doing, output) }
    }

    fn leave(&mut self) -> Result<(), EmbeddedError> {
        let Some(share) = self.share.take() else { return Ok(()) };
        let _lock = self.lock()?;
        // Closing is not enough: a child that another thread has just forked has a copy of the file, and with it the lock.
        share.unlock().at("unlock", self.users())?;
        drop(share);
        let users = Account::lock_file(&self.users())?;
        match users.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                log::info!("PostgreSQL left running, another process uses it");
                return Ok(());
            }
            Err(TryLockError::Error(error)) => return Err(error).at("lock", self.users()),
        }
        let data = self.folder.data();
        if process::find(&data).is_none() {
            return Ok(());
        }
        let programs = binaries::choose(&self.installed, &data, self.folder.contents()?.major)?;
        self.halt(&Account::choose(Some(&data))?, &programs)?;
        log::info!("PostgreSQL stopped");
        Ok(())
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            log::warn!("PostgreSQL could not be stopped error={error}");
        }
    }
}

/// Retries a call that a signal interrupted.
fn retry_interrupted(mut attempt: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
