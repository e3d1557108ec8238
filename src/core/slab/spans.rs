//! Slabs: equal objects in spans of one granule.
//!
//! ```text
//!   granule                                                          granule + 64 KiB
//!   ├────────┬────────┬────────┬── ... ──┬───────────────┬──────┬─────┤
//!   │ object │ object │ object │         │ never carved  │ rest │ tag │  of the block behind
//!   ├────────┴────────┴────────┴── ... ──┴───────────────┴──────┴─────┤
//!   ▲ payload of the span's own block: a used block of the heap, marked OWN
//! ```
//!
//! A free object holds the offset of the next one in its first word, mixed with a key, and a mark
//! of its own in the second.
//!
//! - **J1** `used + free + fresh` is the capacity; objects in caches count as used.
//! - **J2** A slab with free or fresh objects is in the list of its class and fullness; a full
//!   one is in none; an empty one goes back to the heap.
//! - **J3** Slabs that are less than a quarter full can be told to drain: what is freed there comes back at
//!   once and not by a bin, which would hand it out again for ever. They serve when no other of their
//!   class can.

mod grades;
mod hollow;
mod inspect;
mod links;

use self::grades::{DRAINING, GRADES, grade_of};
use self::hollow::Stage;
use self::links::{link_free, next_free};
use super::class::{self, SLAB_CLASSES};
use super::mark;
use super::rooms::{GRANULE, Room, Rooms};
use crate::block::{ALIGN, Block, WORD, tag};
use crate::heap::{Heap, Request};
use crate::os::PAGE;
use crate::os::backing::Backing;
use crate::os::tables::Tables;
use crate::policy::FreeIndex;

/// Up to so many bytes of heap the processor's nearer caches hold all objects, and their order does not matter.
const UNORDERED: usize = 2 << 20;

/// No slab: links and heads of lists hold one more than a granule's number.
const NONE: u32 = 0;
/// No object.
const NO_OBJECT: u16 = u16::MAX;

/// What is known of one slab. All counts are of objects.
#[derive(Clone, Copy, Debug)]
pub struct Slab {
    next: u32,
    before: u32,
    /// In the hands of the program or of caches.
    used: u16,
    /// Carved so far.
    carved: u16,
    /// The first free object, in steps of sixteen bytes from the start.
    free: u16,
    class: u8,
    grade: u8,
    /// A bit for each page that was given back.
    hollow: u16,
    stage: Stage,
    /// Objects that came back since the free ones were last in order.
    loose: u16,
}

/// All slabs.
#[derive(Debug)]
pub struct Spans {
    table: *mut Slab,
    cap: usize,
    lists: [[u32; GRADES]; SLAB_CLASSES],
    live: usize,
    used_objects: usize,
    used_bytes: usize,
    fresh_bytes: usize,
    free_bytes: usize,
    hollow_bytes: usize,
}

// SAFETY: the table is a block of the heap beside which this stands.
unsafe impl Send for Spans {}

impl Spans {
    /// No slab.
    pub const EMPTY: Self = Self {
        table: core::ptr::null_mut(),
        cap: 0,
        lists: [[NONE; GRADES]; SLAB_CLASSES],
        live: 0,
        used_objects: 0,
        used_bytes: 0,
        fresh_bytes: 0,
        free_bytes: 0,
        hollow_bytes: 0,
    };

    /// Slabs alive.
    pub const fn count(&self) -> usize {
        self.live
    }

    /// Bytes of objects in the hands of the program or of caches.
    pub const fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Bytes of free objects.
    pub const fn free_bytes(&self) -> usize {
        self.free_bytes
    }

    /// Bytes of objects that were never carved.
    pub const fn fresh_bytes(&self) -> usize {
        self.fresh_bytes
    }

    /// Takes up to `most` objects of `class` into `out`, the fullest slab first; how many. A new
    /// slab is carved a page at a time, so that what nobody wants stays untouched.
    ///
    /// # Safety
    ///
    /// `out` can be written for `most` pointers.
    pub unsafe fn take<B: Backing, I: FreeIndex>(
        &mut self,
        heap: &mut Heap<B, I>,
        tables: &mut Tables,
        rooms: &Rooms,
        class: usize,
        out: *mut *mut u8,
        most: usize,
    ) -> usize {
        let mut got = 0;
        while got < most {
            let Some(granule) = self.fullest(class) else {
                if got > 0 || self.found(heap, tables, rooms, class).is_none() {
                    break;
                }
                continue;
            };
            // SAFETY: the caller's promise: `got < most`.
            let rest = unsafe { out.add(got) };
            // SAFETY: as above.
            let (taken, fresh) = unsafe { self.take_from(heap, rooms, granule, rest, most - got) };
            got += taken;
            if fresh {
                break;
            }
        }
        got
    }

    /// Objects from one slab: free ones, then a page's worth of fresh ones. Whether any was fresh.
    unsafe fn take_from<B: Backing, I: FreeIndex>(
        &mut self,
        heap: &Heap<B, I>,
        rooms: &Rooms,
        granule: u32,
        out: *mut *mut u8,
        most: usize,
    ) -> (usize, bool) {
        let start = self.start_of(heap, rooms, granule);
        let mut slab = self.at(granule);
        let len = class::len_of(slab.class as usize);
        let drains = slab.grade == DRAINING;
        if drains {
            self.refill_pages(&mut slab, start);
        }
        let mut got = 0;
        if slab.loose > 1 && heap.counts().footprint > UNORDERED {
            slab.put_in_order(start);
        }
        while got < most && slab.free != NO_OBJECT {
            let object = start.wrapping_add(slab.free as usize * ALIGN);
            slab.free = next_free(object, start, slab.carved as usize * len);
            // SAFETY: the caller's promise.
            unsafe { out.wrapping_add(got).write(object) };
            got += 1;
        }
        self.free_bytes -= got * len;
        let mut fresh = 0;
        if got < most && slab.free == NO_OBJECT {
            let room = capacity(len) - slab.carved as usize;
            fresh = whole_lines(&slab, (most - got).min(room).min((PAGE / len).max(4)));
            for n in 0..fresh {
                let object = start.wrapping_add((slab.carved as usize + n) * len);
                // SAFETY: the caller's promise.
                unsafe { out.wrapping_add(got + n).write(object) };
            }
            let before = slab.carved as usize * len;
            slab.carved += fresh as u16;
            mark_behind(start, before, slab.carved as usize * len);
            self.fresh_bytes -= fresh * len;
        }
        slab.used += (got + fresh) as u16;
        self.used_objects += got + fresh;
        self.used_bytes += (got + fresh) * len;
        self.put(granule, slab);
        if drains {
            rooms.set(granule as usize, Room::slab(slab.class as usize, len));
            self.unlist(granule);
        }
        self.regrade(granule);
        (got + fresh, fresh > 0)
    }

    /// Takes back the leading ones of `objects` that lie in one slab with the first; how many those
    /// were. All lie in slabs and were checked to be starts. An empty slab returns to the heap.
    #[inline(always)]
    pub fn give<B: Backing, I: FreeIndex>(
        &mut self,
        heap: &mut Heap<B, I>,
        rooms: &Rooms,
        objects: &[*mut u8],
    ) -> usize {
        let Some(first) = objects.first().map(|first| first.addr()) else { return 0 };
        let Some(granule) = rooms.granule(first).map(|granule| granule as u32) else {
            return objects.len();
        };
        let slab = self.known(granule);
        let len = class::len_of(slab.class as usize);
        let (mut free, mut given) = (slab.free, 0);
        for object in objects.iter().take_while(|object| object.addr() / GRANULE == first / GRANULE) {
            // SAFETY: the object is free now.
            unsafe { mark::set(*object) };
            link_free(*object, free);
            free = (object.addr() % GRANULE / ALIGN) as u16;
            given += 1;
        }
        let used = slab.used - given as u16;
        (slab.free, slab.used, slab.loose) = (free, used, slab.loose.saturating_add(given as u16));
        if slab.stage == Stage::Settled {
            slab.stage = Stage::Ripe;
        }
        let is_regraded = slab.grade != grade_of(used as usize * len);
        self.used_objects -= given;
        self.used_bytes -= given * len;
        self.free_bytes += given * len;
        if used == 0 {
            self.dissolve(heap, rooms, granule);
        } else if is_regraded {
            self.regrade(granule);
        }
        given
    }

    /// A new slab of `class`.
    fn found<B: Backing, I: FreeIndex>(
        &mut self,
        heap: &mut Heap<B, I>,
        tables: &mut Tables,
        rooms: &Rooms,
        class: usize,
    ) -> Option<()> {
        let request = Request { len: GRANULE - WORD, align: GRANULE, bits: tag::OWN };
        let block = heap.allocate(request)?.block;
        let known = rooms.granule(block.payload().addr());
        let Some(granule) = known.filter(|granule| self.reaches(tables, rooms, *granule)) else {
            // SAFETY: allocated just now. A segment that the map does not reach has no slabs.
            unsafe { heap.release(block) };
            return None;
        };
        let slab = Slab {
            next: NONE,
            before: NONE,
            used: 0,
            carved: 0,
            free: NO_OBJECT,
            class: class as u8,
            grade: u8::MAX,
            hollow: 0,
            stage: Stage::Young,
            loose: 0,
        };
        self.put(granule as u32, slab);
        self.live += 1;
        let len = class::len_of(class);
        let carvable = capacity(len) * len;
        self.fresh_bytes += carvable;
        rooms.set(granule, Room::slab(class, len));
        // SAFETY: `capacity` leaves sixteen bytes of the span behind the last object.
        unsafe { mark::set(block.payload().wrapping_add(carvable)) };
        self.regrade(granule as u32);
        Some(())
    }

    /// Makes sure that there is a descriptor for `granule`.
    fn reaches(&mut self, tables: &mut Tables, rooms: &Rooms, granule: usize) -> bool {
        if granule < self.cap {
            return true;
        }
        let cap = (granule + 1).max(self.cap * 2).max(PAGE / size_of::<Slab>()).min(rooms.count());
        let Some(table) = tables.map(cap * size_of::<Slab>()) else { return false };
        let (old, old_cap) = (self.table, self.cap);
        self.table = table.cast();
        if !old.is_null() {
            // SAFETY: the new table is longer than the old one.
            unsafe { self.table.copy_from_nonoverlapping(old, old_cap) };
            tables.unmap(old.cast(), old_cap * size_of::<Slab>());
        }
        self.cap = cap;
        granule < cap
    }

    fn dissolve<B: Backing, I: FreeIndex>(&mut self, heap: &mut Heap<B, I>, rooms: &Rooms, granule: u32) {
        self.unlist(granule);
        let slab = self.at(granule);
        let len = class::len_of(slab.class as usize);
        self.live -= 1;
        self.free_bytes -= slab.carved as usize * len;
        self.hollow_bytes -= slab.hollow_bytes();
        self.fresh_bytes -= (capacity(len) - slab.carved as usize) * len;
        rooms.set(granule as usize, Room::TAGGED);
        let start = self.start_of(heap, rooms, granule);
        // SAFETY: the span's own block; none of its objects is used.
        unsafe { heap.release(Block::of_payload(start)) };
    }

    /// The descriptor of the slab in `granule`, where it stands.
    fn known(&mut self, granule: u32) -> &mut Slab {
        debug_assert!((granule as usize) < self.cap);
        // SAFETY: every granule with a slab lies within the table.
        unsafe { &mut *self.table.wrapping_add(granule as usize) }
    }

    fn at(&self, granule: u32) -> Slab {
        debug_assert!((granule as usize) < self.cap);
        // SAFETY: every granule with a slab lies within the table.
        unsafe { self.table.wrapping_add(granule as usize).read() }
    }

    fn put(&mut self, granule: u32, slab: Slab) {
        *self.known(granule) = slab;
    }

    /// The first byte of a slab, with the heap's right to it.
    fn start_of<B: Backing, I: FreeIndex>(&self, heap: &Heap<B, I>, rooms: &Rooms, granule: u32) -> *mut u8 {
        let address = rooms.address(granule as usize);
        heap.pointer_to(address)
    }
}

/// At most `fresh` objects to carve: up to the end of a line, if that is not too few.
fn whole_lines(slab: &Slab, fresh: usize) -> usize {
    let mates = class::line_mates(slab.class as usize);
    let end = slab.carved as usize + fresh;
    // So many are a power of two: a line is one.
    let rest = end & (mates - 1);
    if fresh > rest { fresh - rest } else { fresh }
}

/// Objects of `len` bytes in a slab. At least sixteen bytes are left behind them.
#[inline]
pub const fn capacity(len: usize) -> usize {
    (GRANULE - WORD - ALIGN) / len
}

/// Marks what lies behind the `carved` bytes of a slab that begins at `start`: freed, it would be taken
/// for an object. Only on a page of the first `before` bytes: those were handed out, and the allocator's
/// lock is no place for a page fault.
fn mark_behind(start: *mut u8, before: usize, carved: usize) {
    if before > 0 && (before - 1) / PAGE == (carved + WORD) / PAGE {
        // SAFETY: `capacity` leaves sixteen bytes of the span behind the last object.
        unsafe { mark::set(start.wrapping_add(carved)) };
    }
}
