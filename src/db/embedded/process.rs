//! Detection of a running server: its `postmaster.pid`, compared with the actual process.

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt, net::UnixStream},
    path::Path,
    process::Command,
};

use nix::{sys::signal, unistd::Pid};

/// A running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) pid: i32,
    pub(super) state: State,
}

/// The state of a running server, by its `postmaster.pid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not yet ready, or in crash recovery.
    Starting,
    /// Accepts connections.
    Ready,
    /// Shutting down.
    Stopping,
}

/// Parses a data folder's `postmaster.pid`; `None` if it is missing or names no process.
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

/// Returns the server that is running on the data folder `data`.
///
/// A process id alone is no proof: after a crash it may belong to another program, or to the server of another folder.
pub(super) fn find(data: &Path) -> Option<Server> {
    recorded(data).filter(|server| serves(server.pid, data))
}

/// Checks that the process is the Postgres server of this folder: a server's working directory is its data folder.
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
            // After a package upgrade the name ends with " (deleted)".
            let program = fs::read_link(process.join("exe")).unwrap_or_default();
            let name = program.file_name().unwrap_or_default().as_bytes();
            folder.dev() == device && folder.ino() == inode && name.starts_with(b"postgres")
        }
        // Root in a container may not inspect processes of other users, except for their command line.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let owned = fs::metadata(&process).is_ok_and(|process| process.uid() == user);
            let named = fs::read(process.join("comm")).is_ok_and(|name| name.starts_with(b"postgres"));
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            let is_argument = line.split(|byte| *byte == 0).any(|argument| argument == data.as_os_str().as_bytes());
            owned && named && is_argument
        }
        Err(_) => false,
    }
}

/// Checks the same without `/proc` (macOS, BSD): the process exists and `ps` names it postgres. The server of another folder
/// passes too; Postgres's own locks then refuse a second start.
fn serves_without_proc(pid: i32) -> bool {
    let alive = signal::kill(Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH);
    alive
        && Command::new("ps")
            .args(["-p", &pid.to_string(), "-o", "comm="])
            .output()
            .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim().ends_with("postgres"))
}

/// Checks that a server accepts connections at the socket; a full queue counts as accepting.
pub(super) fn answers(socket: &Path) -> bool {
    match UnixStream::connect(socket) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused),
    }
}
