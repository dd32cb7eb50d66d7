//! The command line: the service from start to stop, keys, and the documented settings.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use clap::CommandFactory;
use lectern::cli::Cli;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::Method;

use crate::harness::{App, empty_database, scratch};

/// A running service, killed when dropped.
pub struct Service {
    pub child: Child,
    /// The base URL that it printed.
    pub base: String,
}

impl Service {
    /// Starts `lectern serve` on a free port and waits for its address.
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

    /// Sends SIGTERM.
    pub fn send_sigterm(&self) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    }

    /// Stops it and returns its exit code.
    pub fn end(mut self) -> Option<i32> {
        self.send_sigterm();
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

/// A first start needs no other step; the embedded Postgres is restarted when it dies, and stops with the service.
#[test]
fn serve_runs_and_stops_its_embedded_postgres() {
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

    // A second start finds the data, and does not load the library again.
    let service = Service::start(&["--data-dir", data]);
    assert_eq!(service.status("/v1/articles/stem-cell-infusion"), 200);
    assert_eq!(service.end(), Some(0));
    fs::remove_dir_all(folder).unwrap();
}

/// The table of settings in the documentation is what clap declares.
#[test]
fn documentation_lists_every_setting() {
    let page = fs::read_to_string("docs/operations.md").unwrap();
    let rows = page.lines().filter_map(|line| {
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
        let (flag, default) = told.get(name).unwrap_or_else(|| panic!("docs/operations.md does not list {name}"));
        assert_eq!(*flag, format!("--{}", argument.get_long().unwrap()), "{name}");
        if let [value] = argument.get_default_values() {
            assert!(default.contains(value.to_str().unwrap()), "{name}: {default}");
        }
    }
    assert_eq!(count, 15);
    assert!(told.contains_key("RUST_LOG"));
}

/// SIGTERM rolls back the running transaction and stops the embedded Postgres.
#[test]
fn interrupted_import_stops_its_postgres() {
    let folder = scratch("interrupted");
    let files = scratch("interrupted-files");
    for n in 0..600 {
        let file = crate::harness::article(&format!("a-{n}"), "", "## 甲\n\n甲文。\n\n## 乙\n\n乙文。");
        fs::write(files.join(format!("a-{n}.md")), file).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_lectern"));
    command.args(["import", files.to_str().unwrap(), "--publish", "--data-dir", folder.to_str().unwrap()]);
    command.env_remove("DATABASE_URL").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // After the first report the import is under way.
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

fn keys(place: &[&str], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lectern"));
    command.env_remove("DATABASE_URL").arg("keys").args(arguments).args(place).output().unwrap()
}

/// Returns the stdout of a successful command.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Creates, lists and revokes keys with the flags `place`; `status` sends a request with a key.
fn keys_are_made_listed_and_revoked(place: &[&str], status: impl Fn(&str) -> u16) {
    let key = printed(&keys(place, &["create", "--name", "编辑部 CMS", "--scope", "write,admin"]));
    let key = key.strip_suffix('\n').unwrap();
    assert!(key.starts_with("lk_") && key.len() == 50 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    assert_eq!(status(key), 200);
    let line = printed(&keys(place, &["list"]));
    let fields: Vec<&str> = line.strip_suffix('\n').unwrap().split('\t').collect();
    let [id, prefix, name, scopes, made, used, end] = fields.as_slice() else { panic!("{line}") };
    assert_eq!((*prefix, *name, *scopes, *end), (&key[..11], "编辑部 CMS", "write,admin", "does not expire"));
    assert!(made.starts_with("created 20") && used.starts_with("last used 20"), "{line}");

    printed(&keys(place, &["create", "--name", "b", "--scope", "write", "--expires", "2999-01-01T00:00:00Z"]));
    let list = printed(&keys(place, &["list"]));
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[0].ends_with("\tnever used\texpires 2999-01-01T00:00:00Z") && lines[1] == line.trim_end(), "{list}");

    assert_eq!(printed(&keys(place, &["revoke", id])), format!("{id} is revoked\n"));
    assert_eq!(status(key), 401);
    assert_eq!(printed(&keys(place, &["revoke", id])), format!("{id} was revoked before\n"));
    assert!(printed(&keys(place, &["list"])).lines().nth(1).unwrap().contains("\trevoked 20"));
    let unknown = keys(place, &["revoke", "0198c0de-0000-7000-8000-000000000000"]);
    assert_eq!((unknown.status.code(), unknown.stdout.len()), (Some(1), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_managed_in_the_given_database() {
    let app = App::on(empty_database().await);
    let runtime = tokio::runtime::Handle::current();
    let ask =
        |key: &str| runtime.block_on(app.call(Method::GET, "/manage/v1/keys", Some(key), &[], None)).status.as_u16();
    tokio::task::block_in_place(|| keys_are_made_listed_and_revoked(&["--database-url", &app.database], ask));
    let authors = lectern::publishing::audit::list(&mut app.db.write().await.unwrap(), None, None, 9).await.unwrap();
    assert_eq!(authors.len(), 3);
    assert!(authors.iter().all(|act| act.author == "command line" && act.key_id.is_none()), "{authors:?}");
}

#[test]
fn keys_are_managed_beside_a_running_service() {
    let folder = scratch("keys");
    let data = folder.to_str().unwrap();
    let service = Service::start(&["--data-dir", data]);
    keys_are_made_listed_and_revoked(&["--data-dir", data], |key| {
        let url = format!("{}/manage/v1/keys", service.base);
        let ask = async { reqwest::Client::new().get(url).bearer_auth(key).send().await.unwrap().status().as_u16() };
        tokio::runtime::Runtime::new().unwrap().block_on(ask)
    });
    assert_eq!(service.end(), Some(0));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn invalid_key_arguments_are_misuse() {
    // The arguments are checked before the database.
    let nowhere = ["--database-url", "postgres://127.0.0.1:1/none"];
    for arguments in [
        &["create", "--name", "a"][..],
        &["create", "--scope", "write"],
        &["create", "--name", "", "--scope", "write"],
        &["create", "--name", "a\tb", "--scope", "write"],
        &["create", "--name", "a", "--scope", "write,everything"],
        &["create", "--name", "a", "--scope", ""],
        &["create", "--name", "a", "--scope", "write", "--expires", "2020-01-01T00:00:00Z"],
        &["create", "--name", "a", "--scope", "write", "--expires", "tomorrow"],
        &["revoke", "nonsense"],
        &["revoke"],
        &[],
    ] {
        let output = keys(&nowhere, arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
    }
    assert_eq!(keys(&nowhere, &["list"]).status.code(), Some(1));
}
