//! The slow side of the bins: misses, overflows, and the calls of signal handlers.
//!
//! ```text
//!   miss:      spare full? swap │ depot has a full one? exchange │ a batch from the rooms
//!   overflow:  magazine small? double it │ spare empty? swap │ give the spare to the depot
//! ```
//!
//! - **A3** `busy` is set on entry of a miss or an overflow and cleared on every way out.

use super::fast::bin_of;
use super::{Allocator, Grant, State};
use crate::block::ALIGN;
use crate::cache::magazine::{Magazine, most_slots};
use crate::cache::thread::class_at;
use crate::cache::{Bin, Thread};
use crate::os::call;
use crate::slab::class::{self, LARGEST_SLAB};
use crate::slab::mark;

/// Slots of the first magazine of a bin: a process that frees little pays little.
const FIRST_SLOTS: usize = 8;

/// Most objects that one refill takes.
const MOST_GRAB: usize = 64;

impl Allocator {
    /// A request that no cache serves.
    #[cold]
    #[inline(never)]
    pub(super) fn allocate_large(&self, len: usize) -> *mut u8 {
        payload_of(self.allocate_aligned(len, ALIGN))
    }

    /// The bin for `len` bytes is empty.
    #[cold]
    #[inline(never)]
    pub(super) fn allocate_miss(&self, thread: &Thread, len: usize) -> *mut u8 {
        if !thread.is_own.get() {
            thread.busy.set(false);
            return match self.attach() {
                Some(_) => self.allocate(len),
                None => self.allocate_large(len),
            };
        }
        let object = self.refill(thread, class::class_of(len));
        thread.busy.set(false);
        object.unwrap_or_else(call::out_of_memory)
    }

    /// `busy` was set: a signal handler, or a thread that shares the first structure.
    #[cold]
    #[inline(never)]
    pub(super) fn allocate_interrupted(&self, thread: &Thread, len: usize) -> *mut u8 {
        if thread.is_own.get() {
            return payload_of(self.reentry.allocate(len, ALIGN));
        }
        self.allocate_miss(thread, len)
    }

    /// The same for a free object, whose bin stands at `place`.
    #[cold]
    #[inline(never)]
    pub(super) fn release_interrupted(&self, object: *mut u8, place: usize, thread: &Thread) {
        if thread.is_own.get() {
            return self.reentry.release(object);
        }
        self.release_overflow(object, place, thread);
    }

    /// The bin at `place` is full.
    #[cold]
    #[inline(never)]
    pub(super) fn release_overflow(&self, object: *mut u8, place: usize, thread: &Thread) {
        if !thread.is_own.get() {
            thread.busy.set(false);
            return match self.attach() {
                Some(_) => self.release(object),
                None => self.release_slow(object),
            };
        }
        let class = class_at(place);
        if self.make_room(bin_of(thread, class), class).is_some() {
            // SAFETY: the object is free.
            unsafe { mark::set(object) };
            bin_of(thread, class).push(object);
        } else {
            self.give(object);
        }
        thread.busy.set(false);
    }

    /// An object for an empty bin, and more for its next requests.
    fn refill(&self, thread: &Thread, class: usize) -> Option<*mut u8> {
        let bin = bin_of(thread, class);
        if bin.spare_count() > 0 {
            bin.swap();
            return taken(bin.pop());
        }
        if let Some(full) = self.depot.take_full(class) {
            let empty = bin.load(full);
            self.put_aside(bin, class, empty);
            return taken(bin.pop());
        }
        let mut batch = [core::ptr::null_mut(); MOST_GRAB];
        let grab = usize::from(thread.grab[class].get());
        let got = match self.enter() {
            Some(mut state) => state.take(&self.rooms, class, &mut batch[..grab]),
            None => return self.reentry.allocate(class::len_of(class), ALIGN).map(|grant| grant.payload),
        };
        self.stock(thread, class, batch.get(1..got).unwrap_or(&[]));
        taken((got > 0).then_some(batch[0]))
    }

    /// Keeps the rest of a batch, and takes a larger one next time.
    fn stock(&self, thread: &Thread, class: usize, rest: &[*mut u8]) {
        let bin = bin_of(thread, class);
        let len = class::len_of(class);
        let most = if len > 2 * LARGEST_SLAB { 1 } else { (most_slots(len) / 2).min(MOST_GRAB) };
        thread.grab[class].set((usize::from(thread.grab[class].get()) * 2).min(most) as u8);
        while bin.cap() < rest.len() {
            if self.grow(bin, class).is_none() {
                break;
            }
        }
        for object in rest {
            // SAFETY: the rooms gave it: it is free.
            unsafe { mark::set(*object) };
            if !bin.push(*object) {
                self.give(*object);
            }
        }
    }

    /// Returns an object to its room.
    fn give(&self, object: *mut u8) {
        match self.enter() {
            Some(mut state) => state.give(&self.rooms, object),
            None => self.reentry.release(object),
        }
    }

    /// Makes room for one more object in a full bin.
    fn make_room(&self, bin: &Bin, class: usize) -> Option<()> {
        if !Magazine::is_grown(bin.cap(), class) {
            return self.grow(bin, class);
        }
        let spare = bin.spare.get();
        if spare.is_null() {
            bin.spare.set(self.empty_magazine(class)?);
            bin.swap();
        } else if bin.spare_count() == 0 {
            bin.swap();
        } else {
            let empty = match self.depot.give_full(class, spare) {
                None => self.empty_magazine(class),
                Some(returned) => {
                    self.flush(returned);
                    Some(returned)
                }
            };
            bin.spare.set(core::ptr::null_mut());
            let full = bin.load(empty.unwrap_or(core::ptr::null_mut()));
            bin.spare.set(full);
            empty?;
        }
        Some(())
    }

    /// Loads a magazine twice as large.
    fn grow(&self, bin: &Bin, class: usize) -> Option<()> {
        let cap = (bin.cap() * 2).max(FIRST_SLOTS).min(most_slots(class::len_of(class)));
        let larger = {
            let mut state = self.enter()?;
            state.new_magazine(&self.rooms, cap)?
        };
        let old = bin.load(larger);
        if old.is_null() {
            return Some(());
        }
        // SAFETY: unloaded: its count is true, and the bin owned it.
        let count = unsafe { (*old).count } as usize;
        for n in 0..count {
            // SAFETY: the slots below the count are written.
            bin.push(unsafe { Magazine::slots(old).add(n).read() });
        }
        self.enter()?.free_magazine(old);
        Some(())
    }

    /// An empty magazine of full size.
    fn empty_magazine(&self, class: usize) -> Option<*mut Magazine> {
        self.depot
            .take_empty(class)
            .or_else(|| self.enter()?.new_magazine(&self.rooms, most_slots(class::len_of(class))))
    }

    /// Keeps an empty magazine as the spare, or gives it to the depot or back to the heap.
    fn put_aside(&self, bin: &Bin, class: usize, empty: *mut Magazine) {
        if empty.is_null() {
            return;
        }
        // SAFETY: the caller owns it.
        let cap = unsafe { (*empty).cap } as usize;
        if !Magazine::is_grown(cap, class) {
            if let Some(mut state) = self.enter() {
                state.free_magazine(empty);
            }
        } else if bin.spare.get().is_null() {
            bin.spare.set(empty);
        } else {
            self.depot.give_empty(class, empty);
        }
    }

    /// Returns all objects of a magazine to their rooms.
    pub(super) fn flush(&self, magazine: *mut Magazine) {
        if let Some(mut state) = self.enter() {
            flush_into(&mut state, self, magazine);
        }
    }

    /// Returns what this thread and the depot keep to the rooms.
    pub(super) fn empty_caches(&self) {
        let thread = Thread::current();
        if thread.is_own.get() {
            thread.while_busy(|| self.empty_bins(thread));
        }
        for class in 0..class::CLASSES {
            while let Some(full) = self.depot.take_full(class) {
                self.flush(full);
                self.depot.give_empty(class, full);
            }
        }
    }

    /// Returns all objects of a thread's bins to their rooms; the magazines stay.
    pub(super) fn empty_bins(&self, thread: &Thread) {
        for bin in &thread.bins {
            for _ in 0..2 {
                let magazine = bin.load(core::ptr::null_mut());
                if !magazine.is_null() {
                    self.flush(magazine);
                    bin.load(magazine);
                }
                if !bin.spare.get().is_null() {
                    bin.swap();
                }
            }
        }
    }
}

/// Returns all objects of a magazine to their rooms.
pub(super) fn flush_into(state: &mut State, allocator: &Allocator, magazine: *mut Magazine) {
    // SAFETY: the caller owns the magazine.
    let count = unsafe { (*magazine).count } as usize;
    for n in 0..count {
        // SAFETY: the slots below the count are written.
        let object = unsafe { Magazine::slots(magazine).add(n).read() };
        state.give(&allocator.rooms, object);
    }
    // SAFETY: the caller owns the magazine.
    unsafe { (*magazine).count = 0 };
}

/// An object that leaves its bin.
fn taken(object: Option<*mut u8>) -> Option<*mut u8> {
    let object = object?;
    // SAFETY: it is free, and this thread's now.
    unsafe { mark::clear(object) };
    Some(object)
}

fn payload_of(grant: Option<Grant>) -> *mut u8 {
    grant.map_or_else(call::out_of_memory, |grant| grant.payload)
}
