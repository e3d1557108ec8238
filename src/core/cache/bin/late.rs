//! A late bin: what comes last waits in the last slot until the next one comes. Only then is its mark looked at, and
//! it is put in: its line has come meanwhile, and the processor did not stand still.
//!
//! ```text
//!   loaded ├ count: where ▲ was when W came ├ object ┼ object ┼ ▲ ┼ ─ ┼ W ┤
//! ```
//!
//! What waits may have been freed twice, and rest in the magazine below. Taken out from there it carries no mark any
//! longer, but it stands where it stood: between two that are put in nothing writes to the slots.

use core::ptr;

use super::Bin;
use crate::block::WORD;
use crate::cache::Magazine;
use crate::slab::mark;

/// Stands for the end of a late bin's magazine: below all slots, so none is free.
const LATE: *mut *mut u8 = ptr::without_provenance_mut(1);
/// Fewest slots of a late bin's magazine, since the last is not for keeping, and of a blind one's.
pub(super) const LEAST: usize = 16;

/// Most objects that are taken out between two that are put in, as a rule. So many words stand before the first slot
/// too: the magazine's head and its block's tag, none of which is the address of an object.
const FEW: usize = 3;
const _: () = assert!(size_of::<Magazine>() + WORD >= FEW * size_of::<*mut u8>());

/// A late bin's magazine.
#[derive(Clone, Copy, Debug)]
pub struct Late {
    low: *mut *mut u8,
    /// The last slot: an object waits there, or null.
    last: *mut *mut u8,
}

impl Late {
    /// The object that waits, or null.
    #[inline(always)]
    pub fn object(self) -> *mut u8 {
        // SAFETY: a slot, and never without a pointer while the bin is late.
        unsafe { self.last.read() }
    }

    /// The slot in which it waits.
    pub(super) const fn slot(self) -> *mut *mut u8 {
        self.last
    }

    /// Where the top was when the object came that waits.
    #[inline(always)]
    fn then(self) -> *mut *mut u8 {
        // SAFETY: [X1](super): the magazine is the bin's.
        let offset = unsafe { (*Magazine::of_slots(self.low)).count };
        self.low.wrapping_byte_add(offset as usize)
    }

    /// Lets `object` wait, and notes that the top is at `top`, in bytes behind the first slot.
    #[inline(always)]
    fn wait(self, object: *mut u8, top: *mut *mut u8) {
        // SAFETY: as above; what is loaded does not count its objects there.
        unsafe { (*Magazine::of_slots(self.low)).count = (top.addr() - self.low.addr()) as u32 };
        // SAFETY: a slot.
        unsafe { self.last.write(object) };
    }
}

impl Bin {
    /// The slot behind the others, if the bin is late.
    #[inline(always)]
    pub fn late(&self) -> Option<Late> {
        // SAFETY: [X1](super): late is a bin with a magazine, which is its own.
        (self.high.get() == LATE).then(|| unsafe { late_of(self.low.get()) })
    }

    /// Lets `object` wait in a late bin, in which nothing waits any more.
    #[inline(always)]
    pub fn put_off(&self, late: Late, object: *mut u8) {
        late.wait(object, self.top.get());
    }

    /// Puts in `before`, which waits, and lets `object` wait; `false` if there is no slot for it.
    #[inline(always)]
    pub fn advance(&self, late: Late, before: *mut u8, object: *mut u8) -> bool {
        let top = self.top.get();
        if top == late.last {
            return false;
        }
        self.fill(top, before);
        late.wait(object, top.wrapping_add(1));
        true
    }

    /// Whether it is plain that what waits may be put in: it does not carry the mark, and has not been handed out
    /// since it came. If not, [`Bin::is_free`] knows.
    #[inline(always)]
    pub fn is_plainly_free(&self, late: Late, object: *mut u8) -> bool {
        // What was taken out since stands where it stood. How much that is cannot be foretold: as a rule it is among
        // the last few, and they are all looked at.
        let few = late.then().wrapping_sub(FEW);
        // Word by word: some may be on their way to memory, where a wider load would have to wait for them.
        // SAFETY: slots of the magazine, or words before them.
        let is = |n: usize| unsafe { few.wrapping_add(n).read_volatile() } == object;
        let is_seen = is(0) || is(1) || is(2);
        // SAFETY: an object has sixteen bytes.
        !is_seen && few <= self.top.get() && !unsafe { mark::is_set(object) }
    }

    /// Whether what waits in a late bin may be put in.
    #[inline(never)]
    pub fn is_free(&self, late: Late) -> bool {
        let (object, then) = (late.object(), late.then());
        let mut slot = self.top.get();
        while slot < then {
            // SAFETY: [X2]: it was below the top.
            if unsafe { slot.read() } == object {
                return false;
            }
            slot = slot.wrapping_add(1);
        }
        // SAFETY: an object has sixteen bytes.
        !unsafe { mark::is_set(object) }
    }

    /// Makes the bin late, if its magazine is large, not full, and has something for the next request: what
    /// waits is not to be had without the slow side.
    #[inline(never)]
    pub fn defer(&self) {
        let is_between = self.is_plain() && self.count() > 0 && self.room() > 0;
        if is_between && self.cap() >= LEAST {
            // SAFETY: as in `late`.
            let late = unsafe { late_of(self.low.get()) };
            // SAFETY: not full: the last slot is free.
            unsafe { late.last.write(ptr::null_mut()) };
            self.high.set(LATE);
        }
    }

    /// The bin is late no longer. What waited is put in; or it is the error, if it must not be.
    #[cold]
    #[inline(never)]
    pub(super) fn settle_late(&self, late: Late) -> Result<(), *mut u8> {
        self.high.set(late.last.wrapping_add(1));
        let object = late.object();
        if object.is_null() {
            return Ok(());
        }
        if !self.is_free(late) {
            return Err(object);
        }
        // SAFETY: an object has sixteen bytes; the program has given it up.
        unsafe { mark::set(object) };
        self.push(object);
        Ok(())
    }

    /// The bin is late no longer, and what waited is given up.
    pub(super) fn forgo_late(&self, late: Late) {
        self.high.set(late.last.wrapping_add(1));
    }
}

/// A late bin's slot behind the others, if `high` and `low` are what stands in its places.
///
/// # Safety
///
/// `low` is the first slot of a magazine.
pub(super) unsafe fn glimpsed(high: *mut *mut u8, low: *mut *mut u8) -> Option<Late> {
    // SAFETY: the caller's promise.
    (high == LATE).then(|| unsafe { late_of(low) })
}

/// The magazine whose first slot is `low`, as a late bin's.
///
/// # Safety
///
/// It is a magazine.
#[inline(always)]
unsafe fn late_of(low: *mut *mut u8) -> Late {
    // SAFETY: the caller's promise.
    let cap = unsafe { (*Magazine::of_slots(low)).cap } as usize;
    Late { low, last: low.wrapping_add(cap).wrapping_sub(1) }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;
    use std::vec::Vec;

    use super::super::rig::{OBJECTS, Rig, SLOTS};
    use super::*;

    /// A late bin in which `stock` objects rest, and the objects.
    fn late_bin(stock: usize) -> (Box<Rig>, Bin, Vec<*mut u8>) {
        let (rig, bin, objects) = Rig::with(stock);
        bin.defer();
        (rig, bin, objects)
    }

    /// What free does: an object that must not be put in is the error.
    fn release(bin: &Bin, object: *mut u8) -> Result<(), *mut u8> {
        let Some(late) = bin.late() else { panic!("not late") };
        let before = late.object();
        if before == object {
            return Err(object);
        }
        let is_free = before.is_null() || bin.is_free(late);
        assert!(is_free || !bin.is_plainly_free(late, before), "plain, and not true");
        if before.is_null() || !is_free {
            bin.put_off(late, object);
            return if is_free { Ok(()) } else { Err(before) };
        }
        // SAFETY: an object has sixteen bytes.
        unsafe { mark::set(before) };
        assert!(bin.advance(late, before, object), "full");
        Ok(())
    }

    #[test]
    fn what_waits_is_put_in_when_the_next_one_comes() {
        let (_rig, bin, objects) = late_bin(1);
        let [first, second] = [objects[10], objects[11]];

        release(&bin, first).unwrap();
        assert!(bin.defers(first));
        assert_eq!(bin.count(), 1);
        release(&bin, second).unwrap();

        assert!(bin.defers(second));
        assert_eq!(bin.take(), Some(first));
        bin.settle().unwrap();
        assert_eq!((bin.take(), bin.take(), bin.take()), (Some(second), Some(objects[0]), None));
    }

    #[test]
    fn a_bin_is_late_only_with_something_to_take_and_room_for_what_comes() {
        for (stock, is_late) in [(0, false), (1, true), (SLOTS - 1, true), (SLOTS, false)] {
            let (_rig, bin, _) = late_bin(stock);
            assert_eq!(bin.late().is_some(), is_late, "{stock}");
        }
    }

    #[test]
    fn what_is_freed_twice_is_found_marked_or_taken_out() {
        for taken_out in 0..6 {
            let (_rig, bin, objects) = late_bin(6);
            let twice = objects[6 - taken_out.max(1)];
            release(&bin, twice).unwrap();
            (0..taken_out).for_each(|_| _ = bin.take().unwrap());

            assert_eq!(release(&bin, objects[20]), Err(twice), "{taken_out}");
        }
        let (_rig, bin, objects) = late_bin(1);
        release(&bin, objects[7]).unwrap();
        assert_eq!(release(&bin, objects[7]), Err(objects[7]));
    }

    #[test]
    fn nothing_is_handed_out_twice_whatever_is_freed_twice() {
        for seed in 1..300u64 {
            let (_rig, bin, objects) = late_bin(8);
            let mut live: Vec<*mut u8> = objects[8..].to_vec();
            let (mut state, mut doubles, mut found) = (seed, 0, 0);
            let mut draw = |below: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize % below
            };
            for _ in 0..400 {
                if draw(2) == 0 && bin.count() > 1 {
                    let object = bin.take().unwrap();
                    assert!(!live.contains(&object), "{seed}");
                    live.push(object);
                } else if !live.is_empty() && bin.count() < SLOTS - 2 {
                    // What waits came from the program: only one of its blocks, or one that is free by now.
                    let is_double = draw(8) == 0;
                    let object = if is_double { objects[draw(OBJECTS)] } else { live[draw(live.len())] };
                    doubles += usize::from(!live.contains(&object));
                    live.retain(|other| *other != object);
                    found += usize::from(release(&bin, object).is_err());
                }
            }
            assert!(found <= doubles && doubles <= found + 1, "{seed}: {doubles} {found}");
        }
    }
}
