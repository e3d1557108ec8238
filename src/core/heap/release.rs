//! Releasing: a used block becomes free and merges with its free neighbours.
//!
//! ```text
//!     before   │ free a │ used b │ free c │        after   │     free a + b + c      │
//! ```
//!
//! - **F1** The header of a released block says "free" where it stood, also when the block has
//!   become part of a larger one: a second free of the same pointer finds it.

use super::{Coalesce, Heap};
use crate::block::tag::{AGED, OWN, PREV_USED, Tag};
use crate::block::{Block, WORD};
use crate::os::backing::Backing;
use crate::policy::FreeIndex;

impl<B: Backing, I: FreeIndex> Heap<B, I> {
    /// Takes back `block`.
    ///
    /// # Safety
    ///
    /// [B1](crate::block::name): a used block of this heap, checked by [`Heap::locate`].
    pub unsafe fn release(&mut self, block: Block) {
        // SAFETY: [B1]
        let tag = unsafe { block.tag() };
        self.counts.frees += 1;
        self.counts.used_blocks -= 1;
        self.counts.used_bytes -= tag.size();
        if tag.has(OWN) {
            self.counts.own_bytes -= tag.size();
            self.counts.own_blocks -= 1;
        }
        // SAFETY: [B4], [F1]
        unsafe { block.set_tag(Tag::new(tag.size(), tag.only(PREV_USED))) };
        self.file(block, tag);
    }

    /// Files the bytes of `block`, described by `tag`, merged with what is free around them.
    pub(super) fn file(&mut self, block: Block, tag: Tag) {
        if self.shape.coalesce == Coalesce::Deferred {
            self.unmerged += 1;
            return self.leave(block, tag.size(), tag.only(PREV_USED));
        }
        let (start, merged) = self.merge(block, Tag::new(tag.size(), tag.only(PREV_USED) | self.ripe));
        self.leave(start, merged.size(), merged.only(PREV_USED | AGED));
    }

    /// Takes the free neighbours of `block` out of the index: the run of all of them together.
    fn merge(&mut self, block: Block, tag: Tag) -> (Block, Tag) {
        let (mut start, mut whole) = (block, tag);
        let next = block.offset(tag.size());
        // SAFETY: [B2]
        let after = unsafe { next.tag() };
        if !after.is_used() {
            self.absorb(next, after);
            whole = older(whole, after).resized(whole.size() + after.size());
        }
        if !tag.has(PREV_USED) {
            let floor = self.floor_of(block);
            // SAFETY: [B3]: the tag says that the block before is free.
            let before = unsafe { block.previous(floor) };
            // SAFETY: [B1]
            let ahead = unsafe { before.tag() };
            self.absorb(before, ahead);
            whole = older(ahead, whole).resized(ahead.size() + whole.size());
            whole = whole.without(PREV_USED).with(ahead.only(PREV_USED));
            start = before;
        }
        (start, whole)
    }

    /// Takes a free block out because it becomes part of another.
    pub(super) fn absorb(&mut self, block: Block, tag: Tag) {
        self.index.remove(block, &self.segments).settle();
        self.uncount_free(tag);
        self.counts.coalesces += 1;
    }

    /// The lowest address at which a block of the segment around `block` may stand.
    fn floor_of(&self, block: Block) -> usize {
        self.segments.holding(block.addr()).map_or(block.addr() - WORD, |s| s.first().addr())
    }

    /// Merges all free neighbours: one pass over the heap.
    pub(super) fn merge_all(&mut self) {
        self.unmerged = 0;
        for segment in self.segments.iter() {
            let mut at = segment.first();
            while at != segment.epilogue() {
                // SAFETY: [S2]
                let tag = unsafe { at.tag() };
                let next = at.offset(tag.size());
                // SAFETY: [S2]
                let after = unsafe { next.tag() };
                if tag.is_used() || after.is_used() {
                    at = next;
                    continue;
                }
                self.absorb(at, tag);
                self.absorb(next, after);
                // Two blocks left the index and one returns: one merge.
                self.counts.coalesces -= 1;
                self.leave(at, tag.size() + after.size(), tag.only(PREV_USED));
            }
        }
    }
}

/// The tag of the larger of two runs: most of their pages have been idle as long as its own.
fn older(a: Tag, b: Tag) -> Tag {
    let aged = if a.size() >= b.size() { a.only(AGED) } else { b.only(AGED) };
    a.without(AGED).with(aged)
}
