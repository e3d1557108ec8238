//! `heapmm record`: every call of a command, as a trace to play again.
//!
//! ```text
//!   library ─► HEAPMM_TRACE=scratch/%p.%n ─► child ─► raw files ─► packed: one for each process
//! ```
//!
//! - **P1** A process that becomes another program by exec begins another file: the number behind its
//!   own. The last one is the command's.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::convert::{pack, tell};
use crate::fail::{self, Fail, Verdict, plain};
use crate::program::scratch::{self, Scratch};
use crate::program::{child, inspect, library, strict};
use crate::show::chatter::chat;
use crate::show::file::{Draft, Place};
use crate::show::word::argument;
use crate::trace::Trace;
use crate::trace::ahead::{Ahead, Packed};
use crate::trace::hmt::MAGIC;
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
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Record {
    pub fn run(self) -> Verdict {
        let library = library::path()?;
        let findings = inspect::command(&self.command[0])?;
        let mut command = library::command(&library, &self.command, &findings);
        if let Some(obstacle) = findings.obstacle() {
            let name = self.command[0].display();
            return Err(Fail::new(Fail::OWN, format!("{name}: {obstacle}; there is nothing to record")));
        }
        let mut recording = Recording::new(&self.output, self.children)?;
        recording.prepare(&mut command)?;
        let (pid, status) = child::run(&mut command)?;
        if strict::ended(&command, status) {
            let line = format!("{}: {}; nothing recorded", self.command[0].display(), strict::WORDS);
            return Err(Fail::new(child::code(status), line));
        }
        let kept = recording.keep(pid);
        if let Ok(true) = kept {
            chat!("next:  heapmm compare {}", argument(&self.output));
        }
        Ok(fail::after(child::code(status), [kept.map(|_| ())]))
    }
}

/// The traces of one run, from its start to the files that are kept.
pub struct Recording {
    output: PathBuf,
    /// Where it was looked whether the main trace can be written, until it is.
    place: Option<Place>,
    /// Writes to `scratch`, and so goes before it.
    ahead: Option<Ahead>,
    scratch: Scratch,
    children: bool,
}

/// A file that a process left.
struct Left {
    path: PathBuf,
    pid: u32,
    number: u32,
}

impl Left {
    /// Whether the head of the trace could be written.
    fn has_begun(&self) -> bool {
        let mut mark = [0; MAGIC.len()];
        File::open(&self.path).and_then(|mut file| file.read_exact(&mut mark)).is_ok() && mark == MAGIC
    }
}

impl Recording {
    /// A recording whose main trace will stand at `output`, that of `children` beside it.
    pub fn new(output: &Path, children: bool) -> Verdict<Self> {
        let place = Place::new(output)?;
        let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
        let failed = |error| Fail::io(output, &error);
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().map_err(failed)?;
        for lost in scratch::abandoned(&folder) {
            let lost = lost.display();
            chat!("note: {lost} is what a recording that was killed has left; heapmm import reads its files");
        }
        let scratch = Scratch::within(&folder).map_err(failed)?;
        make_room(scratch.path()).map_err(failed)?;
        Ok(Self { output: output.to_owned(), place: Some(place), scratch, children, ahead: None })
    }

    /// Tells the library where to leave the traces, and begins to pack what comes.
    pub fn prepare(&mut self, command: &mut Command) -> Verdict<()> {
        command.env("HEAPMM_TRACE", self.scratch.pattern()?);
        let parent = if self.children { 0 } else { std::process::id() };
        command.env("HEAPMM_TRACE_PARENT", parent.to_string());
        self.ahead = Ahead::start(self.scratch.path());
        Ok(())
    }

    /// Packs what the processes left, that of process `pid` as the main trace; whether that one can be played.
    pub fn keep(mut self, pid: u32) -> Verdict<bool> {
        let packed = self.ahead.take().and_then(Ahead::finish);
        let files = self.left().map_err(|error| Fail::new(Fail::OWN, plain(&error)))?;
        let last = files.iter().filter(|file| file.pid == pid).max_by_key(|file| file.number);
        let nothing =
            |why| Fail::new(Fail::OWN, format!("{}: nothing recorded: {why}", self.output.display()));
        let Some(main) = last.map(|file| file.number) else {
            return Err(nothing("the command ended before its first call of malloc, or could not write"));
        };
        if self.children {
            tell_running(&self.running(&files));
        }
        let mut kept = match last.is_some_and(Left::has_begun) {
            true => Ok(false),
            false => Err(nothing("the command could not write its trace")),
        };
        for file in files.iter().filter(|file| file.has_begun()) {
            let is_main = (file.pid, file.number) == (pid, main);
            if is_main || self.children {
                let place = if is_main { self.place.take() } else { None };
                let draft = place.map_or_else(|| Draft::new(&self.beside(file)), Place::draft);
                let packed = packed.as_ref().filter(|packed| packed.raw == file.path);
                let played = draft.and_then(|draft| keep(&file.path, packed, draft));
                kept = kept.and_then(|main| Ok(main | (played? && is_main)));
            }
            // It is large, and its folder goes away in any case.
            let _ = fs::remove_file(&file.path);
        }
        kept
    }

    /// The processes that were to leave traces and still run: they have the setting, or a file, in their memory.
    fn running(&self, files: &[Left]) -> Vec<u32> {
        let folder = self.scratch.path().as_os_str().as_bytes();
        let names = |pid: u32, what: &str| {
            let text = fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
            text.windows(folder.len()).any(|part| part == folder)
        };
        let has_file = |pid: u32| files.iter().any(|file| file.pid == pid);
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        all.filter_map(|process| process.file_name().to_str()?.parse().ok())
            .filter(|pid| names(*pid, "environ") || has_file(*pid) && names(*pid, "maps"))
            .collect()
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
    fn left(&self) -> io::Result<Vec<Left>> {
        let mut files = Vec::new();
        for file in fs::read_dir(self.scratch.path())? {
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

/// Says which processes still run: what they call from now on will be in no trace.
fn tell_running(processes: &[u32]) {
    if processes.is_empty() {
        return;
    }
    let named = processes.iter().map(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        format!("{pid} ({})", name.trim_end())
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let (noun, verb) = if processes.len() == 1 { ("process", "runs") } else { ("processes", "run") };
    chat!(
        "{noun} {named} still {verb}, recorded up to here; for all: HEAPMM_TRACE=/tmp/%p.%n heapmm run -- CMD"
    );
}

/// Whether there is room in `folder` for a recording to begin.
fn make_room(folder: &Path) -> io::Result<()> {
    const START: i64 = 128 << 10;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes to the struct that is passed.
    if unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } == 0 && limit.rlim_cur < START as u64 {
        // Going on to the limit would end this process by a signal.
        return Err(io::Error::from_raw_os_error(libc::EFBIG));
    }
    let path = folder.join("room");
    let file = File::create_new(&path)?;
    // SAFETY: a descriptor of our own.
    let refusal = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, START) };
    fs::remove_file(&path)?;
    if refusal == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(refusal)) }
}

/// Packs the trace that a process left in `file`, unless it is `packed` already. Where there is no room to, it
/// becomes the trace as it was recorded: every verb reads it. Whether there is something to play then.
fn keep(file: &Path, packed: Option<&Packed>, draft: Draft) -> Verdict<bool> {
    let (target, is_special) = (draft.target().to_owned(), draft.is_special());
    if let Some(packed) = packed.filter(|packed| !is_special && fs::rename(&packed.file, &target).is_ok()) {
        tell(&target, packed.events, packed.losses);
        return Ok(packed.events > 0);
    }
    let trace = Trace::called(file, &target)?;
    let fail = match pack(&trace, Losses::default(), draft) {
        Ok(events) => return Ok(events > 0 && !is_special),
        Err(fail) => fail,
    };
    if is_special || fs::rename(file, &target).is_err() {
        return Err(fail);
    }
    let mut events = 0;
    trace.each(&mut |some| {
        events += some.len();
        true
    })?;
    chat!("{}: left as it was recorded, without packing", fail.line);
    Ok(events > 0)
}
