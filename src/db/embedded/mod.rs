//! Our own Postgres: found, made, started, taken over, stopped.
//!
//! Where no `DATABASE_URL` is set, the service keeps its data in a Postgres of its own, which listens on nothing but
//! a Unix socket in the data folder. The server outlives a `kill -9` of the service, and the next start takes it
//! over. Several processes may use it at once (`serve` and `import`); the last to leave stops it.
//!
//! Two lock files settle who does what. `start.lock` is held while a server is looked for, made, started or stopped,
//! so only one process decides at a time. `users.lock` is held, shared, by each process for as long as it uses the
//! server; the kernel drops it however the process ends. Who leaves takes `start.lock`, gives up its share, and stops
//! the server if nobody else has one.
//!
//! Everything here is blocking, and meant for before a server starts and after it stops.

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

pub use error::PrivateError;
use nix::unistd::{User, geteuid};

use self::{
    account::Account,
    binaries::Binaries,
    error::At,
    folder::Folder,
    process::{Server, State},
};

/// How long a server may take to become ready (recovery after a crash included) or to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a server that is on its way is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// The data folder for this user: `/var/lib/lectern` for root (whose home the server's user could not enter), else
/// `lectern` in `$XDG_DATA_HOME` or in `~/.local/share` (XDG Base Directory Specification).
///
/// Fails where this user has no home.
pub fn default_data_dir() -> Result<PathBuf, PrivateError> {
    if geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/lectern"));
    }
    // The specification says that a relative path there is to be ignored.
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(data) = absolute("XDG_DATA_HOME") {
        return Ok(data.join("lectern"));
    }
    let home = absolute("HOME").or_else(|| User::from_uid(geteuid()).ok().flatten().map(|user| user.dir));
    home.filter(|home| home.is_dir()).map(|home| home.join(".local/share/lectern")).ok_or(PrivateError::NoHome)
}

/// How a server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether a commit survives a crash of the machine. Without it everything is faster, and after such a crash the
    /// data may be worthless: for tests only. A server that runs already is taken as it is.
    pub durable: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { durable: true }
    }
}

/// A share in a running private Postgres; dropping it, or [`stop`](Self::stop), gives the share up.
#[derive(Debug)]
pub struct PrivatePostgres {
    folder: Folder,
    installed: Vec<Binaries>,
    options: Options,
    /// Our share in `users.lock`; `None` once it is given up.
    share: Option<File>,
}

impl PrivatePostgres {
    /// Makes sure that a server runs on the data folder, and takes a share in it; see [`start_with`](Self::start_with).
    pub fn start(data_dir: &Path) -> Result<PrivatePostgres, PrivateError> {
        Self::start_with(data_dir, Options::default())
    }

    /// Makes sure that a server runs on the data folder, and takes a share in it.
    ///
    /// A server that runs there already is taken over. Otherwise what a dead one left behind is removed, a half-made
    /// database is moved aside, a new one is made if there is none, and the server is started as the owner of the
    /// data: this user, or an unprivileged one if this is root.
    ///
    /// Fails without touching anything if no fitting Postgres is installed (a data folder needs its own major
    /// version), if the folder belongs to somebody else or cannot be reached by the server's user, or if its path
    /// cannot be used; otherwise if the system or a program of Postgres refuses, whose last words are in the error.
    pub fn start_with(data_dir: &Path, options: Options) -> Result<PrivatePostgres, PrivateError> {
        let folder = Folder::named(data_dir)?;
        let installed = binaries::installed();
        let contents = folder.contents()?;
        let programs = binaries::choose(&installed, &folder.data(), contents.major)?;
        let account = Account::choose(contents.whole.then(|| folder.data()).as_deref())?;
        let postgres = programs.program("postgres");
        let above = folder.top.ancestors().skip(1).find(|folder| folder.exists()).unwrap_or(Path::new("/"));
        account.reaches(&above.canonicalize().at("find", above)?, &postgres)?;

        let folder = folder.make()?;
        account.admit(&folder.top, folder.is_ours(), &postgres)?;
        account.reaches(&folder.top, &postgres)?;
        let mut server = PrivatePostgres { folder, installed, options, share: None };
        let lock = server.lock()?;
        server.bring_up(&lock)?;
        let users = Account::lock_file(&server.users())?;
        // Who wants it for itself holds the start lock, so this does not wait.
        patiently(|| users.lock_shared()).at("lock", server.users())?;
        server.share = Some(users);
        Ok(server)
    }

    /// Where the database is: a URL in the form that `tokio-postgres` reads, over the Unix socket.
    #[must_use]
    pub fn url(&self) -> String {
        self.folder.url()
    }

    /// The file that the server's messages go to.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.log()
    }

    /// Whether the server runs and is ready. It costs a few system calls.
    #[must_use]
    pub fn is_running(&self) -> bool {
        process::find(&self.folder.data()).is_some_and(|server| server.state == State::Ready)
    }

    /// Starts the server again if it died, and says whether it had to; cheap if it runs, blocking if not.
    ///
    /// Fails as [`start_with`](Self::start_with) does.
    pub fn ensure_running(&self) -> Result<bool, PrivateError> {
        if self.is_running() {
            return Ok(false);
        }
        let lock = self.lock()?;
        self.bring_up(&lock)
    }

    /// Gives up the share, and stops the server if no other process has one.
    ///
    /// Fails if the server does not stop; the share is given up all the same.
    pub fn stop(mut self) -> Result<(), PrivateError> {
        self.leave()
    }

    fn users(&self) -> PathBuf {
        self.folder.top.join("users.lock")
    }

    /// The start lock, waited for as long as another process starts or stops the server.
    fn lock(&self) -> Result<File, PrivateError> {
        let path = self.folder.top.join("start.lock");
        let file = Account::lock_file(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                log::info!("another process is starting or stopping the server in {}", self.folder.top.display());
                patiently(|| file.lock()).at("lock", path)?;
                Ok(file)
            }
            Err(TryLockError::Error(error)) => Err(error).at("lock", path),
        }
    }

    /// Takes over the server or starts it, and says whether it had to be started. The start lock is held.
    fn bring_up(&self, lock: &File) -> Result<bool, PrivateError> {
        let (folder, data) = (&self.folder, self.folder.data());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let contents = folder.contents()?;
            let programs = binaries::choose(&self.installed, &data, contents.major)?;
            let account = Account::choose(contents.whole.then_some(data.as_path()))?;
            match process::find(&data) {
                Some(Server { state: State::Ready, .. }) if process::answers(&folder.socket()) => return Ok(false),
                Some(Server { pid, state: State::Ready }) => {
                    log::warn!("the server (process {pid}) cannot be reached at its socket; it is started again");
                    self.halt(&account, &programs)?;
                }
                Some(Server { pid, .. }) if Instant::now() > deadline => {
                    return Err(PrivateError::Timeout { pid, log: folder.log() });
                }
                Some(_) => thread::sleep(PAUSE),
                None => {
                    if !contents.whole {
                        if contents.exists {
                            folder.set_aside()?;
                        }
                        folder.fill(&account, &programs, self.options, lock)?;
                    }
                    folder.prepare(&account)?;
                    match self.launch(&account, &programs, lock) {
                        Ok(()) => return Ok(true),
                        // Either it needs longer than pg_ctl waits, or children of a killed server are still about:
                        // they end by themselves when they notice.
                        Err(PrivateError::Program { output, .. })
                            if Instant::now() < deadline
                                && (process::find(&data).is_some() || output.contains("still in use")) =>
                        {
                            thread::sleep(PAUSE);
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// Starts the server and waits until it is ready.
    fn launch(&self, account: &Account, programs: &Binaries, lock: &File) -> Result<(), PrivateError> {
        let doing = "start PostgreSQL";
        let log = self.folder.log();
        let before = fs::metadata(&log).at("look into", &log)?.len();
        // What makes it private stands here, where no edit of a configuration file undoes it.
        // The path holds nothing that a shell reads inside double quotes (`Folder::named`).
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
        // pg_ctl gives the server a session of its own, and nothing of ours but its log: not the lock either, which
        // only pg_ctl holds, so that a kill of this process does not let another one in while the server comes up.
        start.stdin(lock.try_clone().at("share the lock of", &self.folder.top)?).process_group(0);
        let output = program::run(doing, &mut start)?;
        if output.status.success() {
            log::info!("PostgreSQL {} runs in {}", programs.major, self.folder.top.display());
            return Ok(());
        }
        Err(PrivateError::Program { doing, output: self.folder.log_tail(before) })
    }

    /// Stops the server: open connections are ended, what they committed is kept.
    fn halt(&self, account: &Account, programs: &Binaries) -> Result<(), PrivateError> {
        let doing = "stop PostgreSQL";
        let data = self.folder.data();
        let mut stop = account.command(&programs.program("pg_ctl"));
        stop.args(["stop", "-s", "-w", "-t", "60", "-m", "fast", "-D"]).arg(&data).process_group(0);
        let output = program::run(doing, &mut stop)?;
        if process::find(&data).is_none() { Ok(()) } else { program::succeed(doing, output) }
    }

    fn leave(&mut self) -> Result<(), PrivateError> {
        let Some(share) = self.share.take() else { return Ok(()) };
        let _lock = self.lock()?;
        // Not only closed: a program that another thread is just starting holds a copy of the file until it runs, and with
        // it the lock.
        share.unlock().at("unlock", self.users())?;
        drop(share);
        let users = Account::lock_file(&self.users())?;
        match users.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                log::info!("PostgreSQL goes on, because another process uses it");
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

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            log::warn!("{error}");
        }
    }
}

/// Tries again what a signal interrupted.
fn patiently(mut attempt: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
