//! Creation of a new database in the data folder.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    iter,
    os::unix::fs::DirBuilderExt,
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

use super::{
    EmbeddedError, Options,
    account::Account,
    binaries::Binaries,
    error::At,
    folder::{Folder, NAME},
    program::{check_success, run},
};

/// Settings for a small machine with an SSD that differ from Postgres's defaults. They are stored with `ALTER SYSTEM`, and an
/// operator changes them in the same way.
const SETTINGS: [(&str, &str); 8] = [
    ("shared_buffers", "'128MB'"),
    ("max_connections", "100"),
    ("random_page_cost", "1.1"),
    // Compilation pays for long analyses; here it would slow some first requests down.
    ("jit", "off"),
    ("timezone", "'UTC'"),
    ("log_timezone", "'UTC'"),
    ("log_min_messages", "'warning'"),
    ("log_checkpoints", "off"),
];

const DOING: &str = "create a new database";

impl Folder {
    /// Creates `data` with an empty database: as `data.new`, then renamed, so that a crash leaves no incomplete `data`.
    ///
    /// `initdb` inherits the start lock `lock`: after a kill of this process, the next one waits until `initdb` has ended.
    pub(super) fn create_data(
        &self,
        account: &Account,
        programs: &Binaries,
        options: Options,
        lock: &File,
    ) -> Result<(), EmbeddedError> {
        let new = self.top.join("data.new");
        if remove_folder(&new).at("remove", &new)? {
            log::warn!("removed incomplete database folder={}", new.display());
        }
        log::info!("creating a database version={} folder={}", programs.major, self.data().display());
        DirBuilder::new().mode(0o700).create(&new).at("create the folder", &new)?;
        let lock = lock.try_clone().at("share the lock of", &self.top)?;
        let made = account
            .take_ownership(&new)
            .and_then(|()| initdb(&new, account, programs, options, lock))
            .and_then(|()| create_database(&new, account, programs, options));
        if let Err(error) = made {
            // The first error matters; the remains would only use up a full disk.
            let _ = remove_folder(&new);
            return Err(error);
        }
        fs::rename(&new, self.data()).at("rename", new)?;
        if options.durable {
            File::open(&self.top).and_then(|top| top.sync_all()).at("write to disk", &self.top)?;
        }
        Ok(())
    }
}

fn initdb(
    new: &Path,
    account: &Account,
    programs: &Binaries,
    options: Options,
    lock: File,
) -> Result<(), EmbeddedError> {
    let mut initdb = account.command(&programs.program("initdb"));
    // Locale C: the same order, by code point, on every system; the service folds text itself.
    initdb.arg("-D").arg(new).args(["--encoding=UTF8", "--locale=C", "--data-checksums"]);
    // The server listens on no address, and only its user and root can enter the socket's folder.
    initdb.args(["--username", NAME, "--auth-local=trust", "--auth-host=reject"]);
    if !options.durable {
        initdb.arg("--no-sync");
    }
    check_success(DOING, run(DOING, initdb.stdin(lock))?)
}

/// Creates the database and the settings with the single-user server, because `createdb` and `psql` are in other packages.
fn create_database(new: &Path, account: &Account, programs: &Binaries, options: Options) -> Result<(), EmbeddedError> {
    let program = programs.program("postgres");
    let mut single = account.command(&program);
    single.arg("--single").arg("-D").arg(new).args(["-c", "exit_on_error=on"]);
    if !options.durable {
        single.args(["-c", "fsync=off"]);
    }
    // It ends with its input, so a kill of this process ends it too.
    single.arg("postgres").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = single.spawn().at("run", &program)?;
    let settings = SETTINGS.iter().map(|(name, value)| format!("ALTER SYSTEM SET {name} = {value}\n"));
    let commands: String = iter::once(format!("CREATE DATABASE {NAME}\n")).chain(settings).collect();
    if let Some(mut input) = child.stdin.take() {
        // If the server fails, its output has the cause, not the broken pipe.
        let _ = input.write_all(commands.as_bytes());
    }
    check_success(DOING, child.wait_with_output().at("run", program)?)
}

/// Removes a folder recursively, and returns `false` if it was missing. Retries for two seconds, because a server that is
/// stopping may still write there.
fn remove_folder(path: &Path) -> io::Result<bool> {
    for _ in 0..40 {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => return Ok(false),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
                thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(error),
        }
    }
    fs::remove_dir_all(path).map(|()| true)
}
