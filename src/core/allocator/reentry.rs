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
//! their memory nor what the holder has to drain grows with the number of signals. A block that carries the mark of
//! a free one is no handler's to touch: the next holder looks whether it rests somewhere.
//!
//! - **N1** A block on a stack is nobody else's: freshly mapped, or given up by the program.
//! - **N2** What is freed is taken off its stack as a whole before it is looked at, and put back then: nobody drains
//!   a block meanwhile.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::{Allocator, Grant, Misuse, State};
use crate::block::tag::MAPPED;
use crate::block::{Block, WORD};
use crate::heap::Fault;
use crate::heap::maps::Maps;
use crate::os::PAGE;
use crate::slab::mark;
use crate::slab::rooms::{Room, Rooms};

/// What waits for the next holder of the lock.
pub(super) struct Reentry {
    mapped: Stack,
    freed: Stack,
    /// A payload that was freed while it waited on `freed`, or null: the first of them.
    twice: AtomicPtr<u8>,
    /// The same for one that carried the mark already.
    marked: AtomicPtr<u8>,
}

/// A stack of payloads, linked through their first words.
struct Stack(AtomicPtr<u8>);

impl Reentry {
    pub(super) const EMPTY: Self = Self {
        mapped: Stack::EMPTY,
        freed: Stack::EMPTY,
        twice: AtomicPtr::new(ptr::null_mut()),
        marked: AtomicPtr::new(ptr::null_mut()),
    };

    #[inline]
    pub(super) fn is_pending(&self) -> bool {
        !self.mapped.is_empty() || !self.freed.is_empty() || !self.marked.load(Ordering::Relaxed).is_null()
    }

    /// A mapping of its own, if none that was freed fits. The word of the link is the program's once the block is
    /// filed, so the block carries sixteen bytes more, in front.
    pub(super) fn allocate(&self, rooms: &Rooms, len: usize, align: usize) -> Option<Grant> {
        let fits = |payload: &*mut u8, has: usize| has >= len && payload.addr().is_multiple_of(align);
        let size = |payload| mapped_len(rooms, payload).filter(|has| fits(&payload, *has));
        if let Some(payload) = self.freed.remove(size) {
            // SAFETY: [N2]
            unsafe { mark::clear(payload) };
            return Some(Grant::new(payload, len));
        }
        let block = Maps::map_loose(len, align)?;
        self.mapped.push(block.payload().wrapping_sub(HIDDEN));
        Some(Grant::new(block.payload(), 0))
    }

    /// Leaves a payload to the next holder; it carries the mark of a free object until then. One that carries it
    /// already may rest somewhere, and is left as it is.
    pub(super) fn release(&self, payload: *mut u8) {
        // SAFETY: every block and object has sixteen bytes, and the program has given them up.
        if unsafe { mark::is_set(payload) } {
            let place = if self.freed.holds(payload) { &self.twice } else { &self.marked };
            let null = ptr::null_mut();
            // One is enough to be told: of more the next holder does not hear.
            _ = place.compare_exchange(null, payload, Ordering::Relaxed, Ordering::Relaxed);
            return;
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
        let take = |place: &AtomicPtr<u8>| place.swap(ptr::null_mut(), Ordering::Relaxed);
        let (twice, marked) = (take(&self.twice), take(&self.marked));
        if !marked.is_null() {
            allocator.release_suspect(state, marked);
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
        if !twice.is_null() {
            Misuse { call: "free", payload: twice, fault: Fault::Freed }.report(state.settings().errors);
        }
    }
}

/// From the link of a loose mapping to its payload: the link stands in the lead, before the tag.
const HIDDEN: usize = 16;

/// So many freed payloads are looked at for one that fits.
const MOST_LOOKS: usize = 256;

/// The bytes of a freed payload, if it is a mapping.
fn mapped_len(rooms: &Rooms, payload: *mut u8) -> Option<usize> {
    // In the heap the word before it may be the program's; in another page none need be readable.
    if rooms.at(payload.addr()) != Room::FOREIGN || payload.addr() % PAGE < WORD {
        return None;
    }
    // SAFETY: the word lies in the page of a payload that the program had.
    let tag = unsafe { Block::of_payload(payload).try_tag() }?;
    tag.has(MAPPED).then(|| tag.size() - WORD)
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

    /// Takes the one out, if any of the first has a size, that has the least.
    fn remove(&self, size: impl Fn(*mut u8) -> Option<usize>) -> Option<*mut u8> {
        let mut links = self.take();
        let mut before = ptr::null_mut();
        let mut best: Option<(usize, *mut u8, *mut u8)> = None;
        for link in chain(links).take(MOST_LOOKS) {
            if let Some(size) = size(link)
                && best.is_none_or(|(least, ..)| size < least)
            {
                best = Some((size, before, link));
            }
            before = link;
        }
        if let Some((_, before, link)) = best {
            if before.is_null() {
                links = next_of(link);
            } else {
                // SAFETY: [N2]
                unsafe { before.cast::<*mut u8>().write(next_of(link)) };
            }
        }
        self.put_back(links);
        best.map(|(.., link)| link)
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
    use crate::block::ALIGN;

    const LEN: usize = 66_000;

    #[test]
    fn the_shortest_that_was_freed_and_fits_serves_again() {
        let reentry = Reentry::EMPTY;
        let [first, longest, long] = [LEN, 10 * LEN, 5 * LEN]
            .map(|len| reentry.allocate(&Rooms::EMPTY, len, ALIGN).unwrap().payload());
        [first, longest, long].into_iter().for_each(|payload| reentry.release(payload));

        let again = reentry.allocate(&Rooms::EMPTY, LEN - 100, ALIGN).unwrap();
        let other = reentry.allocate(&Rooms::EMPTY, LEN, ALIGN).unwrap();
        let new = reentry.allocate(&Rooms::EMPTY, 11 * LEN, ALIGN).unwrap();

        assert_eq!((again.payload(), again.dirty), (first, LEN - 100));
        assert_eq!(other.payload(), long);
        assert!(![first, longest, long].contains(&new.payload()), "too short, or handed out twice");
        assert_eq!(reentry.allocate(&Rooms::EMPTY, LEN, ALIGN).unwrap().payload(), longest);
        assert!(reentry.freed.is_empty());
    }

    #[test]
    fn sizes_that_vary_need_no_more_mappings_than_there_are_blocks() {
        const MOST: usize = 6;
        let (reentry, mut seen) = (Reentry::EMPTY, Vec::new());
        for turn in 0..2000usize {
            let lens = (0..MOST).map(|n| turn.wrapping_mul(7919).wrapping_add(n * 104_729) % (30 * PAGE));
            let blocks: Vec<_> =
                lens.map(|len| reentry.allocate(&Rooms::EMPTY, len, ALIGN).unwrap().payload()).collect();
            seen.extend(blocks.iter().map(|block| block.addr()));
            seen.sort_unstable();
            seen.dedup();
            blocks.into_iter().for_each(|block| reentry.release(block));
        }
        // Now and then one is longer than all that are free.
        assert!(seen.len() <= 10 * MOST, "{}", seen.len());
    }

    #[test]
    fn only_an_aligned_one_serves_where_it_shall_be() {
        let reentry = Reentry::EMPTY;
        let plain = reentry.allocate(&Rooms::EMPTY, LEN, ALIGN).unwrap().payload();
        reentry.release(plain);

        let aligned = reentry.allocate(&Rooms::EMPTY, LEN, 256).unwrap().payload();
        reentry.release(aligned);
        let again = reentry.allocate(&Rooms::EMPTY, LEN, 256).unwrap().payload();

        assert!(aligned.addr().is_multiple_of(256));
        assert_ne!(aligned, plain);
        assert_eq!(again, aligned);
    }

    #[test]
    fn what_is_freed_twice_waits_once() {
        let reentry = Reentry::EMPTY;
        let blocks: Vec<_> =
            (0..3).map(|_| reentry.allocate(&Rooms::EMPTY, LEN, ALIGN).unwrap().payload()).collect();
        for block in [blocks[0], blocks[1], blocks[0], blocks[2]] {
            reentry.release(block);
        }

        assert_eq!(reentry.twice.load(Ordering::Relaxed), blocks[0]);
        assert_eq!(chain(reentry.freed.take()).collect::<Vec<_>>(), [blocks[2], blocks[1], blocks[0]]);
    }

    #[test]
    fn what_carries_the_mark_is_left_as_it_is() {
        let reentry = Reentry::EMPTY;
        let block = reentry.allocate(&Rooms::EMPTY, LEN, ALIGN).unwrap().payload();
        // SAFETY: the block is the test's.
        unsafe { block.cast::<u64>().write(77) };
        // SAFETY: as above.
        unsafe { mark::set(block) };

        reentry.release(block);

        assert_eq!(reentry.marked.load(Ordering::Relaxed), block);
        assert!(reentry.twice.load(Ordering::Relaxed).is_null());
        assert!(reentry.freed.is_empty() && reentry.is_pending());
        // SAFETY: as above.
        assert_eq!(unsafe { block.cast::<u64>().read() }, 77);
    }
}
