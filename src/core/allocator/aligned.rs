//! The aligned family: what stands at multiples of its length, or at the right place by chance or by request.
//!
//! ```text
//!   aligned(64, 100)   ─► class of 128 bytes ─► bin ─► at a multiple of 64? ─► as any object
//!                                                      └ a tagged block: back to the heap; one from the heap
//!   aligned(64, 5000)  ─► class of 5120 bytes ─► one of the last few in its bin is? ─► as any object
//!                                                └ none: one from the heap, which will rest in that bin
//! ```
//!
//! A slab begins at a multiple of 64 KiB. So a class whose length is a multiple of the alignment has
//! objects that are aligned, and they go through the bins like all others.

use super::fast::bin_of;
use super::record::UNNOTED;
use super::{Allocator, Grant, Wanted};
use crate::block::ALIGN;
use crate::cache::Thread;
use crate::slab::class::{self, SLAB_CLASSES};

impl Allocator {
    /// `len` bytes at a multiple of `align`, a power of two.
    pub fn allocate_aligned(&self, len: usize, align: usize, wanted: Wanted) -> Option<Grant> {
        if align > ALIGN
            && let Some(object) = self.allocate_object(len, align)
        {
            self.note_block(wanted, len, object);
            return Some(Grant::new(object, usize::MAX));
        }
        self.allocate_in_heap(len, align, wanted)
    }

    /// An object of the bins, if there is one for `len` bytes at a multiple of `align`.
    fn allocate_object(&self, len: usize, align: usize) -> Option<*mut u8> {
        let class = class::aligned(len, align).or_else(|| class::tagged(len))?;
        let thread = Thread::current();
        let thread = if thread.is_own() { thread } else { self.attach()? };
        if !thread.may_serve() || class >= SLAB_CLASSES && !self.offers(thread, class, align) {
            return None;
        }
        let object = self.allocate_as::<UNNOTED>(class::len_of(class));
        if object.is_null() || object.addr().is_multiple_of(align) {
            return Some(object).filter(|object| !object.is_null());
        }
        // The bin would offer it again.
        self.give(object);
        None
    }

    /// Whether the next object of the bin of `class` is at a multiple of `align`: one of the last few is put there. A
    /// signal handler may take it before us.
    fn offers(&self, thread: &Thread, class: usize, align: usize) -> bool {
        if thread.close() {
            return false;
        }
        let bin = bin_of(thread, class);
        let offers = bin.raise(align) || self.replenish(thread, class) && bin.raise(align);
        self.reopen(thread);
        offers
    }

    /// Brings to an empty bin of `class` what waits, the spare has, or the depot; whether there was any.
    fn replenish(&self, thread: &Thread, class: usize) -> bool {
        let bin = bin_of(thread, class);
        if bin.count() > 0 {
            return false;
        }
        self.settle(bin);
        let has_any = bin.count() > 0 || self.reload(thread, class);
        self.defer(bin);
        has_any
    }
}
