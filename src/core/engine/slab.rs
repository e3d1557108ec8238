//! Slab caches alone: one cache for each size class, over a heap of pages.
//!
//! ```text
//!   allocate(24) ─► cache of 32 ─► partial slab ─► empty slab ─► new slab ─► Pages ─► backing
//!   allocate(64 KiB) ─► a span of pages of its own ──────────────────────────┘
//! ```
//!
//! After Bonwick, "The Slab Allocator" (1994), with the caches of general sizes that stand
//! behind kmalloc. Nothing stands beside an object, so that a payload of a power of two needs
//! no more than that. `pool` has the named caches with a constructor.
//!
//! - **SL1** A taken span is a slab of the cache that its owner's word names, or a large block.

mod cache;
pub mod classes;
pub mod pool;

pub use self::cache::Cache;
use super::pages::{Pages, Span};
use super::{Engine, Figures, Grant, Held, Kind, Piece};
use crate::fatal;
use crate::heap::{Fault, Growth};
use crate::os::PAGE;
use crate::os::backing::Backing;

/// Most classes, those with eight in a doubling.
const CLASSES: usize = classes::count(3);

/// The owner's word of a large block.
const LARGE: u16 = u16::MAX;

/// Caches of `2^LOG` size classes in each doubling, and spans of pages for what is larger.
#[derive(Debug)]
pub struct Slab<B, const LOG: u32 = 3> {
    pages: Pages<B>,
    caches: [Cache; CLASSES],
    figures: Figures,
}

// SAFETY: the engine owns the memory that its pointers name; it may move between threads.
unsafe impl<B: Send, const LOG: u32> Send for Slab<B, LOG> {}

impl<B, const LOG: u32> Slab<B, LOG> {
    /// A heap that has taken nothing yet.
    pub const fn new(backing: B, growth: Growth) -> Self {
        const { assert!(LOG == 2 || LOG == 3, "four or eight classes a doubling") };
        let mut caches = [Cache::new(classes::LARGEST, 0); CLASSES];
        let mut class = 0;
        while class < classes::count(LOG) {
            caches[class] = Cache::new(classes::size(class, LOG), class as u16);
            class += 1;
        }
        Self { pages: Pages::new(backing, growth), caches, figures: Figures::NONE }
    }

    /// Its caches, one for each class.
    pub fn caches(&self) -> &[Cache] {
        &self.caches[..classes::count(LOG)]
    }

    /// The class whose objects hold `len` bytes at a multiple of `align`: slabs begin at a page,
    /// so those whose size is a multiple of it.
    fn class_for(len: usize, align: usize) -> Option<usize> {
        let whole = if align <= 16 { len } else { len.checked_next_multiple_of(align)? };
        if whole > classes::LARGEST || align > PAGE {
            return None;
        }
        (classes::class(whole, LOG)..classes::count(LOG))
            .find(|class| classes::size(*class, LOG).is_multiple_of(align))
    }

    /// The span and, in a slab, the number of the object at `payload`, which was located.
    fn find(&self, payload: *mut u8) -> (Span, usize) {
        let Ok(span) = self.pages.around(payload.addr()) else { fatal!("no block at {payload:p}") };
        match self.caches.get(usize::from(span.owner)) {
            Some(cache) => (span, cache.layout().place_of(payload.addr() - span.start.addr()).0),
            None => (span, 0),
        }
    }
}

impl<B: Backing, const LOG: u32> Slab<B, LOG> {
    /// `count` pages: free ones, else those of empty slabs, else new ones.
    fn span(&mut self, count: usize, align: usize) -> Option<Span> {
        if let Some(span) = self.pages.take_free(count, align) {
            return Some(span);
        }
        self.reap();
        self.pages.take(count, align)
    }

    fn reap(&mut self) {
        for cache in &mut self.caches {
            cache.reap(&mut self.pages);
        }
    }

    fn allocate_small(&mut self, class: usize, len: usize) -> Option<Grant> {
        let found = match self.caches[class].take(&self.pages) {
            Some(object) => object,
            None => {
                let span = self.span(self.caches[class].layout().pages, PAGE)?;
                self.caches[class].adopt(&self.pages, span);
                self.caches[class].take(&self.pages)?
            }
        };
        self.figures.granted(self.caches[class].layout().size);
        Some(Grant::new(found.payload, if found.fresh { 0 } else { len }))
    }

    fn allocate_large(&mut self, len: usize, align: usize) -> Option<Grant> {
        let count = len.div_ceil(PAGE).max(1);
        let span = self.span(count, align)?;
        self.pages.mark(span, LARGE);
        self.figures.granted(count * PAGE);
        Some(Grant::new(span.start, if span.fresh { 0 } else { len }))
    }
}

impl<B: Backing, const LOG: u32> Engine for Slab<B, LOG> {
    fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        match Self::class_for(len, align) {
            Some(class) => self.allocate_small(class, len),
            None => self.allocate_large(len, align),
        }
    }

    fn locate(&self, address: usize) -> Result<Held, Fault> {
        let span = self.pages.around(address)?;
        let Some(cache) = self.caches.get(usize::from(span.owner)) else {
            let held = Held { payload: span.start, len: span.pages * PAGE };
            return if address == span.start.addr() {
                Ok(held)
            } else {
                Err(Fault::Interior(span.start.addr()))
            };
        };
        let Some(aim) = cache.aim(span, address) else { return Err(Fault::Own) };
        match (aim.used, aim.offset) {
            (false, _) => Err(Fault::Freed),
            (true, 0) => Ok(Held { payload: span.start.with_addr(address), len: cache.layout().size }),
            (true, offset) => Err(Fault::Interior(address - offset)),
        }
    }

    unsafe fn release(&mut self, held: Held) {
        let (span, number) = self.find(held.payload);
        self.figures.returned(held.len);
        match self.caches.get_mut(usize::from(span.owner)) {
            Some(cache) => cache.put(span, number),
            None => self.pages.give(span),
        }
    }

    unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
        let (span, _) = self.find(held.payload);
        if span.owner != LARGE {
            return len <= held.len;
        }
        let count = len.div_ceil(PAGE).max(1);
        if !self.pages.resize(span, count) {
            return false;
        }
        self.figures.live = self.figures.live + count * PAGE - held.len;
        true
    }

    fn walk(&self, see: &mut dyn FnMut(Piece)) {
        self.pages.each(|span, taken| {
            let (start, end) = (span.start.addr(), span.start.addr() + span.pages * PAGE);
            let Some(cache) = self.caches.get(usize::from(span.owner)).filter(|_| taken) else {
                let kind = if taken { Kind::Used } else { Kind::Free };
                return see(Piece { start, size: end - start, lead: 0, kind });
            };
            let mut at = start;
            while let Some(aim) = cache.aim(span, at) {
                let kind = if aim.used { Kind::Used } else { Kind::Free };
                see(Piece { start: at, size: cache.layout().size, lead: 0, kind });
                at += cache.layout().size;
            }
            if at != end {
                see(Piece { start: at, size: end - at, lead: 0, kind: Kind::Own });
            }
        });
        self.pages.each_own(|start, size| see(Piece { start, size, lead: 0, kind: Kind::Own }));
    }

    fn figures(&self) -> Figures {
        let mut all = *self.pages.figures();
        (all.largest_free, all.segments) = (self.pages.largest_free(), self.pages.segments());
        for cache in &self.caches {
            let (layout, idle) = (cache.layout(), cache.objects() - cache.used());
            all.free += idle * layout.size;
            all.free_blocks += idle;
            all.metadata += cache.slabs() * layout.over();
            if idle != 0 {
                all.largest_free = all.largest_free.max(layout.size);
            }
        }
        let Figures { live, used_blocks, allocs, frees, .. } = self.figures;
        Figures { live, used_blocks, allocs, frees, ..all }
    }

    fn footprint(&self) -> usize {
        self.pages.figures().footprint
    }

    fn live(&self) -> usize {
        self.figures.live
    }

    fn trim(&mut self, keep: usize) -> bool {
        self.reap();
        self.pages.trim(keep)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::heap::draw::arena;
    use crate::os::fake::Arena;

    fn allocate(slab: &mut Slab<Arena>, len: usize) -> Held {
        let grant = slab.allocate(len, 16).unwrap();
        slab.locate(grant.payload().addr()).unwrap()
    }

    fn slabs(slab: &Slab<Arena>) -> usize {
        slab.caches.iter().map(Cache::slabs).sum()
    }

    #[test]
    fn six_objects_of_2_kib_fill_a_slab_of_12_kib() {
        let mut slab: Slab<_> = Slab::new(arena(1 << 20), Growth::Geometric);

        let held: Vec<_> = (0..6).map(|_| allocate(&mut slab, 2048)).collect();
        let before = slabs(&slab);
        allocate(&mut slab, 2048);

        let span = slab.pages.around(held[5].payload.addr()).unwrap();
        assert_eq!((span.start, span.pages), (held[0].payload, 3));
        assert_eq!((before, slabs(&slab)), (1, 2));
    }

    #[test]
    fn a_partial_slab_is_used_before_an_empty_one_and_that_before_a_new_one() {
        let mut slab: Slab<_> = Slab::new(arena(1 << 20), Growth::Geometric);
        let held: Vec<_> = (0..18).map(|_| allocate(&mut slab, 2048)).collect();
        let slab_of =
            |address: usize| held.iter().position(|held| held.payload.addr() == address).unwrap() / 6;
        for freed in &held[..8] {
            // SAFETY: located when it was allocated.
            unsafe { slab.release(*freed) };
        }

        let order: Vec<_> = (0..8).map(|_| slab_of(allocate(&mut slab, 2048).payload.addr())).collect();
        let full = slabs(&slab);
        allocate(&mut slab, 2048);

        assert_eq!(order, [1, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!((full, slabs(&slab)), (3, 4));
    }

    #[test]
    fn pages_of_empty_slabs_serve_other_sizes_before_the_heap_grows() {
        let mut slab: Slab<_> = Slab::new(arena(1 << 20), Growth::Geometric);
        let small: Vec<_> = (0..1000).map(|_| allocate(&mut slab, 64)).collect();
        let footprint = slab.figures().footprint;
        for held in small {
            // SAFETY: located when it was allocated.
            unsafe { slab.release(held) };
        }

        allocate(&mut slab, 50_000);

        assert_eq!(slab.figures().footprint, footprint);
    }

    /// The `realloc` trace of the classroom: 5.5 % when every new size was a run of its own.
    #[test]
    fn a_large_block_that_grows_by_little_uses_more_than_half_of_the_memory() {
        let mut slab: Slab<_> = Slab::new(arena(16 << 20), Growth::Exact);
        let mut large = allocate(&mut slab, 512);

        for len in (1..4800).map(|n| 512 + n * 128) {
            // SAFETY: located when it was allocated or resized.
            if !unsafe { slab.resize(large, len) } {
                let old = core::mem::replace(&mut large, allocate(&mut slab, len));
                // SAFETY: as above.
                unsafe { slab.release(old) };
            }
            large = slab.locate(large.payload.addr()).unwrap();
        }

        assert!(slab.figures().peak_footprint < 2 * large.len, "{:?}", slab.figures());
    }

    #[test]
    fn a_large_request_gets_whole_pages() {
        let mut slab: Slab<_> = Slab::new(arena(1 << 20), Growth::Geometric);

        let held = allocate(&mut slab, (8 << 10) + 1);

        assert_eq!((held.len, held.payload.addr() % PAGE), (12 << 10, 0));
    }
}
