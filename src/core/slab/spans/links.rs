//! The list of a slab's free objects: what came back last is handed out first, until it is put in order.
//!
//! ```text
//!   came back in any order    ▲──►│ 7 │──►│ 2 │──►│ 9 │──►│ 4 │
//!   put in order              ▲──►│ 2 │──►│ 4 │──►│ 7 │──►│ 9 │
//! ```
//!
//! In a large heap a free object's line is far away, and its link says which one is next: a list in any order
//! costs a journey to memory for each object. Read from one end to the other the lines come by themselves, and who
//! gets objects in the order of their addresses finds them as near to each other.

use super::{NO_OBJECT, Slab, class};
use crate::block::{ALIGN, tag};
use crate::fatal;
use crate::slab::rooms::GRANULE;

/// Bytes that come from memory at a time.
const LINE: usize = 64;

/// How many lines, read one behind the other, take as long as one for which everything waits. Asked for without
/// waiting (by a prefetch) they do not all come: the processor drops what is too much at a time.
const LINES_A_JOURNEY: usize = 8;

/// A set of objects of one slab, by where they begin, in steps of sixteen bytes.
pub(super) struct Objects([u64; GRANULE / ALIGN / 64]);

impl Objects {
    pub(super) const NONE: Self = Self([0; GRANULE / ALIGN / 64]);

    pub(super) fn add(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.0[at / 64] &= !(1 << (at % 64));
    }

    /// Whether there is one that begins at `at`.
    pub(super) fn has(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 != 0
    }
}

impl Slab {
    /// Bytes of an object.
    pub(super) const fn len(&self) -> usize {
        class::len_of(self.class as usize)
    }

    /// Where object number `number` begins, in steps of sixteen bytes.
    pub(super) const fn place_of(&self, number: usize) -> usize {
        number * self.len() / ALIGN
    }

    /// The free objects of the slab, which begins at `start`, but for those in the `hollow` pages.
    pub(super) fn linked(&self, start: *mut u8) -> Objects {
        let mut set = Objects::NONE;
        let (mut free, carved) = (self.free, self.carved as usize * self.len());
        while free != NO_OBJECT {
            set.add(free as usize);
            free = next_free(start.wrapping_add(free as usize * ALIGN), start, carved);
        }
        set
    }

    /// Links free objects, the lowest first.
    pub(super) fn relink(&mut self, start: *mut u8, objects: &Objects) {
        for (n, word) in objects.0.iter().enumerate().rev() {
            let mut rest = *word;
            while let Some(bit) = rest.checked_ilog2() {
                rest &= !(1 << bit);
                let at = n * 64 + bit as usize;
                link_free(start.wrapping_add(at * ALIGN), self.free);
                self.free = at as u16;
            }
        }
    }

    /// Puts the free objects of a slab that begins at `start` in order, if that is worth it: half of them came back
    /// since, and to read all that was carved is no more than a journey to memory for each of them.
    #[cold]
    #[inline(never)]
    pub(super) fn put_in_order(&mut self, start: *mut u8) {
        let (loose, free) = (self.loose as usize, (self.carved - self.used) as usize);
        let stride = self.len().max(LINE);
        let bytes = self.carved as usize * self.len();
        if 2 * loose < free || free * LINES_A_JOURNEY < bytes / stride {
            return;
        }
        for at in (0..bytes).step_by(stride) {
            // SAFETY: what was carved of a slab that serves can be read, and nothing depends on what is read.
            unsafe { start.wrapping_add(at).read_volatile() };
        }
        let free = self.linked(start);
        self.free = NO_OBJECT;
        self.relink(start, &free);
        self.loose = 0;
    }
}

/// The secret of the links of one slab: differs from object to object.
fn veil(object: *mut u8) -> u64 {
    tag::key() ^ (object.addr() as u64).rotate_left(32)
}

pub(super) fn link_free(object: *mut u8, next: u16) {
    // SAFETY: the object is free and has at least sixteen bytes.
    unsafe { object.cast::<u64>().write(u64::from(next) ^ veil(object)) };
}

/// The object behind a free one; a link that leads nowhere ends the process.
pub(super) fn next_free(object: *mut u8, start: *mut u8, carved: usize) -> u16 {
    // SAFETY: as in `link_free`.
    let word = unsafe { object.cast::<u64>().read() } ^ veil(object);
    let sound = word == u64::from(NO_OBJECT) || (word as usize) * ALIGN < carved;
    if word > u64::from(u16::MAX) || !sound {
        fatal!("corrupted block at {object:p}: written to after it was freed");
    }
    debug_assert!(object >= start);
    word as u16
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::Stage;
    use super::*;
    use crate::slab::mark;
    use crate::slab::spans::{DRAINING, capacity};

    /// A slab of objects of 64 bytes, all carved, and where its free ones stand, in the order of its list.
    struct Span {
        memory: Vec<[u128; LINE / 16]>,
        slab: Slab,
    }

    impl Span {
        fn new() -> Self {
            let class = class::class_of(LINE);
            let carved = capacity(LINE) as u16;
            let slab = Slab {
                next: 0,
                before: 0,
                used: carved,
                carved,
                free: NO_OBJECT,
                class: class as u8,
                grade: DRAINING,
                hollow: 0,
                stage: Stage::Young,
                loose: 0,
            };
            Self { memory: std::vec![[0; LINE / 16]; GRANULE / LINE], slab }
        }

        fn give(&mut self, number: usize) {
            let start = self.start();
            let at = self.slab.place_of(number);
            // SAFETY: the object lies in the memory.
            unsafe { mark::set(start.wrapping_add(at * ALIGN)) };
            link_free(start.wrapping_add(at * ALIGN), self.slab.free);
            self.slab.free = at as u16;
            self.slab.used -= 1;
            self.slab.loose += 1;
        }

        fn start(&mut self) -> *mut u8 {
            self.memory.as_mut_ptr().cast()
        }

        fn listed(&mut self) -> Vec<usize> {
            let start = self.start();
            let (mut free, mut listed) = (self.slab.free, Vec::new());
            while free != NO_OBJECT {
                listed.push(free as usize * ALIGN / LINE);
                free = next_free(start.wrapping_add(free as usize * ALIGN), start, GRANULE);
            }
            listed
        }
    }

    #[test]
    fn what_came_back_in_any_order_is_put_in_order_and_nothing_is_lost() {
        let mut span = Span::new();
        (0..300).for_each(|n| span.give(n * 7 % 1000));
        let mut sorted = span.listed();
        sorted.sort_unstable();

        let start = span.start();
        span.slab.put_in_order(start);

        assert_eq!(span.listed(), sorted);
        assert_eq!(span.slab.loose, 0);
    }

    #[test]
    fn few_objects_and_those_in_order_stay_as_they_are() {
        let mut span = Span::new();
        (0..100).for_each(|n| span.give(n * 7));
        let start = span.start();
        let before = span.listed();
        span.slab.put_in_order(start);
        assert_eq!(span.listed(), before, "to read the slab costs more");

        (100..140).for_each(|n| span.give(n * 7));
        span.slab.put_in_order(start);
        (0..60).for_each(|n| span.give(n * 7 + 1));
        let before = span.listed();
        span.slab.put_in_order(start);
        assert_eq!(span.listed(), before, "most are in order");
    }
}
