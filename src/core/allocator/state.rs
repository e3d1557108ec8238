//! What stands behind the lock: the process heap, slabs, mapped blocks, threads, settings.

mod demand;
mod design;
mod exchange;
mod fill;
mod mapped;
mod played;
mod upkeep;

use self::demand::Demand;
use self::design::Design;
use self::exchange::worth_a_slab;
use self::mapped::LEAST_THRESHOLD;
use super::large::may_rest;
use super::threads::Threads;
use super::{Grant, Misuse};
use crate::block::tag::{self, OWN};
use crate::block::{ALIGN, Block, Tag, WORD};
use crate::cache::Magazine;
use crate::engine::{Engine, Held, Kind};
use crate::heap::gone::Gone;
use crate::heap::maps::Maps;
use crate::heap::{Fault, Heap, Request};
use crate::os::backing::System;
use crate::os::clock::{Told, Watch};
use crate::os::environment;
use crate::os::tables::Tables;
use crate::policy::{AnyIndex, Policy};
use crate::settings::{Fill, Settings};
use crate::slab::class::{self, LARGEST_SLAB, SLAB_CLASSES};
use crate::slab::mark;
use crate::slab::rooms::Rooms;
use crate::slab::spans::{Spans, Taken};

/// The heap of the process.
type ProcessHeap = Heap<System, AnyIndex>;

/// Everything that the lock guards. What every call uses stands in front; of the heap, which comes last, a tiny
/// process uses the front too.
#[repr(C)]
pub struct State {
    ready: bool,
    caching: bool,
    /// When to look whether the caches are to be aired.
    airing: Watch,
    /// When they were last aired, and the footprint then.
    aired: u64,
    aired_at: usize,
    /// How often caches are still to be emptied for sparse slabs, and refills of bins meanwhile.
    gatherings: u32,
    refills: u32,
    demand: Demand,
    threshold: usize,
    /// The end of the newest segment when the rooms were last brought up to date.
    known_end: usize,
    known_segments: usize,
    /// The most bytes that heap and mapped blocks ever had together.
    peak: usize,
    /// The footprint when sparse slabs last gave pages back.
    hollowed_at: usize,
    maps: Maps,
    threads: Threads,
    /// Blocks of each slab class that are tagged: it has no slab yet, or had none.
    tagged: [u16; SLAB_CLASSES],
    spans: Spans,
    tables: Tables,
    settings: Settings,
    /// Where the policy is no heap of tagged blocks.
    design: Option<&'static mut Design>,
    /// The time, where a player tells it.
    told: Told,
    /// Mapped blocks that went back.
    gone: Gone,
    heap: ProcessHeap,
}

impl State {
    /// Nothing taken, nothing set: all zero, so that it costs no page of the file.
    pub(super) const fn new() -> Self {
        Self {
            heap: Heap::new(System::new(), AnyIndex::EMPTY, Settings::UNSETTLED.shape),
            maps: Maps::EMPTY,
            spans: Spans::EMPTY,
            tables: Tables::EMPTY,
            threads: Threads::EMPTY,
            tagged: [0; SLAB_CLASSES],
            settings: Settings::UNSETTLED,
            threshold: 0,
            known_end: 0,
            known_segments: 0,
            peak: 0,
            hollowed_at: 0,
            airing: Watch::NEVER,
            aired: 0,
            aired_at: 0,
            gatherings: 0,
            refills: 0,
            demand: Demand::NONE,
            ready: false,
            caching: false,
            told: Told::NOTHING,
            design: None,
            gone: Gone::NONE,
        }
    }

    #[inline]
    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether threads keep objects of their own.
    pub(super) const fn is_caching(&self) -> bool {
        self.caching
    }

    /// Reads the environment, draws a key and chooses the policy: before the first block.
    #[cold]
    #[inline(never)]
    pub(super) fn settle(&mut self) {
        self.ready = true;
        self.threshold = LEAST_THRESHOLD;
        tag::set_key(environment::random() ^ tag::key());
        self.settings = if environment::settings().next().is_none() || environment::is_secure() {
            Settings::built_in()
        } else {
            Settings::from_variables(&environment::settings, &mut |_| {})
        };
        if self.settings.policy != self.heap.index().policy()
            && let Some(index) = AnyIndex::new(self.settings.policy)
        {
            self.heap.set_index(index);
        }
        if !self.settings.policy.is_tagged() {
            // The text has its free list in a mapping; the others take the break while it is theirs.
            let has_list = self.settings.policy == Policy::FreeList;
            let backing = if has_list { System::of_mappings() } else { System::new() };
            self.design = Design::build(self.settings.policy, backing, &mut self.tables);
        }
        self.caching = self.may_cache();
        self.adjust(|_| {});
    }

    /// Whether policy and settings let threads keep objects. The literal policies have no
    /// accelerator, and filling sees every call.
    fn may_cache(&self) -> bool {
        self.has_slabs() && self.settings.fill == Fill::Nothing && self.settings.cache
    }

    /// Changes the settings.
    pub(super) fn adjust(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.heap.reshape(self.settings.shape);
        self.threshold = self.settings.mmap_threshold.unwrap_or(self.threshold);
    }

    /// Whether equal objects live in slabs.
    const fn has_slabs(&self) -> bool {
        matches!(self.settings.policy, Policy::Fast)
    }

    /// The settings in force.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The tagged heap.
    pub const fn heap(&self) -> &ProcessHeap {
        &self.heap
    }

    /// The mapped blocks.
    pub const fn maps(&self) -> &Maps {
        &self.maps
    }

    /// The slabs.
    pub const fn spans(&self) -> &Spans {
        &self.spans
    }

    /// The threads.
    pub const fn threads(&self) -> &Threads {
        &self.threads
    }

    pub(super) const fn threads_mut(&mut self) -> &mut Threads {
        &mut self.threads
    }

    /// `len` bytes at a multiple of `align`.
    #[inline]
    pub(super) fn allocate(&mut self, rooms: &Rooms, len: usize, align: usize) -> Option<Grant> {
        let grant = self.find_room(rooms, len, align)?;
        if self.settings.fill == Fill::Nothing { Some(grant) } else { self.filled(rooms, grant) }
    }

    fn find_room(&mut self, rooms: &Rooms, len: usize, align: usize) -> Option<Grant> {
        if let Some(class) = self.slab_for(len, align) {
            let mut one = [core::ptr::null_mut()];
            let Taken { count: got, fresh } = self.take(rooms, class, &mut one);
            if got > 0 && one[0].addr().is_multiple_of(align) {
                // SAFETY: handed out just now.
                if fresh == 0 && !unsafe { mark::is_set(one[0]) } {
                    let spoilt = Misuse { call: "malloc", payload: one[0], fault: Fault::Written };
                    spoilt.report(self.settings.errors);
                }
                // SAFETY: as above.
                unsafe { mark::clear(one[0]) };
                return Some(Grant::new(one[0], len));
            }
            // Memory is out for slabs, or altogether.
            for object in &one[..got] {
                self.give_used(rooms, *object);
            }
        }
        let request = self.aligned_request(len, align);
        if self.wants_mapping(len, align) {
            self.map(len, align).or_else(|| self.place(rooms, request))
        } else {
            self.place(rooms, request).or_else(|| self.map(len, align))
        }
    }

    /// Such a request to the heap. An aligned block will rest in the bin of its class, where the next such request
    /// finds it.
    fn aligned_request(&self, len: usize, align: usize) -> Request {
        match class::tagged(len) {
            Some(class) if align > ALIGN && self.caching => {
                Request { len: class::block_len(class), align, bits: Tag::class_bits(class) }
            }
            _ => Request::aligned(len, align),
        }
    }

    /// The class that serves such a request: one with slabs if it has to be aligned, and it gets some when
    /// enough of them have come.
    fn slab_for(&mut self, len: usize, align: usize) -> Option<usize> {
        if !self.has_slabs() || len > LARGEST_SLAB {
            return None;
        }
        if align <= ALIGN {
            return Some(class::class_of(len));
        }
        let class = class::aligned(len, align)?;
        if usize::from(self.tagged[class]) < worth_a_slab(class) {
            self.tagged[class] += 1;
            return None;
        }
        self.make_slabs(class);
        Some(class)
    }

    fn place(&mut self, rooms: &Rooms, request: Request) -> Option<Grant> {
        if let Some(design) = &mut self.design {
            design.look_after(&self.settings, self.told);
            let grant = design.allocate(request.len, request.align);
            self.note_peak();
            return grant;
        }
        let placed = self.heap.allocate(request)?;
        if request.align > ALIGN {
            // Inside a free block anything may stand, such as the mark of a block that stood here.
            // SAFETY: handed out just now, and no block is shorter.
            unsafe { mark::clear(placed.block().payload()) };
        }
        self.map_rooms(rooms);
        Some(Grant::new(placed.block().payload(), placed.dirty))
    }

    /// A block for the allocator itself.
    pub(super) fn place_own(&mut self, rooms: &Rooms, request: Request) -> Option<*mut u8> {
        self.place(rooms, Request { bits: OWN, ..request }).map(|grant| grant.payload())
    }

    /// An empty magazine of `cap` slots.
    pub(super) fn new_magazine(&mut self, rooms: &Rooms, cap: usize) -> Option<*mut Magazine> {
        let at = self.place_own(rooms, Request::of(Magazine::bytes(cap)))?;
        // SAFETY: the block is new and large enough.
        Some(unsafe { Magazine::build(at, cap) })
    }

    pub(super) fn free_magazine(&mut self, magazine: *mut Magazine) {
        // SAFETY: the caller owns the magazine.
        unsafe { Magazine::wipe(magazine) };
        // SAFETY: as above: a block of this heap.
        unsafe { self.heap.release(Block::of_payload(magazine.cast())) };
    }

    /// Bytes taken from the operating system and not given back.
    pub fn footprint(&self) -> usize {
        let heap = self.engine().map_or(self.heap.counts().footprint, Engine::footprint);
        heap + self.maps.footprint() + self.tables.bytes()
    }

    /// A table of `len` zeroed bytes, beside the heap.
    pub(super) fn map_table(&mut self, len: usize) -> Option<*mut u8> {
        self.tables.map(len)
    }

    /// Bytes of tables that are mappings.
    pub const fn table_bytes(&self) -> usize {
        self.tables.bytes()
    }

    fn note_peak(&mut self) {
        self.peak = self.peak.max(self.footprint());
    }

    /// The most bytes that were ever taken from the operating system at a time.
    pub const fn peak(&self) -> usize {
        self.peak
    }

    /// The used block outside of slabs at `payload`.
    pub(super) fn locate(&self, payload: *mut u8) -> Result<Held, Fault> {
        let found = match self.engine() {
            Some(engine) => engine.locate(payload.addr()),
            None => Engine::locate(&self.heap, payload.addr()),
        };
        found.or_else(|fault| if fault == Fault::Foreign { self.locate_mapped(payload) } else { Err(fault) })
    }

    /// Takes back what [`super::Allocator`] has located.
    pub(super) fn release(&mut self, rooms: &Rooms, held: Held) {
        if let Some(block) = self.maps.locate(held.payload.addr()) {
            return self.release_mapped(block);
        }
        self.spoil(held);
        if self.design.is_some() {
            return self.release_to_engine(held);
        }
        self.give_used(rooms, held.payload);
    }

    /// Resizes a located block without copying; `None` if that cannot be.
    pub(super) fn resize(&mut self, rooms: &Rooms, held: Held, len: usize) -> Option<*mut u8> {
        let moved = self.stretch(rooms, held, len)?;
        if self.settings.fill != Fill::Nothing {
            self.fill_behind(held.len, moved);
        }
        Some(moved)
    }

    fn stretch(&mut self, rooms: &Rooms, held: Held, len: usize) -> Option<*mut u8> {
        let payload = held.payload;
        if let Some(block) = self.maps.locate(payload.addr()) {
            return self.resize_mapped(block, len);
        }
        if rooms.at(payload.addr()).class().is_some() {
            return None;
        }
        if let Some(design) = &mut self.design {
            design.look_after(&self.settings, self.told);
            // SAFETY: [Y1]: the caller has located it.
            let fits = unsafe { design.resize(held, len) };
            self.note_peak();
            return fits.then_some(payload);
        }
        let block = Block::of_payload(payload);
        // What grows goes on growing: an eighth more saves most of the calls.
        let ample = if len > held.len { len + len / 8 } else { len };
        // SAFETY: as above.
        let mut fits = unsafe { self.heap.resize(block, ample) };
        if !fits {
            // SAFETY: as above.
            fits = unsafe { self.heap.resize(block, len) };
        }
        self.map_rooms(rooms);
        if !fits {
            self.note_outgrown(held.len, len);
        }
        fits.then_some(payload)
    }

    /// Calls `see` with every piece: blocks in address order, a slab's objects in its place, then
    /// mapped blocks. What rests in a cache is free.
    pub fn walk(&self, rooms: &Rooms, see: &mut dyn FnMut(*mut u8, usize, Kind)) {
        self.walk_engine(see);
        self.heap.walk(|block, tag| {
            let payload = block.payload();
            let len = tag.size() - WORD;
            if tag.has(tag::OWN) && rooms.at(payload.addr()).class().is_some() {
                return self.spans.walk(rooms, payload, see);
            }
            // SAFETY: a block has sixteen bytes.
            let rests = (tag.class().is_some() || may_rest(tag)) && unsafe { mark::is_set(payload) };
            let kind = match (tag.is_used(), tag.has(tag::OWN), rests) {
                (true, true, _) => Kind::Own,
                (true, false, false) => Kind::Used,
                _ => Kind::Free,
            };
            see(payload, len, kind);
        });
        for block in self.maps.iter() {
            // SAFETY: [M1]
            see(block.payload(), unsafe { block.len() }, Kind::Mapped);
        }
    }
}
