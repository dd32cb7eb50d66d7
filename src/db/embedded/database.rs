//! How a new database comes into the data folder.

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
    Options, PrivateError,
    account::Account,
    binaries::Binaries,
    error::At,
    folder::{Folder, NAME},
    program::{run, succeed},
};

/// The settings that differ from Postgres's defaults for a small machine with an SSD; an operator changes them with
/// `ALTER SYSTEM`, which is where they are kept.
const SETTINGS: [(&str, &str); 8] = [
    ("shared_buffers", "'128MB'"),
    ("max_connections", "100"),
    ("random_page_cost", "1.1"),
    // Compiling pays off for long analyses; here it would only make some first requests slow.
    ("jit", "off"),
    ("timezone", "'UTC'"),
    ("log_timezone", "'UTC'"),
    ("log_min_messages", "'warning'"),
    ("log_checkpoints", "off"),
];

const DOING: &str = "make a new database";

impl Folder {
    /// Makes `data` with an empty database: beside its place, so that a crash leaves nothing half-made there.
    ///
    /// `lock` is the start lock: `initdb` holds it too, so that after a kill of this process the next one waits until
    /// it has ended.
    pub(super) fn fill(
        &self,
        account: &Account,
        programs: &Binaries,
        options: Options,
        lock: &File,
    ) -> Result<(), PrivateError> {
        let new = self.top.join("data.new");
        if remove_folder(&new).at("remove", &new)? {
            log::warn!("removed {}, which an interrupted start left over", new.display());
        }
        log::info!("making a new database with PostgreSQL {} in {}", programs.major, self.data().display());
        DirBuilder::new().mode(0o700).create(&new).at("make the folder", &new)?;
        let lock = lock.try_clone().at("share the lock of", &self.top)?;
        let made = account
            .own(&new)
            .and_then(|()| initdb(&new, account, programs, options, lock))
            .and_then(|()| create_database(&new, account, programs, options));
        if let Err(error) = made {
            // On a full disk, what was written would only be in the way; why it failed is what matters.
            let _ = remove_folder(&new);
            return Err(error);
        }
        fs::rename(&new, self.data()).at("give its name to", new)?;
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
) -> Result<(), PrivateError> {
    let mut initdb = account.command(&programs.program("initdb"));
    // Locale C: the same order (by code point) and the same case rules on every system; folding of text is ours.
    initdb.arg("-D").arg(new).args(["--encoding=UTF8", "--locale=C", "--data-checksums"]);
    // No address is listened on, and only the server's user and root can enter the socket's folder.
    initdb.args(["--username", NAME, "--auth-local=trust", "--auth-host=reject"]);
    if !options.durable {
        initdb.arg("--no-sync");
    }
    succeed(DOING, run(DOING, initdb.stdin(lock))?)
}

/// Makes the one database and the settings, with the server alone: `createdb` and `psql` are in other packages.
fn create_database(new: &Path, account: &Account, programs: &Binaries, options: Options) -> Result<(), PrivateError> {
    let program = programs.program("postgres");
    let mut single = account.command(&program);
    single.arg("--single").arg("-D").arg(new).args(["-c", "exit_on_error=on"]);
    if !options.durable {
        single.args(["-c", "fsync=off"]);
    }
    // Its input ends with this process, and so does it.
    single.arg("postgres").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = single.spawn().at("run", &program)?;
    let settings = SETTINGS.iter().map(|(name, value)| format!("ALTER SYSTEM SET {name} = {value}\n"));
    let commands: String = iter::once(format!("CREATE DATABASE {NAME}\n")).chain(settings).collect();
    if let Some(mut input) = child.stdin.take() {
        // A server that gave up says why in its output; a broken pipe would only hide that.
        let _ = input.write_all(commands.as_bytes());
    }
    succeed(DOING, child.wait_with_output().at("run", program)?)
}

/// Removes a folder with all that is in it, and says whether there was one. A server that is just ending may still
/// write there, so what cannot be removed now is tried again for a while.
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
