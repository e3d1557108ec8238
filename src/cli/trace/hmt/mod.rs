//! The trace format `.hmt`; `hmt.md` describes it byte by byte.
//!
//! ```text
//!   raw      heads and words, as the library leaves them
//!   reader   any file: raw or packed, whole or cut off, as events
//!   column   events of one chunk <-> columns of small numbers
//!   lz4      what is left of a chunk that is cut off
//!   writer   packed chunks, an index and a trailer
//!   follow   a raw file while it is written
//!   collect  raw files: addresses ─► ids; clock: ticks ─► microseconds
//! ```

pub mod clock;
pub mod collect;
pub mod column;
pub mod follow;
pub mod lz4;
pub mod reader;
pub mod writer;

use std::path::Path;

pub use heapmm_core::observe::trace as raw;
pub use raw::MAGIC;

use crate::fail::Fail;

/// A chunk of packed columns.
pub const PACKED: u16 = 2;

/// The chunk that says where the others are.
pub const INDEX: u16 = 3;

/// Bytes of one entry of the index.
pub const ENTRY: usize = 32;

/// Bytes behind the index: its place and a mark.
pub const TRAILER: usize = 16;

/// The mark at the end of a whole file.
pub const TRAILER_MARK: [u8; 8] = *b"hmt-end\n";

/// Why a file is no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where, in bytes from the start.
    pub offset: usize,
    /// What is wrong there.
    pub what: String,
}

impl Broken {
    /// `what` is wrong at `offset`.
    pub fn new(offset: usize, what: impl Into<String>) -> Self {
        Self { offset, what: what.into() }
    }

    /// The failure of a verb that wanted to read `path`.
    pub fn at(self, path: &Path) -> Fail {
        Fail::content(path, format_args!("offset {}", self.offset), self.what)
    }
}

/// The little-endian number of two, four or eight bytes at `at`, if it is there.
pub fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let mut word = [0; 8];
    word[..len].copy_from_slice(bytes.get(at..at.checked_add(len)?)?);
    Some(u64::from_le_bytes(word))
}
