//! What goes between the bins of threads and the rooms of the heap: objects of slabs, or tagged blocks.

use super::super::Misuse;
use super::State;
use crate::block::{Block, Tag};
use crate::heap::{Fault, Request};
use crate::slab::class::{self, SLAB_CLASSES};
use crate::slab::mark;
use crate::slab::rooms::Rooms;
use crate::slab::spans::Taken;

/// Most tagged blocks that one refill places: they are not lazily carved.
const MOST_TAGGED: usize = 8;

/// Bytes of tagged blocks of a class, and the fewest blocks, after which it gets slabs: tiny processes
/// stay tiny.
const WORTH_A_SLAB: usize = 4 << 10;
const LEAST_IN_SLAB: usize = 8;

impl State {
    /// Fills `out` with objects of `class` from slabs or as tagged blocks.
    pub(in crate::allocator) fn take(&mut self, rooms: &Rooms, class: usize, out: &mut [*mut u8]) -> Taken {
        if class < SLAB_CLASSES && usize::from(self.tagged[class]) >= worth_a_slab(class) {
            // SAFETY: the slice is as long as it says.
            let taken = unsafe {
                self.spans.take(&mut self.heap, &mut self.tables, rooms, class, out.as_mut_ptr(), out.len())
            };
            self.map_rooms(rooms);
            if taken.count > 0 {
                return taken;
            }
        }
        let bits = if self.caching { Tag::class_bits(class) } else { 0 };
        let request = Request { bits, ..Request::of(class::block_len(class)) };
        let most = out.len().min(MOST_TAGGED);
        let mut got = 0;
        while got < most {
            let Some(grant) = self.place(rooms, request) else { break };
            out[got] = grant.payload();
            got += 1;
        }
        if class < SLAB_CLASSES {
            self.tagged[class] = self.tagged[class].saturating_add(got as u16);
        }
        Taken { count: got, fresh: got }
    }

    /// From now on `class` gets slabs.
    pub(in crate::allocator) fn make_slabs(&mut self, class: usize) {
        self.tagged[class] = u16::MAX;
    }

    /// Takes back an object that was in the program's hands.
    pub(in crate::allocator) fn give_used(&mut self, rooms: &Rooms, object: *mut u8) {
        if rooms.slab(object.addr()).is_none() {
            return self.give_block(Block::of_payload(object));
        }
        // SAFETY: it is free now, and has sixteen bytes.
        unsafe { mark::set(object) };
        self.give(rooms, &[object]);
    }

    /// Takes back objects of one class that a cache held: they carry the mark.
    pub(in crate::allocator) fn give(&mut self, rooms: &Rooms, mut objects: &[*mut u8]) {
        while let [first, rest @ ..] = objects {
            objects = match self.spans.give(&mut self.heap, rooms, objects) {
                None => {
                    self.give_cached(*first);
                    rest
                }
                Some(0) => {
                    let again = Misuse { call: "free", payload: *first, fault: Fault::Freed };
                    again.report(self.settings.errors);
                    rest
                }
                Some(given) => &objects[given..],
            };
        }
    }

    /// Takes back a tagged block that a cache held, once: one that the program wrote to and freed again may be there
    /// twice, and be somebody's already.
    fn give_cached(&mut self, payload: *mut u8) {
        // SAFETY: every block has sixteen bytes.
        if !unsafe { mark::is_set(payload) } {
            return Misuse { call: "free", payload, fault: Fault::Written }.report(self.settings.errors);
        }
        // SAFETY: as above.
        unsafe { mark::clear(payload) };
        self.give_block(Block::of_payload(payload));
    }

    fn give_block(&mut self, block: Block) {
        // SAFETY: a live block of the heap.
        let tag = unsafe { block.tag() };
        if let Some(class) = tag.class().filter(|class| *class < SLAB_CLASSES) {
            self.tagged[class] -= u16::from((1..u16::MAX).contains(&self.tagged[class]));
        }
        // SAFETY: as above.
        unsafe { self.heap.release(block) };
    }
}

/// Tagged blocks of `class` after which it gets slabs.
pub(super) fn worth_a_slab(class: usize) -> usize {
    (WORTH_A_SLAB / class::len_of(class)).max(LEAST_IN_SLAB)
}
