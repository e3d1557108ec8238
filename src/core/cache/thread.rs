//! A thread's bins.
//!
//! ```text
//!   ├ busy ┼ ... ┼ bin 0 ┼ bin 1 ┼ ... ┼ bin 79 ┼ links ┤
//! ```

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{Ordering, compiler_fence};

use super::magazine::Magazine;
use crate::os::thread;
use crate::slab::class::{self, CLASSES, LARGEST_SLAB};
use crate::slab::rooms::BIN;

/// The two magazines of one class: one to take from, one to put into.
///
/// With a single one, free would wait for the bin's place (which it learns from the object), malloc
/// for free's new top, and free for malloc's object: 23 cycles in a loop that could take 12. Two
/// magazines cut the circle; they change sides when one is empty.
#[repr(C)]
#[derive(Debug)]
pub struct Bin {
    /// Behind the last object of the magazine to take from.
    pop: Cell<*mut *mut u8>,
    /// Its first slot, or null: there is none.
    pop_low: Cell<*mut *mut u8>,
    /// Behind the last object of the magazine to put into.
    push: Cell<*mut *mut u8>,
    /// Behind its last slot.
    push_high: Cell<*mut *mut u8>,
    /// Its first slot, or null: there is none.
    push_low: Cell<*mut *mut u8>,
}

/// What a thread keeps for itself ([X1](super)).
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Thread {
    /// Between two states ([X3](super)). Of a structure that is nobody's: always.
    pub busy: Cell<bool>,
    /// Whether the structure belongs to one thread. One that does not is constant, and no more
    /// than these two words long.
    is_own: Cell<bool>,
    /// Frees of small tagged blocks until one of them makes its class a class of slabs.
    patience: Cell<u8>,
    /// A large block that this thread freed, or null.
    pub kept: Cell<*mut u8>,
    /// Refills of each class so far; no more are counted than matter.
    refills: [Cell<u8>; CLASSES],
    /// The bins.
    pub bins: [Bin; CLASSES],
    /// The next in the list of all threads.
    pub next: Cell<*mut Thread>,
    /// The one before in that list.
    pub before: Cell<*mut Thread>,
}

const _: () = assert!(size_of::<Thread>() <= thread::MAIN_BYTES);

impl Thread {
    /// The running thread's structure, or a head that is nobody's.
    #[inline(always)]
    pub fn current<'a>() -> &'a Self {
        // SAFETY: the word points to a live structure, or to a head that is nobody's: who finds it
        // busy reads no further than `is_own`.
        unsafe { &*thread::word().cast::<Self>() }
    }

    /// Makes a thread without objects of the zeroed memory at `at`.
    ///
    /// # Safety
    ///
    /// `at` has the size and the alignment of a `Thread`, is zero and nobody else's.
    pub unsafe fn build<'a>(at: *mut u8) -> &'a Self {
        // SAFETY: all fields may be zero.
        let this = unsafe { &*at.cast::<Self>() };
        this.is_own.set(true);
        this
    }

    /// The bin at `place`, one of [`place_of`].
    #[inline(always)]
    pub fn bin_at(&self, place: usize) -> &Bin {
        debug_assert!(place < size_of_val(&self.bins) && place.is_multiple_of(BIN));
        // SAFETY: places lead to bins.
        unsafe { &*self.bins.as_ptr().wrapping_byte_add(place) }
    }

    /// The bin for requests of `len` bytes, at most [`LARGEST_SLAB`].
    #[inline(always)]
    pub fn bin_for(&self, len: usize) -> &Bin {
        // SAFETY: the caller keeps to the bound, which is the table's.
        let place = *unsafe { PLACES.get_unchecked(len) };
        self.bin_at(usize::from(place))
    }

    /// The kept block, which is kept no longer.
    pub fn give_up(&self) -> Option<*mut u8> {
        let kept = self.kept.replace(ptr::null_mut());
        (!kept.is_null()).then_some(kept)
    }

    /// Objects that this refill of `class` shall take: one by one at first, since a tiny process
    /// wants no more; then twice as many each time, up to `most`.
    pub fn grab(&self, class: usize, most: usize) -> usize {
        let before = usize::from(self.refills[class].get());
        self.refills[class].set((before + 1).min(16) as u8);
        most.min(1 << before.saturating_sub(4)).max(1)
    }

    /// Counts a free of a small tagged block: now and then it is one too many, and its class is
    /// worth a slab, where freeing costs half.
    #[inline(always)]
    pub fn is_patient_no_more(&self) -> bool {
        let left = self.patience.get().wrapping_sub(1);
        self.patience.set(left);
        left == 0
    }

    /// Whether the structure belongs to one thread.
    #[inline]
    pub fn is_own(&self) -> bool {
        self.is_own.get()
    }

    /// Closes the bins; whether they were closed already.
    #[inline]
    pub fn close(&self) -> bool {
        let was = self.busy.get();
        if !was {
            self.busy.set(true);
            compiler_fence(Ordering::SeqCst);
        }
        was
    }

    /// Opens the bins, unless they were closed before, as [`Thread::close`] said.
    #[inline]
    pub fn reopen(&self, was_closed: bool) {
        if !was_closed {
            compiler_fence(Ordering::SeqCst);
            self.busy.set(false);
        }
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

/// Where the bin for a request of every length up to [`LARGEST_SLAB`] stands: one load, no sum.
static PLACES: [u16; LARGEST_SLAB + 1] = {
    let mut places = [0; LARGEST_SLAB + 1];
    let (mut len, mut class) = (0, 0);
    while len <= LARGEST_SLAB {
        if len > class::len_of(class) {
            class += 1;
        }
        places[len] = place_of(class) as u16;
        len += 1;
    }
    places
};

impl Bin {
    /// Takes an object; `None` if there is none on this side.
    #[inline(always)]
    pub fn pop(&self) -> Option<*mut u8> {
        let top = self.pop.get();
        if top == self.pop_low.get() {
            return None;
        }
        let top = top.wrapping_sub(1);
        // SAFETY: [X2]
        let object = unsafe { top.read() };
        self.pop.set(top);
        Some(object)
    }

    /// Takes the object that was put in last; `None` if nothing was.
    #[inline(always)]
    pub fn pop_last(&self) -> Option<*mut u8> {
        let top = self.push.get();
        if top == self.push_low.get() {
            return None;
        }
        let top = top.wrapping_sub(1);
        // SAFETY: [X2]
        let object = unsafe { top.read() };
        self.push.set(top);
        Some(object)
    }

    /// Keeps an object; `false` if the magazine is full.
    #[inline(always)]
    pub fn push(&self, object: *mut u8) -> bool {
        let top = self.push.get();
        if top == self.push_high.get() {
            return false;
        }
        // SAFETY: [X2]: not full, so there is a slot.
        unsafe { top.write(object) };
        self.push.set(top.wrapping_add(1));
        true
    }

    /// Objects to take.
    pub fn poppable(&self) -> usize {
        slots_between(self.pop_low.get(), self.pop.get())
    }

    /// Objects put in.
    pub fn pushed(&self) -> usize {
        slots_between(self.push_low.get(), self.push.get())
    }

    /// Slots of the magazine to put into.
    pub fn cap(&self) -> usize {
        slots_between(self.push_low.get(), self.push_high.get())
    }

    /// Both magazines change sides.
    pub fn flip(&self) {
        let (pop, push) = (self.take_pop(), self.take_push());
        self.load_pop(push);
        self.load_push(pop);
    }

    /// Puts `magazine`, or null, on the side to take from, which has none.
    pub fn load_pop(&self, magazine: *mut Magazine) {
        debug_assert!(self.pop_low.get().is_null());
        if !magazine.is_null() {
            let low = Magazine::slots(magazine);
            // SAFETY: the caller hands the magazine over.
            let count = unsafe { (*magazine).count } as usize;
            self.pop_low.set(low);
            self.pop.set(low.wrapping_add(count));
        }
    }

    /// Puts `magazine`, or null, on the side to put into, which has none.
    pub fn load_push(&self, magazine: *mut Magazine) {
        debug_assert!(self.push_low.get().is_null());
        if !magazine.is_null() {
            let low = Magazine::slots(magazine);
            // SAFETY: the caller hands the magazine over.
            let Magazine { count, cap, .. } = unsafe { magazine.read() };
            let (count, cap) = (count as usize, cap as usize);
            self.push_low.set(low);
            self.push_high.set(low.wrapping_add(cap));
            self.push.set(low.wrapping_add(count));
        }
    }

    /// Takes the magazine off the side to take from; null if there was none.
    pub fn take_pop(&self) -> *mut Magazine {
        let magazine = unloaded(self.pop_low.get(), self.poppable());
        self.pop_low.set(ptr::null_mut());
        self.pop.set(ptr::null_mut());
        magazine
    }

    /// Takes the magazine off the side to put into; null if there was none.
    pub fn take_push(&self) -> *mut Magazine {
        let magazine = unloaded(self.push_low.get(), self.pushed());
        self.push_low.set(ptr::null_mut());
        self.push_high.set(ptr::null_mut());
        self.push.set(ptr::null_mut());
        magazine
    }

    /// Whether any object rests here.
    pub fn is_stocked(&self) -> bool {
        self.poppable() + self.pushed() > 0
    }

    /// Whether `object` rests in one of the two magazines.
    pub fn holds(&self, object: *mut u8) -> bool {
        let mut found = false;
        self.each(|other| found |= other == object);
        found
    }

    /// Calls `see` with every object of both magazines.
    pub fn each(&self, mut see: impl FnMut(*mut u8)) {
        for (low, count) in [(self.pop_low.get(), self.poppable()), (self.push_low.get(), self.pushed())] {
            // SAFETY: [X2]: the slots below the top are written.
            (0..count).for_each(|n| see(unsafe { low.wrapping_add(n).read() }));
        }
    }
}

fn slots_between(low: *mut *mut u8, high: *mut *mut u8) -> usize {
    (high.addr() - low.addr()) / size_of::<*mut u8>()
}

/// The magazine with the first slot `low`, or null, told that it holds `count` objects.
fn unloaded(low: *mut *mut u8, count: usize) -> *mut Magazine {
    if low.is_null() {
        return ptr::null_mut();
    }
    let magazine = Magazine::of_slots(low);
    // SAFETY: [X1]: a loaded magazine is the bin's.
    unsafe { (*magazine).count = count as u32 };
    magazine
}
