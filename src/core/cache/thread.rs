//! A thread's bins.
//!
//! ```text
//!   ├ busy ┼ places ┼ ... ┼ bin 0 ┼ bin 1 ┼ ... ┼ bin 79 ┼ links ┤
//!            └─ where the bin of a small request stands: one load from length to bin
//! ```

use core::cell::Cell;
use core::ptr;

use super::magazine::Magazine;
use crate::os::thread;
use crate::slab::class::{self, CLASSES, LARGEST_SLAB};
use crate::slab::rooms::BIN;

/// The loaded magazine of one class, and its spare.
#[repr(C)]
#[derive(Debug)]
pub struct Bin {
    /// Behind the last object.
    pub top: Cell<*mut *mut u8>,
    /// The first slot, or null: no magazine is loaded.
    pub low: Cell<*mut *mut u8>,
    /// Behind the last slot.
    pub high: Cell<*mut *mut u8>,
    /// Another magazine, full or empty, or null.
    pub spare: Cell<*mut Magazine>,
}

/// What a thread keeps for itself ([X1](super)).
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Thread {
    /// Between two states ([X3](super)).
    pub busy: Cell<bool>,
    /// Whether the structure belongs to one thread; the shared first one does not.
    pub is_own: Cell<bool>,
    /// The place of the bin for requests up to [`LARGEST_SLAB`], by sixteen bytes.
    places: [Cell<u16>; LARGEST_SLAB / 16 + 1],
    /// Objects that the next refill of a class takes.
    pub grab: [Cell<u8>; CLASSES],
    /// The bins.
    pub bins: [Bin; CLASSES],
    /// The next in the list of all threads.
    pub next: Cell<*mut Thread>,
    /// The one before in that list.
    pub before: Cell<*mut Thread>,
}

const _: () = assert!(size_of::<Thread>() <= thread::FIRST_BYTES);

impl Thread {
    /// The running thread's structure, or the shared one.
    #[inline(always)]
    pub fn current<'a>() -> &'a Self {
        // SAFETY: the word points to a live structure, or to the shared one, which is zero: a
        // thread without bins.
        unsafe { &*thread::word().cast::<Self>() }
    }

    /// Makes a thread without objects of the zeroed memory at `at`.
    ///
    /// # Safety
    ///
    /// `at` has the size and the alignment of a `Thread` and is nobody else's.
    pub unsafe fn build<'a>(at: *mut u8) -> &'a Self {
        // SAFETY: the caller's promise.
        unsafe { at.write_bytes(0, size_of::<Self>()) };
        // SAFETY: all fields may be zero.
        let this = unsafe { &*at.cast::<Self>() };
        this.is_own.set(true);
        this.grab.iter().for_each(|grab| grab.set(1));
        for (place, class) in this.places.iter().zip(&class::FINE) {
            place.set(place_of(usize::from(*class)) as u16);
        }
        this
    }

    /// The bin at `place`, one of [`place_of`].
    #[inline(always)]
    pub fn bin_at(&self, place: usize) -> &Bin {
        debug_assert!(place < size_of_val(&self.bins) && place.is_multiple_of(BIN));
        // SAFETY: places lead to bins.
        unsafe { &*self.bins.as_ptr().byte_add(place) }
    }

    /// The bin for requests of `len` bytes, at most [`LARGEST_SLAB`]. In the shared structure all
    /// places are 0, and that bin is empty.
    #[inline(always)]
    pub fn bin_for(&self, len: usize) -> &Bin {
        // SAFETY: the caller keeps to the bound, which is the table's.
        let place = unsafe { self.places.get_unchecked((len + 15) / 16) }.get();
        self.bin_at(usize::from(place))
    }

    /// Runs `act` with `busy` set; `None` if it is set already, in a signal handler.
    #[inline]
    pub fn while_busy<T>(&self, act: impl FnOnce() -> T) -> Option<T> {
        if self.busy.replace(true) {
            return None;
        }
        core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
        let out = act();
        core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
        self.busy.set(false);
        Some(out)
    }
}

/// Where the bin of `class` stands: bytes from the first bin.
pub const fn place_of(class: usize) -> usize {
    class * BIN
}

/// The class whose bin stands at `place`.
pub const fn class_at(place: usize) -> usize {
    place / BIN
}

const _: () = assert!(size_of::<Bin>() == BIN);

impl Bin {
    /// Takes an object; `None` if the magazine is empty.
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

    /// Keeps an object; `false` if the magazine is full.
    #[inline(always)]
    pub fn push(&self, object: *mut u8) -> bool {
        let top = self.top.get();
        if top == self.high.get() {
            return false;
        }
        // SAFETY: [X2]: not full, so there is a slot.
        unsafe { top.write(object) };
        self.top.set(top.wrapping_add(1));
        true
    }

    /// Objects in the loaded magazine.
    pub fn count(&self) -> usize {
        (self.top.get().addr() - self.low.get().addr()) / size_of::<*mut u8>()
    }

    /// Slots of the loaded magazine.
    pub fn cap(&self) -> usize {
        (self.high.get().addr() - self.low.get().addr()) / size_of::<*mut u8>()
    }

    /// Objects in the spare magazine.
    pub fn spare_count(&self) -> usize {
        let spare = self.spare.get();
        // SAFETY: [X1]: the bin owns its spare.
        if spare.is_null() { 0 } else { unsafe { (*spare).count as usize } }
    }

    /// Puts `magazine` in force; the one that was loaded, or null.
    pub fn load(&self, magazine: *mut Magazine) -> *mut Magazine {
        let old = self.unload();
        if !magazine.is_null() {
            let low = Magazine::slots(magazine);
            // SAFETY: the caller hands the magazine over.
            let (count, cap) = unsafe { ((*magazine).count as usize, (*magazine).cap as usize) };
            self.low.set(low);
            self.high.set(low.wrapping_add(cap));
            self.top.set(low.wrapping_add(count));
        }
        old
    }

    fn unload(&self) -> *mut Magazine {
        let low = self.low.get();
        if low.is_null() {
            return ptr::null_mut();
        }
        let magazine = Magazine::of_slots(low);
        // SAFETY: [X1]: the loaded magazine is the bin's.
        unsafe { (*magazine).count = self.count() as u32 };
        self.low.set(ptr::null_mut());
        self.high.set(ptr::null_mut());
        self.top.set(ptr::null_mut());
        magazine
    }

    /// Loads the spare and keeps the loaded one as the spare.
    pub fn swap(&self) {
        let loaded = self.load(self.spare.get());
        self.spare.set(loaded);
    }

    /// Whether `object` rests in one of the two magazines.
    pub fn holds(&self, object: *mut u8) -> bool {
        let spare = self.spare.get();
        let slots = if spare.is_null() { ptr::null_mut() } else { Magazine::slots(spare) };
        holds(self.low.get(), self.count(), object) || holds(slots, self.spare_count(), object)
    }
}

fn holds(low: *mut *mut u8, count: usize, object: *mut u8) -> bool {
    // SAFETY: [X2]: the slots below `top` are written.
    (0..count).any(|n| unsafe { low.wrapping_add(n).read() } == object)
}
