//! A program that was started here: on a core of its own, watched through `/proc`, ended with us.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::Failure;

pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` on `core` with nothing of our settings in its environment. What it says on stderr goes to the file `log`.
    pub fn start(
        core: usize,
        program: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
        log: &Path,
    ) -> Result<Process, Failure> {
        // Appended to, so that the file can be emptied while it is written to.
        let stderr = File::options().create(true).append(true).open(log)?;
        // `taskset` becomes the program: its process is the program's.
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

    /// Fails with its last words if it ended.
    pub fn check(&mut self) -> Result<(), Failure> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                let last: Vec<_> = said.lines().rev().take(5).collect();
                Err(format!("a server ended with {status}: {last:?}").into())
            }
        }
    }

    /// Throws away what it said so far.
    pub fn forget_log(&self) -> Result<(), Failure> {
        Ok(File::options().write(true).open(&self.log)?.set_len(0)?)
    }

    /// What it said.
    pub fn log(&self) -> Result<String, Failure> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// The time that it had on a core.
    pub fn busy(&self) -> Duration {
        busy(&self.child.id().to_string())
    }

    /// Resident memory now and at most, in bytes.
    pub fn memory(&self) -> Result<(u64, u64), Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let bytes = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
        };
        bytes("VmRSS").zip(bytes("VmHWM")).ok_or_else(|| "/proc does not say how much memory is used".into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing that it has is worth keeping.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A tick of the times in `/proc`: 1/100 s wherever Linux runs.
const TICK: Duration = Duration::from_millis(10);

/// The time that a process (`self` for this one) had on a core.
pub fn busy(process: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program stands in parentheses and may hold anything; user and system time are fields 14 and 15.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(2);
    TICK * fields.filter_map(|field| field.parse::<u32>().ok()).sum::<u32>()
}

/// The time for which a core did anything at all.
pub fn core_busy(core: usize) -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let name = format!("cpu{core} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_default();
    // user nice system idle iowait irq softirq steal
    let fields: Vec<u32> = line.split_whitespace().filter_map(|field| field.parse().ok()).take(8).collect();
    TICK * fields.iter().enumerate().filter(|(place, _)| ![3, 4].contains(place)).map(|(_, ticks)| ticks).sum::<u32>()
}
