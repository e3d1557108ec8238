//! Traces: what a program asked of its allocator, in order.
//!
//! ```text
//!   .rep text ──┐                       ┌──► survey: sums, the moment of most live bytes
//!   .hmt file ──┼──► Trace ─► [Event] ──┼──► play: through an engine
//!   recipe ─────┘                       └──► .rep, .hmt
//!   mtrace, heaptrack, raw chunks ─► slots: addresses become ids ─► [Event]
//! ```
//!
//! - **T1** An id names one live block; an id that was freed may name another one later.
//! - **T2** Ids are dense: none is larger than the number of allocations before it.

pub mod ahead;
pub mod heaptrack;
pub mod hmt;
pub mod mtrace;
pub mod recipe;
pub mod rep;
pub mod slots;
pub mod spread;
pub mod survey;

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::fail::{Fail, Verdict};
use hmt::collect::Losses;

/// What an event asks for. The numbers are those of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A block.
    Allocate = 1,
    /// A block of zeros.
    Zeroed = 2,
    /// A block at a multiple of an alignment.
    Aligned = 3,
    /// Another size for a block.
    Resize = 4,
    /// A block back.
    Free = 5,
    /// Nothing back: `free(NULL)`.
    FreeNull = 6,
}

impl Kind {
    /// The kind with this number.
    pub const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Allocate,
            2 => Self::Zeroed,
            3 => Self::Aligned,
            4 => Self::Resize,
            5 => Self::Free,
            6 => Self::FreeNull,
            _ => return None,
        })
    }

    /// Whether it makes a new block.
    pub const fn allocates(self) -> bool {
        matches!(self, Self::Allocate | Self::Zeroed | Self::Aligned)
    }

    /// Whether it has a size.
    pub const fn has_len(self) -> bool {
        self.allocates() || matches!(self, Self::Resize)
    }
}

/// One call of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it asks for.
    pub kind: Kind,
    /// Logarithm of the alignment; 0 if none is asked for.
    pub align_log: u8,
    /// Who asks.
    pub thread: u32,
    /// The block ([T1](self)).
    pub id: u32,
    /// Bytes wanted; 0 where the kind has no size.
    pub len: u64,
    /// Microseconds since the start.
    pub time: u64,
}

impl Event {
    /// An event without thread, alignment and time.
    pub const fn of(kind: Kind, id: u32, len: u64) -> Self {
        Self { kind, align_log: 0, thread: 0, id, len, time: 0 }
    }
}

/// A trace that can be gone through any number of times.
#[derive(Debug)]
pub struct Trace {
    path: PathBuf,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Events(Vec<Event>),
    Hmt(hmt::reader::Reader<Mmap>),
}

/// Events that are handed over at once.
const BATCH: usize = 1 << 14;

impl Trace {
    /// Opens the file at `path`, whatever its format.
    pub fn open(path: &Path) -> Verdict<Self> {
        Self::called(path, path)
    }

    /// Opens the file at `file`, called `path` in messages.
    pub fn called(file: &Path, path: &Path) -> Verdict<Self> {
        let bytes = map(file)?;
        if bytes.is_empty() {
            return Err(Fail::new(Fail::IO, format!("{}: the file is empty", path.display())));
        }
        let source = if bytes.starts_with(&hmt::MAGIC) {
            let reader = hmt::reader::Reader::open(bytes).map_err(|error| error.at(path))?;
            Source::Hmt(reader)
        } else if bytes.starts_with(mtrace::START) || heaptrack::is_like(&bytes) {
            let what = "written by mtrace or heaptrack; `heapmm import` makes a trace of it";
            return Err(Fail::new(Fail::IO, format!("{}: {what}", path.display())));
        } else {
            Source::Events(rep::read(&bytes).map_err(|error| error.at(path))?)
        };
        Ok(Self { path: path.to_owned(), source })
    }

    /// A trace made of `events`, called `name` in messages.
    pub fn of(name: &str, events: Vec<Event>) -> Self {
        Self { path: PathBuf::from(name), source: Source::Events(events) }
    }

    /// Where it came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who made it, if the file says so.
    pub fn origin(&self) -> Option<hmt::writer::Origin> {
        match &self.source {
            Source::Events(_) => None,
            Source::Hmt(reader) => Some(reader.origin.clone()),
        }
    }

    /// Whether it was made by a process, as far as the file says.
    pub fn is_recorded(&self) -> bool {
        self.origin().is_some_and(|origin| origin.pid != 0)
    }

    /// What a reader should know about the file, if it is not whole.
    pub fn note(&self) -> Option<String> {
        match &self.source {
            Source::Events(_) => None,
            Source::Hmt(reader) => reader.note(),
        }
    }

    /// Whether the file is a whole .hmt trace, as `heapmm import` makes them.
    pub fn is_packed(&self) -> bool {
        matches!(&self.source, Source::Hmt(reader) if !reader.is_raw() && reader.note().is_none())
    }

    /// Hands all events to `see`, some at a time and in order, until it says `false`; what could not
    /// be matched in a raw file.
    pub fn each(&self, see: &mut dyn FnMut(&[Event]) -> bool) -> Verdict<Losses> {
        match &self.source {
            Source::Events(events) => {
                events.chunks(BATCH).all(see);
                Ok(Losses::default())
            }
            Source::Hmt(reader) => reader.each(see).map_err(|error| error.at(&self.path)),
        }
    }
}

/// The content of a file without reading it; an empty one is fine.
pub fn map(path: &Path) -> Verdict<Mmap> {
    let failed = |error| Fail::io(path, &error);
    // Before it is opened: of a pipe that would wait for somebody who writes.
    let kind = std::fs::metadata(path).map_err(failed)?.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() { "a directory, not a trace" } else { "not a regular file" };
        return Err(Fail::new(Fail::IO, format!("{}: {what}", path.display())));
    }
    let file = File::open(path).map_err(failed)?;
    // SAFETY: a file that somebody cuts short meanwhile ends this process with SIGBUS, no more.
    unsafe { Mmap::map(&file) }.map_err(failed)
}
