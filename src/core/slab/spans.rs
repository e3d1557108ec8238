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
//! Which objects are free stands in a set beside the slab's descriptor; each of them holds a mark in its second word.
//!
//! - **J1** `used + free + fresh` is the capacity; objects in caches count as used. `free` is the size of the set.
//! - **J2** A slab with free or fresh objects is in the list of its class and fullness; a full
//!   one is in none; an empty one goes back to the heap.
//! - **J3** Slabs that are less than a quarter full can be told to drain: what is freed there comes back at
//!   once and not by a bin, which would hand it out again for ever. They serve when no other of their
//!   class can.

mod grades;
mod hollow;
mod inspect;
mod objects;
#[cfg(test)]
mod tests;

use self::grades::{DRAINING, GRADES};
use self::hollow::Stage;
use self::objects::{BITS, Objects};
use super::class::{self, SLAB_CLASSES};
use super::mark;
use super::rooms::{GRANULE, Room, Rooms, number_of};
use crate::block::{ALIGN, Block, WORD, tag};
use crate::heap::{Heap, Request};
use crate::os::PAGE;
use crate::os::backing::Backing;
use crate::os::tables::{Tables, clear};
use crate::policy::FreeIndex;

/// Bytes of the first table of slabs: a heap of less than two megabytes needs no other.
const FIRST_TABLE: usize = 4 * PAGE;

/// No slab: links and heads of lists hold one more than a granule's number.
const NONE: u32 = 0;

/// What is known of one slab. All counts are of objects.
#[derive(Clone, Copy, Debug)]
pub struct Slab {
    next: u32,
    before: u32,
    /// In the hands of the program or of caches. Of its own width: what the compiler reads together with a neighbour has to
    /// wait for the last store.
    used: u32,
    /// Carved so far.
    carved: u16,
    /// Fewest objects in use with which nothing but their number changes.
    floor: u32,
    class: u8,
    grade: u8,
    /// A bit for each page that was given back.
    hollow: u16,
    stage: Stage,
    /// The first word of the set of free objects that may hold one.
    low: u8,
}

impl Slab {
    /// Bytes of an object.
    const fn len(&self) -> usize {
        class::len_of(self.class as usize)
    }
}

/// A slab and its free objects: of a few hundred, all that is known stands in one line.
#[derive(Debug)]
#[repr(C, align(64))]
struct Row {
    slab: Slab,
    free: Objects,
}

// The table costs less than a hundredth of what it tells of.
const _: () = assert!(size_of::<Row>() * 100 < GRANULE);

/// What came from slabs or the heap.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Objects.
    pub count: usize,
    /// How many of them, the last ones, are new, and carry no mark.
    pub fresh: usize,
}

/// All slabs.
#[derive(Debug)]
pub struct Spans {
    table: *mut Row,
    cap: usize,
    lists: [[u32; GRADES]; SLAB_CLASSES],
    live: usize,
    used_objects: usize,
    used_bytes: usize,
    fresh_bytes: usize,
    free_bytes: usize,
    hollow_bytes: usize,
    /// Rows of slabs that are no more.
    vacated: usize,
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
        vacated: 0,
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

    /// Takes up to `most` objects of `class` into `out`, the fullest slab first. A new slab is carved a page at a
    /// time, so that what nobody wants stays untouched where the memory is new.
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
    ) -> Taken {
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
            let Taken { count, fresh } = unsafe { self.take_from(heap, rooms, granule, rest, most - got) };
            got += count;
            if fresh > 0 {
                return Taken { count: got, fresh };
            }
        }
        Taken { count: got, fresh: 0 }
    }

    /// Objects from one slab: free ones, then a page's worth of fresh ones.
    unsafe fn take_from<B: Backing, I: FreeIndex>(
        &mut self,
        heap: &Heap<B, I>,
        rooms: &Rooms,
        granule: u32,
        out: *mut *mut u8,
        most: usize,
    ) -> Taken {
        let start = self.start_of(heap, rooms, granule);
        let mut slab = self.at(granule);
        let len = slab.len();
        let drains = slab.grade == DRAINING;
        if drains {
            self.refill_pages(&mut slab, start);
        }
        let free = slab.carved as usize - slab.used as usize;
        let got = free.min(most);
        // SAFETY: [J1], and the caller's promise.
        slab.low = unsafe { self.known(granule).free.draw(slab.low, start, len, out, got) };
        self.free_bytes -= got * len;
        let mut fresh = 0;
        if got < most {
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
        slab.used += (got + fresh) as u32;
        self.used_objects += got + fresh;
        self.used_bytes += (got + fresh) * len;
        self.put(granule, slab);
        if drains {
            rooms.set(granule as usize, Room::slab(slab.class as usize, len));
            self.unlist(granule);
        }
        self.regrade(granule);
        Taken { count: got + fresh, fresh }
    }

    /// Takes back the leading ones of `objects` that lie in slabs and are used; how many those were, or `None` if the
    /// first lies in no slab. All are starts of objects of one class, and carry the mark. An empty slab returns to the
    /// heap.
    #[inline(always)]
    pub fn give<B: Backing, I: FreeIndex>(
        &mut self,
        heap: &mut Heap<B, I>,
        rooms: &Rooms,
        objects: &[*mut u8],
    ) -> Option<usize> {
        let class = rooms.at(objects.first()?.addr()).class()?;
        let len = class::len_of(class);
        let (mut given, mut counted) = (0, 0);
        for address in objects.iter().map(|object| object.addr()) {
            let Some(granule) = rooms.slab(address) else { break };
            let Row { slab, free } = self.known(granule as u32);
            let number = number_of(class, address);
            if number >= slab.carved as usize || !free.add(number) {
                break;
            }
            slab.low = slab.low.min((number / BITS) as u8);
            slab.used -= 1;
            given += 1;
            if slab.used < slab.floor {
                self.count_given(given - counted, len);
                counted = given;
                self.fall(heap, rooms, granule as u32);
            }
        }
        self.count_given(given - counted, len);
        Some(given)
    }

    /// Counts objects of `len` bytes that came back.
    const fn count_given(&mut self, count: usize, len: usize) {
        self.used_objects -= count;
        self.used_bytes -= count * len;
        self.free_bytes += count * len;
    }

    /// A slab has so few objects in use that it leaves its grade, or drains.
    #[inline(never)]
    fn fall<B: Backing, I: FreeIndex>(&mut self, heap: &mut Heap<B, I>, rooms: &Rooms, granule: u32) {
        let Row { slab, .. } = self.known(granule);
        if slab.stage == Stage::Settled {
            slab.stage = Stage::Ripe;
        }
        if slab.used == 0 {
            self.dissolve(heap, rooms, granule);
        } else {
            self.regrade(granule);
        }
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
        let placed = heap.allocate(request)?;
        let block = placed.block();
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
            floor: u32::MAX,
            class: class as u8,
            grade: u8::MAX,
            hollow: 0,
            stage: Stage::Young,
            low: 0,
        };
        *self.known(granule as u32) = Row { slab, free: Objects::NONE };
        self.live += 1;
        let len = class::len_of(class);
        let carvable = capacity(len) * len;
        self.fresh_bytes += carvable;
        self.vacated -= usize::from(rooms.at(block.payload().addr()) == Room::VACATED);
        rooms.set(granule, Room::slab(class, len));
        mark_stale(block.payload(), len, placed.dirty);
        // SAFETY: `capacity` leaves sixteen bytes of the span behind the last object.
        unsafe { mark::set(block.payload().wrapping_add(carvable)) };
        self.regrade(granule as u32);
        Some(())
    }

    /// Makes sure that there is a row for `granule`.
    fn reaches(&mut self, tables: &mut Tables, rooms: &Rooms, granule: usize) -> bool {
        if granule < self.cap {
            return true;
        }
        let cap = (granule + 1).max(self.cap / 4 * 5).max(FIRST_TABLE / size_of::<Row>()).min(rooms.count());
        let bytes = |rows| rows * size_of::<Row>();
        let Some(table) = tables.widen(self.table.cast(), bytes(self.cap), bytes(cap)) else { return false };
        (self.table, self.cap) = (table.cast(), cap);
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
        rooms.set(granule as usize, Room::VACATED);
        self.vacated += 1;
        let start = self.start_of(heap, rooms, granule);
        // SAFETY: the span's own block; none of its objects is used.
        unsafe { heap.release(Block::of_payload(start)) };
    }

    /// Gives back the pages of the table on which only slabs stand that are no more, if there are at least `least`.
    pub fn forget(&mut self, rooms: &Rooms, least: usize) {
        if self.vacated < least {
            return;
        }
        let room = |granule: usize| rooms.at(rooms.address(granule));
        let (mut at, end) = (0, self.cap.min(rooms.count()));
        while at < end {
            let next = (at..end).find(|granule| room(*granule).class().is_some()).unwrap_or(end);
            let mut vacated = (at..next).filter(|granule| room(*granule) == Room::VACATED).peekable();
            if vacated.peek().is_some() {
                clear(self.table.wrapping_add(at).cast(), (next - at) * size_of::<Row>());
            }
            vacated.for_each(|granule| rooms.set(granule, Room::TAGGED));
            at = next + 1;
        }
        self.vacated = 0;
    }

    /// The row of the slab in `granule`.
    fn row(&self, granule: u32) -> &Row {
        debug_assert!((granule as usize) < self.cap);
        // SAFETY: every granule with a slab lies within the table.
        unsafe { &*self.table.wrapping_add(granule as usize) }
    }

    /// The same, to change it.
    fn known(&mut self, granule: u32) -> &mut Row {
        debug_assert!((granule as usize) < self.cap);
        // SAFETY: as above.
        unsafe { &mut *self.table.wrapping_add(granule as usize) }
    }

    fn at(&self, granule: u32) -> Slab {
        self.row(granule).slab
    }

    fn put(&mut self, granule: u32, slab: Slab) {
        self.known(granule).slab = slab;
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

/// Marks the objects of `len` bytes of a slab that begins at `start`, as far as its `dirty` bytes go: blocks stood
/// there, and one that is freed again must not be taken for an object in use before the slab has handed it out.
/// Pages of it that went back to the system come again here, with the lock held: once a slab, if at all.
fn mark_stale(start: *mut u8, len: usize, dirty: usize) {
    let places = (0..capacity(len)).map(|n| n * len);
    for at in places.take_while(|at| at + 2 * WORD <= dirty) {
        // SAFETY: an object of a span that is nobody's yet.
        unsafe { mark::set(start.wrapping_add(at)) };
    }
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
