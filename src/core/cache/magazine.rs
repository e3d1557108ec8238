//! A magazine: an array of pointers to free objects of one class.
//!
//! ```text
//!   ├ next ┼ count, cap ┼ slot 0 ┼ slot 1 ┼ ... ┼ slot cap - 1 ┤     a used block, marked OWN
//! ```
//!
//! - **U1** `count` is true while the magazine is not loaded in a bin. A late or blind bin keeps something else there.

use core::ptr;

use crate::slab::class;
use crate::slab::mark;

/// The bounds of a magazine's slots, whatever the objects.
const MOST_SLOTS: usize = 128;
const LEAST_SLOTS: usize = 2;

/// How large the magazines of a process get: as many slots as its budget fills, or some more of larger
/// objects, up to a bound in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Bytes that a full magazine of small objects may hold.
    small: usize,
    /// Slots for objects of which that would be fewer, and the bytes that these may hold.
    slots: usize,
    large: usize,
}

impl Format {
    /// Of one thread.
    const LARGE: Self = Self { small: 16 << 10, slots: 32, large: 256 << 10 };
    /// Of several: what each of them keeps, the others lack.
    const SMALL: Self = Self { small: 8 << 10, slots: 16, large: 64 << 10 };

    /// Of a process with so many threads that allocate or free much.
    #[inline]
    pub const fn of(threads: usize) -> Self {
        if threads <= 1 { Self::LARGE } else { Self::SMALL }
    }

    /// The slots of a magazine for objects of `class` at its largest.
    #[inline]
    pub fn most_slots(self, class: usize) -> usize {
        let len = class::len_of(class);
        let most = (self.small / len).max(self.slots.min(self.large / len));
        most.clamp(LEAST_SLOTS, MOST_SLOTS)
    }
}

/// The head of a magazine; the slots follow.
#[repr(C)]
pub struct Magazine {
    /// The magazine behind it in a stack.
    pub next: *mut Magazine,
    /// Objects in it ([U1](self)).
    pub count: u32,
    /// Slots.
    pub cap: u32,
}

impl Magazine {
    /// Bytes of a magazine with `cap` slots.
    pub const fn bytes(cap: usize) -> usize {
        size_of::<Self>() + cap * size_of::<*mut u8>()
    }

    /// Makes an empty magazine of the memory at `at`.
    ///
    /// # Safety
    ///
    /// `at` has [`Magazine::bytes`] of `cap` bytes that are nobody else's.
    pub unsafe fn build(at: *mut u8, cap: usize) -> *mut Self {
        let this: *mut Self = at.cast();
        // SAFETY: the caller's promise.
        unsafe { this.write(Self { next: ptr::null_mut(), count: 0, cap: cap as u32 }) };
        this
    }

    /// Forgets what was in the slots: the memory will be somebody else's, who should find no addresses.
    ///
    /// # Safety
    ///
    /// The caller owns the magazine at `this`.
    pub unsafe fn wipe(this: *mut Self) {
        // SAFETY: the caller's promise.
        let cap = unsafe { (*this).cap } as usize;
        // SAFETY: a magazine has so many slots.
        unsafe { Self::slots(this).write_bytes(0, cap) };
    }

    /// Forgets the objects that are not marked as free.
    ///
    /// # Safety
    ///
    /// The caller owns the magazine at `this`, which is not loaded, and whatever is in it is an object.
    pub unsafe fn sift(this: *mut Self) {
        let mut left = 0;
        for object in Self::objects(this) {
            // SAFETY: an object has sixteen bytes.
            if unsafe { mark::is_set(*object) } {
                // SAFETY: no more slots than were looked at.
                unsafe { Self::slots(this).wrapping_add(left).write(*object) };
                left += 1;
            }
        }
        // SAFETY: the caller's promise.
        unsafe { (*this).count = left as u32 };
    }

    /// The first slot of the magazine at `this`.
    pub const fn slots(this: *mut Self) -> *mut *mut u8 {
        this.wrapping_add(1).cast()
    }

    /// The objects in the magazine at `this`, which is not loaded.
    pub fn objects<'a>(this: *mut Self) -> &'a [*mut u8] {
        // SAFETY: the caller owns the magazine, and [U1] makes the count true.
        let count = unsafe { (*this).count } as usize;
        // SAFETY: the slots below the count are written.
        unsafe { core::slice::from_raw_parts(Self::slots(this), count) }
    }

    /// The magazine whose first slot is `low`.
    pub const fn of_slots(low: *mut *mut u8) -> *mut Self {
        low.cast::<Self>().wrapping_sub(1)
    }
}

/// A stack of magazines.
#[derive(Debug)]
pub struct Stack {
    head: *mut Magazine,
    /// Magazines in it.
    pub count: usize,
}

impl Stack {
    /// No magazine.
    pub const EMPTY: Self = Self { head: ptr::null_mut(), count: 0 };

    /// Puts a magazine on top.
    pub fn push(&mut self, magazine: *mut Magazine) {
        // SAFETY: the stack owns what is pushed.
        unsafe { (*magazine).next = self.head };
        self.head = magazine;
        self.count += 1;
    }

    /// Takes the magazine from the top.
    pub fn pop(&mut self) -> Option<*mut Magazine> {
        let top = self.head;
        if top.is_null() {
            return None;
        }
        // SAFETY: the stack owns it.
        self.head = unsafe { (*top).next };
        self.count -= 1;
        Some(top)
    }

    /// The magazines, from the top.
    pub fn iter(&self) -> impl Iterator<Item = *mut Magazine> + '_ {
        let mut at = self.head;
        core::iter::from_fn(move || {
            let this = at;
            if this.is_null() {
                return None;
            }
            // SAFETY: the stack owns it.
            at = unsafe { (*this).next };
            Some(this)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_threads_have_smaller_magazines_and_large_objects_few_slots() {
        for class in 0..class::CLASSES {
            let [one, many] = [1, 2].map(|threads| Format::of(threads).most_slots(class));

            let is_within =
                |slots, most: usize| slots * class::len_of(class) <= most << 10 || slots == LEAST_SLOTS;
            assert!((LEAST_SLOTS..=MOST_SLOTS).contains(&many));
            assert!(many <= one && is_within(one, 256) && is_within(many, 64), "{class}: {one} {many}");
            assert!(class >= class::SLAB_CLASSES || one <= 2 * many + 1, "{class}: {one} {many}");
        }
    }

    #[test]
    fn a_magazine_that_is_sifted_has_what_is_marked_as_free() {
        let mut objects = [[0u64; 2]; 3];
        let places = objects.each_mut().map(|object| core::ptr::from_mut(object).cast::<u8>());
        let mut room = [0u64; Magazine::bytes(3) / 8];
        // SAFETY: the room is large enough, and nobody else's.
        let magazine = unsafe { Magazine::build(room.as_mut_ptr().cast(), 3) };
        for (n, object) in places.into_iter().enumerate() {
            let slot = Magazine::slots(magazine).wrapping_add(n);
            // SAFETY: there are three slots.
            unsafe { slot.write(object) };
        }
        // SAFETY: as above.
        unsafe { (*magazine).count = 3 };
        for object in [places[0], places[2]] {
            // SAFETY: the objects have sixteen bytes.
            unsafe { mark::set(object) };
        }

        // SAFETY: as above.
        unsafe { Magazine::sift(magazine) };

        assert_eq!(Magazine::objects(magazine), [places[0], places[2]]);
    }
}
