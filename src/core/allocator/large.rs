//! Large blocks: a thread keeps the one that it freed last.
//!
//! ```text
//!   free(1 MiB)    ─► kept, marked as free; the one kept before goes to the heap
//!   malloc(1 MiB)  ─► the kept one, if it fits without waste; else it goes to the heap first
//! ```
//!
//! A loop that takes and gives a buffer goes by the lock; whatever else happens, the heap has all
//! of its memory.
//!
//! - **A7** A kept block is used by its tag, free by a mark at either end, and lies in no bin.

use core::sync::atomic::{Ordering, compiler_fence};

use super::{Allocator, Entry, Misuse};
use crate::block::tag::{OWN, Tag};
use crate::block::{Block, WORD};
use crate::cache::Thread;
use crate::heap::Fault;
use crate::slab::class::LARGEST;
use crate::slab::mark;

/// The longest block that is kept.
const LONGEST: usize = 2 << 20;

/// Whether a used block with this tag may be a kept one ([A7](self)).
pub(super) const fn may_rest(tag: Tag) -> bool {
    tag.class().is_none() && !tag.has(OWN) && may_be_kept(tag.size() - WORD)
}

const fn may_be_kept(len: usize) -> bool {
    len > LARGEST && len <= LONGEST
}

impl Allocator {
    /// The block that this thread keeps, if it has `len` bytes and few more.
    #[inline]
    pub(super) fn take_kept(&self, thread: &Thread, len: usize) -> Option<*mut u8> {
        if thread.busy.get() || thread.kept.get().is_null() {
            return None;
        }
        thread.busy.set(true);
        compiler_fence(Ordering::SeqCst);
        let kept = thread.kept.get();
        // A signal handler may have taken it, or given it up, just before the bins were closed.
        // SAFETY: [A7]
        let has = if kept.is_null() { 0 } else { unsafe { Block::of_payload(kept).len() } };
        if len > has || has - len > has / 8 {
            thread.busy.set(false);
            return None;
        }
        thread.kept.set(core::ptr::null_mut());
        if !is_sound(kept, has) {
            return Some(self.allocate_spoilt(kept, thread));
        }
        // SAFETY: as above.
        unsafe { mark::clear(kept) };
        compiler_fence(Ordering::SeqCst);
        thread.busy.set(false);
        Some(kept)
    }

    /// Takes back a used block without a class.
    #[inline(never)]
    pub(super) fn release_large(&self, payload: *mut u8) {
        let thread = match Thread::current() {
            nobody if !nobody.is_own() => self.attach().unwrap_or(nobody),
            own => own,
        };
        let kept_len = self.tagged_len(payload).filter(|len| !thread.busy.get() && may_be_kept(*len));
        let Some(len) = kept_len else {
            return self.release_slow(payload);
        };
        // A page that is read before it is written costs two faults: many a large buffer was never used.
        // SAFETY: a tagged block has sixteen bytes, and the program has given them up.
        unsafe { payload.cast::<u64>().write_volatile(0) };
        // SAFETY: as above.
        if unsafe { mark::is_set(payload) } {
            return self.release_slow(payload);
        }
        thread.busy.set(true);
        compiler_fence(Ordering::SeqCst);
        // SAFETY: the program has given it up.
        unsafe { mark::set(payload) };
        // SAFETY: as above.
        unsafe { mark::set(end_of(payload, len)) };
        let before = thread.kept.replace(payload);
        compiler_fence(Ordering::SeqCst);
        thread.busy.set(false);
        if !before.is_null() {
            self.release_kept(before);
        }
    }

    /// The block that was kept before another goes to the heap.
    fn release_kept(&self, kept: *mut u8) {
        // SAFETY: [A7]
        if is_sound(kept, unsafe { Block::of_payload(kept).len() }) {
            return self.release_slow(kept);
        }
        Misuse { call: "free", payload: kept, fault: Fault::Written }.report(self.settings().errors);
    }
}

/// Where a kept block of `len` bytes carries its second mark: in its last two words.
fn end_of(payload: *mut u8, len: usize) -> *mut u8 {
    payload.wrapping_add(len - 2 * WORD)
}

/// Whether nobody wrote over the marks of a kept block of `len` bytes.
fn is_sound(kept: *mut u8, len: usize) -> bool {
    [kept, end_of(kept, len)].into_iter().all(|marked| {
        // SAFETY: [A7]
        unsafe { mark::is_set(marked) }
    })
}

impl Entry<'_> {
    /// Takes the block that this thread keeps, for the heap.
    pub(super) fn forgo_kept(&self) -> Option<*mut u8> {
        if self.was_closed { None } else { self.thread.give_up() }
    }
}
