//! Calls from a signal handler that interrupted the holder of the lock.
//!
//! ```text
//!   handler:  malloc ─► a mapping of its own ─► stack `mapped`  ┐
//!             free   ─────────────────────────► stack `freed`   ├─► drained by the next holder
//! ```
//!
//! POSIX leaves such calls undefined. They must not hang and must not corrupt: so they touch
//! nothing that the lock guards. Both stacks link through memory that the handler owns.
//!
//! - **N1** A block on a stack is nobody else's: freshly mapped, or given up by the program.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::{Allocator, Grant, Misuse, State};
use crate::block::Block;
use crate::heap::maps::Maps;

/// What waits for the next holder of the lock.
pub(super) struct Reentry {
    mapped: Stack,
    freed: Stack,
}

/// A stack of payloads, linked through their first words.
struct Stack(AtomicPtr<u8>);

impl Reentry {
    pub(super) const EMPTY: Self = Self { mapped: Stack::EMPTY, freed: Stack::EMPTY };

    #[inline]
    pub(super) fn is_pending(&self) -> bool {
        !self.mapped.is_empty() || !self.freed.is_empty()
    }

    /// A mapping of its own. The word of the link is the program's once the block is filed, so
    /// the block carries sixteen bytes more, in front.
    pub(super) fn allocate(&self, len: usize, align: usize) -> Option<Grant> {
        let block = Maps::map_loose(len, align)?;
        self.mapped.push(block.payload().wrapping_sub(HIDDEN));
        Some(Grant { payload: block.payload(), dirty: 0 })
    }

    pub(super) fn release(&self, payload: *mut u8) {
        self.freed.push(payload);
    }

    /// Does what the handlers left to do.
    #[cold]
    #[inline(never)]
    pub(super) fn drain(&self, allocator: &Allocator, state: &mut State) {
        // In this order: what is on `freed` now was mapped before, so it is among the mapped ones.
        let mut payload = self.freed.take();
        let mut link = self.mapped.take();
        while !link.is_null() {
            let next = next_of(link);
            state.file(Block::of_payload(link.wrapping_add(HIDDEN)));
            link = next;
        }
        while !payload.is_null() {
            let next = next_of(payload);
            if let Err(fault) = allocator.release_checked(state, payload) {
                Misuse { call: "free", payload, fault }.report(state.settings().errors);
            }
            payload = next;
        }
    }
}

/// From the link of a loose mapping to its payload: the link stands in the lead, before the tag.
const HIDDEN: usize = 16;

fn next_of(link: *mut u8) -> *mut u8 {
    // SAFETY: [N1]
    unsafe { link.cast::<*mut u8>().read() }
}

impl Stack {
    const EMPTY: Self = Self(AtomicPtr::new(ptr::null_mut()));

    #[inline]
    fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }

    fn push(&self, link: *mut u8) {
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: [N1]
            unsafe { link.cast::<*mut u8>().write(head) };
            match self.0.compare_exchange_weak(head, link, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    fn take(&self) -> *mut u8 {
        self.0.swap(ptr::null_mut(), Ordering::Acquire)
    }
}
