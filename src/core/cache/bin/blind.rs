//! A blind bin: of a program that frees a large heap, what comes is kept without a look at it. Its lines are asked for,
//! and looked at all together when the magazine is full, or when anybody wants to take something.
//!
//! ```text
//!   loaded ├ object ┼ object ┼ object ┼ ─ ┼ ─ ┤        count: bytes of objects that nobody has looked at
//!          ▲ low, top: to who takes, the bin is empty
//! ```
//!
//! Those that were looked at stand below the top again. What was freed twice carries the mark, from before or since its
//! first place was looked at.

use core::ptr;

use super::Bin;
use super::late::LEAST;
use crate::cache::Magazine;
use crate::slab::mark;

/// Stands for the end of a blind bin's magazine: below all slots, so none is free.
const BLIND: *mut *mut u8 = ptr::without_provenance_mut(2);

/// A blind bin's magazine.
#[derive(Clone, Copy, Debug)]
pub struct Blind {
    low: *mut *mut u8,
}

impl Blind {
    /// Keeps `object`; `false` if there is no slot for it, or it came just before.
    #[inline(always)]
    pub fn keep(self, object: *mut u8) -> bool {
        let magazine = Magazine::of_slots(self.low);
        // SAFETY: [X1](super): the magazine is the bin's.
        let Magazine { count, cap, .. } = unsafe { magazine.read() };
        let slot = self.low.wrapping_byte_add(count as usize);
        // SAFETY: a slot that is taken, or the word before the first one.
        if slot == self.low.wrapping_add(cap as usize) || unsafe { slot.wrapping_sub(1).read() } == object {
            return false;
        }
        // SAFETY: a slot without an object.
        unsafe { slot.write(object) };
        // SAFETY: as above; what is loaded does not count its objects there.
        unsafe { (*magazine).count = count + size_of::<*mut u8>() as u32 };
        true
    }

    /// Behind the last slot.
    fn high(self) -> *mut *mut u8 {
        // SAFETY: as above.
        self.low.wrapping_add(unsafe { (*Magazine::of_slots(self.low)).cap } as usize)
    }

    /// Behind the last object.
    fn end(self) -> *mut *mut u8 {
        // SAFETY: as above.
        self.low.wrapping_byte_add(unsafe { (*Magazine::of_slots(self.low)).count } as usize)
    }

    /// Takes the last object out.
    fn pop(self) -> *mut u8 {
        let last = self.end().wrapping_sub(1);
        // SAFETY: as above.
        unsafe { (*Magazine::of_slots(self.low)).count -= size_of::<*mut u8>() as u32 };
        // SAFETY: it was a slot with an object.
        unsafe { last.read() }
    }

    /// Calls `see` with every object above `top` that nobody has looked at.
    pub(super) fn each(self, top: *mut *mut u8, mut see: impl FnMut(*mut u8)) {
        // SAFETY: slots with an object or null.
        let objects = self.waiting(top).map(|slot| unsafe { slot.read() });
        objects.filter(|object| !object.is_null()).for_each(&mut see);
    }

    /// The slots above `top`. Who looks at another thread's bin may find a count that does not fit.
    pub(super) fn waiting(self, top: *mut *mut u8) -> impl Iterator<Item = *mut *mut u8> {
        let end = self.end().min(self.high());
        let count = end.addr().saturating_sub(top.addr()) / size_of::<*mut u8>();
        (0..count).map(move |n| top.wrapping_add(n))
    }
}

impl Bin {
    /// The magazine, if the bin is blind.
    #[inline(always)]
    pub fn blind(&self) -> Option<Blind> {
        glimpsed(self.high.get(), self.low.get())
    }

    /// Makes the bin blind and keeps `object` in it, if its magazine is large and has none; whether it did.
    pub fn hide(&self, object: *mut u8) -> bool {
        let may_hide = self.is_plain() && self.count() == 0 && self.cap() >= LEAST;
        if may_hide {
            let blind = Blind { low: self.low.get() };
            // SAFETY: [X1](super): the magazine is the bin's.
            unsafe { (*Magazine::of_slots(blind.low)).count = 0 };
            blind.keep(object);
            self.high.set(BLIND);
        }
        may_hide
    }

    /// Looks at what a blind bin keeps. The first that carries the mark is taken out, and is the error: there
    /// may be more. If there is none, the bin is blind no longer.
    #[cold]
    #[inline(never)]
    pub(super) fn settle_blind(&self, blind: Blind) -> Result<(), *mut u8> {
        let mut top = self.top.get();
        while top < blind.end() {
            // SAFETY: a slot with an object, or null where one was withdrawn.
            let object = unsafe { top.read() };
            // SAFETY: an object has sixteen bytes.
            let is_marked = !object.is_null() && unsafe { mark::is_set(object) };
            if is_marked || object.is_null() {
                // SAFETY: as above.
                unsafe { top.write(blind.pop()) };
                if is_marked {
                    self.top.set(top);
                    return Err(object);
                }
                continue;
            }
            // SAFETY: as above; the program has given it up.
            unsafe { mark::set(object) };
            top = top.wrapping_add(1);
        }
        self.top.set(top);
        self.high.set(blind.high());
        Ok(())
    }

    /// The bin is blind no longer, and what nobody looked at is given up.
    pub(super) fn forgo_blind(&self, blind: Blind) {
        self.high.set(blind.high());
    }
}

/// A blind bin's magazine, if `high` and `low` are what stands in its places.
#[inline(always)]
pub(super) fn glimpsed(high: *mut *mut u8, low: *mut *mut u8) -> Option<Blind> {
    (high == BLIND).then_some(Blind { low })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::rig::{Rig, SLOTS};
    use super::*;

    /// What free does; `false` if the bin must be settled first.
    fn release(bin: &Bin, object: *mut u8) -> bool {
        bin.blind().map_or_else(|| bin.hide(object), |blind| blind.keep(object))
    }

    /// All that must not be put in.
    fn suspects(bin: &Bin) -> Vec<*mut u8> {
        core::iter::from_fn(|| bin.settle().err()).collect()
    }

    #[test]
    fn what_is_hidden_is_not_to_be_had_before_it_was_looked_at() {
        let (_rig, bin, objects) = Rig::with(0);

        assert!(objects[..3].iter().all(|object| release(&bin, *object)));
        assert_eq!((bin.count(), bin.take(), bin.slot()), (0, None, None));
        assert!(bin.defers(objects[0]) && bin.defers(objects[2]) && !bin.defers(objects[3]));
        assert!(bin.holds(objects[1]));
        bin.settle().unwrap();

        assert!(bin.is_plain());
        let taken = [bin.take(), bin.take(), bin.take(), bin.take()];
        assert_eq!(taken, [Some(objects[2]), Some(objects[1]), Some(objects[0]), None]);
    }

    #[test]
    fn an_empty_bin_is_filled_to_the_last_slot() {
        let (_rig, bin, objects) = Rig::with(0);

        assert!(objects[..SLOTS].iter().all(|object| release(&bin, *object)));
        assert!(!release(&bin, objects[SLOTS]));
        bin.settle().unwrap();
        assert_eq!(bin.count(), SLOTS);
        assert!(!Rig::with(1).1.hide(objects[SLOTS]));
    }

    #[test]
    fn what_is_freed_twice_is_found_and_nothing_else() {
        let (_rig, bin, objects) = Rig::with(3);
        let in_use: Vec<*mut u8> = objects[3..].to_vec();
        // Those rest elsewhere, marked.
        _ = bin.unload();
        let (_other, bin, _) = Rig::with(0);

        assert!(release(&bin, in_use[0]) && !release(&bin, in_use[0]));
        for object in [in_use[1], in_use[0], objects[1], in_use[2], in_use[1], objects[1], in_use[0]] {
            assert!(release(&bin, object));
        }
        let mut found = suspects(&bin);
        found.sort_unstable();
        let mut expected = [in_use[0], in_use[0], in_use[1], objects[1], objects[1]];
        expected.sort_unstable();

        assert_eq!(found, expected);
        let mut rest: Vec<*mut u8> = core::iter::from_fn(|| bin.take()).collect();
        rest.sort_unstable();
        assert_eq!(rest, [in_use[0], in_use[1], in_use[2]]);
    }

    #[test]
    fn what_another_thread_finds_marked_waits_no_longer() {
        let (_rig, bin, objects) = Rig::with(0);
        assert!(objects[..4].iter().all(|object| release(&bin, *object)));
        // SAFETY: an object has sixteen bytes.
        unsafe { mark::set(objects[1]) };

        assert_eq!(bin.withdraw(|| false), None, "its own call may have marked it");
        assert_eq!(bin.withdraw(|| true), Some(objects[1]));
        assert_eq!(bin.withdraw(|| true), None);
        bin.settle().unwrap();
        let taken: Vec<*mut u8> = core::iter::from_fn(|| bin.take()).collect();
        assert_eq!(taken, [objects[2], objects[3], objects[0]]);

        let (_rig, late, objects) = Rig::with(2);
        late.defer();
        late.put_off(late.late().unwrap(), objects[0]);
        assert_eq!(late.withdraw(|| true), Some(objects[0]));
        late.settle().unwrap();
        assert_eq!(late.count(), 2);
    }

    #[test]
    fn what_is_given_up_is_gone() {
        let (_rig, bin, objects) = Rig::with(0);
        assert!(release(&bin, objects[0]) && release(&bin, objects[1]));
        bin.forgo();

        assert!(bin.is_plain());
        assert_eq!(bin.take(), None);
    }
}
