//! Errors of the embedded Postgres. Each message gives the problem, the path, and the remedy.

use std::{fmt, io, path::PathBuf};

/// An error in starting, taking over or stopping the embedded Postgres.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// No data folder without a home folder of this user.
    NoHome,
    /// A path that Postgres cannot use.
    Path {
        /// The data folder as given.
        path: PathBuf,
        /// The problem, as the end of a sentence.
        why: String,
    },
    /// An error of the operating system.
    Io {
        /// The operation, after "cannot".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// No complete server installation.
    NotInstalled,
    /// Data of a major version that is not installed.
    OtherVersion {
        /// The data folder of Postgres, unchanged.
        data: PathBuf,
        /// The version that created it.
        needs: u32,
        /// The installed versions.
        installed: Vec<u32>,
    },
    /// A data folder of Postgres itself, not created by this service.
    IsCluster(PathBuf),
    /// A data folder of another user.
    Owner {
        /// The folder.
        path: PathBuf,
        /// Its owner's name, or number if it has none.
        owner: String,
    },
    /// A folder in the path of the data that the server's user cannot enter.
    Unreachable {
        /// The first folder that cannot be entered.
        folder: PathBuf,
        /// The user.
        user: String,
    },
    /// A folder that every user can write to, which root cannot trust.
    OpenToAll(PathBuf),
    /// A symbolic link instead of a file or folder of the service; it is not followed.
    Link(PathBuf),
    /// A failed Postgres program.
    Program {
        /// Its task, after "cannot".
        doing: &'static str,
        /// The last lines of its output.
        output: String,
    },
    /// A server that neither became ready nor stopped in time.
    Timeout {
        /// Its process id.
        pid: i32,
        /// Its log file.
        log: PathBuf,
    },
}

/// Instructions for an installation.
const INSTALL: &str = "install the PostgreSQL server (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install \
                       postgresql-server; Alpine: apk add postgresql; Arch: pacman -S postgresql; openSUSE: zypper \
                       install postgresql-server; macOS: brew install postgresql@17), or set DATABASE_URL to use a \
                       running server";

impl fmt::Display for EmbeddedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHome => f.write_str(
                "there is no default data folder, because this user has no home folder: set LECTERN_DATA_DIR or --data-dir",
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
                    "{} was created by PostgreSQL {needs}, and no installed version ({installed}) can read it; nothing was \
                     changed. Install PostgreSQL {needs}, migrate the data with pg_upgrade, or name another folder with \
                     LECTERN_DATA_DIR or --data-dir",
                    data.display()
                )
            }
            Self::IsCluster(path) => write!(
                f,
                "{} is a data folder of PostgreSQL itself, not created by this service; nothing was changed. Name \
                 another folder with LECTERN_DATA_DIR or --data-dir, or start that server and set DATABASE_URL",
                path.display()
            ),
            Self::Owner { path, owner } => write!(
                f,
                "{} belongs to the user {owner}, and PostgreSQL runs only as the owner of its data, never as root: run \
                 as that user, or name another folder with LECTERN_DATA_DIR or --data-dir",
                path.display()
            ),
            Self::Unreachable { folder, user } => write!(
                f,
                "PostgreSQL does not run as root but as the user {user}, who cannot enter {}: name another folder, such \
                 as /var/lib/lectern, with LECTERN_DATA_DIR or --data-dir",
                folder.display()
            ),
            Self::OpenToAll(path) => write!(
                f,
                "every user can write to {}, so it is not safe for data of root: name another folder with \
                 LECTERN_DATA_DIR or --data-dir",
                path.display()
            ),
            Self::Link(path) => write!(
                f,
                "{} is a symbolic link, and links inside the data folder are not followed (the data folder itself may \
                 be one): remove it, or name another folder with LECTERN_DATA_DIR or --data-dir",
                path.display()
            ),
            Self::Program { doing, output } => write!(f, "cannot {doing}:\n{output}"),
            Self::Timeout { pid, log } => write!(
                f,
                "the PostgreSQL server with the process id {pid} neither became ready nor stopped in time: see {}",
                log.display()
            ),
        }
    }
}

impl std::error::Error for EmbeddedError {
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

/// Adds the operation and the path to an I/O error.
pub(super) trait At<T> {
    fn at(self, doing: &'static str, path: impl Into<PathBuf>) -> Result<T, EmbeddedError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, doing: &'static str, path: impl Into<PathBuf>) -> Result<T, EmbeddedError> {
        self.map_err(|source| EmbeddedError::Io { doing, path: path.into(), source })
    }
}
