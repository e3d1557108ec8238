//! Resizing in place: the cheapest realloc is the one that copies nothing.
//!
//! ```text
//!   grow:     │ block │ free │   ─►  │ block      │free│      or into the tail of the segment
//!   shrink:   │ block        │   ─►  │ block │ free    │
//! ```

use super::Heap;
use crate::block::tag::{PREV_USED, Tag, USED};
use crate::block::{Block, SMALLEST, need_of};
use crate::os::backing::Backing;
use crate::policy::FreeIndex;

impl<B: Backing, I: FreeIndex> Heap<B, I> {
    /// Makes `block` hold `len` bytes without moving it; whether that was possible.
    ///
    /// # Safety
    ///
    /// [B1](crate::block::name): a used block of this heap, checked by [`Heap::locate`].
    pub unsafe fn resize(&mut self, block: Block, len: usize) -> bool {
        let Some(need) = need_of(len) else { return false };
        // SAFETY: [B1]
        let size = unsafe { block.size() };
        let fits = if need <= size {
            self.shrink_to(block, need);
            true
        } else {
            self.grow_to(block, need)
        };
        // SAFETY: [B1]
        let now = unsafe { block.size() };
        self.counts.used_bytes = self.counts.used_bytes - size + now;
        fits
    }

    fn shrink_to(&mut self, block: Block, need: usize) {
        // SAFETY: [B1]
        let tag = unsafe { block.tag() };
        let rest = tag.size() - need;
        if rest < self.shape.split.max(SMALLEST) {
            return;
        }
        self.counts.splits += 1;
        // SAFETY: [B4]
        unsafe { block.set_tag(tag.resized(need).classless()) };
        let remainder = block.offset(need);
        // SAFETY: [F1]: inside the old block; nobody's now.
        unsafe { remainder.set_tag(Tag::new(rest, PREV_USED)) };
        self.file(remainder, Tag::new(rest, PREV_USED));
    }

    fn grow_to(&mut self, block: Block, need: usize) -> bool {
        // SAFETY: [B1]
        let tag = unsafe { block.tag() };
        let next = block.offset(tag.size());
        // SAFETY: [B2]
        let after = unsafe { next.tag() };
        if after.is_used() || tag.size() + after.size() < need {
            return self.extend_in_place(block, need);
        }
        self.absorb(next, after);
        let whole = after.resized(tag.size() + after.size()).without(PREV_USED);
        self.claim(block, whole.with(tag.only(PREV_USED | USED)), need);
        true
    }
}
