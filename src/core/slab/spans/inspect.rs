//! What slabs hold, for walks, checks and reports; nothing is changed.

use super::{Row, Spans, capacity};
use crate::engine::Kind;
use crate::slab::mark;
use crate::slab::rooms::{Rooms, number_of};

impl Spans {
    /// Calls `see` with every object of the slab at `start`, and with what was never carved.
    pub fn walk(&self, rooms: &Rooms, start: *mut u8, see: &mut dyn FnMut(*mut u8, usize, Kind)) {
        let Some(granule) = rooms.granule(start.addr()) else { return };
        let Row { slab, free } = self.row(granule as u32);
        let (len, carved) = (slab.len(), slab.carved as usize);
        for n in 0..carved {
            let object = start.wrapping_add(n * len);
            // SAFETY: a carved object has sixteen readable bytes.
            let is_free = free.has(n) || unsafe { mark::is_set(object) };
            let kind = if is_free { Kind::Free } else { Kind::Used };
            see(object, len, kind);
        }
        if carved < capacity(len) {
            see(start.wrapping_add(carved * len), (capacity(len) - carved) * len, Kind::Free);
        }
    }

    /// Calls `see` with the class of every slab and its objects in the hands of the program or of
    /// caches.
    pub fn each(&self, rooms: &Rooms, mut see: impl FnMut(usize, usize)) {
        for granule in 0..self.cap.min(rooms.count()) {
            if let Some(class) = rooms.at(rooms.address(granule)).class() {
                see(class, self.at(granule as u32).used as usize);
            }
        }
    }

    /// Objects in the hands of the program or of caches.
    pub const fn used_objects(&self) -> usize {
        self.used_objects
    }

    /// Whether `object`, the start of an object of a slab, may be in somebody's hands: it was carved, and lies on no
    /// page that was given back.
    pub fn may_be_held(&self, rooms: &Rooms, object: *mut u8) -> bool {
        self.find(rooms, object).is_some_and(|(Row { slab, .. }, number)| {
            number < slab.carved as usize && !slab.is_hollow(number)
        })
    }

    /// Whether `object`, the start of an object of a slab, is free in it.
    pub fn is_free(&self, rooms: &Rooms, object: *mut u8) -> bool {
        self.find(rooms, object).is_some_and(|(row, number)| row.free.has(number))
    }

    /// The row of the slab in which `object` begins, and its number there.
    fn find(&self, rooms: &Rooms, object: *mut u8) -> Option<(&Row, usize)> {
        let row = self.row(rooms.slab(object.addr())? as u32);
        Some((row, number_of(row.slab.class as usize, object.addr())))
    }
}
