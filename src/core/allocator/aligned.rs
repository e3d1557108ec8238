//! The aligned family: objects of slabs stand at multiples of their length.
//!
//! ```text
//!   aligned(64, 100) ─► class of 128 bytes ─► bin ─► at a multiple of 64? ─► as any object
//!                                                    └ a tagged block: back to the heap; one from the heap
//! ```
//!
//! A slab begins at a multiple of 64 KiB. So a class whose length is a multiple of the alignment has
//! objects that are aligned, and they go through the bins like all others.

use super::record::UNNOTED;
use super::{Allocator, Grant, Wanted};
use crate::block::ALIGN;
use crate::cache::Thread;
use crate::slab::class;

impl Allocator {
    /// `len` bytes at a multiple of `align`, a power of two.
    pub fn allocate_aligned(&self, len: usize, align: usize, wanted: Wanted) -> Option<Grant> {
        if align > ALIGN
            && let Some(class) = class::aligned(len, align)
            && let Some(object) = self.allocate_object(class, align)
        {
            self.note_block(wanted, len, object);
            return Some(Grant { payload: object, dirty: usize::MAX });
        }
        self.allocate_in_heap(len, align, wanted)
    }

    /// An object of the bins of `class`, if the next one is aligned.
    fn allocate_object(&self, class: usize, align: usize) -> Option<*mut u8> {
        let thread = Thread::current();
        let thread = if thread.is_own() { thread } else { self.attach()? };
        if !thread.may_serve() {
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
}
