//! The command: the service from its start to its end, and what the README says of its settings.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use clap::CommandFactory;
use lectern::cli::Cli;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::house::scratch;

/// A service that a test started; it ends with the test.
pub struct Service {
    pub child: Child,
    /// What it says that it listens on.
    pub base: String,
}

impl Service {
    /// `lectern serve` on a free port; returns when it says where it listens.
    pub fn start(arguments: &[&str]) -> Service {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lectern"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--workers", "1"]).args(arguments).env_remove("DATABASE_URL");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let base = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said:#?}")).unwrap();
            if let Some(base) = line.strip_prefix("listening on ") {
                break base.to_owned();
            }
            said.push(line);
        };
        thread::spawn(move || lines.for_each(drop));
        Service { child, base }
    }

    fn status(&self, path: &str) -> u16 {
        let url = format!("{}{path}", self.base);
        let ask = async move { reqwest::get(url).await.map_or(0, |answer| answer.status().as_u16()) };
        tokio::runtime::Runtime::new().unwrap().block_on(ask)
    }

    /// Asks it to end.
    pub fn ask_to_end(&self) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    }

    /// Asks it to end, and returns the code with which it did.
    pub fn end(mut self) -> Option<i32> {
        self.ask_to_end();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} did not come");
        thread::sleep(Duration::from_millis(100));
    }
}

/// From nothing to an article without another step; the private Postgres starts again when it dies, and ends with the
/// service.
#[test]
fn the_service_lives_and_ends_with_its_own_postgres() {
    let folder = scratch("service");
    let data = folder.to_str().unwrap();
    let service = Service::start(&["--data-dir", data]);
    for path in ["/v1/articles/stem-cell-infusion", "/", "/docs", "/health/ready", "/v1/site"] {
        assert_eq!(service.status(path), 200, "{path}");
    }
    let postmaster = || -> Option<i32> {
        let file = fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    };
    let first = postmaster().unwrap();
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    wait_for("another Postgres", || postmaster().is_some_and(|pid| pid != first));
    wait_for("an answer", || service.status("/v1/articles/stem-cell-infusion") == 200);
    assert_eq!(service.end(), Some(0));
    assert_eq!(postmaster(), None, "Postgres ended with the service");

    // A second start finds everything, and does not load the library again.
    let service = Service::start(&["--data-dir", data]);
    assert_eq!(service.status("/v1/articles/stem-cell-infusion"), 200);
    assert_eq!(service.end(), Some(0));
    fs::remove_dir_all(folder).unwrap();
}

/// The table of settings in the README is what clap declares.
#[test]
fn the_readme_knows_the_settings() {
    let readme = fs::read_to_string("README.md").unwrap();
    let rows = readme.lines().filter_map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        match cells.as_slice() {
            [name, flag, default] => Some(((*name).to_owned(), ((*flag).to_owned(), (*default).to_owned()))),
            _ => None,
        }
    });
    let told: BTreeMap<String, (String, String)> = rows.collect();
    let command = Cli::command();
    let serve = command.find_subcommand("serve").unwrap();
    let declared = command.get_arguments().chain(serve.get_arguments()).filter(|argument| argument.get_env().is_some());
    let mut count = 0;
    for argument in declared {
        count += 1;
        let name = argument.get_env().unwrap().to_str().unwrap();
        let (flag, default) = told.get(name).unwrap_or_else(|| panic!("the README does not tell of {name}"));
        assert_eq!(*flag, format!("--{}", argument.get_long().unwrap()), "{name}");
        if let [value] = argument.get_default_values() {
            assert!(default.contains(value.to_str().unwrap()), "{name}: {default}");
        }
    }
    assert_eq!(count, 15);
    assert!(told.contains_key("RUST_LOG"));
}

/// An import that is asked to end rolls back what is under way and stops its Postgres.
#[test]
fn an_interrupted_import_leaves_no_postgres_behind() {
    let folder = scratch("interrupted");
    let files = scratch("interrupted-files");
    for n in 0..600 {
        let file = crate::house::article(&format!("a-{n}"), "", "## 甲\n\n甲文。\n\n## 乙\n\n乙文。");
        fs::write(files.join(format!("a-{n}.md")), file).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_lectern"));
    command.args(["import", files.to_str().unwrap(), "--publish", "--data-dir", folder.to_str().unwrap()]);
    command.env_remove("DATABASE_URL").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // The first report: it is in the middle of it.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("created a-"));
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let told = 1 + lines.map_while(Result::ok).filter(|line| line.contains(": created ")).count();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(told < 600, "it was interrupted");
    assert!(!folder.join("data/postmaster.pid").exists(), "Postgres ended with the import");
    fs::remove_dir_all(folder).unwrap();
    fs::remove_dir_all(files).unwrap();
}
