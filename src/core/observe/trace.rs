//! The bytes of a trace file, as the process leaves them that makes the calls.
//!
//! ```text
//!   file   │ file head, 64 │ chunk │ chunk │ ...        each chunk a window of whole pages
//!   chunk  │ chunk head, 32 │ slot, 32 │ slot │ ...     a slot for each event, in their order
//!   slot   │ kind │ log align │ 0 │ thread │ ticks │ len │ address │
//! ```
//!
//! Everything is little-endian. The command packs such a file later; `hmt.md` beside its sources
//! describes both forms.
//!
//! - **W1** The place of a slot is the event's place in the order of all threads' calls: a block's slot
//!   is taken after the block was obtained, a free's slot before the block is given back. So no block
//!   is live twice. A realloc that moves its block takes two slots in between.
//! - **W2** The kind is written last: a slot whose kind is 0 was never finished, and is skipped.

/// The first bytes of a trace file: damaged by every tool that treats it as text.
pub const MAGIC: [u8; 8] = *b"\x89HMT\r\n\x1a\n";

/// Version of the format.
pub const VERSION: u32 = 1;

/// Bytes of the file head.
pub const FILE_HEAD: usize = 64;

/// Bytes of a chunk head.
pub const CHUNK_HEAD: usize = 32;

/// Bytes of a slot.
pub const SLOT: usize = 32;

/// The first bytes of a chunk.
pub const CHUNK_MARK: [u8; 4] = *b"chnk";

/// A chunk of slots.
pub const RAW: u16 = 1;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal,)*) => {
        /// What a slot says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $kind = $number,)*
        }

        impl Kind {
            /// The kind with this number.
            pub const fn of(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// malloc, and realloc of a null pointer.
    Allocate = 1,
    /// calloc.
    Zeroed = 2,
    /// The aligned family.
    Aligned = 3,
    /// realloc; the address is the one before, and a [`Kind::Moved`] follows if there is another.
    Resize = 4,
    /// free, and realloc to nothing.
    Free = 5,
    /// free of a null pointer.
    FreeNull = 6,
    /// Where the realloc before has put the block.
    Moved = 8,
    /// A block that a forked process found; the length is what it can hold.
    Inherited = 9,
    /// The length is the time in nanoseconds on the monotonic clock, at the tick of the slot.
    Stamp = 10,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What it is.
    pub kind: Kind,
    /// Logarithm of the alignment, 0 if none was asked for.
    pub align_log: u8,
    /// The thread's number.
    pub thread: u32,
    /// The processor's counter.
    pub ticks: u64,
    /// Bytes wanted.
    pub len: u64,
    /// The block.
    pub address: u64,
}

impl Slot {
    /// As the file has it, in words whose bytes are little-endian; the first has the kind.
    #[inline]
    pub const fn words(&self) -> [u64; SLOT / 8] {
        let first = (self.thread as u64) << 32 | (self.align_log as u64) << 8 | self.kind as u64;
        [first.to_le(), self.ticks.to_le(), self.len.to_le(), self.address.to_le()]
    }

    /// As the file has it.
    pub fn bytes(&self) -> [u8; SLOT] {
        let mut out = [0; SLOT];
        for (place, word) in out.chunks_exact_mut(8).zip(self.words()) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        out
    }

    /// The slot in the first bytes of `bytes`; `None` for a kind that is not known.
    pub fn of(bytes: &[u8; SLOT]) -> Option<Self> {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        Some(Self {
            kind: Kind::of(bytes[0])?,
            align_log: bytes[1],
            thread: (word(0) >> 32) as u32,
            ticks: word(8),
            len: word(16),
            address: word(24),
        })
    }
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

/// Who makes a trace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Maker<'a> {
    /// The process, or 0.
    pub pid: u32,
    /// For one that found blocks of its parent's: the parent; else 0.
    pub heir_of: u32,
    /// Nanoseconds after 1970 at which it began, or 0.
    pub start: u64,
    /// The name of its command.
    pub command: &'a [u8],
}

/// The head of a file by `maker`.
pub fn file_head(maker: &Maker<'_>) -> [u8; FILE_HEAD] {
    let mut out = [0; FILE_HEAD];
    out[..8].copy_from_slice(&MAGIC);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out[12..16].copy_from_slice(&(FILE_HEAD as u32).to_le_bytes());
    out[16..20].copy_from_slice(&maker.pid.to_le_bytes());
    out[20..24].copy_from_slice(&maker.heir_of.to_le_bytes());
    out[24..32].copy_from_slice(&maker.start.to_le_bytes());
    out[32..48].iter_mut().zip(maker.command).for_each(|(place, byte)| *place = *byte);
    out
}

/// What the head of a chunk says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chunk {
    /// Its kind.
    pub kind: u16,
    /// Events, or slots.
    pub events: u32,
    /// Bytes of its body as stored.
    pub stored: u32,
    /// Bytes of its body once unpacked.
    pub unpacked: u32,
    /// [`checksum`] of its body as stored; 0 where that is still written to.
    pub sum: u32,
    /// The number of its first event.
    pub first: u64,
}

impl Chunk {
    /// A chunk of slots, `len` bytes with its head, the first of them number `first`.
    pub const fn raw(len: usize, first: u64) -> Self {
        let body = (len - CHUNK_HEAD) as u32;
        Self { kind: RAW, events: body / SLOT as u32, stored: body, unpacked: body, sum: 0, first }
    }

    /// Its head.
    pub fn head(&self) -> [u8; CHUNK_HEAD] {
        let mut out = [0; CHUNK_HEAD];
        out[..4].copy_from_slice(&CHUNK_MARK);
        out[4..6].copy_from_slice(&self.kind.to_le_bytes());
        for (place, word) in
            out[8..24].chunks_exact_mut(4).zip([self.events, self.stored, self.unpacked, self.sum])
        {
            place.copy_from_slice(&word.to_le_bytes());
        }
        out[24..32].copy_from_slice(&self.first.to_le_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_comes_back_as_it_went() {
        let slot = Slot {
            kind: Kind::Moved,
            align_log: 12,
            thread: 0x0123_4567,
            ticks: u64::MAX - 3,
            len: 24,
            address: 0x7FFF_0000_0010,
        };

        assert_eq!(Slot::of(&slot.bytes()), Some(slot));
        assert_eq!(Slot::of(&[0; SLOT]), None);
    }

    #[test]
    fn a_checksum_sees_one_bit_and_the_order() {
        let sums = [&b"12345678abcdefgh"[..], b"12345678abcdefgi", b"abcdefgh12345678", b""].map(checksum);

        assert!((0..4).all(|a| (0..a).all(|b| sums[a] != sums[b])));
    }

    #[test]
    fn the_head_of_a_raw_chunk_counts_its_slots() {
        let head = Chunk::raw(CHUNK_HEAD + 3 * SLOT, 7).head();

        assert_eq!(head[..12], [b'c', b'h', b'n', b'k', 1, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(head[24..], 7u64.to_le_bytes());
    }
}
