//! `heapmm record`: every call of a command, as a trace to play again.
//!
//! ```text
//!   library ─► HEAPMM_TRACE=scratch/%p.%n ─► child ─► raw files ─► packed: one for each process
//! ```
//!
//! - **P1** A process that becomes another program by exec begins another file: the number behind its
//!   own. The last one is the command's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::convert::pack;
use crate::fail::{Fail, Verdict, plain};
use crate::program::scratch::Scratch;
use crate::program::{child, find, inspect, library};
use crate::show::chatter::chat;
use crate::show::word::argument;
use crate::trace::Trace;
use crate::trace::hmt::collect::Losses;

/// Run a command under the library and write every call of malloc and free to a trace.
#[derive(Debug, Args)]
pub struct Record {
    /// The trace of the command itself; others get their process number before the ending.
    #[arg(short, long, value_name = "FILE.hmt")]
    output: PathBuf,
    /// Record the processes that it starts, too.
    #[arg(long)]
    children: bool,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Record {
    pub fn run(self) -> Verdict {
        let mut command = library::command(&self.command)?;
        find::program(&self.command[0])?;
        if let Some(obstacle) = inspect::command(&self.command[0])?.obstacle() {
            let name = self.command[0].display();
            return Err(Fail::new(Fail::OWN, format!("{name}: {obstacle}; there is nothing to record")));
        }
        let recording = Recording::new(&self.output, self.children)?;
        recording.prepare(&mut command);
        let (pid, status) = child::run(&mut command)?;
        recording.keep(pid)?;
        chat!("next:  heapmm compare {}", argument(&self.output));
        Ok(child::code(status))
    }
}

/// The traces of one run, from its start to the files that are kept.
#[derive(Debug)]
pub struct Recording {
    output: PathBuf,
    scratch: Scratch,
    children: bool,
}

/// A file that a process left.
struct Left {
    path: PathBuf,
    pid: u32,
    number: u32,
}

impl Recording {
    /// A recording whose main trace will stand at `output`, that of `children` beside it.
    pub fn new(output: &Path, children: bool) -> Verdict<Self> {
        let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
        let failed = |error| Fail::io(output, &error);
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().map_err(failed)?;
        let scratch = Scratch::within(&folder).map_err(failed)?;
        Ok(Self { output: output.to_owned(), scratch, children })
    }

    /// Tells the library where to leave the traces.
    pub fn prepare(&self, command: &mut Command) {
        command.env("HEAPMM_TRACE", self.scratch.path().join("%p.%n"));
        let parent = if self.children { 0 } else { std::process::id() };
        command.env("HEAPMM_TRACE_PARENT", parent.to_string());
    }

    /// Packs what the processes left, that of process `pid` as the main trace.
    pub fn keep(self, pid: u32) -> Verdict<()> {
        let files = self.left().map_err(|error| Fail::new(Fail::OWN, plain(&error)))?;
        let last = files.iter().filter(|file| file.pid == pid).max_by_key(|file| file.number);
        let Some(main) = last.map(|file| file.number) else {
            let what =
                "the command left no trace: it ended before its first call of malloc, or could not write";
            return Err(Fail::new(Fail::OWN, what));
        };
        for file in &files {
            let is_main = (file.pid, file.number) == (pid, main);
            if is_main || self.children {
                let target = if is_main { self.output.clone() } else { self.beside(file) };
                pack(&Trace::open(&file.path)?, Losses::default(), &target)?;
            }
            // It is large, and its folder goes away in any case.
            let _ = std::fs::remove_file(&file.path);
        }
        Ok(())
    }

    /// The name for the trace of another process: `prog.hmt` and 4711 make `prog.4711.hmt`, and
    /// `prog.4711.1.hmt` for the second program of the process.
    fn beside(&self, left: &Left) -> PathBuf {
        let mut name = self.output.file_stem().unwrap_or_default().to_owned();
        name.push(format!(".{}", left.pid));
        if left.number > 0 {
            name.push(format!(".{}", left.number));
        }
        if let Some(ending) = self.output.extension() {
            name.push(".");
            name.push(ending);
        }
        self.output.with_file_name(name)
    }

    /// The files that processes left, in order of their numbers.
    fn left(&self) -> std::io::Result<Vec<Left>> {
        let mut files = Vec::new();
        for file in std::fs::read_dir(self.scratch.path())? {
            let path = file?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('.'));
            if let Some((pid, number)) = name
                && let (Ok(pid), Ok(number)) = (pid.parse(), number.parse())
            {
                files.push(Left { path, pid, number });
            }
        }
        files.sort_by_key(|file| (file.pid, file.number));
        Ok(files)
    }
}
