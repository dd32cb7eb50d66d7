//! The machine: its network, its cores, and the processes that the bench starts on them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{Failure, settings::Settings};

/// Fails if another network than loopback is up, because the load must not leave this machine.
pub fn check_network() -> Result<(), Failure> {
    // `/sys/class/net` shows the network namespace that mounted it, and `/proc/net/dev` also lists what is down.
    let output = Command::new("ip").args(["-o", "link", "show", "up"]).output();
    let output = output.map_err(|e| format!("`ip` (package iproute2) cannot be run: {e}"))?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let names: Vec<_> = lines.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    if !output.status.success() || !names.contains(&"lo") {
        return Err("the loopback interface is down; run `make bench`, which sets it up".into());
    }
    match names.iter().find(|name| **name != "lo") {
        Some(other) => {
            Err(format!("the network `{other}` is up; run `make bench`, which uses a network namespace").into())
        }
        None => Ok(()),
    }
}

/// Moves this process and the processes that it starts later to the core of the load.
pub fn move_to_load_core(settings: &Settings) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism()?.get();
    if settings.server_core == settings.load_core || cores < 2 {
        return Err("BENCH_CORES: two different cores are needed, for the servers and for the load".into());
    }
    move_to(std::process::id(), &[settings.load_core])
}

/// Moves a process, its threads and the processes that it starts later to these cores.
pub fn move_to(process: u32, cores: &[usize]) -> Result<(), Failure> {
    let cores: Vec<_> = cores.iter().map(usize::to_string).collect();
    let mut command = Command::new("taskset");
    command.args(["-a", "-c", "-p", &cores.join(","), &process.to_string()]);
    let output = command.output().map_err(|e| format!("`taskset` (package util-linux) cannot be run: {e}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned().into()) }
}

/// Moves a process and its children.
pub fn move_all_to(process: u32, cores: &[usize]) -> Result<(), Failure> {
    move_to(process, cores)?;
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    for child in children.split_whitespace() {
        // It may have ended meanwhile.
        let _ = move_to(child.parse()?, cores);
    }
    Ok(())
}

/// Returns the processor and the kernel in one line.
pub fn description() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |(_, m)| m);
    let count = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {count} cores, Linux {}", kernel.trim())
}

/// Returns the first program of this name on `PATH` and in the folders of system programs.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A child process on a core of its own; it is killed on drop.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` on `core` without our settings in its environment; its stderr goes to the file `log`.
    pub fn start(
        core: usize,
        program: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
        log: &Path,
    ) -> Result<Process, Failure> {
        // In append mode the file can be truncated while it is written.
        let stderr = File::options().create(true).append(true).open(log)?;
        // `taskset` executes the program, so the child is the program.
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string()]).arg(program).args(arguments);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["LECTERN_", "DATABASE_", "RUST_LOG", "PG"].iter().any(|start| text.starts_with(start)) {
                command.env_remove(&name);
            }
        }
        command.envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let child = command.spawn().map_err(|e| format!("{} cannot be started: {e}", program.display()))?;
        Ok(Process { child, log: log.to_owned() })
    }

    /// Fails with the last log lines if the process has ended.
    pub fn check(&mut self) -> Result<(), Failure> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let last: Vec<_> = log.lines().rev().take(5).collect();
                Err(format!("a server ended with {status}: {last:?}").into())
            }
        }
    }

    /// Empties the log file.
    pub fn truncate_log(&self) -> Result<(), Failure> {
        Ok(File::options().write(true).open(&self.log)?.set_len(0)?)
    }

    /// Returns the processor time that it used.
    pub fn cpu_time(&self) -> Duration {
        cpu_time(&self.child.id().to_string())
    }

    /// Returns the resident memory in bytes, now and at its peak.
    pub fn memory(&self) -> Result<(u64, u64), Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let bytes = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
        };
        bytes("VmRSS").zip(bytes("VmHWM")).ok_or_else(|| "/proc has no memory usage of a server".into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the processor time of a process; `self` is this one.
pub fn cpu_time(process: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The program's name is in parentheses and may contain anything; user and system time are fields 14 and 15 (proc(5)).
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(2);
    // A tick is 1/100 s on every Linux.
    Duration::from_millis(10) * fields.filter_map(|field| field.parse::<u32>().ok()).sum::<u32>()
}
