//! The bytes of a trace file, as the process leaves them that makes the calls.
//!
//! ```text
//!   file   │ file head, 64 │ chunk │ chunk │ ...        each chunk a window of whole pages
//!   chunk  │ chunk head, 32 │ word, 8 │ word │ ...      the words of each call, in the order of the calls
//!   word   │ address / 16, 43 bits │ length, 17 │ kind, 4 │   or another content, 60 │ kind, 4 │
//!   call   │ (thread) │ (ticks) │ (long) │ (to) │ call │  most have the last word only
//! ```
//!
//! Everything is little-endian. The command packs such a file later; `hmt.md` beside its sources
//! describes both forms.
//!
//! - **W1** The place of a call's words is its place in the order of all threads' calls: a block's words
//!   are taken after the block was obtained, a free's before the block is given back, those of a realloc
//!   in between. So no block is live twice.
//! - **W2** Every word says what it is, and a word of 0 was never finished: it is skipped. What a word
//!   adds to the call behind it is lost with that call.

/// The first bytes of a trace file: damaged by every tool that treats it as text.
pub const MAGIC: [u8; 8] = *b"\x89HMT\r\n\x1a\n";

/// Version of the format.
pub const VERSION: u32 = 2;

/// Bytes of the file head.
pub const FILE_HEAD: usize = 64;

/// Bytes of a chunk head.
pub const CHUNK_HEAD: usize = 32;

/// Bytes of a word.
pub const WORD: usize = 8;

/// Most words of one call.
pub const MOST_WORDS: usize = 5;

/// The first bytes of a chunk.
pub const CHUNK_MARK: [u8; 4] = *b"chnk";

/// A chunk of words.
pub const RAW: u16 = 1;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal,)*) => {
        /// What a word says.
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
    /// realloc; the address is the one before.
    Resize = 4,
    /// free, and realloc to nothing.
    Free = 5,
    /// free of a null pointer.
    FreeNull = 6,
    /// Where the realloc behind it puts its block.
    To = 8,
    /// A block that a forked process found; the length is what it can hold.
    Inherited = 9,
    /// The time in nanoseconds on the monotonic clock, at the ticks said last.
    Stamp = 10,
    /// The alignment and the length of the call behind it, which have no room in its word.
    Long = 11,
    /// The processor's counter for what follows.
    Ticks = 12,
    /// The thread that makes what follows.
    Thread = 13,
}

/// Where the parts of a word stand.
const KIND_BITS: u32 = 4;
const LEN_BITS: u32 = 17;
const ADDRESS_AT: u32 = KIND_BITS + LEN_BITS;
/// The bits of an address that are always 0.
const ALIGN_BITS: u32 = 4;
/// The length of a word whose true one stands before it.
const LONG_LEN: u64 = (1 << LEN_BITS) - 1;
/// In a word of kind [`Kind::Long`] the alignment stands before the length.
const ALIGN_LOG_BITS: u32 = 6;

impl Kind {
    /// A word of this kind with other `content` than an address and a length, of 60 bits.
    #[inline]
    pub const fn word(self, content: u64) -> u64 {
        content << KIND_BITS | self as u64
    }
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it is.
    pub kind: Kind,
    /// The alignment asked for.
    pub align: usize,
    /// Bytes wanted.
    pub len: usize,
    /// The block; for a realloc, where it was.
    pub address: usize,
    /// For a realloc, where the block is now.
    pub moved_to: usize,
}

impl Call {
    /// A call without an alignment.
    pub const fn of(kind: Kind, address: usize, len: usize) -> Self {
        Self { kind, align: 1, len, address, moved_to: address }
    }

    /// Whether its length and alignment need a word of their own.
    #[inline]
    const fn is_long(&self) -> bool {
        self.len as u64 >= LONG_LEN || self.align > 1
    }

    /// Whether it is a realloc that moves its block.
    #[inline]
    const fn moves(&self) -> bool {
        self.moved_to != self.address
    }

    /// Its word, if it takes only one.
    #[inline]
    pub const fn word(&self) -> Option<u64> {
        if self.is_long() || self.moves() { None } else { Some(self.last_word(self.len as u64)) }
    }

    /// The word that ends it and says `len`.
    #[inline]
    const fn last_word(&self, len: u64) -> u64 {
        (self.address as u64 >> ALIGN_BITS) << ADDRESS_AT | len << KIND_BITS | self.kind as u64
    }

    /// How many words it takes, without those for thread and ticks.
    #[inline]
    pub const fn words(&self) -> u64 {
        1 + self.is_long() as u64 + self.moves() as u64
    }

    /// Hands its words to `put`, in their order.
    #[inline]
    pub fn each_word(&self, mut put: impl FnMut(u64)) {
        let mut len = self.len as u64;
        if self.is_long() {
            put(Kind::Long.word(len << ALIGN_LOG_BITS | u64::from(self.align.trailing_zeros())));
            len = LONG_LEN;
        }
        if self.moves() {
            put(Kind::To.word(self.moved_to as u64 >> ALIGN_BITS));
        }
        put(self.last_word(len));
    }
}

/// What a file says at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The call, or a stamp, whose length is the time in nanoseconds.
    pub call: Call,
    /// The thread's number.
    pub thread: u32,
    /// The processor's counter, its lower sixty bits.
    pub ticks: u64,
}

/// Reads words in their order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    thread: u32,
    ticks: u64,
    /// What the words before say of the next call.
    long: Option<u64>,
    to: Option<u64>,
}

impl Decoder {
    /// The next word; what it completes. An error is a word of no kind.
    pub fn take(&mut self, word: u64) -> Result<Option<Note>, u64> {
        let content = word >> KIND_BITS;
        let (long, to) = (self.long.take(), self.to.take());
        let kind = match Kind::of((word & ((1 << KIND_BITS) - 1)) as u8) {
            Some(Kind::Thread) => {
                self.thread = content as u32;
                return Ok(None);
            }
            Some(Kind::Ticks) => {
                self.ticks = content;
                return Ok(None);
            }
            Some(Kind::Long) => {
                self.long = Some(content);
                return Ok(None);
            }
            Some(Kind::To) => {
                (self.long, self.to) = (long, Some(content));
                return Ok(None);
            }
            Some(kind) => kind,
            None if word == 0 => return Ok(None),
            None => return Err(word),
        };
        let address = (word >> ADDRESS_AT << ALIGN_BITS) as usize;
        let mut call = Call::of(kind, address, (content & LONG_LEN) as usize);
        if kind == Kind::Stamp {
            call = Call::of(kind, 0, content as usize);
        } else if call.len as u64 == LONG_LEN {
            // Its own words are lost: the process was killed while it wrote them, and what follows with it.
            let Some(long) = long else { return Ok(None) };
            call.align = 1 << (long & ((1 << ALIGN_LOG_BITS) - 1));
            call.len = (long >> ALIGN_LOG_BITS) as usize;
        }
        call.moved_to = to.map_or(address, |to| (to << ALIGN_BITS) as usize);
        Ok(Some(Note { call, thread: self.thread, ticks: self.ticks }))
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
    /// Events, or words.
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
    /// A chunk of words, `len` bytes with its head, the first of them number `first`.
    pub const fn raw(len: usize, first: u64) -> Self {
        let body = (len - CHUNK_HEAD) as u32;
        Self { kind: RAW, events: body / WORD as u32, stored: body, unpacked: body, sum: 0, first }
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
    use std::vec::Vec;

    use super::*;

    const RESIZE: Call = Call { moved_to: 0x5000, ..Call::of(Kind::Resize, 0x7FFF_0000_0010, 1 << 20) };

    fn words(call: &Call) -> Vec<u64> {
        let mut words = Vec::new();
        call.each_word(|word| words.push(word));
        assert_eq!(words.len() as u64, call.words());
        words
    }

    fn calls(words: &[u64]) -> Vec<Call> {
        let mut decoder = Decoder::default();
        let notes = words.iter().filter_map(|word| decoder.take(*word).expect("a kind"));
        notes.map(|note| note.call).collect()
    }

    #[test]
    fn a_call_comes_back_as_it_went() {
        let aligned = Call { align: 64, ..Call::of(Kind::Aligned, 0x10, 24) };
        let longest = Call { align: 1 << 30, ..Call::of(Kind::Aligned, 0x7FFF_FFFF_FFF0, 1 << 46) };
        let border = [(1 << 17) - 2, (1 << 17) - 1, 1 << 17].map(|len| Call::of(Kind::Allocate, 0x20, len));
        let plain = [Call::of(Kind::Free, 0x20, 0), Call::of(Kind::FreeNull, 0, 0), border[0]];

        for call in plain.iter().chain(&border).chain(&[aligned, longest, RESIZE]) {
            assert_eq!(calls(&words(call)), [*call]);
        }
        assert!(plain.iter().all(|call| call.words() == 1));
        assert_eq!(RESIZE.words(), 3);
    }

    #[test]
    fn thread_and_ticks_hold_until_they_change() {
        let mut decoder = Decoder::default();
        let free = words(&Call::of(Kind::Free, 0x10, 0))[0];
        let said = [Kind::Thread.word(7), Kind::Ticks.word(900), free, 0, free, Kind::Ticks.word(901), free];

        let notes = said.iter().filter_map(|word| decoder.take(*word).expect("a kind"));

        assert!(notes.map(|note| (note.thread, note.ticks)).eq([(7, 900), (7, 900), (7, 901)]));
    }

    #[test]
    fn what_stands_before_a_call_that_was_never_finished_is_nothing() {
        let moving = words(&RESIZE);
        let free = Call::of(Kind::Free, 0x10, 0);

        for kept in 0..moving.len() {
            let mut said = moving.clone();
            said[kept..].fill(0);
            said.extend(words(&free));
            assert_eq!(calls(&said), [free]);
        }
        // The other way round: of what was to stand before it nothing was written.
        assert_eq!(calls(&[0, 0, moving[2]]), []);
    }

    #[test]
    fn words_of_no_kind_are_refused() {
        for word in [7, 14, 15, u64::MAX] {
            assert_eq!(Decoder::default().take(word), Err(word));
        }
    }

    #[test]
    fn a_checksum_sees_one_bit_and_the_order() {
        let sums = [&b"12345678abcdefgh"[..], b"12345678abcdefgi", b"abcdefgh12345678", b""].map(checksum);

        assert!((0..4).all(|a| (0..a).all(|b| sums[a] != sums[b])));
    }

    #[test]
    fn the_head_of_a_raw_chunk_counts_its_words() {
        let head = Chunk::raw(CHUNK_HEAD + 3 * WORD, 7).head();

        assert_eq!(head[..12], [b'c', b'h', b'n', b'k', 1, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(head[24..], 7u64.to_le_bytes());
    }
}
