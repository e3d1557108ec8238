//! What has to be done beside serving: the rooms are kept up to date, and what lies idle goes back.
//!
//! ```text
//!   the heap has grown or shrunk ─► its granules are claimed in the rooms
//!   a call comes by              ─► a while later: the caches aired, pages purged, the break lowered
//! ```

use super::State;
use crate::engine::Engine;
use crate::slab::rooms::{Room, Rooms};

/// Milliseconds after which full magazines that nobody wanted go back to their rooms. Two of them and
/// two sweeps (`HEAPMM_PURGE`) pass before the last page of a burst is given back: less than a second.
const AIRING: u64 = 125;

/// Bytes of a heap that a processor's caches hold as a rule, and of objects that the nearest ones do.
const CACHED: usize = 8 << 20;
const NEAR: usize = 512 << 10;

/// Bytes that may rest in the depot of a small process.
const LEAST_RESTING: usize = 1 << 20;

/// The part of its footprint, and the fewest bytes, by which a heap grows before they go back as well.
const GROWTH: usize = 256;
const LEAST_GROWTH: usize = 64 << 10;

/// How often caches are emptied after the heap has grown though much of it was free, and the refills of
/// bins from one time to the next.
const GATHERINGS: u32 = 64;
const REFILLS: u32 = 128;

/// The part of its footprint by which a heap grows, beside [`LITTLE`], before draining slabs give pages back.
const HOLLOWING: usize = 16;

/// Free bytes that are nothing to speak of, whatever their share.
const LITTLE: usize = 4 << 20;

/// Slabs that are no more, beyond which their part of the table is worth a look.
const MANY_VACATED: usize = 128;

/// Idle bytes, beside a fourth of the footprint, that are watched by every call: the price is a
/// slower call, so little is left to chance.
const RESTLESS: usize = 8 << 20;

impl State {
    /// Tells the rooms how far the heap reaches now.
    #[inline]
    pub(super) fn map_rooms(&mut self, rooms: &Rooms) {
        let end = self.heap.segments().newest().map_or(0, |s| s.end().addr());
        if end != self.known_end || self.heap.counts().segments != self.known_segments {
            self.redraw_rooms(rooms);
        }
    }

    #[cold]
    #[inline(never)]
    fn redraw_rooms(&mut self, rooms: &Rooms) {
        let Some(newest) = self.heap.segments().newest() else { return };
        rooms.found(newest.base().addr());
        if let Some(count) = rooms.wants(newest.end().addr())
            && let Some(table) = self.tables.map(count * size_of::<Room>())
        {
            // SAFETY: the mapping is new and is never given back.
            unsafe { rooms.replace(table.cast(), count) };
        }
        let (mut low, mut high) = (usize::MAX, 0);
        for segment in self.heap.segments().iter() {
            let (first, last) = (segment.first().addr(), segment.end().addr());
            low = low.min(first);
            high = high.max(last);
            rooms.claim(first, last, Room::TAGGED);
        }
        rooms.bound(low, high);
        self.note_peak();
        self.known_segments = self.heap.counts().segments;
        self.known_end = self.heap.segments().newest().map_or(0, |s| s.end().addr());
    }

    pub(in crate::allocator) fn trim(&mut self, rooms: &Rooms, keep: usize) -> bool {
        if let Some(design) = &mut self.design {
            return design.engine_mut().trim(keep);
        }
        let lowered = self.heap.trim(keep);
        self.map_rooms(rooms);
        self.spans.forget(rooms, 1);
        self.heap.purge() || lowered
    }

    /// Whether the caches should be looked through: a while has passed, unless nothing goes back with time,
    /// or the heap has grown somewhat, while what some class keeps could have served another. Where somebody's
    /// watch `is_due`, the own one is not asked.
    pub(in crate::allocator) fn is_time_to_air(&mut self, is_due: bool) -> bool {
        let footprint = self.heap.counts().footprint;
        let grown = footprint > self.aired_at + (self.aired_at / GROWTH).max(LEAST_GROWTH);
        if !grown && (self.settings.purge == 0 || !(is_due || self.told.is_due(&mut self.airing))) {
            return false;
        }
        let now = self.told.milliseconds();
        let is_due = self.aired != 0 && now.wrapping_sub(self.aired) >= AIRING.min(self.settings.purge);
        if grown && self.is_wasteful() {
            self.gatherings = GATHERINGS;
        }
        if is_due || grown || self.aired == 0 {
            (self.aired, self.aired_at) = (now, footprint);
        }
        is_due || grown
    }

    /// Notes how much is in use while `resting` bytes are in the depot, which other threads may have filled or
    /// emptied since the last visit; how much may rest there from now on, if that is more than before.
    pub(in crate::allocator) fn note_demand(&mut self, resting: usize) -> Option<usize> {
        self.note_resting(resting);
        self.demand.note(self.used(resting)).then(|| self.most_resting())
    }

    /// One more thread has come.
    pub(in crate::allocator) const fn note_company(&mut self) {
        if self.threads.is_crowd() {
            self.heap.expect_company();
        }
    }

    /// A new span of time begins; how much may rest in the depot from now on.
    pub(in crate::allocator) fn turn_demand(&mut self, resting: usize) -> usize {
        self.demand.turn(self.used(resting));
        self.most_resting()
    }

    fn most_resting(&self) -> usize {
        self.settings.cache_budget.unwrap_or_else(|| self.demand.bytes().max(LEAST_RESTING))
    }

    /// Bytes of small objects that may rest in a shard of the depot. What comes back from there comes in the order in
    /// which it was freed: where that is any order, each block is a journey to memory for a program whose heap no cache
    /// holds. Rooms put them in order; but they have one lock, so that several threads keep twice as much.
    pub(in crate::allocator) const fn most_small_resting(&self) -> usize {
        let shares = if self.threads.is_crowd() { 2 } else { 1 };
        if self.heap.counts().footprint <= shares * CACHED { usize::MAX } else { shares * NEAR }
    }

    const fn used(&self, resting: usize) -> usize {
        let counts = self.heap.counts();
        counts.footprint.saturating_sub(counts.free_bytes + self.unused_in_slabs() + resting)
    }

    const fn unused_in_slabs(&self) -> usize {
        self.spans.free_bytes() + self.spans.fresh_bytes()
    }

    /// Whether so much memory lies idle that it should go back before long.
    pub(in crate::allocator) const fn is_idle(&self) -> bool {
        self.heap.is_idle() && self.settings.purge != 0
    }

    /// Tells the heap what rests, with the `resting` bytes of the depot: who grows it wants to know.
    const fn note_resting(&mut self, resting: usize) {
        self.heap.note_resting(resting + self.unused_in_slabs());
    }

    /// The same at the end of a visit; whether so much lies idle that every call should look whether it is time to
    /// give it back.
    #[inline(never)]
    pub(in crate::allocator) const fn weigh_resting(&mut self, resting: usize) -> bool {
        self.note_resting(resting);
        let most = RESTLESS + self.heap.counts().footprint / 4;
        (self.heap.idle_bytes() + resting > most || self.heap.is_settling()) && self.settings.purge != 0
    }

    /// Whether what caches keep should go back so that sparse slabs become empty: at one of many refills,
    /// for some time after the heap has grown though much of it was free.
    pub(in crate::allocator) fn is_time_to_gather(&mut self) -> bool {
        self.refills = self.refills.wrapping_add(1);
        if !self.refills.is_multiple_of(REFILLS) || self.gatherings == 0 && self.threads.is_crowd() {
            return false;
        }
        self.gatherings = self.gatherings.saturating_sub(1);
        self.is_wasteful()
    }

    /// Whether more than a quarter of the heap is free, and that is much.
    fn is_wasteful(&self) -> bool {
        let counts = self.heap.counts();
        let free = self.spans.free_bytes() - self.spans.hollow_bytes() + counts.free_bytes;
        free > LITTLE && free > counts.footprint / 4
    }

    /// Lets the emptiest slabs become empty. Where the heap has grown by much although they drained, pages of
    /// those that have not become empty go back.
    pub(in crate::allocator) fn drain(&mut self, rooms: &Rooms) {
        let footprint = self.heap.counts().footprint;
        let has_grown = footprint > self.hollowed_at + self.hollowed_at / HOLLOWING + LITTLE;
        if has_grown && self.settings.purge != 0 && self.spans.hollow(&mut self.heap, rooms) {
            self.hollowed_at = footprint;
        }
        self.spans.drain(rooms);
    }

    /// Says whether what is given from now on has lain idle in a cache.
    pub(in crate::allocator) const fn ripen(&mut self, is_ripe: bool) {
        self.heap.ripen(is_ripe);
    }

    /// Gives back what has lain idle, if the time has come.
    pub(in crate::allocator) fn tend(&mut self, rooms: &Rooms) {
        self.heap.tend(self.told.milliseconds(), self.settings.purge);
        self.map_rooms(rooms);
        self.spans.forget(rooms, MANY_VACATED);
    }
}
