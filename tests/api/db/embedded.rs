//! The embedded Postgres, with real servers and processes. Another process is this test binary again, which runs only
//! [`other_process`].

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown, symlink},
        net::UnixStream,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lectern::db::embedded::{EmbeddedError, EmbeddedPostgres, Options, default_data_dir};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User, geteuid},
};

const FAST: Options = Options { durable: false };

/// The variable that names the data folder to [`other_process`].
const FOLDER: &str = "LECTERN_TEST_DATA_FOLDER";

/// A data folder of one test, stopped and removed at the end of the test. It is not under `target`, which the server's user
/// may not be able to enter.
struct Place(PathBuf, Option<Arc<Place>>);

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("lectern-embedded-{}-{n}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Place(path, None)
    }

    /// Returns a folder with a database, a copy of one that the tests share.
    fn filled() -> Place {
        static PATTERN: Mutex<Weak<Place>> = Mutex::new(Weak::new());
        let mut pattern = PATTERN.lock().unwrap();
        let from = pattern.upgrade().unwrap_or_else(|| {
            let made = Arc::new(Place::new());
            start(&made.dir()).stop().unwrap();
            made
        });
        *pattern = Arc::downgrade(&from);
        drop(pattern);
        let mut place = Place::new();
        fs::create_dir(place.dir()).unwrap();
        let copied = Command::new("cp").arg("-a").arg(from.dir().join("data")).arg(place.dir()).status();
        assert!(copied.unwrap().success());
        place.1 = Some(from);
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns a folder inside that does not exist yet.
    fn dir(&self) -> PathBuf {
        self.at("d")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if let Some(pid) = postmaster(&entry.path()) {
                let _ = kill(pid, Signal::SIGQUIT);
                let _ = wait_until(|| !lives(pid));
            }
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(folder: &Path) -> EmbeddedPostgres {
    EmbeddedPostgres::start_with(folder, FAST).unwrap()
}

fn refusal(folder: &Path) -> EmbeddedError {
    EmbeddedPostgres::start_with(folder, FAST).expect_err("the start must be refused")
}

/// Returns the process in `postmaster.pid`.
fn postmaster(folder: &Path) -> Option<Pid> {
    let text = fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
    text.lines().next()?.parse().ok().map(Pid::from_raw)
}

fn wait_until(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Checks that a process exists and is not a zombie.
fn lives(pid: Pid) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat"));
    state.map_or(kill(pid, None).is_ok(), |state| {
        !state.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
    }) && kill(pid, None) != Err(nix::errno::Errno::ESRCH)
}

/// Waits for a process to end: a stopped server may need a moment.
fn ends(pid: Pid) -> bool {
    let began = Instant::now();
    while lives(pid) {
        if began.elapsed() > Duration::from_secs(10) {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Runs a query over the socket in the simple query protocol (PostgreSQL, "Message Formats") and returns the first field of
/// the last row.
fn ask(folder: &Path, sql: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(folder.join("run/.s.PGSQL.5432"))?;
    let greeting = b"\0\x03\0\0user\0lectern\0database\0lectern\0\0";
    stream.write_all(&u32::try_from(greeting.len() + 4).unwrap().to_be_bytes())?;
    stream.write_all(greeting)?;
    let mut answer = String::new();
    let mut asked = false;
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        stream.read_exact(&mut body)?;
        match head[0] {
            b'Z' if asked => return Ok(answer),
            b'Z' => {
                asked = true;
                stream.write_all(b"Q")?;
                stream.write_all(&u32::try_from(sql.len() + 5).unwrap().to_be_bytes())?;
                stream.write_all(sql.as_bytes())?;
                stream.write_all(b"\0")?;
            }
            b'D' => answer = String::from_utf8_lossy(&body[6..]).into_owned(),
            b'E' => return Err(io::Error::other(String::from_utf8_lossy(&body).into_owned())),
            _ => {}
        }
    }
}

/// Another process that uses the server of a folder.
struct Other {
    child: Child,
    input: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Other {
    fn begin(program: &Path, folder: &Path, as_user: Option<&User>) -> Other {
        let name = format!("{}::other_process", module_path!().split_once("::").unwrap().1);
        let mut command = Command::new(program);
        command.args(["--exact", &name, "--ignored", "--nocapture", "--test-threads=1"]).env(FOLDER, folder);
        if let Some(user) = as_user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).current_dir("/").env("HOME", "/");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Other { child, input, lines }
    }

    fn new(folder: &Path) -> Other {
        Self::begin(&env::current_exe().unwrap(), folder, None)
    }

    /// Waits for a line that begins with `word`, and returns the rest of it.
    fn says(&mut self, word: &str) -> String {
        for line in self.lines.by_ref() {
            if let Some((_, rest)) = line.unwrap().split_once(word) {
                return rest.trim().to_owned();
            }
        }
        panic!("the other process ended without saying {word}")
    }

    fn ready(&mut self) -> &mut Other {
        self.says("READY");
        self
    }

    fn stop(&mut self) {
        drop(self.input.take());
        self.says("STOPPED");
        assert!(self.child.wait().unwrap().success());
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The work of another process, not a test: it uses the server until its input ends.
#[test]
#[ignore = "a part of the other tests"]
fn other_process() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    match EmbeddedPostgres::start_with(&folder, FAST) {
        Ok(server) => {
            println!("\nREADY {}", server.url());
            io::stdin().read_to_end(&mut Vec::new()).unwrap();
            server.stop().unwrap();
            println!("\nSTOPPED");
        }
        Err(error) => println!("\nREFUSED {error}"),
    }
}

#[test]
fn data_survive_stop_and_start() {
    let place = Place::new();
    let folder = place.dir();
    let server = start(&folder);
    let run = folder.join("run").display().to_string().replace('/', "%2F");
    assert_eq!(server.url(), format!("postgres://lectern@{run}/lectern"));
    assert!(server.is_running());
    assert_eq!(ask(&folder, "SHOW listen_addresses").unwrap(), "");
    assert_eq!(ask(&folder, "SHOW data_checksums").unwrap(), "on");
    assert_eq!(ask(&folder, "SHOW server_encoding").unwrap(), "UTF8");
    assert_eq!(ask(&folder, "SELECT current_database()").unwrap(), "lectern");
    ask(&folder, "CREATE TABLE kept AS SELECT 7 AS n").unwrap();
    let pid = postmaster(&folder).unwrap();
    for private in ["run", "data"] {
        let about = fs::metadata(folder.join(private)).unwrap();
        assert_eq!(about.mode() & 0o777, 0o700, "{private} is closed to others");
        assert_ne!(about.uid(), 0, "{private} belongs to an unprivileged user");
    }
    assert!(!fs::read_dir(&folder).unwrap().flatten().any(|e| e.file_name() == "data.new"));
    server.stop().unwrap();
    assert!(ends(pid));
    assert!(ask(&folder, "SELECT 1").is_err());
    let again = start(&folder);
    assert_eq!(ask(&folder, "SELECT n FROM kept").unwrap(), "7");
    drop(again);
    assert!(postmaster(&folder).is_none(), "dropping the guard stops the server too");
}

#[test]
fn last_process_stops_the_shared_server() {
    let place = Place::new();
    let folder = place.dir();
    let (mut one, mut two) = (Other::new(&folder), Other::new(&folder));
    one.ready();
    two.ready();
    let pid = postmaster(&folder).unwrap();
    one.stop();
    assert_eq!(ask(&folder, "SELECT 1").unwrap(), "1");
    assert_eq!(postmaster(&folder), Some(pid), "both used the same server");
    two.stop();
    assert!(ends(pid));
    // Processes leave and come at the same time, and each has a server.
    let mut last = Other::new(&folder);
    last.ready();
    for _ in 0..4 {
        let mut next = Other::new(&folder);
        last.stop();
        next.ready();
        assert_eq!(ask(&folder, "SELECT 1").unwrap(), "1");
        last = next;
    }
}

#[test]
fn running_server_is_taken_over_after_a_kill_of_the_service() {
    let place = Place::filled();
    let folder = place.dir();
    let mut killed = Other::new(&folder);
    killed.ready().kill();
    let pid = postmaster(&folder).unwrap();
    assert!(lives(pid), "the server outlives the service");
    let server = start(&folder);
    assert_eq!(postmaster(&folder), Some(pid), "it is taken over, not restarted");
    server.stop().unwrap();
    assert!(ends(pid), "it can be stopped: only users have a share");
}

#[test]
fn first_start_recovers_from_a_kill_at_any_moment() {
    let place = Place::new();
    for (n, sign) in ["data.new", "data.new/base", "data/postmaster.pid"].into_iter().enumerate() {
        let folder = place.at(&n.to_string());
        let mut killed = Other::new(&folder);
        assert!(wait_until(|| folder.join(sign).exists()));
        killed.kill();
        let server = start(&folder);
        assert_eq!(ask(&folder, "SELECT current_database()").unwrap(), "lectern");
        server.stop().unwrap();
        let names: Vec<_> = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(!names.iter().any(|name| name.to_string_lossy().starts_with("data.")), "nothing is left: {names:?}");
    }
}

#[test]
fn killed_server_is_restarted() {
    let place = Place::filled();
    let folder = place.dir();
    // Durable, because committed data must survive the kill.
    let server = EmbeddedPostgres::start(&folder).unwrap();
    assert!(!server.ensure_running().unwrap());
    ask(&folder, "CREATE TABLE kept AS SELECT 7 AS n").unwrap();
    let pid = postmaster(&folder).unwrap();
    kill(pid, Signal::SIGKILL).unwrap();
    assert!(wait_until(|| !lives(pid)));
    assert!(!server.is_running());
    assert!(server.ensure_running().unwrap());
    assert_eq!(ask(&folder, "SELECT n FROM kept").unwrap(), "7");
    let pid = postmaster(&folder).unwrap();
    kill(pid, Signal::SIGKILL).unwrap();
    drop(server);
    let server = EmbeddedPostgres::start(&folder).unwrap();
    assert_eq!(ask(&folder, "SELECT n FROM kept").unwrap(), "7");
    // A removed socket makes the server unreachable, so it is restarted.
    fs::remove_file(folder.join("run/.s.PGSQL.5432")).unwrap();
    let second = start(&folder);
    assert_eq!(ask(&folder, "SELECT n FROM kept").unwrap(), "7");
    second.stop().unwrap();
    assert!(server.is_running());
}

#[test]
fn stale_lock_file_with_a_reused_process_id_is_ignored() {
    let place = Place::filled();
    let folder = place.dir();
    start(&folder).stop().unwrap();
    let owner = fs::metadata(folder.join("data")).unwrap();
    let mut sleeper = Command::new("sleep");
    if geteuid().is_root() {
        sleeper.uid(owner.uid()).gid(owner.gid());
    }
    // A program of the same user, and a server of another folder.
    let mut sleeper = sleeper.arg("60").current_dir("/tmp").spawn().unwrap();
    let elsewhere = place.at("elsewhere");
    let other = start(&elsewhere);
    for pid in [i32::try_from(sleeper.id()).unwrap(), postmaster(&elsewhere).unwrap().as_raw()] {
        let lock = format!(
            "{pid}\n{}\n1\n5432\n{}\n\n  1 1\nready   \n",
            folder.join("data").display(),
            folder.join("run").display()
        );
        for name in ["data/postmaster.pid", "run/.s.PGSQL.5432.lock"] {
            fs::write(folder.join(name), &lock).unwrap();
            chown(folder.join(name), Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        let server = start(&folder);
        assert_eq!(ask(&folder, "SELECT current_database()").unwrap(), "lectern");
        server.stop().unwrap();
    }
    assert!(sleeper.try_wait().unwrap().is_none(), "the stranger was left alone");
    assert!(other.is_running(), "and so was the other server");
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

#[test]
fn incomplete_data_folder_is_moved_aside() {
    let place = Place::filled();
    let folder = place.dir();
    let broken = || {
        let entries = fs::read_dir(&folder).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("data.broken-")).count()
    };
    let breaks: [fn(&Path); 3] = [
        |data| fs::remove_file(data.join("global/pg_control")).unwrap(),
        |data| fs::write(data.join("PG_VERSION"), "").unwrap(),
        |data| {
            fs::remove_dir_all(data).unwrap();
            fs::create_dir(data).unwrap();
            fs::write(data.join("note"), "mine").unwrap();
        },
    ];
    for (n, spoil) in breaks.into_iter().enumerate() {
        spoil(&folder.join("data"));
        let server = start(&folder);
        assert_eq!(ask(&folder, "SELECT current_database()").unwrap(), "lectern");
        server.stop().unwrap();
        assert_eq!(broken(), n + 1);
    }
}

/// Returns the metadata of every file in a folder, to detect changes.
fn traces(folder: &Path) -> Vec<(PathBuf, u32, u32, i64, i64, u64)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.push((path, about.mode(), about.uid(), about.ctime(), about.ctime_nsec(), about.size()));
    }
    found.sort();
    found
}

#[test]
fn data_of_another_version_are_refused_unchanged() {
    let place = Place::filled();
    let folder = place.dir();
    let version = folder.join("data/PG_VERSION");
    let installed = fs::read_to_string(&version).unwrap();
    fs::write(&version, "99\n").unwrap();
    let before = traces(&folder);
    let error = refusal(&folder);
    assert!(matches!(error, EmbeddedError::OtherVersion { needs: 99, .. }), "{error}");
    let text = error.to_string();
    for part in ["PostgreSQL 99", installed.trim(), &folder.join("data").display().to_string()] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(traces(&folder), before);
    // An incomplete folder with a version is refused too.
    fs::remove_file(folder.join("data/global/pg_control")).unwrap();
    let before = traces(&folder);
    assert!(matches!(refusal(&folder), EmbeddedError::OtherVersion { .. }));
    assert_eq!(traces(&folder), before);
}

#[test]
fn data_folder_of_postgres_itself_is_refused_unchanged() {
    let place = Place::filled();
    let folder = place.dir();
    let before = traces(&folder.join("data"));
    assert!(matches!(refusal(&folder.join("data")), EmbeddedError::IsCluster(_)));
    assert_eq!(traces(&folder.join("data")), before);
}

#[test]
fn unusable_path_is_refused_and_nothing_is_created() {
    let place = Place::new();
    let long = place.at(&"long".repeat(30));
    let text = refusal(&long).to_string();
    assert!(text.contains("shorter") && !long.exists(), "{text}");
    for name in ["a$HOME", "a\"b", "a`id`", "a\\b", "a\nb"] {
        assert!(matches!(refusal(&place.at(name)), EmbeddedError::Path { .. }), "{name}");
        assert!(!place.at(name).exists());
    }
    let file = place.at("file");
    fs::write(&file, "").unwrap();
    let text = refusal(&file.join("below")).to_string();
    assert!(text.contains("file"), "{text}");
    let text = refusal(Path::new("/proc/lectern")).to_string();
    assert!(text.starts_with("cannot create the folder /proc/lectern: "), "{text}");
}

#[test]
fn unusual_paths_and_links_work() {
    let place = Place::new();
    let folder = place.at("it's, 干细胞 a%2F");
    let server = start(&folder);
    assert_eq!(ask(&folder, "SELECT 1").unwrap(), "1");
    let link = place.at("link");
    symlink(&folder, &link).unwrap();
    let same = start(&link);
    assert_eq!(same.url(), server.url());
    server.stop().unwrap();
    assert_eq!(ask(&folder, "SELECT 1").unwrap(), "1", "both names are one folder");
    same.stop().unwrap();
    assert!(postmaster(&folder).is_none());
}

#[test]
fn failed_start_reports_the_log() {
    let place = Place::filled();
    let folder = place.dir();
    let settings = folder.join("data/postgresql.conf");
    let good = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{good}\nno_such_setting = 1\n")).unwrap();
    let text = refusal(&folder).to_string();
    assert!(text.starts_with("cannot start PostgreSQL:\n") && text.contains("no_such_setting"), "{text}");
    fs::write(&settings, good).unwrap();
    start(&folder).stop().unwrap();
}

#[test]
fn root_opens_its_own_folder_or_names_the_folder_in_the_way() {
    if !geteuid().is_root() {
        return;
    }
    let place = Place::new();
    // As `mktemp -d` creates it: empty and closed.
    let closed = place.at("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    start(&closed).stop().unwrap();
    assert_eq!(fs::metadata(&closed).unwrap().mode() & 0o007, 0, "it stays closed to everybody else");
    // A parent folder, or one with other files, is not opened.
    let home = place.at("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("letter"), "").unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    for folder in [home.clone(), home.join("x/y")] {
        let error = refusal(&folder);
        assert!(matches!(&error, EmbeddedError::Unreachable { folder, .. } if *folder == home), "{error}");
    }
    assert_eq!(fs::read_dir(&home).unwrap().count(), 1, "nothing was made");
    assert_eq!(fs::metadata(&home).unwrap().mode() & 0o777, 0o700);
    let open = place.at("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(refusal(&open), EmbeddedError::OpenToAll(_)));
}

#[test]
fn owner_and_root_share_a_folder_and_other_users_are_refused() {
    if !geteuid().is_root() {
        return;
    }
    let Ok(Some(user)) = User::from_name("nobody") else {
        return;
    };
    let place = Place::new();
    let program = place.at("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let folder = place.dir();
    fs::create_dir(&folder).unwrap();
    chown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    let mut theirs = Other::begin(&program, &folder, Some(&user));
    theirs.ready();
    let pid = postmaster(&folder).unwrap();
    assert_eq!(fs::metadata(format!("/proc/{pid}")).map_or(user.uid.as_raw(), |p| p.uid()), user.uid.as_raw());
    // Root joins, and leaves last.
    let ours = start(&folder);
    theirs.stop();
    assert_eq!(ask(&folder, "SELECT 1").unwrap(), "1");
    ours.stop().unwrap();
    assert!(ends(pid));
    // Root starts it first: the owner can use the files that root created.
    fs::remove_file(folder.join("start.lock")).unwrap();
    fs::remove_file(folder.join("users.lock")).unwrap();
    start(&folder).stop().unwrap();
    let mut theirs = Other::begin(&program, &folder, Some(&user));
    theirs.ready().stop();
    // Root's own folder is closed to them.
    let roots = place.at("roots");
    start(&roots).stop().unwrap();
    let before = traces(&roots);
    let refused = Other::begin(&program, &roots, Some(&user)).says("REFUSED");
    assert!(refused.contains("belongs to the user"), "{refused}");
    let bare = place.at("bare");
    fs::create_dir(&bare).unwrap();
    let refused = Other::begin(&program, &bare, Some(&user)).says("REFUSED");
    assert!(refused.contains("Permission denied") && refused.contains("bare"), "{refused}");
    assert_eq!(traces(&roots), before);
}

#[test]
fn root_follows_no_link_inside_the_folder() {
    if !geteuid().is_root() {
        return;
    }
    let place = Place::filled();
    let folder = place.dir();
    chown(&folder, Some(65534), Some(65534)).unwrap();
    let (kept, targets, missing) = (place.at("kept"), place.at("targets"), place.at("targets/missing"));
    fs::rename(folder.join("data"), &kept).unwrap();
    fs::create_dir_all(targets.join("folder")).unwrap();
    for file in ["file", "folder/.s.PGSQL.5432", "folder/postmaster.pid"] {
        fs::write(targets.join(file), "secret").unwrap();
    }
    let before = traces(&targets);
    let refused = |error: EmbeddedError, link: &Path| {
        assert!(matches!(&error, EmbeddedError::Link(path) if path == link), "{error}");
        assert!(error.to_string().starts_with(&format!("{} is a symbolic link", link.display())), "{error}");
        assert_eq!(traces(&targets), before);
    };
    for name in ["start.lock", "users.lock", "postgres.log", "run", "data", "data.new"] {
        let link = folder.join(name);
        for target in [targets.join("file"), targets.join("folder"), missing.clone()] {
            symlink(target, &link).unwrap();
            refused(refusal(&folder), &link);
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing was made beside {name}");
            fs::remove_file(&link).unwrap();
        }
    }
    // Nor links created after the first check.
    fs::rename(&kept, folder.join("data")).unwrap();
    for name in ["start.lock", "users.lock"] {
        let link = folder.join(name);
        for target in [targets.join("file"), missing.clone()] {
            let server = start(&folder);
            fs::remove_file(&link).unwrap();
            symlink(target, &link).unwrap();
            refused(server.stop().unwrap_err(), &link);
            fs::remove_file(&link).unwrap();
        }
    }
}

#[test]
fn default_folder_works_for_this_user() {
    let folder = default_data_dir().unwrap();
    assert!(folder.is_absolute());
    assert_eq!(geteuid().is_root(), folder == Path::new("/var/lib/lectern"));
}
