//! One bounded run of a command, and what came of it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Report, Scratch};

/// Address space of a run that asks for nothing else.
const ADDRESS_SPACE: u64 = 8 << 30;

/// Where the descriptor lies that every descendant of a run inherits.
const FIRST_DESCRIPTOR: libc::c_int = 700;

/// A command that is to be run, with its bounds.
pub struct Run {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
    dir: Option<PathBuf>,
    preload: bool,
    address_space: u64,
    data: u64,
    timeout: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The process that was started.
    pub pid: u32,
    /// All that it and its children wrote.
    pub stdout: Vec<u8>,
    /// All that it and its children wrote as errors.
    pub stderr: Vec<u8>,
    /// Its exit status, if it exited.
    pub status: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// The reports of all processes under the preload, in no order.
    pub reports: Vec<Report>,
}

impl Run {
    /// A run of `program`, looked up on the search path.
    pub fn new(program: impl AsRef<OsStr>) -> Run {
        Run {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            stdin: None,
            dir: None,
            preload: false,
            address_space: ADDRESS_SPACE,
            data: libc::RLIM_INFINITY,
            timeout: Duration::from_secs(60),
        }
    }

    /// A run of a shell command.
    pub fn shell(command: &str) -> Run {
        Run::new("sh").args(["-c", command])
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Run {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Run {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets what the command reads; without it there is nothing to read.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Run {
        self.stdin = Some(bytes.into());
        self
    }

    /// Sets the directory of the command.
    pub fn dir(mut self, path: impl AsRef<Path>) -> Run {
        self.dir = Some(path.as_ref().to_owned());
        self
    }

    /// Runs under the library, set up as [`super::setup`] says: `POLICY` or `POLICY,option=value`.
    pub fn preload(mut self, setup: Option<&str>) -> Run {
        self.preload = true;
        super::variables(setup).into_iter().fold(self, |run, (name, value)| run.env(name, value))
    }

    /// Bounds the address space; `u64::MAX` for a program that bears no bound.
    pub fn limit_as(mut self, bytes: u64) -> Run {
        self.address_space = bytes;
        self
    }

    /// Bounds the data segment.
    pub fn limit_data(mut self, bytes: u64) -> Run {
        self.data = bytes;
        self
    }

    /// Sets the time after which the run is killed and the test fails.
    pub fn timeout(mut self, time: Duration) -> Run {
        self.timeout = time;
        self
    }

    /// Runs the command to its end; fails the test if there is none in time.
    pub fn run(self) -> Outcome {
        match self.attempt() {
            Ok(outcome) => outcome,
            Err(message) => panic!("{message}"),
        }
    }

    /// Runs the command to its end, or kills it when its time is over.
    pub fn attempt(self) -> Result<Outcome, String> {
        let folder = Scratch::new();
        let (ended, alive) = io::pipe().expect("a pipe can be made");
        let child = self.command(folder.path(), alive).spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) => panic!("{} does not start: {error}", self.program.display()),
        };
        let pid = child.id();
        let Some(output) = finish(child, self.stdin, ended, self.timeout) else {
            return Err(format!("{} {:?} ran out of time", self.program.display(), self.args));
        };
        Ok(Outcome {
            pid,
            status: output.status.code(),
            signal: output.status.signal(),
            stdout: output.stdout,
            stderr: output.stderr,
            reports: read_reports(&reports_in(folder.path())),
        })
    }

    /// The command with its environment, bounds and process group. All its
    /// descendants inherit `alive`, which is closed when the last one ends.
    fn command(&self, folder: &Path, alive: PipeWriter) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", super::search_path())
            .env("HOME", home_in(folder))
            .env("LC_ALL", "C")
            .env("TZ", "UTC0")
            .current_dir(self.dir.as_deref().unwrap_or(Path::new("/")))
            .stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if self.preload {
            command
                .env("LD_PRELOAD", super::library())
                .env("HEAPMM_STATS", "exit")
                .env("HEAPMM_STATS_FORMAT", "json")
                .env("HEAPMM_OUT", reports_in(folder).join("%p.%n"));
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let (address_space, data) = (self.address_space, self.data);
        // SAFETY: the closure only makes system calls and allocates nothing.
        unsafe {
            command.pre_exec(move || {
                hand_down(&alive)?;
                limit(libc::RLIMIT_AS, address_space)?;
                limit(libc::RLIMIT_DATA, data)?;
                limit(libc::RLIMIT_CORE, 0)
            })
        };
        command
    }
}

impl Outcome {
    /// What was written, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What was written as errors, as text.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Asserts that the process exited with status 0, and shows why if not.
    pub fn succeeded(self) -> Outcome {
        assert_eq!(
            (self.status, self.signal),
            (Some(0), None),
            "stdout:\n{}\nstderr:\n{}",
            self.text(),
            self.errors()
        );
        self
    }

    /// The report of the process that was started, its rows checked.
    pub fn report(&self) -> &Report {
        let report = self.reports.iter().find(|report| report.pid == self.pid);
        match report {
            Some(report) => {
                report.check();
                report
            }
            None => panic!("process {} left no report", self.pid),
        }
    }

    /// Checks the rows of every report.
    pub fn check_reports(&self) {
        self.reports.iter().for_each(Report::check);
    }

    /// The first process that ran under another policy than `setup` wants.
    pub fn complaint_about_policy(&self, setup: Option<&str>) -> Option<String> {
        let stranger = self.reports.iter().find(|report| report.policy != super::policy_of(setup))?;
        Some(format!("another policy than {setup:?}: {}", stranger.line))
    }

    /// What is wrong with the reports: one that does not add up, or none of
    /// the process that was started, though it exited by itself.
    pub fn complaint_about_reports(&self) -> Option<String> {
        let own = self.reports.iter().any(|report| report.pid == self.pid);
        if !own && self.signal.is_none() {
            return Some(format!("process {} left no report", self.pid));
        }
        let mut complaints = self.reports.iter().filter_map(Report::complaint);
        complaints.next()
    }
}

/// Feeds a child and waits for it and all its descendants, since each of them
/// reports when it ends; none if they outlive their time.
fn finish(
    mut child: Child,
    stdin: Option<Vec<u8>>,
    mut ended: PipeReader,
    timeout: Duration,
) -> Option<Output> {
    if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), stdin) {
        thread::spawn(move || {
            // A command may end before it has read everything.
            let written = pipe.write_all(&bytes);
            let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
            assert!(written.is_ok() || written.is_err_and(|e| closed(&e)));
        });
    }
    let group = child.id().cast_signed();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let output = child.wait_with_output();
        let rest = io::copy(&mut ended, &mut io::sink());
        sender.send(rest.and(output))
    });
    if let Ok(output) = receiver.recv_timeout(timeout) {
        return Some(output.expect("the output of a child can be read"));
    }
    // SAFETY: the call touches no memory; the group is the child's own, which leads it.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    // What was killed is gone before its files are looked at; what left the group may stay.
    let gone = receiver.recv_timeout(Duration::from_secs(5));
    gone.err().inspect(|_| eprintln!("process group {group} was killed, but left processes behind"));
    None
}

/// Keeps a descriptor open in the program to come, out of the way of its own.
fn hand_down(pipe: &PipeWriter) -> io::Result<()> {
    // SAFETY: the call touches no memory.
    match unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_DUPFD, FIRST_DESCRIPTOR) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Sets the soft and the hard bound of a resource.
fn limit(resource: libc::__rlimit_resource_t, bytes: u64) -> io::Result<()> {
    let bound = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: `bound` lives until the call returns.
    match unsafe { libc::setrlimit(resource, &raw const bound) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The home directory of a run.
fn home_in(folder: &Path) -> PathBuf {
    made(folder.join("home"))
}

/// The directory that takes the reports of a run.
fn reports_in(folder: &Path) -> PathBuf {
    let reports = made(folder.join("reports"));
    // A server that gives up its user id reports as well.
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(&reports, open).expect("a scratch directory can be opened");
    reports
}

/// A path, its directory made.
fn made(path: PathBuf) -> PathBuf {
    fs::create_dir_all(&path).expect("a scratch directory can be made");
    path
}

/// Reads all reports in a directory.
fn read_reports(folder: &Path) -> Vec<Report> {
    let entries = fs::read_dir(folder).expect("the reports can be listed");
    entries
        .map(|entry| entry.expect("the reports can be listed").path())
        .map(|path| fs::read_to_string(path).expect("a report is text"))
        // The other kind tells of leaks.
        .filter(|text| !text.contains("\"leaks\":"))
        .map(|text| Report::parse(text.trim_end()))
        .collect()
}
