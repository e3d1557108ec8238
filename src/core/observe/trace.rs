//! A trace of calls, written by the process that makes them: raw records in chunks.
//!
//! ```text
//!   file   │ file head, 64 │ chunk │ chunk │ ...            each chunk is one write(2)
//!   chunk  │ chunk head, 32 │ record, 48 │ record │ ...     in the order of their numbers
//!   record │ kind │ log align │ 0 │ thread │ number │ time │ len │ address │ old address │
//! ```
//!
//! Everything is little-endian. The command packs such a file later; `hmt.md` beside its sources
//! describes both forms. A [`Writer`] fills a buffer that its caller gives and never allocates.
//!
//! - **W1** Numbers are drawn from one counter for the whole process ([`draw`]): a block's number is
//!   drawn after it was obtained, a free's number before the block is given back. So the numbers put
//!   the calls of all threads into an order in which no block is live twice. A realloc that moves a
//!   block draws its number after it has the new block and before it gives the old one back.
//! - **W2** Within a chunk numbers grow. Chunks of several writers may come in any order.
//! - **W3** After a fork the child calls [`Writer::forget`] and begins a file of its own.

use core::sync::atomic::{AtomicU64, Ordering};

/// The first bytes of a trace file: damaged by every tool that treats it as text.
pub const MAGIC: [u8; 8] = *b"\x89HMT\r\n\x1a\n";

/// Version of the format.
pub const VERSION: u32 = 1;

/// Bytes of the file head.
pub const FILE_HEAD: usize = 64;

/// Bytes of a chunk head.
pub const CHUNK_HEAD: usize = 32;

/// Bytes of a record.
pub const RECORD: usize = 48;

/// The first bytes of a chunk.
pub const CHUNK_MARK: [u8; 4] = *b"chnk";

/// A chunk of raw records.
pub const RAW: u16 = 1;

/// What a call wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// malloc, and realloc of a null pointer.
    Allocate = 1,
    /// calloc.
    Zeroed = 2,
    /// The aligned family.
    Aligned = 3,
    /// realloc, in place or not.
    Resize = 4,
    /// free, and realloc to nothing.
    Free = 5,
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it wanted.
    pub kind: Kind,
    /// Logarithm of the alignment, 0 if none was asked for.
    pub align_log: u8,
    /// The thread's number.
    pub thread: u32,
    /// Its place among all calls ([W1](self)).
    pub number: u64,
    /// Nanoseconds on the monotonic clock.
    pub time: u64,
    /// Bytes wanted.
    pub len: u64,
    /// The block: the new one, or the one freed.
    pub address: u64,
    /// Where a resized block was.
    pub old: u64,
}

impl Record {
    /// As the file has it.
    pub fn bytes(&self) -> [u8; RECORD] {
        let mut out = [0; RECORD];
        out[0] = self.kind as u8;
        out[1] = self.align_log;
        out[4..8].copy_from_slice(&self.thread.to_le_bytes());
        let words = [self.number, self.time, self.len, self.address, self.old];
        for (place, word) in out[8..].chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        out
    }
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The number of the next call ([W1](self)).
#[inline]
pub fn draw() -> u64 {
    NUMBER.fetch_add(1, Ordering::SeqCst)
}

/// A check over `body`: FNV-1a by words of eight bytes, the last one filled with zeros, folded to
/// 32 bits.
pub fn checksum(body: &[u8]) -> u32 {
    let mut sum: u64 = 0xCBF2_9CE4_8422_2325;
    for piece in body.chunks(8) {
        let mut word = [0; 8];
        word[..piece.len()].copy_from_slice(piece);
        sum = (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x100_0000_01B3);
    }
    (sum ^ (sum >> 32)) as u32
}

/// The head of a file by process `pid`, whose command is `command`, begun `start` nanoseconds
/// after 1970.
pub fn file_head(pid: u32, start: u64, command: &[u8]) -> [u8; FILE_HEAD] {
    let mut out = [0; FILE_HEAD];
    out[..8].copy_from_slice(&MAGIC);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out[12..16].copy_from_slice(&(FILE_HEAD as u32).to_le_bytes());
    out[16..20].copy_from_slice(&pid.to_le_bytes());
    out[24..32].copy_from_slice(&start.to_le_bytes());
    let len = command.len().min(16);
    out[32..32 + len].copy_from_slice(&command[..len]);
    out
}

/// The head of a chunk of `kind` with `events`, its body as stored, the body's length once
/// unpacked, and the number of its first event.
pub fn chunk_head(kind: u16, events: u32, body: &[u8], unpacked: u32, first: u64) -> [u8; CHUNK_HEAD] {
    let mut out = [0; CHUNK_HEAD];
    out[..4].copy_from_slice(&CHUNK_MARK);
    out[4..6].copy_from_slice(&kind.to_le_bytes());
    out[8..12].copy_from_slice(&events.to_le_bytes());
    out[12..16].copy_from_slice(&(body.len() as u32).to_le_bytes());
    out[16..20].copy_from_slice(&unpacked.to_le_bytes());
    out[20..24].copy_from_slice(&checksum(body).to_le_bytes());
    out[24..32].copy_from_slice(&first.to_le_bytes());
    out
}

/// Collects records in a buffer and writes it as a chunk when it is full.
///
/// A writer belongs to one thread, or to whoever holds its lock.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    /// Bytes of the buffer that are filled, the room for the chunk's head included.
    used: usize,
    /// Number of the first record in the buffer.
    first: u64,
}

impl<'a> Writer<'a> {
    /// A writer over `buffer`; `None` if that does not hold a head and one record.
    pub fn new(buffer: &'a mut [u8]) -> Option<Self> {
        (buffer.len() >= CHUNK_HEAD + RECORD).then_some(Self { buffer, used: CHUNK_HEAD, first: 0 })
    }

    /// Adds a record; a full buffer goes to `out` first, which is `write_all` to the file and
    /// says whether it could. What it could not write is dropped.
    #[inline]
    pub fn record(&mut self, record: &Record, out: impl FnOnce(&[u8]) -> bool) -> bool {
        let mut written = true;
        if self.buffer.len() - self.used < RECORD {
            written = self.flush(out);
        }
        if self.used == CHUNK_HEAD {
            self.first = record.number;
        }
        self.buffer[self.used..self.used + RECORD].copy_from_slice(&record.bytes());
        self.used += RECORD;
        written
    }

    /// Hands what is in the buffer to `out` as one chunk; whether that succeeded.
    #[cold]
    #[inline(never)]
    pub fn flush(&mut self, out: impl FnOnce(&[u8]) -> bool) -> bool {
        if self.is_empty() {
            return true;
        }
        let (head, body) = self.buffer[..self.used].split_at_mut(CHUNK_HEAD);
        let events = (body.len() / RECORD) as u32;
        head.copy_from_slice(&chunk_head(RAW, events, body, body.len() as u32, self.first));
        let written = out(&self.buffer[..self.used]);
        self.forget();
        written
    }

    /// Whether nothing waits to be written.
    pub const fn is_empty(&self) -> bool {
        self.used == CHUNK_HEAD
    }

    /// Drops what is in the buffer: after a fork it is the parent's.
    pub const fn forget(&mut self) {
        self.used = CHUNK_HEAD;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn record(number: u64) -> Record {
        Record {
            kind: Kind::Allocate,
            align_log: 0,
            thread: 7,
            number,
            time: 9,
            len: 24,
            address: 64,
            old: 0,
        }
    }

    #[test]
    fn a_full_buffer_is_one_chunk_and_a_flush_writes_the_rest() {
        let mut buffer = [0; CHUNK_HEAD + 2 * RECORD + 5];
        let mut writer = Writer::new(&mut buffer).unwrap();
        let mut chunks: Vec<Vec<u8>> = Vec::new();
        let mut keep = |bytes: &[u8]| {
            chunks.push(bytes.to_vec());
            true
        };

        for number in 10..13 {
            assert!(writer.record(&record(number), &mut keep));
        }
        assert!(writer.flush(&mut keep));
        assert!(writer.flush(&mut keep));

        assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [32 + 96, 32 + 48]);
        assert_eq!(chunks[0][..8], [b'c', b'h', b'n', b'k', 1, 0, 0, 0]);
        assert_eq!(chunks[1][24..32], 12u64.to_le_bytes());
        assert_eq!(chunks[1][32..], record(12).bytes());
    }

    #[test]
    fn what_cannot_be_written_is_dropped_and_said() {
        let mut buffer = [0; CHUNK_HEAD + RECORD];
        let mut writer = Writer::new(&mut buffer).unwrap();

        assert!(writer.record(&record(0), |_| false));
        assert!(!writer.record(&record(1), |_| false));

        writer.forget();
        assert!(writer.is_empty());
        assert!(Writer::new(&mut [0; CHUNK_HEAD]).is_none());
    }

    #[test]
    fn a_checksum_sees_one_bit_and_the_order() {
        let sums = [&b"12345678abcdefgh"[..], b"12345678abcdefgi", b"abcdefgh12345678", b""].map(checksum);

        assert!((0..4).all(|a| (0..a).all(|b| sums[a] != sums[b])));
    }
}
