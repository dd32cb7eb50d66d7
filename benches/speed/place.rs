//! Where the run takes place: a network that reaches nothing but this machine, and two cores.

use std::{fs, process::Command};

use crate::{Failure, settings::Settings};

/// Refuses a network in which anything but this machine can be reached: the load must not get out.
pub fn alone() -> Result<(), Failure> {
    // Not `/sys/class/net`, which shows the network of whoever mounted it. Not `/proc/net/dev`, which also shows what is down.
    let output = Command::new("ip").args(["-o", "link", "show", "up"]).output();
    let output = output.map_err(|e| format!("`ip` (iproute2) is needed to see which networks are up: {e}"))?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let names: Vec<_> = lines.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    if !output.status.success() || !names.contains(&"lo") {
        return Err("the loopback interface is not up: run `make bench`, which sees to it".into());
    }
    if let Some(other) = names.iter().find(|name| **name != "lo") {
        return Err(format!(
            "the network `{other}` is up here, and load may not get out: run `make bench`, which makes a network of its own"
        )
        .into());
    }
    Ok(())
}

/// Moves this process, and whatever it starts from now on, to the core of the load.
pub fn settle(settings: &Settings) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism()?.get();
    if settings.server_core == settings.load_core || cores < 2 {
        return Err("two cores are needed: one for the servers, one for the load".into());
    }
    move_to(std::process::id(), &[settings.load_core])
}

/// Moves a process and its threads, and whatever it starts from now on, to these cores.
pub fn move_to(process: u32, cores: &[usize]) -> Result<(), Failure> {
    let cores: Vec<_> = cores.iter().map(usize::to_string).collect();
    let mut command = Command::new("taskset");
    command.args(["-a", "-c", "-p", &cores.join(","), &process.to_string()]);
    let output = command.output().map_err(|e| format!("`taskset` (util-linux) is needed to choose cores: {e}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned().into()) }
}

/// Moves a process and those that it started.
pub fn move_all_to(process: u32, cores: &[usize]) -> Result<(), Failure> {
    move_to(process, cores)?;
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    for child in children.split_whitespace() {
        // It may have ended by now.
        let _ = move_to(child.parse()?, cores);
    }
    Ok(())
}

/// How many processes wanted a core, on average over the last minute.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// What the machine is, in one line.
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |(_, m)| m);
    let count = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {count} cores, Linux {}", kernel.trim())
}

/// What a program says of its version, in one line.
pub fn version(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Some(String::from_utf8_lossy(&said).lines().next()?.trim().to_owned())
}
