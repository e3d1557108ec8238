//! Packs the raw trace of a process while that still writes it: what is left to do at the end is little.
//!
//! ```text
//!   process ─► PID.0 ─► follower ─► writer ─► packed
//!              PID.1 ─► another program by exec: begun anew
//! ```
//!
//! - **H1** It only saves time: where anything goes wrong nothing is left of it, and whoever wanted the trace
//!   packs the raw file. On a disk that is nearly full the room is the process's.
//! - **H2** Nothing is written to the folder any more when the value is gone.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::BufWriter;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::Event;
use super::hmt::collect::Losses;
use super::hmt::follow::Follower;
use super::hmt::writer::Writer;

/// Between two looks: at first, and most where nothing happens.
const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_millis(16);

/// Bytes of a disk that are not touched.
const RESERVE: u64 = 64 << 20;

/// Packing under way.
#[derive(Debug)]
pub struct Ahead {
    /// Gone when the process has ended.
    running: Option<Sender<()>>,
    /// The thread, until it is waited for.
    thread: Option<JoinHandle<Option<Packed>>>,
}

/// A trace that was packed ahead.
#[derive(Debug)]
pub struct Packed {
    /// The raw file.
    pub raw: PathBuf,
    /// The packed one.
    pub file: PathBuf,
    /// Its events.
    pub events: u64,
    /// What could not be matched.
    pub losses: Losses,
}

/// One file on its way.
struct Work {
    raw: PathBuf,
    follower: Follower,
    writer: Writer<BufWriter<File>>,
    events: u64,
}

impl Ahead {
    /// Begins with the first raw file that appears in `folder`; `None` if there is no processor to spare.
    pub fn start(folder: &Path) -> Option<Self> {
        std::thread::available_parallelism().ok().filter(|count| count.get() > 1)?;
        let folder = folder.to_owned();
        let (running, end) = channel();
        let run = move || {
            let file = folder.join("packed");
            let packed = follow(&folder, &file, &end);
            if packed.is_none() {
                // It may not even be there.
                let _ = fs::remove_file(&file);
            }
            packed
        };
        let thread = Builder::new().name("ahead".to_owned()).spawn(run).ok()?;
        Some(Self { running: Some(running), thread: Some(thread) })
    }

    /// The process has ended: its last trace, packed, unless something was in the way.
    pub fn finish(mut self) -> Option<Packed> {
        self.join()
    }

    fn join(&mut self) -> Option<Packed> {
        self.running = None;
        self.thread.take()?.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // [H2](self): nobody wants it.
        drop(self.join());
    }
}

/// Packs into `file` what a process leaves in `folder`, until `end` says that it has ended.
fn follow(folder: &Path, file: &Path, end: &Receiver<()>) -> Option<Packed> {
    let mut work: Option<Work> = None;
    let mut pause = SHORT;
    loop {
        let has_ended = end.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected);
        while let Some(raw) = work.as_ref().map_or_else(|| first(folder), |work| successor(&work.raw)) {
            match Work::begin(raw, file)? {
                None => break,
                begun => work = begun,
            }
        }
        let any = match &mut work {
            Some(work) if room(folder)? >= RESERVE => work.advance(has_ended)?,
            Some(_) => return None,
            None => false,
        };
        pause = if any { SHORT } else { (2 * pause).min(LONG) };
        if has_ended {
            return work?.finish(file);
        }
    }
}

impl Work {
    /// Begins to pack `raw` into `file`; nothing yet if its head is not there. `None` if it cannot.
    fn begin(raw: PathBuf, file: &Path) -> Option<Option<Self>> {
        let Some(follower) = Follower::open(&raw).ok()? else { return Some(None) };
        let writer = Writer::new(BufWriter::new(File::create(file).ok()?), &follower.origin).ok()?;
        Some(Some(Self { raw, follower, writer, events: 0 }))
    }

    /// Packs what has come since; whether there was any. `None` if it cannot.
    fn advance(&mut self, has_ended: bool) -> Option<bool> {
        let Self { follower, writer, events, .. } = self;
        let before = *events;
        let mut is_written = true;
        let mut see = |some: &[Event]| {
            *events += some.len() as u64;
            is_written = writer.write(some);
            is_written
        };
        follower.advance(has_ended, &mut see).ok()?;
        is_written.then_some(*events > before)
    }

    fn finish(self, file: &Path) -> Option<Packed> {
        let Self { raw, follower, mut writer, mut events } = self;
        let losses = follower.finish(&mut |some| {
            events += some.len() as u64;
            writer.write(some)
        });
        writer.finish().ok()?;
        Some(Packed { raw, file: file.to_owned(), events, losses })
    }
}

/// Bytes that there are on the disk of `folder`.
fn room(folder: &Path) -> Option<u64> {
    let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut disk = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: a string with its zero byte, and a struct of ours to write to.
    let known = unsafe { libc::statvfs(path.as_ptr(), disk.as_mut_ptr()) } == 0;
    // SAFETY: any bytes are such a struct.
    let disk = known.then(|| unsafe { disk.assume_init() });
    disk.map(|disk| disk.f_bavail * disk.f_frsize)
}

/// The raw file in `folder` with the lowest number: that of the program that was started.
fn first(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.filter_map(|file| Some(file.ok()?.path()));
    files.filter_map(|path| Some((number(&path)?, path))).min().map(|(_, path)| path)
}

/// The file of the program that took the place of the one that wrote `raw`, if it is there.
fn successor(raw: &Path) -> Option<PathBuf> {
    let next = raw.with_extension((number(raw)? + 1).to_string());
    next.exists().then_some(next)
}

/// The number in a name `PID.NUMBER`.
fn number(path: &Path) -> Option<u32> {
    path.extension()?.to_str()?.parse().ok()
}
