//! A bin: the objects of one class that a thread keeps.
//!
//! ```text
//!   loaded ├ object ┼ object ┼ ▲ ┼ ─ ┼ ─ ┤       spare ├ full, or empty, or none ┤
//!          low               top         high
//! ```
//!
//! The object put in last is taken first: its lines and its page are warm. Between a full and an
//! empty magazine a loop can swing as it likes without a call of the depot.
//!
//! In a large heap a bin may be [`late`], or [`blind`]. What it keeps then and has not looked at is not to be had yet: it waits.

mod blind;
mod late;
#[cfg(test)]
mod rig;

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering, fence};

pub use blind::Blind;
pub use late::Late;

use super::magazine::Magazine;
use crate::slab::mark;
use crate::slab::rooms::BIN;

/// The two magazines of one class: [X2](super).
#[repr(C)]
#[derive(Debug)]
pub struct Bin {
    /// Behind the last object of the loaded magazine.
    top: Cell<*mut *mut u8>,
    /// Its first slot, or null: there is none.
    low: Cell<*mut *mut u8>,
    /// Behind its last slot, or the sign of a [late](late) or [blind](blind) bin.
    high: Cell<*mut *mut u8>,
    /// The other magazine, or null.
    spare: Cell<*mut Magazine>,
}

const _: () = assert!(size_of::<Bin>() == BIN);

/// How many objects are looked at for one that is aligned.
const RAISED: usize = 8;

impl Bin {
    /// Takes the object that was put in last; `None` if there is none.
    #[inline(always)]
    pub fn pop(&self) -> Option<*mut u8> {
        let top = self.top.get();
        if top == self.low.get() {
            return None;
        }
        let top = top.wrapping_sub(1);
        // SAFETY: [X2]
        let object = unsafe { top.read() };
        self.top.set(top);
        Some(object)
    }

    /// The slot for the next object; `None` if the magazine is full, or the bin not plain.
    #[inline(always)]
    pub fn slot(&self) -> Option<*mut *mut u8> {
        let top = self.top.get();
        (top < self.high.get()).then_some(top)
    }

    /// Keeps an object in the `slot` for the next one.
    #[inline(always)]
    pub fn fill(&self, slot: *mut *mut u8, object: *mut u8) {
        // SAFETY: [X2]: the first slot without an object.
        unsafe { slot.write(object) };
        self.top.set(slot.wrapping_add(1));
    }

    /// Keeps an object; `false` if the magazine is full, or the bin not plain.
    #[inline(always)]
    pub fn push(&self, object: *mut u8) -> bool {
        let slot = self.slot();
        slot.inspect(|slot| self.fill(*slot, object)).is_some()
    }

    /// Keeps as many of `objects` as there are slots; how many. The bin is plain.
    pub fn push_all(&self, objects: &[*mut u8]) -> usize {
        let (slot, count) = (self.top.get(), objects.len().min(self.room()));
        if count > 0 {
            // SAFETY: [X2]: so many slots without an object.
            unsafe { slot.copy_from_nonoverlapping(objects.as_ptr(), count) };
            self.top.set(slot.wrapping_add(count));
        }
        count
    }

    /// Puts one of the last few objects that is at a multiple of `align`, a power of two, where it is taken next;
    /// whether there is one.
    pub fn raise(&self, align: usize) -> bool {
        let (top, count) = (self.top.get(), self.count());
        for n in 1..=count.min(RAISED) {
            let slot = top.wrapping_sub(n);
            // SAFETY: [X2]
            let object = unsafe { slot.read() };
            if object.addr() & (align - 1) == 0 {
                // SAFETY: [X2]: two slots with objects.
                unsafe { slot.swap(top.wrapping_sub(1)) };
                return true;
            }
        }
        false
    }

    /// Objects in the loaded magazine.
    pub fn count(&self) -> usize {
        slots_between(self.low.get(), self.top.get())
    }

    /// Slots of the loaded magazine; the bin is plain.
    pub fn cap(&self) -> usize {
        slots_between(self.low.get(), self.high.get())
    }

    /// Slots without an object; the bin is plain.
    pub fn room(&self) -> usize {
        slots_between(self.top.get(), self.high.get())
    }

    /// Whether there is a spare.
    pub const fn has_spare(&self) -> bool {
        !self.spare.get().is_null()
    }

    /// Whether the spare has an object.
    pub fn is_spare_stocked(&self) -> bool {
        // SAFETY: [X1](super): the spare is the bin's.
        unsafe { self.spare.get().as_ref() }.is_some_and(|spare| spare.count > 0)
    }

    /// Whether the spare has no slot left.
    pub fn is_spare_full(&self) -> bool {
        // SAFETY: as above.
        unsafe { self.spare.get().as_ref() }.is_some_and(|spare| spare.count == spare.cap)
    }

    /// The spare becomes the loaded magazine, and the loaded one the spare.
    pub fn swap(&self) {
        let spare = self.take_spare();
        self.spare.set(self.unload());
        self.load(spare);
    }

    /// Loads `magazine`, or null; none is loaded.
    pub fn load(&self, magazine: *mut Magazine) {
        debug_assert!(self.low.get().is_null());
        if magazine.is_null() {
            return;
        }
        let low = Magazine::slots(magazine);
        // SAFETY: the caller hands the magazine over.
        let Magazine { count, cap, .. } = unsafe { magazine.read() };
        let (count, cap) = (count as usize, cap as usize);
        self.low.set(low);
        self.high.set(low.wrapping_add(cap));
        self.top.set(low.wrapping_add(count));
    }

    /// Takes the loaded magazine out; null if there was none. The bin is plain.
    pub fn unload(&self) -> *mut Magazine {
        let (low, count) = (self.low.get(), self.count());
        for place in [&self.low, &self.high, &self.top] {
            place.set(ptr::null_mut());
        }
        if low.is_null() {
            return ptr::null_mut();
        }
        let magazine = Magazine::of_slots(low);
        // SAFETY: [X1](super): a loaded magazine is the bin's.
        unsafe { (*magazine).count = count as u32 };
        magazine
    }

    /// Takes the spare out; null if there was none.
    pub const fn take_spare(&self) -> *mut Magazine {
        self.spare.replace(ptr::null_mut())
    }

    /// Takes a magazine out; `None` if there was none left.
    pub fn strip(&self) -> Option<*mut Magazine> {
        let loaded = self.unload();
        let magazine = if loaded.is_null() { self.take_spare() } else { loaded };
        (!magazine.is_null()).then_some(magazine)
    }

    /// Makes `magazine`, or null, the spare, if there is none.
    pub fn keep_spare(&self, magazine: *mut Magazine) -> bool {
        let is_free = self.spare.get().is_null();
        if is_free {
            self.spare.set(magazine);
        }
        is_free
    }

    /// Whether it is neither late nor blind.
    pub fn is_plain(&self) -> bool {
        self.late().is_none() && self.blind().is_none()
    }

    /// Makes the bin plain, and puts in what waits. An object that must not be put in is the error: it waits no
    /// longer, but others may.
    #[inline]
    pub fn settle(&self) -> Result<(), *mut u8> {
        if let Some(blind) = self.blind() {
            return self.settle_blind(blind);
        }
        self.late().map_or(Ok(()), |late| self.settle_late(late))
    }

    /// Makes the bin plain, and gives up what waits.
    pub fn forgo(&self) {
        if let Some(blind) = self.blind() {
            self.forgo_blind(blind);
        } else if let Some(late) = self.late() {
            self.forgo_late(late);
        }
    }

    /// Takes out an object that waits although it carries the mark, of a bin of another thread that is in no call, as
    /// `is_still` says: what its own call marks meanwhile is none.
    pub fn withdraw(&self, is_still: impl Fn() -> bool) -> Option<*mut u8> {
        let glimpsed = || (glimpse(&self.high), glimpse(&self.low), glimpse(&self.top));
        let before @ (high, low, top) = glimpsed();
        if glimpsed() != before {
            return None;
        }
        let blind = blind::glimpsed(high, low);
        // SAFETY: what a late bin's `low` says is the first slot of a magazine, which stays while the state is held.
        let late = unsafe { late::glimpsed(high, low) };
        let slots = blind.map(|blind| blind.waiting(top)).into_iter().flatten();
        slots.chain(late.map(Late::slot)).find_map(|slot| {
            // SAFETY: within the magazine.
            let object = unsafe { slot.read_volatile() };
            // SAFETY: an object has sixteen bytes.
            let is_marked = !object.is_null() && unsafe { mark::is_set(object) };
            fence(Ordering::SeqCst);
            let is_suspect = is_marked && is_still() && glimpsed() == before;
            is_suspect.then(|| {
                // SAFETY: as above; its thread takes null for nothing.
                unsafe { slot.write_volatile(ptr::null_mut()) };
                object
            })
        })
    }

    /// Whether `object` waits.
    pub fn defers(&self, object: *mut u8) -> bool {
        let mut found = self.late().is_some_and(|late| late.object() == object);
        if let Some(blind) = self.blind() {
            blind.each(self.top.get(), |other| found |= other == object);
        }
        found
    }

    /// Whether `object` rests in one of the two magazines.
    pub fn holds(&self, object: *mut u8) -> bool {
        let mut found = false;
        self.each(|other| found |= other == object);
        found
    }

    /// Calls `see` with every object of both magazines, and with what waits. The bin may be another
    /// thread's, or be in somebody's hands whom a signal handler interrupted: a magazine that is being
    /// exchanged counts as empty. The caller holds the state, without which no magazine goes back to the heap.
    pub fn each(&self, mut see: impl FnMut(*mut u8)) {
        let (low, top) = (glimpse(&self.low), glimpse(&self.top));
        if !low.is_null() {
            // SAFETY: [X1](super): the slots are those of a magazine, loaded now or a moment ago.
            let cap = unsafe { (*Magazine::of_slots(low)).cap } as usize;
            let count = Some(top.addr().wrapping_sub(low.addr()) / size_of::<*mut u8>());
            let count = count.filter(|count| *count <= cap).unwrap_or(0);
            // SAFETY: within the magazine.
            (0..count).for_each(|n| see(unsafe { low.wrapping_add(n).read() }));
            let high = glimpse(&self.high);
            // SAFETY: as above.
            let late = unsafe { late::glimpsed(high, low) };
            late.map(Late::object).filter(|object| !object.is_null()).into_iter().for_each(&mut see);
            let blind = blind::glimpsed(high, low);
            blind.inspect(|blind| blind.each(low.wrapping_add(count), &mut see));
        }
        let spare = glimpse(&self.spare);
        if !spare.is_null() {
            Magazine::objects(spare).iter().for_each(|object| see(*object));
        }
    }
}

/// What stands in `place` now, whoever is writing there.
fn glimpse<T>(place: &Cell<*mut T>) -> *mut T {
    // SAFETY: a cell of a pointer is aligned as an atomic one, and lives as long.
    unsafe { AtomicPtr::from_ptr(place.as_ptr()) }.load(Ordering::Relaxed)
}

fn slots_between(low: *mut *mut u8, high: *mut *mut u8) -> usize {
    (high.addr() - low.addr()) / size_of::<*mut u8>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: usize = 4;

    #[repr(C)]
    struct Filled {
        magazine: Magazine,
        slots: [*mut u8; SLOTS],
    }

    impl Bin {
        /// Without magazines.
        pub(super) const fn empty() -> Self {
            Self {
                top: Cell::new(ptr::null_mut()),
                low: Cell::new(ptr::null_mut()),
                high: Cell::new(ptr::null_mut()),
                spare: Cell::new(ptr::null_mut()),
            }
        }
    }

    fn filled() -> Filled {
        let magazine = Magazine { next: ptr::null_mut(), count: SLOTS as u32, cap: SLOTS as u32 };
        Filled { magazine, slots: [ptr::dangling_mut(); SLOTS] }
    }

    fn seen(bin: &Bin) -> usize {
        let mut seen = 0;
        bin.each(|_| seen += 1);
        seen
    }

    #[test]
    fn as_many_are_put_in_at_once_as_there_are_slots() {
        let mut filled = filled();
        filled.magazine.count = 1;
        let bin = Bin::empty();
        let objects = [1, 2, 3, 4].map(ptr::without_provenance_mut);
        assert_eq!(bin.push_all(&objects), 0);
        bin.load(&raw mut filled.magazine);

        assert_eq!(
            [bin.push_all(&objects[..1]), bin.push_all(&objects[1..]), bin.push_all(&objects)],
            [1, 2, 0]
        );

        assert_eq!([bin.pop(), bin.pop(), bin.pop()].map(|object| object.unwrap().addr()), [3, 2, 1]);
        assert_eq!(bin.count(), 1);
    }

    /// Those are the moments at which a signal handler, or a thread that asks for figures, may look.
    #[test]
    fn a_bin_between_two_magazines_counts_as_empty() {
        let (mut old, mut new) = (filled(), filled());
        let bin = Bin::empty();
        bin.load(&raw mut old.magazine);
        assert_eq!(seen(&bin), SLOTS);

        let tops = [ptr::null_mut(), new.slots.as_mut_ptr_range().end, old.slots.as_mut_ptr()];
        for top in tops {
            bin.top.set(top);
            assert_eq!(seen(&bin), 0, "{top:?}");
        }
        bin.low.set(ptr::null_mut());
        assert_eq!(seen(&bin), 0);
    }
}
