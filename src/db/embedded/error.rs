//! Why the private Postgres could not be had: every message says what is wrong, where, and what to do.

use std::{fmt, io, path::PathBuf};

/// Why a private Postgres could not be started, taken over or stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum PrivateError {
    /// No folder can be named for this user: no home is known.
    NoHome,
    /// The path cannot be handed to Postgres; the text says what in it cannot stand.
    Path {
        /// The data folder as it was named.
        path: PathBuf,
        /// What is wrong with it, as the end of a sentence.
        why: String,
    },
    /// The operating system refused something.
    Io {
        /// What was tried, as in "cannot …".
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// No complete set of server programs is installed.
    NotInstalled,
    /// The data folder belongs to a major version of Postgres that is not installed.
    OtherVersion {
        /// The data folder of Postgres, which was not touched.
        data: PathBuf,
        /// The version that wrote it.
        needs: u32,
        /// The versions that are installed.
        installed: Vec<u32>,
    },
    /// The folder that was named is a data folder of Postgres itself, one that this service did not make.
    IsCluster(PathBuf),
    /// The data folder belongs to another user.
    Owner {
        /// The folder.
        path: PathBuf,
        /// Its owner's name, or number where it has no name.
        owner: String,
    },
    /// The user that the server runs as (root may not) cannot enter a folder on the way to the data.
    Unreachable {
        /// The first folder that cannot be entered.
        folder: PathBuf,
        /// The user.
        user: String,
    },
    /// Everybody may write in the folder, so root cannot trust what is in it.
    OpenToAll(PathBuf),
    /// What should be a file or folder of ours is a symbolic link, which is not followed.
    Link(PathBuf),
    /// A program of Postgres failed.
    Program {
        /// What it was to do, as in "cannot …".
        doing: &'static str,
        /// The last lines that it wrote.
        output: String,
    },
    /// A server runs on the folder, but did not become ready (or did not end) in time.
    Timeout {
        /// Its process.
        pid: i32,
        /// The file that its messages go to.
        log: PathBuf,
    },
}

/// What to type where no Postgres is installed.
const INSTALL: &str = "install the PostgreSQL server (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install \
                       postgresql-server; Alpine: apk add postgresql; Arch: pacman -S postgresql; openSUSE: zypper \
                       install postgresql-server; macOS: brew install postgresql@17), or set DATABASE_URL to use one \
                       that runs already";

impl fmt::Display for PrivateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHome => f.write_str(
                "no data folder can be named, because this user has no home folder: set LECTERN_DATA_DIR or --data-dir",
            ),
            Self::Path { path, why } => write!(f, "{} cannot be the data folder: {why}", path.display()),
            Self::Io { doing, path, source } => write!(f, "cannot {doing} {}: {source}", path.display()),
            Self::NotInstalled => {
                write!(f, "no PostgreSQL server of version {} or newer was found: {INSTALL}", super::binaries::OLDEST)
            }
            Self::OtherVersion { data, needs, installed } => {
                let installed =
                    if installed.is_empty() { "none".to_owned() } else { join(installed.iter().map(u32::to_string)) };
                write!(
                    f,
                    "{} was made by PostgreSQL {needs}, and of the installed versions ({installed}) none can read it; \
                     nothing was touched. Install PostgreSQL {needs}, or move the data with pg_upgrade, or name \
                     another folder with LECTERN_DATA_DIR or --data-dir",
                    data.display()
                )
            }
            Self::IsCluster(path) => write!(
                f,
                "{} is itself a data folder of PostgreSQL, and not one of this service; nothing was touched. Name \
                 another folder with LECTERN_DATA_DIR or --data-dir, or start that server and set DATABASE_URL",
                path.display()
            ),
            Self::Owner { path, owner } => write!(
                f,
                "{} belongs to the user {owner}, and PostgreSQL runs as the owner of its data only (and never as \
                 root): run as that user, or name another folder with LECTERN_DATA_DIR or --data-dir",
                path.display()
            ),
            Self::Unreachable { folder, user } => write!(
                f,
                "PostgreSQL does not run as root, and the user {user}, whom it runs as instead, cannot enter {}: name \
                 a folder elsewhere with LECTERN_DATA_DIR or --data-dir (such as /var/lib/lectern)",
                folder.display()
            ),
            Self::OpenToAll(path) => write!(
                f,
                "every user can write in {}, so root must not keep data there: name a folder of its own with \
                 LECTERN_DATA_DIR or --data-dir",
                path.display()
            ),
            Self::Link(path) => write!(
                f,
                "{} is a symbolic link, and in the data folder none is followed (the data folder itself may be one): \
                 remove it, or name another folder with LECTERN_DATA_DIR or --data-dir",
                path.display()
            ),
            Self::Program { doing, output } => write!(f, "cannot {doing}:\n{output}"),
            Self::Timeout { pid, log } => write!(
                f,
                "the PostgreSQL server with the process number {pid} neither became ready nor ended in time; see {}",
                log.display()
            ),
        }
    }
}

impl std::error::Error for PrivateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// Says of an I/O error what was being done, and to what.
pub(super) trait At<T> {
    fn at(self, doing: &'static str, path: impl Into<PathBuf>) -> Result<T, PrivateError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, doing: &'static str, path: impl Into<PathBuf>) -> Result<T, PrivateError> {
        self.map_err(|source| PrivateError::Io { doing, path: path.into(), source })
    }
}
