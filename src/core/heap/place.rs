//! Placing: a free block becomes a used one, and what is too much of it stays free.
//!
//! ```text
//!   free:     ├────────────────── size ──────────────────┤
//!   placed:   ├ lead (free) ┤├──── need (used) ────┤├ rest (free) ┤
//! ```

use super::{Heap, Placed};
use crate::block::tag::{AGED, PREV_USED, PURGED, Tag, USED};
use crate::block::{Block, Free, SMALLEST, WORD};
use crate::os::backing::Backing;
use crate::os::round_up;
use crate::policy::FreeIndex;

/// What parts of a free block inherit from it: how long their pages have been idle.
const IDLE: u64 = AGED | PURGED;

impl<B: Backing, I: FreeIndex> Heap<B, I> {
    /// Makes the front of `free` a used block of `need` bytes.
    #[inline]
    pub(super) fn place(&mut self, free: Free, need: usize) -> Placed {
        let block = free.settle();
        // SAFETY: [B1]
        let tag = unsafe { block.tag() };
        self.uncount_free(tag);
        self.claim(block, tag, need);
        // SAFETY: [B1]
        Placed::new(block, unsafe { block.len() })
    }

    /// Makes a used block of `need` bytes inside `free`, its payload at a multiple of `align`.
    pub(super) fn place_aligned(&mut self, free: Free, need: usize, align: usize) -> Placed {
        let block = free.settle();
        // SAFETY: [B1]
        let tag = unsafe { block.tag() };
        let lead = lead_of(block, align);
        if lead == 0 {
            // SAFETY: taken out of the index by our caller.
            return self.place(unsafe { Free::unfiled(block) }, need);
        }
        self.uncount_free(tag);
        let inner = block.offset(lead);
        self.claim(inner, tag.resized(tag.size() - lead).with(PREV_USED), need);
        self.leave(block, lead, tag.only(PREV_USED | IDLE));
        // SAFETY: [B1]
        Placed::new(inner, unsafe { inner.len() })
    }

    /// Makes `need` bytes at `block` used and files the rest; `tag` describes all of it.
    pub(super) fn claim(&mut self, block: Block, tag: Tag, need: usize) {
        let rest = tag.size() - need;
        if rest < self.shape.split.max(SMALLEST) {
            // SAFETY: [B1], [B2]: `tag` describes the block.
            unsafe { block.make_used(tag.size(), tag.only(PREV_USED)) };
            return;
        }
        self.counts.splits += 1;
        // SAFETY: [B1], [B4]
        unsafe { block.set_tag(Tag::new(need, tag.only(PREV_USED) | USED)) };
        self.leave(block.offset(need), rest, PREV_USED | tag.only(IDLE));
    }

    /// Files `size` bytes at `block`, whose neighbours are known not to be free.
    pub(super) fn leave(&mut self, block: Block, size: usize, bits: u64) {
        // SAFETY: [B1], [B2]: the bytes are nobody's, and a header follows them.
        let free = unsafe { block.make_free(size, bits) };
        self.count_free(Tag::new(size, bits));
        self.index.insert(free, size, &self.segments);
    }

    #[inline]
    pub(super) fn count_free(&mut self, tag: Tag) {
        self.counts.free_blocks += 1;
        self.counts.free_bytes += tag.size();
        if tag.has(PURGED) {
            self.counts.purged_bytes += tag.size();
        }
    }

    #[inline]
    pub(super) fn uncount_free(&mut self, tag: Tag) {
        self.counts.free_blocks -= 1;
        self.counts.free_bytes -= tag.size();
        if tag.has(PURGED) {
            self.counts.purged_bytes -= tag.size();
        }
    }
}

/// Bytes to leave free at `block` so that the payload behind them is a multiple of `align`: none,
/// or enough for a block.
pub(super) fn lead_of(block: Block, align: usize) -> usize {
    let payload = block.addr() + WORD;
    let lead = round_up(payload, align) - payload;
    if lead == 0 || lead >= SMALLEST { lead } else { lead + align }
}
