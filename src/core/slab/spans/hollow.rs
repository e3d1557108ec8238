//! Pages of a draining slab on which no object is used go back to the system.
//!
//! ```text
//!   │ page 0 │ hollow │ hollow │ page 3 │ ...     whatever touches a hollow page is free, and bears no mark
//! ```
//!
//! A slab of which one object in fifty survives never becomes empty, and no other class can use its room. That
//! it is not wanted by its own is known when the heap has grown on while it drained.
//!
//! - **J4** Only slabs that drain have hollow pages, so that what touches one is freed by the slow side, which
//!   knows that it is free: it carries no mark any longer. The first page is never one, since its first object
//!   comes to a bin in a draining slab too. When a slab serves again it has no hollow pages.

use core::ops::Range;

use super::objects::Objects;
use super::{DRAINING, SLAB_CLASSES, Slab, Spans};
use crate::heap::Heap;
use crate::os::PAGE;
use crate::os::backing::Backing;
use crate::policy::FreeIndex;
use crate::slab::mark;
use crate::slab::rooms::{GRANULE, Rooms};

/// Pages of a slab: a bit each.
const PAGES: usize = GRANULE / PAGE;

/// Used objects beyond which hardly a page is free of them.
const MOST_USED: u32 = 40;

/// Slabs whose pages are looked at at a time.
const SOME: usize = 64;

/// What is known of the pages of a slab that drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It does not drain, or has not for long.
    Young,
    /// The heap has grown since.
    Ripe,
    /// Nothing has come back since its pages were looked at.
    Settled,
}

impl Slab {
    /// Whether object number `number` touches a hollow page.
    pub(super) const fn is_hollow(&self, number: usize) -> bool {
        let (first, last) = (number * self.len() / PAGE, ((number + 1) * self.len() - 1) / PAGE);
        (self.hollow as u32 >> first) & ((2 << (last - first)) - 1) != 0
    }

    /// Bytes of its hollow pages.
    pub(super) const fn hollow_bytes(&self) -> usize {
        self.hollow.count_ones() as usize * PAGE
    }

    /// The carved objects that touch page number `page`.
    fn touching(&self, page: usize) -> Range<usize> {
        let end = ((page + 1) * PAGE - 1) / self.len() + 1;
        page * PAGE / self.len()..end.min(self.carved as usize)
    }
}

impl Spans {
    /// Bytes of the pages that draining slabs have given back.
    pub const fn hollow_bytes(&self) -> usize {
        self.hollow_bytes
    }

    /// Gives back the free pages of slabs that drained when this was last done already, of some at a time: the
    /// others wait for the lock. Whether it is done.
    #[cold]
    #[inline(never)]
    pub fn hollow<B: Backing, I: FreeIndex>(&mut self, heap: &mut Heap<B, I>, rooms: &Rooms) -> bool {
        let mut left = SOME;
        let is_done = self.each_draining(|spans, granule| {
            let mut slab = spans.at(granule);
            if slab.stage != Stage::Ripe {
                return true;
            }
            if slab.used <= MOST_USED {
                let before = slab.hollow_bytes();
                let start = spans.start_of(heap, rooms, granule);
                give_pages_back(&mut slab, &spans.known(granule).free, start, heap);
                spans.hollow_bytes += slab.hollow_bytes() - before;
                left -= 1;
            }
            slab.stage = Stage::Settled;
            spans.put(granule, slab);
            left > 0
        });
        is_done
            && self.each_draining(|spans, granule| {
                let slab = spans.at(granule);
                if slab.stage == Stage::Young {
                    spans.put(granule, Slab { stage: Stage::Ripe, ..slab });
                }
                true
            })
    }

    /// Calls `act` with all slabs that drain as long as it wants more; whether it did to the end.
    fn each_draining(&mut self, mut act: impl FnMut(&mut Self, u32) -> bool) -> bool {
        for class in 0..SLAB_CLASSES {
            let mut next = self.lists[class][DRAINING as usize];
            while let Some(granule) = next.checked_sub(1) {
                next = self.at(granule).next;
                if !act(self, granule) {
                    return false;
                }
            }
        }
        true
    }

    /// A slab that begins at `start` serves again: what touched its hollow pages is marked.
    #[cold]
    #[inline(never)]
    pub(super) fn refill_pages(&mut self, slab: &mut Slab, start: *mut u8) {
        slab.stage = Stage::Young;
        if slab.hollow == 0 {
            return;
        }
        for number in (0..slab.carved as usize).filter(|number| slab.is_hollow(*number)) {
            // SAFETY: [J4]: the object is free.
            unsafe { mark::set(start.wrapping_add(number * slab.len())) };
        }
        self.hollow_bytes -= slab.hollow_bytes();
        slab.hollow = 0;
    }
}

/// Makes the pages of a slab hollow that begins at `start`, on which all objects are `free`.
fn give_pages_back<B: Backing, I: FreeIndex>(
    slab: &mut Slab,
    free: &Objects,
    start: *mut u8,
    heap: &mut Heap<B, I>,
) {
    let carved = slab.carved as usize * slab.len();
    let is_free = |page: &usize| slab.touching(*page).all(|number| free.has(number));
    let pages: u16 = (1..carved / PAGE).filter(is_free).fold(0, |pages, page| pages | 1 << page);
    let before = slab.hollow;
    let mut page = 0;
    while page < PAGES {
        let is_fresh = |page: usize| page < PAGES && (pages & !before) >> page & 1 != 0;
        let run = (page..).take_while(|page| is_fresh(*page)).count();
        if run > 0 && heap.give_back(start.wrapping_add(page * PAGE), run * PAGE) {
            slab.hollow |= (((1u32 << run) - 1) << page) as u16;
        }
        page += run.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::class;
    use crate::slab::spans::capacity;

    #[test]
    fn an_object_is_hollow_where_it_touches_a_hollow_page() {
        for class in 0..SLAB_CLASSES {
            let carved = capacity(class::len_of(class)) as u16;
            let slab = Slab {
                next: 0,
                before: 0,
                used: 0,
                carved,
                floor: u32::MAX,
                class: class as u8,
                grade: DRAINING,
                hollow: 0,
                stage: Stage::Ripe,
                low: 0,
            };
            for page in 0..PAGES {
                let slab = Slab { hollow: 1 << page, ..slab };
                let touching = slab.touching(page);
                for number in 0..carved as usize {
                    assert_eq!(slab.is_hollow(number), touching.contains(&number), "{class} {page} {number}");
                }
            }
        }
    }
}
