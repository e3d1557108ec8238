//! Free blocks sorted into bins by size, with a bitmap of the bins that hold any.
//!
//! ```text
//!   size / 16     0  1  2 ... 31 │ 32..33  34..35 ... 62..63 │ 64..67 ... │ ...
//!   bin           0  1  2 ... 31 │ 32      33     ... 47     │ 48     ... │ ... 543
//!                 exact          │ sixteen to a doubling
//! ```
//!
//! Two levels of bits lead from a need to its bin, or to the next one that is not empty, in a
//! constant number of steps (Masmano and others 2004).
//!
//! - **G1** A block of `size` lies in `bin_of(size)`; larger sizes never lie in smaller bins.
//! - **G2** A bin's bit is set exactly if the bin holds a block, a word's summary bit exactly if
//!   the word has a bit.

use super::FreeIndex;
use super::list::List;
use super::tree::Tree;
use crate::block::{Block, Free, Segments, Tag};

const EXACT: usize = 32;
const PER_DOUBLING: usize = 16;

/// Bins in all: the last one begins just below the largest size that a tag can hold.
pub const BINS: usize = EXACT + (41 - 4 - 5) * PER_DOUBLING;
const WORDS: usize = BINS.div_ceil(64);

/// The bin of blocks of `size` ([G1](self)).
#[inline]
pub const fn bin_of(size: usize) -> usize {
    let units = size / crate::block::ALIGN;
    if units < EXACT {
        return units;
    }
    let log = units.ilog2() as usize;
    let sub = (units >> (log - 4)) & (PER_DOUBLING - 1);
    EXACT + (log - 5) * PER_DOUBLING + sub
}

/// What a bin is made of.
pub trait Bin {
    /// A bin without blocks.
    const EMPTY: Self;
    /// Whether it has none.
    fn is_empty(&self) -> bool;
    /// Files a block of `size`.
    fn file(&mut self, block: Block, size: usize, segments: &Segments);
    /// Takes a member of `size` out.
    fn drop(&mut self, block: Block, size: usize, segments: &Segments);
    /// Chooses a block of at least `need` bytes and takes it out.
    fn take(&mut self, need: usize, segments: &Segments, probes: &mut u64) -> Option<Block>;
    /// Calls `see` with every block in the order of the bin.
    fn each(&self, segments: &Segments, see: &mut dyn FnMut(Block, Tag));
}

impl Bin for List {
    const EMPTY: Self = Self::EMPTY;

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn file(&mut self, block: Block, _size: usize, segments: &Segments) {
        self.push(block, segments);
    }

    fn drop(&mut self, block: Block, _size: usize, segments: &Segments) {
        self.unlink(block, segments);
    }

    fn take(&mut self, need: usize, segments: &Segments, probes: &mut u64) -> Option<Block> {
        let candidates = self.iter(segments).inspect(|_| *probes += 1);
        let (block, _) = { candidates }.find(|(_, tag)| tag.size() >= need)?;
        self.unlink(block, segments);
        Some(block)
    }

    fn each(&self, segments: &Segments, see: &mut dyn FnMut(Block, Tag)) {
        self.iter(segments).for_each(|(block, tag)| see(block, tag));
    }
}

impl Bin for Tree {
    const EMPTY: Self = Self::EMPTY;

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn file(&mut self, block: Block, size: usize, segments: &Segments) {
        self.insert(block, size, segments);
    }

    fn drop(&mut self, block: Block, size: usize, segments: &Segments) {
        self.remove(block, size, segments);
    }

    fn take(&mut self, need: usize, segments: &Segments, probes: &mut u64) -> Option<Block> {
        self.take(need, segments, probes)
    }

    fn each(&self, segments: &Segments, see: &mut dyn FnMut(Block, Tag)) {
        self.each(segments, see);
    }
}

/// Bins of lists give segregated first fit, bins of trees exact best fit.
#[derive(Debug)]
#[repr(C)]
pub struct Bins<T> {
    summary: u64,
    bits: [u64; WORDS],
    /// The small ones first: they share their page with the words above.
    bins: [T; BINS],
}

impl<T: Bin> Bins<T> {
    /// No free block.
    pub const EMPTY: Self = Self { bins: [const { T::EMPTY }; BINS], bits: [0; WORDS], summary: 0 };

    #[inline]
    fn mark(&mut self, bin: usize) {
        self.bits[bin / 64] |= 1 << (bin % 64);
        self.summary |= 1 << (bin / 64);
    }

    #[inline]
    fn unmark_if_empty(&mut self, bin: usize) {
        if self.bins[bin].is_empty() {
            self.bits[bin / 64] &= !(1 << (bin % 64));
            if self.bits[bin / 64] == 0 {
                self.summary &= !(1 << (bin / 64));
            }
        }
    }

    /// The first bin from `bin` on that is not empty ([G2](self)).
    #[inline]
    fn occupied_from(&self, bin: usize) -> Option<usize> {
        let word = bin / 64;
        let here = self.bits.get(word)? & (u64::MAX << (bin % 64));
        if here != 0 {
            return Some(word * 64 + here.trailing_zeros() as usize);
        }
        let further = self.summary & (u64::MAX << word) & !(1 << word);
        if further == 0 {
            return None;
        }
        let word = further.trailing_zeros() as usize;
        Some(word * 64 + self.bits[word].trailing_zeros() as usize)
    }
}

impl<T: Bin> FreeIndex for Bins<T> {
    fn insert(&mut self, free: Free, size: usize, segments: &Segments) {
        let bin = bin_of(size);
        self.bins[bin].file(free.settle(), size, segments);
        self.mark(bin);
    }

    fn remove(&mut self, block: Block, segments: &Segments) -> Free {
        // SAFETY: [B1]: the index holds the block.
        let size = unsafe { block.size() };
        let bin = bin_of(size);
        self.bins[bin].drop(block, size, segments);
        self.unmark_if_empty(bin);
        // SAFETY: removed just now.
        unsafe { Free::unfiled(block) }
    }

    fn take(&mut self, need: usize, segments: &Segments, probes: &mut u64) -> Option<Free> {
        let mut bin = bin_of(need);
        loop {
            bin = self.occupied_from(bin)?;
            if let Some(block) = self.bins[bin].take(need, segments, probes) {
                self.unmark_if_empty(bin);
                // SAFETY: taken out just now.
                return Some(unsafe { Free::unfiled(block) });
            }
            bin += 1;
        }
    }

    fn each_free(&self, segments: &Segments, see: &mut dyn FnMut(Block, Tag)) -> bool {
        self.bins.iter().for_each(|bin| bin.each(segments, see));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_monotone_and_small_ones_are_exact() {
        let sizes = || (2..200_000).map(|units| units * 16);

        assert!(sizes().zip(sizes().skip(1)).all(|(a, b)| bin_of(a) <= bin_of(b)));
        assert_eq!(bin_of(32), 2);
        assert_eq!(bin_of(31 * 16), 31);
        assert_eq!(bin_of(32 * 16), 32);
        assert_eq!(bin_of(crate::block::LIMIT - 16), BINS - 1);
    }
}
