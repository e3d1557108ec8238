//! What slabs hold, for walks, checks and reports; nothing is changed.

use super::links::next_free;
use super::{NO_OBJECT, Spans, capacity};
use crate::block::ALIGN;
use crate::engine::Kind;
use crate::slab::class;
use crate::slab::mark;
use crate::slab::rooms::Rooms;

impl Spans {
    /// Calls `see` with every object of the slab at `start`, and with what was never carved.
    pub fn walk(&self, rooms: &Rooms, start: *mut u8, see: &mut dyn FnMut(*mut u8, usize, Kind)) {
        let Some(granule) = rooms.granule(start.addr()) else { return };
        let slab = self.at(granule as u32);
        let (len, carved) = (class::len_of(slab.class as usize), slab.carved as usize);
        for n in 0..carved {
            let object = start.wrapping_add(n * len);
            // SAFETY: a carved object has sixteen readable bytes.
            let is_free = slab.is_hollow(n) || unsafe { mark::is_set(object) };
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
        let Some(granule) = rooms.granule(object.addr()) else { return false };
        let slab = self.at(granule as u32);
        let number = (object.addr() - rooms.address(granule)) / class::len_of(slab.class as usize);
        number < slab.carved as usize && !slab.is_hollow(number)
    }

    /// Whether `object` of a slab is in its list of free objects.
    pub fn is_free(&self, rooms: &Rooms, object: *mut u8) -> bool {
        let Some(granule) =
            rooms.granule(object.addr()).filter(|_| rooms.at(object.addr()).class().is_some())
        else {
            return false;
        };
        let slab = self.at(granule as u32);
        let start = object.with_addr(rooms.address(granule));
        let carved = slab.carved as usize * class::len_of(slab.class as usize);
        let mut free = slab.free;
        for _ in 0..slab.carved {
            if free == NO_OBJECT {
                return false;
            }
            let here = start.wrapping_add(free as usize * ALIGN);
            if here == object {
                return true;
            }
            free = next_free(here, start, carved);
        }
        false
    }
}
