//! One word before every block.
//!
//! ```text
//!   63            48 47              41 40                 4  3      2    1         0
//!  ├────────────────┼──────────────────┼────────────────────┼──────┬───┬─────────┬────┤
//!  │      seal      │ class (used)     │     size / 16      │MAPPED│OWN│PREV_USED│USED│
//!  │                │ PURGED,AGED(free)│                    │      │   │         │    │
//!  ├────────────────┼──────────────────┼────────────────────┼──────┴───┴─────────┴────┤
//! ```
//!
//! - **T1** The seal binds the lower 48 bits to the address where the word stands and to a key
//!   of the process. A word that fails it was not written by the heap, or was written elsewhere.
//! - **T2** Size is a multiple of 16 below 2^41; an epilogue has size 0.
//! - **T3** The class of a used block is 0, or one more than the class in whose bins it rests when
//!   the program frees it.
//!
//! The seal is such that the check is one multiplication: the upper sixteen bits of
//! `(word ^ turned address) * MIX` are those of the key.

use core::fmt;
use core::sync::atomic::{AtomicU16, AtomicU64, Ordering};

/// The program, or the allocator itself, holds the block.
pub const USED: u64 = 1 << 0;
/// The block before is not free: there is no footer to read.
pub const PREV_USED: u64 = 1 << 1;
/// The block is a mapping of its own, outside of all segments.
pub const MAPPED: u64 = 1 << 3;
/// A used block that holds the allocator's own data: a table, or the objects of a slab.
pub const OWN: u64 = 1 << 2;
/// A free block that the last sweep saw: the next one may purge it.
pub const AGED: u64 = 1 << 41;
/// A free block whose inner pages were given back.
pub const PURGED: u64 = 1 << 42;

const SIZE: u64 = ((1 << 41) - 1) & !15;
const CLASS_SHIFT: u32 = 41;
const CLASS: u64 = 0x7F << CLASS_SHIFT;
const BODY: u64 = (1 << 48) - 1;

/// An odd constant with well mixed bits: 2^64 divided by the golden ratio (Knuth, volume 3, 6.4).
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// What `MIX` must be multiplied with to give 1, modulo 2^16 (Newton's iteration).
const UNMIX: u16 = {
    let mix = MIX as u16;
    let mut inverse = mix;
    let mut n = 0;
    while n < 4 {
        inverse = inverse.wrapping_mul(2u16.wrapping_sub(mix.wrapping_mul(inverse)));
        n += 1;
    }
    inverse
};

static KEY: AtomicU64 = AtomicU64::new(FIRST_KEY);
const FIRST_KEY: u64 = 0x5EED_0F7A_6B10_C0DE;

/// The upper sixteen bits of the key, which a seal is compared with.
static SEAL: AtomicU16 = AtomicU16::new(seal_of(FIRST_KEY));

/// Sets the key of all seals.
///
/// Must come before the first tag is written: every tag from before would fail its check.
pub fn set_key(key: u64) {
    KEY.store(key, Ordering::Relaxed);
    SEAL.store(seal_of(key), Ordering::Relaxed);
}

const fn seal_of(word: u64) -> u16 {
    (word >> 48) as u16
}

/// The key, for other marks that a stranger should not be able to guess.
#[inline]
pub fn key() -> u64 {
    KEY.load(Ordering::Relaxed)
}

/// The word as the heap thinks of it, without its seal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag(u64);

impl Tag {
    /// A tag of `size` bytes with `bits`.
    #[inline]
    pub const fn new(size: usize, bits: u64) -> Self {
        Self((size as u64 & SIZE) | bits)
    }

    /// Reads `word`, found at `address`; `None` if its seal is wrong ([T1](self)).
    #[inline]
    pub fn open(word: u64, address: usize) -> Option<Self> {
        let seal = seal_of((word ^ turned(address)).wrapping_mul(MIX));
        (seal == SEAL.load(Ordering::Relaxed)).then_some(Self(word & BODY))
    }

    /// The word to store at `address`.
    #[inline]
    pub fn sealed(self, address: usize) -> u64 {
        let turned = turned(address);
        let has = seal_of(((self.0 ^ turned) & BODY).wrapping_mul(MIX));
        let lacks = SEAL.load(Ordering::Relaxed).wrapping_sub(has);
        let upper = u64::from(lacks.wrapping_mul(UNMIX)) ^ (turned >> 48);
        self.0 | upper << 48
    }

    /// Bytes of the block, header included.
    #[inline]
    pub const fn size(self) -> usize {
        (self.0 & SIZE) as usize
    }

    /// Whether all of `bits` are set.
    #[inline]
    pub const fn has(self, bits: u64) -> bool {
        self.0 & bits == bits
    }

    /// Those of `bits` that are set.
    #[inline]
    pub const fn only(self, bits: u64) -> u64 {
        self.0 & bits
    }

    /// The same with `bits` set.
    #[inline]
    pub const fn with(self, bits: u64) -> Self {
        Self(self.0 | bits)
    }

    /// The same with `bits` cleared.
    #[inline]
    pub const fn without(self, bits: u64) -> Self {
        Self(self.0 & !bits)
    }

    /// The same bits with another size.
    #[inline]
    pub const fn resized(self, size: usize) -> Self {
        Self((self.0 & !SIZE) | (size as u64 & SIZE))
    }

    /// The class in whose bins a used block rests ([T3](self)); `None` for no class.
    #[inline]
    pub const fn class(self) -> Option<usize> {
        ((self.0 >> CLASS_SHIFT) as usize).checked_sub(1)
    }

    /// One more than the class, times `UNIT`, a power of two; 0 for no class.
    #[inline]
    pub const fn class_times<const UNIT: usize>(self) -> usize {
        ((self.0 & CLASS) >> (CLASS_SHIFT - UNIT.ilog2())) as usize
    }

    /// Those bits of a used block that say that it rests in bins of `class`.
    #[inline]
    pub const fn class_bits(class: usize) -> u64 {
        (class as u64 + 1) << CLASS_SHIFT
    }

    /// The tag of a used block that no bin takes.
    #[inline]
    pub const fn classless(self) -> Self {
        Self(self.0 & !CLASS)
    }

    /// Whether the program or the allocator holds the block.
    #[inline]
    pub const fn is_used(self) -> bool {
        self.has(USED)
    }

    /// Whether this is the mark at the end of a segment.
    #[inline]
    pub const fn is_epilogue(self) -> bool {
        self.size() == 0
    }
}

#[inline]
fn turned(address: usize) -> u64 {
    // Turned, so that the low bits of the address do not lie over those of the size.
    (address as u64).rotate_left(21)
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ANY: [(u64, &str); 4] =
            [(USED, "USED"), (PREV_USED, "PREV_USED"), (MAPPED, "MAPPED"), (OWN, "OWN")];
        const IDLE: [(u64, &str); 2] = [(AGED, "AGED"), (PURGED, "PURGED")];
        write!(f, "{}", self.size())?;
        let idle = if self.is_used() { &[] } else { &IDLE[..] };
        for (bit, name) in ANY.iter().chain(idle) {
            if self.has(*bit) {
                write!(f, " {name}")?;
            }
        }
        if let (true, Some(class)) = (self.is_used(), self.class()) {
            write!(f, " class {class}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_tag_opens_at_its_own_address_only() {
        let tag = Tag::new(4096, USED | PREV_USED);

        let word = tag.sealed(0x5555_0000_1008);

        assert_eq!(Tag::open(word, 0x5555_0000_1008), Some(tag));
        assert_eq!(Tag::open(word, 0x5555_0000_1018), None);
    }

    #[test]
    fn a_copied_word_opens_at_none_of_the_next_addresses() {
        let word = Tag::new(4096, USED).sealed(0x5555_0000_1008);

        let taken = (1..10_000).filter(|n| Tag::open(word, 0x5555_0000_1008 + 16 * n).is_some());

        assert!(taken.count() <= 2, "one in 65,536 may pass");
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let word = Tag::new(4096, USED).sealed(0x5555_0000_1008);

        let missed = (0..64).filter(|bit| Tag::open(word ^ (1 << bit), 0x5555_0000_1008).is_some());

        assert_eq!(missed.count(), 0);
    }

    #[test]
    fn debug_names_the_bits() {
        assert_eq!(std::format!("{:?}", Tag::new(48, USED | OWN)), "48 USED OWN");
    }
}
