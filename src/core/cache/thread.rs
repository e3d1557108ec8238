//! A thread's bins.
//!
//! ```text
//!   ├ busy ┼ ... ┼ links ┼ bin 0 ┼ bin 1 ┼ ... ┼ bin 79 ┤
//! ```

use core::cell::{Cell, UnsafeCell};
use core::ptr;
use core::sync::atomic::{Ordering, compiler_fence};

use super::Bin;
use crate::os::clock::Watch;
use crate::os::thread;
use crate::slab::class::{self, CLASSES, LARGEST, LARGEST_SLAB, STEP};
use crate::slab::rooms::BIN;

/// What a thread keeps for itself ([X1](super)).
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Thread {
    /// Between two states ([X3](super)). Of a structure that is nobody's: always.
    pub busy: Cell<bool>,
    /// Whether the structure belongs to one thread. One that does not is constant, and no more
    /// than these two words long.
    is_own: Cell<bool>,
    /// Whether the bins are closed though no call is under way.
    resting: Cell<bool>,
    /// Frees of small tagged blocks until one of them makes its class a class of slabs.
    patience: Cell<u8>,
    /// Which shard of the depot it gives to.
    shard: Cell<u8>,
    /// Whether it allocates or frees so much that it comes to the depot, or soon will.
    trades: Cell<bool>,
    /// Not 0 while it may hold a lock of the depot without that of the allocator: then one more than a handler's
    /// patience that is left.
    visits: Cell<u8>,
    /// When to look after idle memory.
    watch: UnsafeCell<Watch>,
    /// The number by which the system knows its thread, or 0 if it cannot be asked after.
    pub number: Cell<u32>,
    /// A large block that this thread freed, or null.
    pub kept: Cell<*mut u8>,
    /// Refills of each class so far; no more are counted than matter.
    refills: [Cell<u8>; CLASSES],
    /// The next in the list of all threads.
    pub next: Cell<*mut Thread>,
    /// The one before in that list.
    pub before: Cell<*mut Thread>,
    /// The bins.
    pub bins: [Bin; CLASSES],
}

/// How often handlers over one visit give way to the holder of the allocator's lock, who may wait for the visit's:
/// they can be served without. As a rule he is done at once.
const PATIENCE: u8 = 100;

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

    /// The bin for longer requests, of at most [`LARGEST`] bytes.
    #[inline(always)]
    pub fn wide_bin_for(&self, len: usize) -> &Bin {
        // SAFETY: as above.
        let place = *unsafe { WIDE_PLACES.get_unchecked(len.div_ceil(STEP)) };
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

    /// The shard of the depot that it gives to, and takes from first.
    pub fn shard(&self) -> usize {
        usize::from(self.shard.get())
    }

    /// Gives it another shard.
    pub fn set_shard(&self, shard: usize) {
        self.shard.set(shard as u8);
    }

    /// Does something at the depot without the allocator's lock.
    pub fn visit<T>(&self, what: impl FnOnce() -> T) -> T {
        self.visits.set(PATIENCE + 1);
        compiler_fence(Ordering::SeqCst);
        let done = what();
        compiler_fence(Ordering::SeqCst);
        self.visits.set(0);
        done
    }

    /// What is left of a signal handler's patience, if it asks and interrupted a visit. All handlers over one visit
    /// share it: their own time may be all that the visit waits for.
    #[inline]
    pub fn patience(&self) -> Option<u8> {
        if self.is_own() { self.visits.get().checked_sub(1) } else { None }
    }

    /// So much of it is left.
    pub fn leave_patience(&self, left: u8) {
        self.visits.set(left + 1);
    }

    /// Whether it allocates or frees so much that it comes to the depot, or soon will.
    pub fn trades(&self) -> bool {
        self.trades.get()
    }

    /// Says whether it has; whether it had.
    pub fn set_trades(&self, trades: bool) -> bool {
        self.trades.replace(trades)
    }

    /// Whether the structure belongs to one thread.
    #[inline]
    pub fn is_own(&self) -> bool {
        self.is_own.get()
    }

    /// Whether the bins are open, or rest.
    pub fn may_serve(&self) -> bool {
        !self.busy.get() || self.resting.get()
    }

    /// Closes the bins between two calls: each call comes by the slow side.
    pub fn rest(&self) {
        self.busy.set(true);
        self.doze();
    }

    /// Ends a rest for one call, if it is one and the watch lets the call pass; whether it did. The bins are busy.
    #[inline]
    pub fn stir(&self) -> bool {
        // SAFETY: [X1](super): the thread's own watch, and nobody keeps a reference to it.
        let stirs = self.resting.get() && unsafe { &mut *self.watch.get() }.passes();
        if stirs {
            self.resting.set(false);
            compiler_fence(Ordering::SeqCst);
        }
        stirs
    }

    /// Goes on with the rest from which it was stirred.
    #[inline]
    pub fn doze(&self) {
        compiler_fence(Ordering::SeqCst);
        self.resting.set(true);
    }

    /// Ends a rest; whether it was one. The bins are busy until they are opened.
    pub fn wake(&self) -> bool {
        let was = self.resting.replace(false);
        compiler_fence(Ordering::SeqCst);
        was
    }

    /// Whether some milliseconds have passed since this was last so.
    pub fn is_time_to_look(&self) -> bool {
        // SAFETY: [X1](super): the thread's own watch, and nobody keeps a reference to it.
        unsafe { &mut *self.watch.get() }.is_due()
    }

    /// Closes the bins; whether they were closed already, and not at rest.
    #[inline]
    pub fn close(&self) -> bool {
        let was = self.busy.get() && !(self.is_own() && self.wake());
        if !was {
            self.busy.set(true);
            compiler_fence(Ordering::SeqCst);
        }
        was
    }

    /// Opens the bins.
    #[inline]
    pub fn open(&self) {
        compiler_fence(Ordering::SeqCst);
        self.busy.set(false);
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

/// Where the bin for a request of every length up to [`LARGEST_SLAB`] stands: one load, no sum.
static PLACES: [u16; LARGEST_SLAB + 1] = places(1);

/// The same for longer requests, up to [`LARGEST`], by [`STEP`] bytes.
static WIDE_PLACES: [u16; LARGEST / STEP + 1] = places(STEP);

const fn places<const N: usize>(unit: usize) -> [u16; N] {
    let classes: [u8; N] = class::table(unit);
    let mut places = [0; N];
    let mut n = 0;
    while n < N {
        places[n] = place_of(classes[n] as usize) as u16;
        n += 1;
    }
    places
}
