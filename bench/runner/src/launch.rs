//! Runs one command under one side and says what it cost.

use crate::forge::Side;
use crate::place;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What one run cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of processor time, children included.
    pub cpu: f64,
    /// Bytes resident at the peak.
    pub peak: f64,
    /// Minor page faults, children included.
    pub faults: f64,
    /// What the load program printed.
    pub value: Option<f64>,
}

/// A command line, its standard input and its environment.
#[derive(Default, Clone)]
pub struct Task {
    pub argv: Vec<String>,
    pub stdin: Option<PathBuf>,
    pub env: Vec<(String, String)>,
    /// The program is linked with an allocator of its own, so that even the C
    /// library's has to be preloaded to be measured.
    pub linked: bool,
    /// Whether the program prints the value of its row.
    pub prints: bool,
    /// Seconds after which the run counts as hung, if not the usual number.
    pub limit: Option<u32>,
}

/// Seconds after which a run counts as hung.
const LIMIT: u32 = 120;

/// The system calls that an allocator makes.
const TRACED: &str = "trace=%memory,futex";

pub struct Running {
    child: Child,
    report: PathBuf,
}

static NEXT: AtomicUsize = AtomicUsize::new(0);

fn report_file() -> PathBuf {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    place::scratch().join(format!("report.{}.{n}", std::process::id()))
}

fn preload(task: &Task, side: &Side) -> String {
    match &side.library {
        Some(library) => library.display().to_string(),
        None if task.linked => "libc.so.6".to_string(),
        None => String::new(),
    }
}

/// An environment that is the same on every machine; heapmm's own settings pass.
fn settle(command: &mut Command, task: &Task, side: &Side) -> Result<()> {
    let settings: Vec<_> = std::env::vars().filter(|(name, _)| name.starts_with("HEAPMM_")).collect();
    command
        .env_clear()
        .env("PATH", place::PROGRAM_PATH)
        .env("HOME", place::made())
        .env("LC_ALL", "C.UTF-8")
        .envs(settings)
        .envs(task.env.iter().cloned())
        .envs(side.peer.env.iter().copied())
        .current_dir(place::scratch())
        .stdout(if task.prints { Stdio::piped() } else { Stdio::null() })
        .stderr(Stdio::piped());
    match &task.stdin {
        Some(path) => command.stdin(File::open(path).with_context(|| path.display().to_string())?),
        None => command.stdin(Stdio::null()),
    };
    Ok(())
}

/// Starts the task for a timed run.
pub fn start(task: &Task, side: &Side) -> Result<Running> {
    let report = report_file();
    let library = preload(task, side);
    let mut command = Command::new(place::loads().join("launch"));
    let limit = task.limit.unwrap_or(LIMIT).to_string();
    command.arg(&report).arg(limit).arg(if library.is_empty() { "-" } else { &library }).args(&task.argv);
    settle(&mut command, task, side)?;
    Ok(Running { child: command.spawn()?, report })
}

/// Starts the task to have its system calls counted.
pub fn start_traced(task: &Task, side: &Side) -> Result<Running> {
    let report = report_file();
    let library = preload(task, side);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-c", "--seccomp-bpf", "-e", TRACED, "-o"]).arg(&report);
    if !library.is_empty() {
        command.arg("-E").arg(format!("LD_PRELOAD={library}"));
    }
    command.args(&task.argv);
    settle(&mut command, task, side)?;
    Ok(Running { child: command.spawn()?, report })
}

impl Running {
    /// Waits for the end of a timed run.
    pub fn finish(self) -> Result<Cost> {
        Ok(self.finish_with_text()?.0)
    }

    /// The same, with everything that the program printed.
    pub fn finish_with_text(self) -> Result<(Cost, String)> {
        let out = self.child.wait_with_output()?;
        let text = fs::read_to_string(&self.report).context("the launcher left no report")?;
        fs::remove_file(&self.report)?;
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let &[status, wall, cpu, peak, faults] = numbers.as_slice() else { bail!("a report of {text:?}") };
        if status != 0.0 {
            let said = String::from_utf8_lossy(&out.stderr).lines().next_back().unwrap_or("").to_string();
            bail!("status {status} {said}");
        }
        let printed = String::from_utf8_lossy(&out.stdout).into_owned();
        let value = printed.strip_prefix("value ").and_then(|rest| rest.trim().parse().ok());
        Ok((Cost { wall, cpu, peak: peak * 1024.0, faults, value }, printed))
    }

    /// Waits for the end of a traced run and returns the number of calls.
    pub fn finish_traced(self) -> Result<u64> {
        let out = self.child.wait_with_output()?;
        let text = fs::read_to_string(&self.report).context("strace left no report")?;
        fs::remove_file(&self.report)?;
        if !out.status.success() {
            bail!("under strace: {}", out.status);
        }
        calls(&text).with_context(|| format!("strace reports {text:?}"))
    }
}

/// The calls column of the last line of strace's table.
fn calls(table: &str) -> Option<u64> {
    let total = table.lines().find(|line| line.trim_end().ends_with(" total"))?;
    total.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_strace_table_is_its_fourth_column() {
        let table = "% time     seconds  usecs/call     calls    errors syscall\n\
                     ------ ----------- ----------- --------- --------- --------\n\
                      60.00    0.000012           1         9           mmap\n\
                     ------ ----------- ----------- --------- --------- --------\n\
                     100.00    0.000020           1        17         2 total\n";

        assert_eq!(calls(table), Some(17));
    }
}
