//! What is where in the data folder.
//!
//! ```text
//! start.lock     held while a server is started, stopped or looked for
//! users.lock     held, shared, by every process that uses the server
//! postgres.log   what the server says
//! run/           the socket; closed to all but the server's user
//! data/          Postgres's own data folder
//! data.new/      one that is being made
//! data.broken-*  one that could not be used and was moved aside
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
    PrivateError,
    account::{self, Account},
    binaries,
    error::At,
    program::last_lines,
};

/// The one superuser, and the one database; the socket's folder is what keeps others out.
pub(super) const NAME: &str = "lectern";

/// The longest path of a socket: `sun_path` less its final NUL (108 bytes on Linux, 104 elsewhere).
const SOCKET_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// What we make in the data folder, none of it a link.
const OURS: [&str; 6] = ["start.lock", "users.lock", "postgres.log", "run", "data", "data.new"];

/// How much of the log's end is shown where a start fails.
const TAIL: u64 = 4096;

/// How long the log grows before the next start puts it aside, in bytes.
const LOG_MAX: u64 = 10 << 20;

/// What stands where Postgres's data folder should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contents {
    /// Whether there is anything.
    pub(super) exists: bool,
    /// Whether it is a complete data folder as far as can be seen: it has a version and a control file, which
    /// `initdb` writes last.
    pub(super) whole: bool,
    /// The major version that it says it has.
    pub(super) major: Option<u32>,
}

/// The paths of a data folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) top: PathBuf,
}

impl Folder {
    /// The folder by the name that it was given, made absolute; refuses what Postgres cannot work with.
    pub(super) fn named(path: &Path) -> Result<Folder, PrivateError> {
        let top = std::path::absolute(path).at("find", path)?;
        let refuse = |why: String| Err(PrivateError::Path { path: path.to_owned(), why });
        let Some(text) = top.to_str() else {
            return refuse("the path is not UTF-8".into());
        };
        // pg_ctl puts the path between double quotes and hands it to a shell.
        if let Some(c) = text.chars().find(|c| c.is_control() || matches!(c, '"' | '$' | '`' | '\\')) {
            return refuse(format!("the character {c:?} cannot stand in the path"));
        }
        let folder = Folder { top };
        let length = folder.socket().as_os_str().len();
        if length > SOCKET_MAX {
            return refuse(format!(
                "the socket in it would have a path of {length} bytes, and the system allows {SOCKET_MAX}; name a \
                 shorter one"
            ));
        }
        Ok(folder)
    }

    /// Makes the folder if need be, and gives its one true name, so that two names of it share their locks.
    pub(super) fn make(self) -> Result<Folder, PrivateError> {
        let missing: Vec<&Path> = self.top.ancestors().take_while(|folder| !folder.exists()).collect();
        for folder in missing.iter().rev() {
            match DirBuilder::new().mode(0o755).create(folder) {
                Ok(()) if nix::unistd::geteuid().is_root() => {
                    // Whatever root's umask: the server's user must be able to pass.
                    fs::set_permissions(folder, Permissions::from_mode(0o755)).at("change the mode of", *folder)?;
                }
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                Err(error) => return Err(error).at("make the folder", *folder),
            }
        }
        let top = self.top.canonicalize().at("find", &self.top)?;
        if !top.is_dir() {
            return Err(PrivateError::Path { path: self.top, why: "it is not a folder".into() });
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

    /// What stands in `data`; refuses what is not ours to touch.
    pub(super) fn contents(&self) -> Result<Contents, PrivateError> {
        if self.top.join("PG_VERSION").exists() {
            return Err(PrivateError::IsCluster(self.top.clone()));
        }
        for name in OURS {
            account::refuse_link(&self.top.join(name))?;
        }
        let data = self.data();
        let nothing = Contents { exists: false, whole: false, major: None };
        let mut entries = match fs::read_dir(&data) {
            Ok(entries) => entries,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => return Ok(nothing),
                io::ErrorKind::NotADirectory => return Ok(Contents { exists: true, ..nothing }),
                io::ErrorKind::PermissionDenied => return Err(account::foreign(&data)),
                _ => return Err(error).at("look into", data),
            },
        };
        if entries.next().is_none() {
            return Ok(nothing);
        }
        let holds = |name: &str| fs::metadata(data.join(name)).is_ok_and(|file| file.is_file() && file.len() > 0);
        let major = match fs::read(data.join("PG_VERSION")) {
            Ok(text) => binaries::major(&String::from_utf8_lossy(&text)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(account::foreign(&data)),
            Err(_) => None,
        };
        Ok(Contents { exists: true, whole: major.is_some() && holds("global/pg_control"), major })
    }

    /// Whether this is a folder of ours, or one that holds nothing yet.
    pub(super) fn is_ours(&self) -> bool {
        self.top.join("start.lock").exists()
            || fs::read_dir(&self.top).is_ok_and(|mut entries| entries.next().is_none())
    }

    /// Moves a half-made `data` aside. Nothing is ever deleted: somebody may want to look at it.
    pub(super) fn set_aside(&self) -> Result<(), PrivateError> {
        let data = self.data();
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let aside = self.top.join(format!("data.broken-{time}"));
        fs::rename(&data, &aside).at("move aside", &data)?;
        log::warn!(
            "{} was half made and cannot be used; it is now {}, and a new one is made",
            data.display(),
            aside.display()
        );
        Ok(())
    }

    /// Makes the socket's folder and the log ready for a server that is about to start.
    pub(super) fn prepare(&self, account: &Account) -> Result<(), PrivateError> {
        let run = self.run();
        match DirBuilder::new().mode(0o700).create(&run) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                account::refuse_link(&run)?;
                // No server runs: what is left of the socket is a dead one's, and its lock names a process that may
                // be another program by now.
                for name in [".s.PGSQL.5432", ".s.PGSQL.5432.lock"] {
                    gone(fs::remove_file(run.join(name))).at("remove", run.join(name))?;
                }
            }
            Err(error) => return Err(error).at("make the folder", run),
        }
        account.own(&run)?;
        // As above: nobody serves this folder, whatever process the file names. Postgres itself still refuses to
        // start while a process of a dead server holds its shared memory, which it finds by the folder.
        let stale = self.data().join("postmaster.pid");
        gone(fs::remove_file(&stale)).at("remove", stale)?;

        let log = self.log();
        if fs::symlink_metadata(&log).is_ok_and(|log| log.len() > LOG_MAX) {
            fs::rename(&log, self.top.join("postgres.log.1")).at("put aside", &log)?;
        }
        account::open(File::options().append(true).create(true).mode(0o600), &log)?;
        account.own(&log)
    }

    /// The end of what the server said since the log had `from` bytes.
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

    /// The address for `tokio-postgres`: a URL whose host is the percent-encoded path of the socket's folder.
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

/// It is as good that there was nothing to remove.
fn gone(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
