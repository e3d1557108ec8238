//! Calls from a signal handler that interrupted the holder of the lock.
//!
//! ```text
//!   handler:  malloc ─► a mapping that a handler freed, or a new one ─► stack `mapped`  ┐
//!             free   ─────────────────────────────────────────────────► stack `freed`   ├─► drained by the next holder
//! ```
//!
//! POSIX leaves such calls undefined. They must not hang and must not corrupt: so they touch
//! nothing that the lock guards. Both stacks link through memory that the handler owns.
//!
//! Signals may come faster than the holder goes on: what handlers free serves handlers again, so that neither
//! their memory nor what the holder has to drain grows with the number of signals.
//!
//! - **N1** A block on a stack is nobody else's: freshly mapped, or given up by the program.
//! - **N2** What is freed is taken off its stack as a whole before it is looked at, and put back then: nobody drains
//!   a block meanwhile.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::{Allocator, Grant, Misuse, State};
use crate::block::tag::MAPPED;
use crate::block::{ALIGN, Block, WORD};
use crate::heap::Fault;
use crate::heap::maps::Maps;
use crate::os::PAGE;
use crate::slab::mark;

/// What waits for the next holder of the lock.
pub(super) struct Reentry {
    mapped: Stack,
    freed: Stack,
    /// A payload that was freed while it waited on `freed`, or null.
    twice: AtomicPtr<u8>,
}

/// A stack of payloads, linked through their first words.
struct Stack(AtomicPtr<u8>);

impl Reentry {
    pub(super) const EMPTY: Self =
        Self { mapped: Stack::EMPTY, freed: Stack::EMPTY, twice: AtomicPtr::new(ptr::null_mut()) };

    #[inline]
    pub(super) fn is_pending(&self) -> bool {
        !self.mapped.is_empty() || !self.freed.is_empty()
    }

    /// A mapping of its own, if none that was freed fits. The word of the link is the program's once the block is
    /// filed, so the block carries sixteen bytes more, in front.
    pub(super) fn allocate(&self, len: usize, align: usize) -> Option<Grant> {
        if align <= ALIGN
            && let Some(payload) = self.freed.remove(|payload| fits(payload, len))
        {
            // SAFETY: [N2]
            unsafe { mark::clear(payload) };
            return Some(Grant { payload, dirty: len });
        }
        let block = Maps::map_loose(len, align)?;
        self.mapped.push(block.payload().wrapping_sub(HIDDEN));
        Some(Grant { payload: block.payload(), dirty: 0 })
    }

    /// Leaves a payload to the next holder. It carries the mark of a free object until then; the program may have
    /// written the same word, so who finds it looks.
    pub(super) fn release(&self, payload: *mut u8) {
        // SAFETY: every block and object has sixteen bytes, and the program has given them up.
        if unsafe { mark::is_set(payload) } && self.freed.holds(payload) {
            return self.twice.store(payload, Ordering::Relaxed);
        }
        // SAFETY: as above.
        unsafe { mark::set(payload) };
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
            // SAFETY: [N1]
            unsafe { mark::clear(payload) };
            if let Err(fault) = allocator.release_checked(state, payload) {
                Misuse { call: "free", payload, fault }.report(state.settings().errors);
            }
            payload = next;
        }
        let twice = self.twice.swap(ptr::null_mut(), Ordering::Relaxed);
        if !twice.is_null() {
            Misuse { call: "free", payload: twice, fault: Fault::Freed }.report(state.settings().errors);
        }
    }
}

/// From the link of a loose mapping to its payload: the link stands in the lead, before the tag.
const HIDDEN: usize = 16;

/// So many freed payloads are looked at for one that fits.
const MOST_LOOKS: usize = 32;

/// Whether a freed payload is a mapping with room for `len` bytes, and with little more.
fn fits(payload: *mut u8, len: usize) -> bool {
    // What lies elsewhere in its page is no mapping, and need not have a header that can be read.
    if payload.addr() % PAGE != HIDDEN {
        return false;
    }
    // SAFETY: the header lies in the page of a payload that the program had.
    let tag = unsafe { Block::of_payload(payload).try_tag() };
    tag.filter(|tag| tag.has(MAPPED)).is_some_and(|tag| {
        let has = tag.size() - WORD;
        has >= len && has - len < PAGE + len / 8
    })
}

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
        self.push_all(link, link);
    }

    /// Pushes what is linked from `first` to `last`.
    fn push_all(&self, first: *mut u8, last: *mut u8) {
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: [N1]
            unsafe { last.cast::<*mut u8>().write(head) };
            match self.0.compare_exchange_weak(head, first, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    fn take(&self) -> *mut u8 {
        self.0.swap(ptr::null_mut(), Ordering::Acquire)
    }

    /// Whether `link` is among them.
    fn holds(&self, link: *mut u8) -> bool {
        let links = self.take();
        let found = chain(links).any(|at| at == link);
        self.put_back(links);
        found
    }

    /// Takes one out for which `is_it`, if there is one among the first.
    fn remove(&self, is_it: impl Fn(*mut u8) -> bool) -> Option<*mut u8> {
        let mut links = self.take();
        let mut before = ptr::null_mut();
        let found = chain(links).take(MOST_LOOKS).find(|link| {
            is_it(*link) || {
                before = *link;
                false
            }
        });
        if let Some(found) = found {
            if before.is_null() {
                links = next_of(found);
            } else {
                // SAFETY: [N2]
                unsafe { before.cast::<*mut u8>().write(next_of(found)) };
            }
        }
        self.put_back(links);
        found
    }

    /// Puts back what [`Stack::take`] took, `links` and all behind it.
    fn put_back(&self, links: *mut u8) {
        let null = ptr::null_mut();
        if self.0.compare_exchange(null, links, Ordering::Release, Ordering::Relaxed).is_ok() {
            return;
        }
        if let Some(last) = chain(links).last() {
            self.push_all(links, last);
        }
    }
}

/// `link`, and all behind it.
fn chain(link: *mut u8) -> impl Iterator<Item = *mut u8> {
    let known = |link: *mut u8| (!link.is_null()).then_some(link);
    core::iter::successors(known(link), move |link| known(next_of(*link)))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const LEN: usize = 66_000;

    #[test]
    fn what_was_freed_serves_again_where_it_fits() {
        let reentry = Reentry::EMPTY;
        let first = reentry.allocate(LEN, ALIGN).unwrap().payload;
        let second = reentry.allocate(10 * LEN, ALIGN).unwrap().payload;
        reentry.release(first);
        reentry.release(second);

        let again = reentry.allocate(LEN - 100, ALIGN).unwrap();
        let other = reentry.allocate(LEN, ALIGN).unwrap();
        let long = reentry.allocate(10 * LEN, ALIGN).unwrap();

        assert_eq!((again.payload, again.dirty), (first, LEN - 100));
        assert!(![first, second].contains(&other.payload), "handed out twice");
        assert_eq!(long.payload, second);
        assert!(reentry.freed.is_empty());
    }

    #[test]
    fn an_aligned_block_is_mapped_anew() {
        let reentry = Reentry::EMPTY;
        let freed = reentry.allocate(LEN, ALIGN).unwrap().payload;
        reentry.release(freed);

        let aligned = reentry.allocate(LEN, 4096).unwrap().payload;

        assert!(aligned.addr().is_multiple_of(4096));
        assert_ne!(aligned, freed);
    }

    #[test]
    fn what_is_freed_twice_waits_once() {
        let reentry = Reentry::EMPTY;
        let blocks: Vec<_> = (0..3).map(|_| reentry.allocate(LEN, ALIGN).unwrap().payload).collect();
        for block in [blocks[0], blocks[1], blocks[0], blocks[2]] {
            reentry.release(block);
        }

        assert_eq!(reentry.twice.load(Ordering::Relaxed), blocks[0]);
        assert_eq!(chain(reentry.freed.take()).collect::<Vec<_>>(), [blocks[2], blocks[1], blocks[0]]);
    }

    #[test]
    fn the_word_of_the_mark_alone_is_no_second_free() {
        let reentry = Reentry::EMPTY;
        let block = reentry.allocate(LEN, ALIGN).unwrap().payload;
        // SAFETY: the block is the test's.
        unsafe { mark::set(block) };

        reentry.release(block);

        assert!(reentry.twice.load(Ordering::Relaxed).is_null());
        assert!(reentry.freed.holds(block));
    }
}
