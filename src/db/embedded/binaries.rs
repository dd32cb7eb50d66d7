//! Which Postgres servers are installed, and which of them fits a data folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::PrivateError;

/// The oldest major version that the service works with: 14 brought `bit_count()`, by which articles are compared.
pub(super) const OLDEST: u32 = 14;

/// The programs that are needed, always of one and the same installation.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Where packages put the server, beside what `PATH` knows; a `*` stands for any ending of the last folder's name.
const PLACES: [(&str, &str); 9] = [
    ("/usr/lib/postgresql/*", "bin"), // Debian, Ubuntu
    ("/usr/pgsql-*", "bin"),          // PostgreSQL's own RPMs
    ("/usr/lib64/pgsql*", "bin"),     // Fedora's private folders
    ("/usr/lib/postgresql*", "bin"),  // openSUSE
    ("/usr/libexec/postgresql*", ""), // Alpine
    ("/opt/homebrew/opt/postgresql*", "bin"),
    ("/usr/local/opt/postgresql*", "bin"),
    ("/Applications/Postgres.app/Contents/Versions/*", "bin"),
    ("/usr/local/pgsql*", "bin"), // built from source
];

/// One installed server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    /// The folder that holds the programs.
    pub(super) folder: PathBuf,
    /// The major version.
    pub(super) major: u32,
}

impl Binaries {
    /// The path of one of its programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What is in `folder`, if all programs are there and say their version.
    fn in_folder(folder: &Path) -> Option<Binaries> {
        if !PROGRAMS.iter().all(|program| folder.join(program).is_file()) {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").stdin(Stdio::null()).output().ok()?;
        let major = major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Binaries { folder: folder.to_owned(), major })
    }
}

/// Every installed server: that of `PATH` first (whoever set it chose it), then the newest.
pub(super) fn installed() -> Vec<Binaries> {
    let mut found = Vec::new();
    let mut seen = Vec::new();
    let mut add = |folder: PathBuf, found: &mut Vec<Binaries>| {
        // Two names of one folder are one installation.
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
    for (pattern, below) in PLACES {
        for folder in matching(pattern) {
            add(folder.join(below), &mut found);
        }
    }
    if let Some(others) = found.get_mut(chosen..) {
        others.sort_by_key(|one| std::cmp::Reverse(one.major));
    }
    found
}

/// The server for the data folder that major version `needs` wrote, or for a new one.
pub(super) fn choose(installed: &[Binaries], data: &Path, needs: Option<u32>) -> Result<Binaries, PrivateError> {
    let fits = |one: &&Binaries| one.major >= OLDEST && needs.is_none_or(|needs| one.major == needs);
    match (installed.iter().find(fits), needs) {
        (Some(one), _) => Ok(one.clone()),
        (None, Some(needs)) => {
            let mut installed: Vec<u32> = installed.iter().map(|one| one.major).collect();
            installed.sort_unstable();
            installed.dedup();
            Err(PrivateError::OtherVersion { data: data.to_owned(), needs, installed })
        }
        (None, None) => Err(PrivateError::NotInstalled),
    }
}

/// The major version in a text such as `postgres (PostgreSQL) 17.2 (Debian …)`, `18beta1` or `15`: the first number.
pub(super) fn major(text: &str) -> Option<u32> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let digits: String = text.get(start..)?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The folders that `pg_config` and the programs found on `PATH` lead to.
fn on_path() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).stderr(Stdio::null()).output()
        && let Ok(text) = String::from_utf8(output.stdout)
        && output.status.success()
    {
        folders.push(PathBuf::from(text.trim()));
    }
    for folder in env::var_os("PATH").iter().flat_map(|path| env::split_paths(path).collect::<Vec<_>>()) {
        // A link in a common folder leads to where the others are.
        if let Ok(program) = folder.join("postgres").canonicalize()
            && let Some(parent) = program.parent()
        {
            folders.push(parent.to_owned());
        }
    }
    folders
}

/// The folders that a pattern with at most one `*`, at the end of its last name, stands for.
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
    fn a_data_folder_gets_its_own_version_and_a_new_one_the_first() {
        let one = |major: u32| Binaries { folder: PathBuf::from(format!("/{major}")), major };
        let data = Path::new("/data");
        let installed = [one(12), one(15), one(17)];
        assert_eq!(choose(&installed, data, None).ok(), Some(one(15)));
        assert_eq!(choose(&installed, data, Some(17)).ok(), Some(one(17)));
        let refusal = choose(&installed, data, Some(14)).unwrap_err().to_string();
        assert!(refusal.contains("/data was made by PostgreSQL 14"), "{refusal}");
        assert!(refusal.contains("12, 15, 17"), "{refusal}");
        assert!(matches!(choose(&[one(12)], data, None), Err(PrivateError::NotInstalled)));
    }
}
