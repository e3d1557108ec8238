//! Giving memory back, late and in large pieces.
//!
//! ```text
//!   freed ──one tick──► AGED ──next tick──► inner pages purged; at the top: the break lowered
//! ```
//!
//! What is used again within a second must not be purged: touching a page anew costs two
//! microseconds, keeping it costs nothing. So a sweep first only marks, and takes at the next
//! sweep what still carries the mark.
//!
//! - **D1** A purge keeps header, links and footer: it takes whole pages strictly between them.

use super::Heap;
use crate::block::segment::OVERHEAD;
use crate::block::tag::{AGED, PREV_USED, PURGED, Tag};
use crate::block::{ALIGN, Block, SMALLEST, Segment, WORD};
use crate::os::backing::Backing;
use crate::os::{PAGE, round_down, round_up};
use crate::policy::FreeIndex;

/// Smallest inner run that a sweep purges: smaller ones return too little for a system call.
const LEAST_PURGE: usize = 4 * PAGE;

/// Free bytes with their pages below which no sweep is worth its walk.
const LEAST_IDLE: usize = 256 << 10;

/// Most free bytes at the top that a sweep leaves to a large heap.
const MOST_KEPT: usize = 4 << 20;

/// Sweeps after one that gave much back: what came out of the caches only then may be all that
/// holds the break up, and too little to bring the next sweep by.
const AFTERMATH: u8 = 3;

/// When the last sweep was, how many shall follow it whatever lies idle, and whether huge pages were asked
/// for: the kernel goes on making some of what was purged, until somebody says that they are not wanted.
#[derive(Clone, Copy, Debug)]
pub struct Tending {
    last: u64,
    left: u8,
    pub(super) is_thick: bool,
    /// Bytes of the used blocks that rest in caches and slabs.
    pub(super) resting: usize,
    /// Bytes that were in use when the heap last grew by huge pages.
    pub(super) filled: usize,
    /// Whether several threads use the heap.
    pub(super) has_company: bool,
}

impl Tending {
    /// No sweep yet.
    pub const NEVER: Self =
        Self { last: 0, left: 0, is_thick: false, resting: 0, filled: 0, has_company: false };
}

impl<B: Backing, I: FreeIndex> Heap<B, I> {
    /// Free bytes that still have their pages.
    #[inline]
    pub const fn idle_bytes(&self) -> usize {
        self.counts.free_bytes - self.counts.purged_bytes
    }

    /// Whether so much lies idle that a sweep may be worth it.
    #[inline]
    pub const fn is_idle(&self) -> bool {
        self.idle_bytes() > LEAST_IDLE + self.counts.footprint / 32 || self.is_settling()
    }

    /// Whether a sweep gave back much of the heap not long ago.
    #[inline]
    pub const fn is_settling(&self) -> bool {
        self.tending.left > 0 && self.counts.purged_bytes > self.counts.footprint / 4
    }

    /// Says whether what is released from now on has lain idle for a while already, in a cache.
    pub const fn ripen(&mut self, is_ripe: bool) {
        self.ripe = if is_ripe { AGED } else { 0 };
    }

    /// Says how many bytes of the used blocks are not the program's just now.
    #[inline]
    pub const fn note_resting(&mut self, bytes: usize) {
        self.tending.resting = bytes;
    }

    /// Says that several threads use the heap: it grows in larger steps from now on.
    pub const fn expect_company(&mut self) {
        self.tending.has_company = true;
    }

    /// Sweeps if the last sweep was `interval` ago; `now` and `interval` in milliseconds.
    pub fn tend(&mut self, now: u64, interval: u64) {
        if now.wrapping_sub(self.tending.last) < interval {
            return;
        }
        let before = self.counts.footprint - self.counts.purged_bytes;
        self.sweep();
        if self.top().is_some_and(|tag| tag.has(AGED)) {
            self.trim(self.shape.keep.max((self.counts.footprint / 64).min(MOST_KEPT)));
        }
        let after = self.counts.footprint - self.counts.purged_bytes;
        let gave_much = before.saturating_sub(after) > self.counts.footprint / 16;
        let left = if gave_much { AFTERMATH } else { self.tending.left.saturating_sub(1) };
        (self.tending.last, self.tending.left) = (now, left);
        if gave_much {
            self.thin();
        }
    }

    /// Gives back all that can be given back but `keep` bytes at the top; whether any was.
    pub fn trim(&mut self, keep: usize) -> bool {
        let mut any = false;
        while let Some(segment) = self.segments.newest() {
            let before = self.counts.shrinks;
            self.trim_top(segment, keep);
            self.tending.filled = self.tending.filled.min(self.counts.used_bytes);
            any |= self.counts.shrinks != before;
            if self.segments.newest() == Some(segment) {
                break;
            }
        }
        any
    }

    /// Purges every whole free page; whether there was one.
    pub fn purge(&mut self) -> bool {
        let before = self.counts.purged_bytes;
        self.each_free(|heap, block, tag| {
            if !tag.has(PURGED) {
                heap.purge_block(block, tag, PAGE);
            }
        });
        self.thin();
        self.counts.purged_bytes != before
    }

    /// Gives the pages of `[at, at + len)` back, which lie in a used block; whether the system took them.
    pub fn give_back(&mut self, at: *mut u8, len: usize) -> bool {
        self.thin();
        let was_taken = self.backing.purge(at, len);
        self.counts.shrinks += u64::from(was_taken);
        was_taken
    }

    /// Wants no huge pages in what there is by now.
    fn thin(&mut self) {
        if core::mem::take(&mut self.tending.is_thick) {
            for segment in self.segments.iter() {
                let start = segment.first().header();
                self.backing.thin(start, segment.end().addr() - start.addr());
            }
        }
    }

    fn sweep(&mut self) {
        self.each_free(|heap, block, tag| {
            if !tag.has(AGED) {
                heap.remark(block, tag.with(AGED));
            } else if !tag.has(PURGED) {
                heap.purge_block(block, tag, LEAST_PURGE);
            }
        });
    }

    /// Calls `act` with every free block that is large enough to hold a page.
    fn each_free(&mut self, act: impl Fn(&mut Self, Block, Tag)) {
        for segment in self.segments.iter() {
            let mut at = segment.first();
            while at != segment.epilogue() {
                // SAFETY: [S2]
                let tag = unsafe { at.tag() };
                if !tag.is_used() && tag.size() >= PAGE {
                    act(self, at, tag);
                }
                at = at.offset(tag.size());
            }
        }
    }

    fn purge_block(&mut self, block: Block, tag: Tag, least: usize) {
        // [D1]: two links behind the header, the footer before the end.
        let from = round_up(block.addr() + SMALLEST - WORD, PAGE);
        let to = round_down(block.addr() + tag.size() - WORD, PAGE);
        if from >= to || to - from < least {
            return;
        }
        if self.backing.purge(block.header().with_addr(from), to - from) {
            self.counts.purged_bytes += tag.size();
            self.counts.shrinks += 1;
            self.remark(block, tag.with(PURGED | AGED));
        }
    }

    /// Writes new bits into the header and the footer of a free block.
    fn remark(&mut self, block: Block, tag: Tag) {
        // SAFETY: [B1], [B4]
        unsafe { block.set_tag(tag) };
        let footer = block.offset(tag.size() - WORD);
        // SAFETY: [B3]
        unsafe { footer.set_tag(tag) };
    }

    /// The tag of the free block at the end of the newest segment.
    fn top(&self) -> Option<Tag> {
        let segment = self.segments.newest()?;
        let (block, size) = Self::last_free(segment)?;
        debug_assert!(size > 0);
        // SAFETY: [B1]
        Some(unsafe { block.tag() })
    }

    fn last_free(segment: Segment) -> Option<(Block, usize)> {
        let epilogue = segment.epilogue();
        // SAFETY: [S2]
        if unsafe { epilogue.tag() }.has(PREV_USED) {
            return None;
        }
        // SAFETY: [B3]
        let block = unsafe { epilogue.previous(segment.first().addr()) };
        Some((block, epilogue.addr() - block.addr()))
    }

    /// Lowers the end of `segment`, or gives it back whole if nothing in it is used.
    fn trim_top(&mut self, segment: Segment, keep: usize) {
        let last = Self::last_free(segment);
        let (start, size) = last.unwrap_or((segment.epilogue(), 0));
        if start == segment.first() && self.counts.segments > 1 && self.drop_segment(segment, last) {
            return;
        }
        let Some(cut) = cut_of(segment, start, keep) else { return };
        let from = cut.header().wrapping_add(WORD);
        let len = segment.end().addr() - from.addr();
        // SAFETY: [B1]: a free block or the epilogue.
        let tag = unsafe { start.tag() };
        // The block's links may lie in what goes: it leaves the index first.
        if size != 0 {
            self.forget(start, tag);
        }
        if !self.backing.shrink(from, len) {
            if size != 0 {
                self.leave(start, size, tag.only(PREV_USED | AGED | PURGED));
            }
            return;
        }
        self.counts.shrinks += 1;
        self.counts.footprint -= len;
        // SAFETY: the end was lowered to just behind the cut.
        unsafe { segment.set_end(from) };
        let left = cut.addr() - start.addr();
        let bits = if left == 0 { tag.only(PREV_USED) } else { 0 };
        // SAFETY: [S2]: the cut follows the last block.
        unsafe { segment.set_epilogue(cut, bits) };
        if left != 0 {
            self.leave(start, left, tag.only(PREV_USED));
        }
        self.index.forget();
    }

    /// Takes a free block out without a merge.
    fn forget(&mut self, block: Block, tag: Tag) {
        self.index.remove(block, &self.segments).settle();
        self.uncount_free(tag);
    }

    /// Gives back a segment in which no block is used.
    fn drop_segment(&mut self, segment: Segment, last: Option<(Block, usize)>) -> bool {
        let run = segment.run();
        if let Some((block, _)) = last {
            // SAFETY: [B1]
            let tag = unsafe { block.tag() };
            self.forget(block, tag);
        }
        self.index.forget();
        self.segments.remove(segment);
        if !self.backing.release(run) {
            self.segments.push(segment);
            if let Some((block, size)) = last {
                self.leave(block, size, PREV_USED);
            }
            return false;
        }
        self.counts.segments -= 1;
        self.counts.shrinks += 1;
        self.counts.footprint -= run.len;
        true
    }
}

/// Where the epilogue shall stand so that `keep` bytes stay free behind `start` and the end falls
/// on a page; `None` if nothing would be gained.
fn cut_of(segment: Segment, start: Block, keep: usize) -> Option<Block> {
    let base = segment.base().addr();
    let least = start.addr().max(base + OVERHEAD - WORD);
    let mut end = round_up(least.checked_add(keep)? + WORD, PAGE);
    let left = end - WORD - start.addr();
    if left != 0 && left < SMALLEST {
        end += PAGE;
    }
    debug_assert!((end - WORD) % ALIGN == WORD);
    (end < segment.end().addr()).then(|| segment.block_at(end - WORD))
}
