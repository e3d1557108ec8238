//! Looking at a pointer before anything is followed, and at the heap as a whole.
//!
//! ```text
//!   locate(p):  inside a segment? ─► on a 16-byte step? ─► sealed tag? ─► used? ─► ours to give?
//!                     │ no                 │ no               │ no          │ no       │ no
//!                   Foreign             Interior        walk: Interior    Freed       Own
//!                                                         or Smashed
//! ```

use super::Heap;
use crate::block::tag::{OWN, PREV_USED};
use crate::block::walk::blocks;
use crate::block::{Block, Segment, Tag, WORD};

/// Why a pointer cannot be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No segment holds it.
    Foreign,
    /// It points into the block whose payload begins at the address given; no block begins here.
    Interior(usize),
    /// The block is free already.
    Freed,
    /// The allocator's own memory.
    Own,
    /// The header before it was overwritten.
    Smashed,
    /// The block was written to after it was freed.
    Written,
    /// The header behind the block, whose payload begins at the address given, was overwritten.
    Overrun(usize),
}

impl<B, I> Heap<B, I> {
    /// The used block whose payload begins at `address`.
    #[inline]
    pub fn locate(&self, address: usize) -> Result<Block, Fault> {
        let header = address.wrapping_sub(WORD);
        let Some(segment) = self.segments.holding(header) else {
            return Err(self.stray(address));
        };
        let block = segment.block_at(header);
        // SAFETY: `holding` says that the word lies in the segment.
        let Some(tag) = (unsafe { block.try_tag() }) else {
            return Err(Self::explain(segment, address));
        };
        if !tag.is_used() {
            // One word in 65,536 of the program's looks like that, if it means no harm.
            let fault = Self::explain(segment, address);
            return Err(if fault == Fault::Smashed { Fault::Freed } else { fault });
        }
        if tag.has(OWN) {
            return Err(Fault::Own);
        }
        let next = block.offset(tag.size());
        if next.addr() > segment.epilogue().addr() {
            return Err(Fault::Smashed);
        }
        // SAFETY: not behind the epilogue, so in the segment.
        match unsafe { next.try_tag() } {
            Some(after) if after.has(PREV_USED) => Ok(block),
            _ => Err(Fault::Overrun(next.addr() + WORD)),
        }
    }

    /// What is wrong with an address at which no header can stand.
    fn stray(&self, address: usize) -> Fault {
        let inside = |s: &Segment| address >= s.base().addr() && address < s.end().addr();
        let Some(segment) = self.segments.iter().find(inside) else { return Fault::Foreign };
        Self::explain(segment, address)
    }

    /// Walks `segment` to say what lies at `address`: for the message, not for speed.
    fn explain(segment: Segment, address: usize) -> Fault {
        let mut at = segment.first();
        while at.addr() < segment.epilogue().addr() {
            if at.addr() + WORD == address {
                return Fault::Smashed;
            }
            // SAFETY: before the epilogue, so in the segment.
            let Some(tag) = (unsafe { at.try_tag() }).filter(|tag| !tag.is_epilogue()) else {
                return Fault::Overrun(at.addr() + WORD);
            };
            let next = at.offset(tag.size());
            if next.addr() > address {
                return if tag.is_used() { Fault::Interior(at.addr() + WORD) } else { Fault::Freed };
            }
            at = next;
        }
        Fault::Own
    }

    /// The same address with the heap's right to it.
    #[inline]
    pub fn pointer_to(&self, address: usize) -> *mut u8 {
        let base = self.segments.newest().map_or(core::ptr::null_mut(), Segment::base);
        base.with_addr(address)
    }

    /// Calls `see` with every block of the heap, oldest segment first.
    pub fn walk(&self, mut see: impl FnMut(Block, Tag)) {
        for segment in self.segments.oldest_first() {
            // SAFETY: the heap is borrowed: nobody changes it.
            for (block, tag) in unsafe { blocks(segment) } {
                see(block, tag);
            }
        }
    }

    /// Size of the largest free block.
    pub fn largest_free(&self) -> usize {
        let mut largest = 0;
        self.walk(|_, tag| {
            if !tag.is_used() {
                largest = largest.max(tag.size());
            }
        });
        largest
    }

    /// Fresh bytes behind the epilogues.
    pub fn tail_bytes(&self) -> usize {
        self.segments.iter().map(Segment::tail).sum()
    }
}
