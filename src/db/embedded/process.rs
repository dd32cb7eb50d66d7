//! Whether a server runs on a data folder: what its `postmaster.pid` says, held against what really runs.

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt, net::UnixStream},
    path::Path,
    process::Command,
};

use nix::{sys::signal, unistd::Pid};

/// A server that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) pid: i32,
    pub(super) state: State,
}

/// What a running server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not yet ready, or recovering after a crash.
    Starting,
    /// Takes connections.
    Ready,
    /// On its way out.
    Stopping,
}

/// What is written in a data folder's `postmaster.pid`; `None` where there is no such file or it holds no process.
///
/// Lines (Postgres: `miscadmin.h`, `LOCK_FILE_LINE_*`): process (negative for a single-user one), data folder, start
/// time, port, socket folder, address, shared memory, status.
fn recorded(data: &Path) -> Option<Server> {
    let text = fs::read(data.join("postmaster.pid")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse::<i32>().ok()?.checked_abs().filter(|pid| *pid > 1)?;
    let state = match lines.nth(6).map(str::trim) {
        Some("ready" | "standby") => State::Ready,
        Some("stopping") => State::Stopping,
        _ => State::Starting,
    };
    Some(Server { pid, state })
}

/// The server that runs on the data folder `data`, if one does.
///
/// A process number alone proves nothing: after a crash it may have been given to another program, or to the server
/// of another folder.
pub(super) fn find(data: &Path) -> Option<Server> {
    recorded(data).filter(|server| serves(server.pid, data))
}

/// Whether the process is a Postgres server, and of this folder: a server's working folder is its data folder.
fn serves(pid: i32, data: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    if !Path::new("/proc/self/cwd").exists() {
        return serves_without_proc(pid);
    }
    let Ok(owner) = fs::metadata(data).map(|data| (data.dev(), data.ino(), data.uid())) else {
        return false;
    };
    let (device, inode, user) = owner;
    match fs::metadata(process.join("cwd")) {
        Ok(folder) => {
            // After an upgrade of the package the name ends in " (deleted)".
            let program = fs::read_link(process.join("exe")).unwrap_or_default();
            let name = program.file_name().unwrap_or_default().as_bytes();
            folder.dev() == device && folder.ino() == inode && name.starts_with(b"postgres")
        }
        // Root in a container may not look into the processes of other users; the command line is open to all.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let owned = fs::metadata(&process).is_ok_and(|process| process.uid() == user);
            let named = fs::read(process.join("comm")).is_ok_and(|name| name.starts_with(b"postgres"));
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            let told = line.split(|byte| *byte == 0).any(|argument| argument == data.as_os_str().as_bytes());
            owned && named && told
        }
        Err(_) => false,
    }
}

/// The same where there is no `/proc` (macOS, BSD): the process lives and `ps` calls it a postgres. The server of
/// another folder passes too, but a start then fails by Postgres's own locks instead of doing harm.
fn serves_without_proc(pid: i32) -> bool {
    let alive = signal::kill(Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH);
    alive
        && Command::new("ps")
            .args(["-p", &pid.to_string(), "-o", "comm="])
            .output()
            .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim().ends_with("postgres"))
}

/// Whether something answers at the socket; a queue that is full for the moment counts as an answer.
pub(super) fn answers(socket: &Path) -> bool {
    match UnixStream::connect(socket) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused),
    }
}
