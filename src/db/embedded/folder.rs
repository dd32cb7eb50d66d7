//! The layout of the data folder.
//!
//! ```text
//! start.lock     exclusive while the server is looked for, started or stopped
//! users.lock     shared by every process that uses the server
//! postgres.log   the server's log
//! run/           the socket; only the server's user may enter
//! data/          Postgres's own data folder
//! data.new/      a data folder that is being created
//! data.broken-*  an incomplete data folder that was moved aside
//! ```

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    time::SystemTime,
};

use nix::libc::O_NOFOLLOW;

use super::{
    EmbeddedError,
    account::{self, Account},
    binaries,
    error::At,
    program::last_lines,
};

/// The name of the superuser and of the database. There is no password; only the server's user may enter the socket's folder.
pub(super) const NAME: &str = "lectern";

/// The maximum length of a socket's path: `sun_path` without its final NUL (108 bytes on Linux, 104 elsewhere).
const SOCKET_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The entries that the service creates in the data folder, none of them a link.
const OURS: [&str; 6] = ["start.lock", "users.lock", "postgres.log", "run", "data", "data.new"];

/// The bytes from the end of the log that the error of a failed start shows.
const TAIL: u64 = 4096;

/// The size of the log from which the next start rotates it, in bytes.
const LOG_MAX: u64 = 10 << 20;

/// The state of `data`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contents {
    /// Something is there.
    pub(super) exists: bool,
    /// It has a version and a control file, which `initdb` writes last.
    pub(super) is_complete: bool,
    /// The major version of Postgres that created it.
    pub(super) major: Option<u32>,
}

/// The paths of a data folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) top: PathBuf,
}

impl Folder {
    /// Returns the folder at an absolute path; refuses paths that Postgres cannot use.
    pub(super) fn named(path: &Path) -> Result<Folder, EmbeddedError> {
        let top = std::path::absolute(path).at("find", path)?;
        let refuse = |why: String| Err(EmbeddedError::Path { path: path.to_owned(), why });
        let Some(text) = top.to_str() else {
            return refuse("the path is not UTF-8".into());
        };
        // pg_ctl puts the path between double quotes and hands it to a shell.
        if let Some(c) = text.chars().find(|c| c.is_control() || matches!(c, '"' | '$' | '`' | '\\')) {
            return refuse(format!("the path must not contain the character {c:?}"));
        }
        let folder = Folder { top };
        let length = folder.socket().as_os_str().len();
        if length > SOCKET_MAX {
            return refuse(format!(
                "its socket would have a path of {length} bytes, and the system allows {SOCKET_MAX}: name a shorter path"
            ));
        }
        Ok(folder)
    }

    /// Creates the folder if it is missing, and returns it with its canonical path, so that two paths of it share their locks.
    pub(super) fn make(self) -> Result<Folder, EmbeddedError> {
        let missing: Vec<&Path> = self.top.ancestors().take_while(|folder| !folder.exists()).collect();
        for folder in missing.iter().rev() {
            match DirBuilder::new().mode(0o755).create(folder) {
                Ok(()) if nix::unistd::geteuid().is_root() => {
                    // The server's user must be able to enter, whatever root's umask is.
                    fs::set_permissions(folder, Permissions::from_mode(0o755)).at("change the mode of", *folder)?;
                }
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                Err(error) => return Err(error).at("create the folder", *folder),
            }
        }
        let top = self.top.canonicalize().at("find", &self.top)?;
        if !top.is_dir() {
            return Err(EmbeddedError::Path { path: self.top, why: "it is not a folder".into() });
        }
        Folder::named(&top)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.top.join("data")
    }

    pub(super) fn run(&self) -> PathBuf {
        self.top.join("run")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.run().join(".s.PGSQL.5432")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.top.join("postgres.log")
    }

    /// Returns the state of `data`; refuses folders that the service did not create.
    pub(super) fn contents(&self) -> Result<Contents, EmbeddedError> {
        if self.top.join("PG_VERSION").exists() {
            return Err(EmbeddedError::IsCluster(self.top.clone()));
        }
        for name in OURS {
            account::refuse_link(&self.top.join(name))?;
        }
        let data = self.data();
        let nothing = Contents { exists: false, is_complete: false, major: None };
        let mut entries = match fs::read_dir(&data) {
            Ok(entries) => entries,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => return Ok(nothing),
                io::ErrorKind::NotADirectory => return Ok(Contents { exists: true, ..nothing }),
                io::ErrorKind::PermissionDenied => return Err(account::foreign_owner(&data)),
                _ => return Err(error).at("read the metadata of", data),
            },
        };
        if entries.next().is_none() {
            return Ok(nothing);
        }
        let has = |name: &str| fs::metadata(data.join(name)).is_ok_and(|file| file.is_file() && file.len() > 0);
        let major = match fs::read(data.join("PG_VERSION")) {
            Ok(text) => binaries::major(&String::from_utf8_lossy(&text)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(account::foreign_owner(&data)),
            Err(_) => None,
        };
        Ok(Contents { exists: true, is_complete: major.is_some() && has("global/pg_control"), major })
    }

    /// Checks that the service created this folder, or that it is empty.
    pub(super) fn is_ours(&self) -> bool {
        self.top.join("start.lock").exists()
            || fs::read_dir(&self.top).is_ok_and(|mut entries| entries.next().is_none())
    }

    /// Moves an incomplete `data` aside. It is not deleted, so that an operator can examine it.
    pub(super) fn set_aside(&self) -> Result<(), EmbeddedError> {
        let data = self.data();
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let aside = self.top.join(format!("data.broken-{time}"));
        fs::rename(&data, &aside).at("move aside", &data)?;
        log::warn!(
            "incomplete data folder moved aside, creating a new one folder={} moved_to={}",
            data.display(),
            aside.display()
        );
        Ok(())
    }

    /// Prepares the socket's folder and the log for a start.
    pub(super) fn prepare(&self, account: &Account) -> Result<(), EmbeddedError> {
        let run = self.run();
        match DirBuilder::new().mode(0o700).create(&run) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                account::refuse_link(&run)?;
                // No server is running, so these files are stale, and the process that the lock names may be another
                // program by now.
                for name in [".s.PGSQL.5432", ".s.PGSQL.5432.lock"] {
                    ignore_missing(fs::remove_file(run.join(name))).at("remove", run.join(name))?;
                }
            }
            Err(error) => return Err(error).at("create the folder", run),
        }
        account.take_ownership(&run)?;
        // Stale as well, whatever process it names. Postgres itself still refuses to start while a child of a dead server
        // has its shared memory, which it finds by the folder.
        let stale = self.data().join("postmaster.pid");
        ignore_missing(fs::remove_file(&stale)).at("remove", stale)?;

        let log = self.log();
        if fs::symlink_metadata(&log).is_ok_and(|log| log.len() > LOG_MAX) {
            fs::rename(&log, self.top.join("postgres.log.1")).at("rotate", &log)?;
        }
        account::open(File::options().append(true).create(true).mode(0o600), &log)?;
        account.take_ownership(&log)
    }

    /// Returns the last lines of the log after its first `from` bytes.
    pub(super) fn log_tail(&self, from: u64) -> String {
        let read = || -> io::Result<String> {
            let mut file = File::options().read(true).custom_flags(O_NOFOLLOW).open(self.log())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(from.min(length).max(length.saturating_sub(TAIL))))?;
            let mut bytes = Vec::new();
            file.take(TAIL).read_to_end(&mut bytes)?;
            Ok(last_lines(&String::from_utf8_lossy(&bytes)))
        };
        read().unwrap_or_else(|error| format!("({} cannot be read: {error})", self.log().display()))
    }

    /// Returns the database URL; its host is the percent-encoded path of the socket's folder.
    pub(super) fn url(&self) -> String {
        let encoded = |byte: &u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        let run = self.run();
        let host: String = run.as_os_str().as_bytes().iter().map(encoded).collect();
        format!("postgres://{NAME}@{host}/{NAME}")
    }
}

/// Treats a missing file as removed.
fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
