//! A process of one thread as an engine: what the allocator does below its caches, over any backing.
//!
//! ```text
//!   large   ─► a mapping of its own        beyond a threshold that grows with what is freed
//!   small   ─► slab, if the policy has any  else, and in the middle ─► heap of tagged blocks
//!   realloc ─► stays │ longer than asked for, in place or elsewhere: what grows goes on growing
//! ```
//!
//! A replay through it shows the footprint that a process has; the other engines show what a rule of
//! placement is worth by itself. Magazines are left out: they keep what a program frees for its next
//! request, so that the default policy takes a little more than is shown here.
//!
//! - **Y2** The figures here are those of the allocator's floor, which stands above: a test plays the
//!   traces of programs and compares with what they took.

use super::{Engine, Figures, Grant, Held, Kind, Piece};
use crate::block::segment::OVERHEAD;
use crate::block::tag::OWN;
use crate::block::{ALIGN, Block, WORD};
use crate::heap::maps::{MOST, Maps};
use crate::heap::{Fault, Heap, Request};
use crate::os::backing::Backing;
use crate::os::tables::Tables;
use crate::policy::AnyIndex;
use crate::slab::class::{self, LARGEST, LARGEST_SLAB, SLAB_CLASSES};
use crate::slab::mark;
use crate::slab::rooms::{Room, Rooms};
use crate::slab::spans::Spans;

/// The first threshold above which a request is mapped, and the one that it adapts up to.
const LEAST_THRESHOLD: usize = 1 << 20;
const MOST_THRESHOLD: usize = 32 << 20;

/// Bytes of tagged blocks of a class after which it gets slabs.
const WORTH_A_SLAB: usize = 4 << 10;

/// The longest block that is copied without asking the heap.
const LONGEST_COPIED: usize = 16 << 10;

/// The process.
pub struct Process<B: Backing> {
    heap: Heap<B, AnyIndex>,
    has_slabs: bool,
    /// Requests above it are mapped.
    threshold: usize,
    spans: Spans,
    rooms: Rooms,
    tables: Tables,
    maps: Maps,
    /// Blocks of each slab class that are tagged.
    tagged: [u16; SLAB_CLASSES],
    /// End and number of the segments when the rooms were drawn.
    known: (usize, usize),
    peak: usize,
}

impl<B: Backing> Process<B> {
    /// A process over `heap`, which has taken nothing yet; whether it has slabs, and whether large
    /// requests get mappings of their own.
    pub fn new(heap: Heap<B, AnyIndex>, has_slabs: bool, maps: bool) -> Self {
        Self {
            heap,
            has_slabs,
            threshold: if maps { LEAST_THRESHOLD } else { usize::MAX },
            spans: Spans::EMPTY,
            rooms: Rooms::EMPTY,
            tables: Tables::EMPTY,
            maps: Maps::EMPTY,
            tagged: [0; SLAB_CLASSES],
            known: (0, 0),
            peak: 0,
        }
    }

    /// Tells the rooms how far the heap reaches now.
    fn look_around(&mut self) {
        let Some(newest) = self.heap.segments().newest() else { return };
        let now = (newest.end().addr(), self.heap.counts().segments);
        if now != self.known {
            self.known = now;
            if self.has_slabs {
                self.draw_rooms(newest.base().addr(), now.0);
            }
            self.peak = self.peak.max(self.footprint());
        }
    }

    fn draw_rooms(&mut self, base: usize, end: usize) {
        self.rooms.found(base);
        if let Some(count) = self.rooms.wants(end)
            && let Some(table) = self.tables.map(count * size_of::<Room>())
        {
            // SAFETY: the mapping is new and stays as long as the rooms.
            unsafe { self.rooms.replace(table.cast(), count) };
        }
        let (mut low, mut high) = (usize::MAX, 0);
        for segment in self.heap.segments().iter() {
            let (first, last) = (segment.first().addr(), segment.end().addr());
            (low, high) = (low.min(first), high.max(last));
            self.rooms.claim(first, last, Room::TAGGED);
        }
        self.rooms.bound(low, high);
    }

    fn place(&mut self, request: Request) -> Option<Grant> {
        let placed = self.heap.allocate(request)?;
        self.look_around();
        Some(Grant { payload: placed.block.payload(), dirty: placed.dirty })
    }

    fn place_object(&mut self, class: usize) -> Option<Grant> {
        if usize::from(self.tagged[class]) * class::len_of(class) >= WORTH_A_SLAB {
            let mut one = [core::ptr::null_mut()];
            let (heap, tables) = (&mut self.heap, &mut self.tables);
            // SAFETY: there is room for one.
            let got = unsafe { self.spans.take(heap, tables, &self.rooms, class, one.as_mut_ptr(), 1) };
            self.look_around();
            if got > 0 {
                // SAFETY: handed out just now.
                unsafe { mark::clear(one[0]) };
                return Some(Grant { payload: one[0], dirty: class::len_of(class) });
            }
        }
        self.tagged[class] = self.tagged[class].saturating_add(1);
        self.place(Request::of(class::block_len(class)))
    }

    fn map(&mut self, len: usize, align: usize) -> Option<Grant> {
        if let Some(words) = self.maps.wants_table() {
            let table = self.tables.map(words * WORD)?;
            // SAFETY: the mapping is new and large enough.
            let (old, words) = unsafe { self.maps.set_table(table, words) };
            self.tables.unmap(old, words * WORD);
        }
        let block = self.maps.map(len, align)?;
        self.peak = self.peak.max(self.footprint());
        Some(Grant { payload: block.payload(), dirty: 0 })
    }

    /// Whether a block with `has` bytes stays for `len`; `None` if the heap has to say.
    fn stays(&self, held: Held, len: usize) -> Option<bool> {
        let has = held.len;
        if self.is_object(held.payload.addr()) {
            return Some(len <= has && len >= has / 2);
        }
        let least = if has <= LONGEST_COPIED { has / 2 } else { has / 4 * 3 };
        if len < least {
            None
        } else if len <= has {
            Some(true)
        } else {
            (len <= LONGEST_COPIED).then_some(false)
        }
    }

    fn is_object(&self, address: usize) -> bool {
        self.rooms.at(address).class().is_some()
    }

    /// Another block in place of `held`.
    ///
    /// # Safety
    ///
    /// As for [`Engine::release`].
    unsafe fn replace(&mut self, held: Held, len: usize) -> Option<*mut u8> {
        let more = if len <= LARGEST_SLAB { len / 2 } else { len / 4 };
        let ample = if len > held.len && len <= LARGEST { len + more } else { len };
        let grant = self.allocate(ample, ALIGN)?;
        // SAFETY: the caller's promise.
        unsafe { self.release(held) };
        Some(grant.payload)
    }
}

impl<B: Backing> Engine for Process<B> {
    fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        if self.has_slabs && align <= ALIGN && len <= LARGEST_SLAB {
            return self.place_object(class::class_of(len));
        }
        let request = Request::aligned(len, align);
        if len > self.threshold && self.maps.count() < MOST {
            self.map(len, align).or_else(|| self.place(request))
        } else {
            self.place(request)
        }
    }

    fn locate(&self, address: usize) -> Result<Held, Fault> {
        if let Some(class) = self.rooms.at(address).class() {
            return Ok(Held { payload: self.heap.pointer_to(address), len: class::len_of(class) });
        }
        let block = match self.heap.locate(address) {
            Err(Fault::Foreign) => self.maps.locate(address).ok_or(Fault::Foreign),
            found => found,
        }?;
        // SAFETY: located just now.
        Ok(Held { payload: block.payload(), len: unsafe { block.len() } })
    }

    unsafe fn release(&mut self, held: Held) {
        if self.maps.locate(held.payload.addr()).is_some() {
            if held.len <= MOST_THRESHOLD {
                self.threshold = self.threshold.max(held.len);
            }
            // SAFETY: located just now.
            unsafe { self.maps.unmap(Block::of_payload(held.payload)) };
        } else if self.is_object(held.payload.addr()) {
            self.spans.give(&mut self.heap, &self.rooms, &[held.payload]);
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.heap.release(Block::of_payload(held.payload)) };
        }
        self.look_around();
    }

    unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
        if let Some(stays) = self.stays(held, len) {
            return stays;
        }
        let block = Block::of_payload(held.payload);
        let ample = if len > held.len { len + len / 8 } else { len };
        // SAFETY: the caller's promise.
        let resized = [ample, len].into_iter().any(|len| unsafe { self.heap.resize(block, len) });
        self.look_around();
        resized
    }

    unsafe fn relocate(&mut self, held: Held, len: usize) -> Option<*mut u8> {
        if let Some(block) = self.maps.locate(held.payload.addr()) {
            // SAFETY: located just now.
            let moved = unsafe { self.maps.remap(block, len) };
            self.peak = self.peak.max(self.footprint());
            return moved.map(Block::payload);
        }
        // SAFETY: the caller's promise.
        if unsafe { self.resize(held, len) } {
            return Some(held.payload);
        }
        // SAFETY: as above: it could not be resized, and is as it was.
        unsafe { self.replace(held, len) }
    }

    fn walk(&self, see: &mut dyn FnMut(Piece)) {
        self.heap.walk(|block, tag| {
            let (start, size) = (block.addr(), tag.size());
            let payload = block.payload();
            if tag.has(OWN) && self.is_object(payload.addr()) {
                see(Piece { start, size: WORD, lead: WORD, kind: Kind::Own });
                return self.spans.walk(&self.rooms, payload, &mut |object, size, kind| {
                    see(Piece { start: object.addr(), size, lead: 0, kind });
                });
            }
            let kind = match (tag.is_used(), tag.has(OWN)) {
                (false, _) => Kind::Free,
                (true, false) => Kind::Used,
                (true, true) => Kind::Own,
            };
            see(Piece { start, size, lead: WORD, kind });
        });
    }

    fn footprint(&self) -> usize {
        self.heap.counts().footprint + self.maps.footprint() + self.tables.bytes()
    }

    fn live(&self) -> usize {
        let counts = self.heap.counts();
        let tags = (counts.used_blocks - counts.own_blocks) * WORD;
        counts.used_bytes - counts.own_bytes - tags + self.spans.used_bytes() + self.maps.usable()
    }

    fn figures(&self) -> Figures {
        let counts = self.heap.counts();
        let (maps, spans) = (&self.maps, &self.spans);
        let program_blocks = counts.used_blocks - counts.own_blocks;
        let own = counts.own_bytes - counts.own_blocks * WORD;
        let objects = spans.used_bytes() + spans.free_bytes() + spans.fresh_bytes();
        let slack = maps.footprint() - maps.usable() - maps.count() * WORD;
        Figures {
            footprint: self.footprint(),
            peak_footprint: self.peak.max(self.footprint()),
            live: self.live(),
            tags: (counts.used_blocks + maps.count()) * WORD,
            free: counts.free_bytes + spans.free_bytes(),
            tail: self.heap.tail_bytes() + spans.fresh_bytes(),
            metadata: own - objects + counts.segments * OVERHEAD + self.tables.bytes() + slack,
            used_blocks: program_blocks + spans.used_objects() + maps.count(),
            ..self.heap.figures()
        }
    }

    fn trim(&mut self, keep: usize) -> bool {
        let lowered = self.heap.trim(keep);
        self.look_around();
        lowered
    }
}

impl<B: Backing> Drop for Process<B> {
    fn drop(&mut self) {
        loop {
            let Some(block) = self.maps.iter().next() else { break };
            // SAFETY: a mapped block, which nobody uses any more.
            unsafe { self.maps.unmap(block) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::Shape;
    use crate::os::fake::{Arena, Dice};
    use crate::policy::Policy;
    use std::vec;
    use std::vec::Vec;

    const CAP: usize = 64 << 20;

    /// Memory for a process, which has to go first.
    fn field() -> Vec<u128> {
        vec![0u128; CAP / 16]
    }

    fn process(field: &mut [u128], policy: Policy) -> Process<Arena> {
        // SAFETY: the caller keeps the memory, and nobody else has it.
        let arena = unsafe { Arena::new(field.as_mut_ptr().cast(), CAP) };
        let heap = Heap::new(arena, AnyIndex::new(policy).unwrap(), Shape::DEFAULT);
        Process::new(heap, policy == Policy::Fast, true)
    }

    #[test]
    fn the_rows_are_the_footprint_after_random_calls_and_every_block_is_found_again() {
        for policy in [Policy::Fast, Policy::SegregatedBest, Policy::LifoFirst] {
            let mut memory = field();
            let mut process = process(&mut memory, policy);
            let mut blocks: [Option<(usize, usize)>; 300] = [None; 300];
            let mut dice = Dice::new(7);

            for round in 0..20_000 {
                let slot = &mut blocks[dice.below(300)];
                let most = if round % 100 == 0 { 3 << 20 } else { 16 << dice.below(10) };
                let len = dice.below(most);
                *slot = match *slot {
                    None => process.allocate(len, ALIGN).map(|grant| (grant.payload.addr(), len)),
                    Some((address, had)) => {
                        let held = process.locate(address).unwrap();
                        assert!(held.len >= had, "{policy:?}");
                        if dice.below(2) == 0 {
                            // SAFETY: located just now.
                            unsafe { process.release(held) };
                            None
                        } else {
                            // SAFETY: as above.
                            Some((unsafe { process.relocate(held, len) }.unwrap().addr(), len))
                        }
                    }
                };
                if round % 500 == 0 {
                    let f = process.figures();
                    assert_eq!(f.live + f.tags + f.free + f.tail + f.metadata, f.footprint, "{policy:?}");
                    assert_eq!(f.used_blocks, blocks.iter().flatten().count(), "{policy:?}");
                    assert!(f.peak_footprint >= f.footprint);
                }
            }
        }
    }

    #[test]
    fn a_large_request_is_mapped_until_one_of_its_size_was_freed() {
        let mut memory = field();
        let mut process = process(&mut memory, Policy::SegregatedBest);

        let large = process.allocate(2 << 20, ALIGN).unwrap().payload;
        let mapped = process.maps.count();
        let held = process.locate(large.addr()).unwrap();
        // SAFETY: located just now.
        unsafe { process.release(held) };
        process.allocate(2 << 20, ALIGN).unwrap();

        assert_eq!((mapped, process.maps.count()), (1, 0));
    }
}
