//! Installed Postgres servers, and the choice of one for a data folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::EmbeddedError;

/// The oldest supported major version: 14 introduced `bit_count()`, which compares articles.
pub(super) const OLDEST: u32 = 14;

/// The required programs, all of one installation.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// The folders of common packages, searched after `PATH`; a `*` matches any ending of the last folder's name.
const FOLDERS: [(&str, &str); 9] = [
    ("/usr/lib/postgresql/*", "bin"), // Debian, Ubuntu
    ("/usr/pgsql-*", "bin"),          // PostgreSQL's own RPMs
    ("/usr/lib64/pgsql*", "bin"),     // Fedora
    ("/usr/lib/postgresql*", "bin"),  // openSUSE
    ("/usr/libexec/postgresql*", ""), // Alpine
    ("/opt/homebrew/opt/postgresql*", "bin"),
    ("/usr/local/opt/postgresql*", "bin"),
    ("/Applications/Postgres.app/Contents/Versions/*", "bin"),
    ("/usr/local/pgsql*", "bin"), // built from source
];

/// An installed server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    /// The folder of the programs.
    pub(super) folder: PathBuf,
    /// The major version.
    pub(super) major: u32,
}

impl Binaries {
    /// Returns the path of a program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the installation in `folder`, if it has all programs and reports its version.
    fn in_folder(folder: &Path) -> Option<Binaries> {
        if !PROGRAMS.iter().all(|program| folder.join(program).is_file()) {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").stdin(Stdio::null()).output().ok()?;
        let major = major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Binaries { folder: folder.to_owned(), major })
    }
}

/// Returns every installed server: those of `PATH` first, as an explicit choice, then the newest.
pub(super) fn installed() -> Vec<Binaries> {
    let mut found = Vec::new();
    let mut seen = Vec::new();
    let mut add = |folder: PathBuf, found: &mut Vec<Binaries>| {
        // Two paths of one folder are one installation.
        let Ok(folder) = folder.canonicalize() else { return };
        if !seen.contains(&folder) {
            found.extend(Binaries::in_folder(&folder));
            seen.push(folder);
        }
    };
    for folder in on_path() {
        add(folder, &mut found);
    }
    let chosen = found.len();
    for (pattern, below) in FOLDERS {
        for folder in matching(pattern) {
            add(folder.join(below), &mut found);
        }
    }
    if let Some(others) = found.get_mut(chosen..) {
        others.sort_by_key(|other| std::cmp::Reverse(other.major));
    }
    found
}

/// Returns the server for a data folder of the major version `needs`, or for a new data folder.
pub(super) fn choose(installed: &[Binaries], data: &Path, needs: Option<u32>) -> Result<Binaries, EmbeddedError> {
    let is_suitable = |server: &&Binaries| server.major >= OLDEST && needs.is_none_or(|needs| server.major == needs);
    match (installed.iter().find(is_suitable), needs) {
        (Some(server), _) => Ok(server.clone()),
        (None, Some(needs)) => {
            let mut installed: Vec<u32> = installed.iter().map(|server| server.major).collect();
            installed.sort_unstable();
            installed.dedup();
            Err(EmbeddedError::OtherVersion { data: data.to_owned(), needs, installed })
        }
        (None, None) => Err(EmbeddedError::NotInstalled),
    }
}

/// Parses the major version, the first number, of a text such as `postgres (PostgreSQL) 17.2 (Debian …)` or `18beta1`.
pub(super) fn major(text: &str) -> Option<u32> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let digits: String = text.get(start..)?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Returns the folder that `pg_config` names, and the folders of the servers on `PATH`.
fn on_path() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).stderr(Stdio::null()).output()
        && let Ok(text) = String::from_utf8(output.stdout)
        && output.status.success()
    {
        folders.push(PathBuf::from(text.trim()));
    }
    for folder in env::var_os("PATH").iter().flat_map(|path| env::split_paths(path).collect::<Vec<_>>()) {
        // The program may be a link into the folder of the installation.
        if let Ok(program) = folder.join("postgres").canonicalize()
            && let Some(parent) = program.parent()
        {
            folders.push(parent.to_owned());
        }
    }
    folders
}

/// Returns the folders that match a pattern with at most one `*`, at its end.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let Some(stem) = pattern.strip_suffix('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, start) = stem.rsplit_once('/').unwrap_or(("", stem));
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(start)).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_the_first_number() {
        assert_eq!(major("postgres (PostgreSQL) 17.2 (Debian 17.2-1.pgdg120+1)\n"), Some(17));
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("9.6\n"), Some(9));
        assert_eq!(major(""), None);
        assert_eq!(major("99999999999999999999"), None);
    }

    #[test]
    fn data_folder_gets_its_own_version_and_a_new_one_the_first() {
        let server = |major: u32| Binaries { folder: PathBuf::from(format!("/{major}")), major };
        let data = Path::new("/data");
        let installed = [server(12), server(15), server(17)];
        assert_eq!(choose(&installed, data, None).ok(), Some(server(15)));
        assert_eq!(choose(&installed, data, Some(17)).ok(), Some(server(17)));
        let refusal = choose(&installed, data, Some(14)).unwrap_err().to_string();
        assert!(refusal.contains("/data was created by PostgreSQL 14"), "{refusal}");
        assert!(refusal.contains("12, 15, 17"), "{refusal}");
        assert!(matches!(choose(&[server(12)], data, None), Err(EmbeddedError::NotInstalled)));
    }
}
