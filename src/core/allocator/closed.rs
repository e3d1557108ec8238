//! Calls that find the bins closed.
//!
//! ```text
//!   a thread that has none yet ─► gets some, and asks them
//!   they rest                  ─► what the rest is for is done; the bins are opened for this call, and rest again
//!     only to look after memory ─► of calls that follow each other closely one in eight looks; the others are served
//!   a handler over a call      ─► [`super::reentry`]
//! ```

use core::sync::atomic::Ordering;

use super::fast::bin_of;
use super::record::UNNOTED;
use super::{Allocator, Wanted};
use crate::block::ALIGN;
use crate::cache::Thread;
use crate::observe::trace::{Call, Kind as Event};
use crate::slab::class::{self, LARGEST_SLAB};
use crate::slab::mark;

impl Allocator {
    /// The bins are closed: to a signal handler, to a thread that has none yet, or because they rest.
    #[cold]
    #[inline(never)]
    pub(super) fn allocate_interrupted<const WANTED: u8>(&self, len: usize, thread: &Thread) -> *mut u8 {
        if !thread.is_own() {
            return match self.attach() {
                Some(_) => self.allocate_as::<WANTED>(len),
                None => self.allocate_large::<WANTED>(len),
            };
        }
        if len > LARGEST_SLAB || !self.stirs(thread) {
            return self.allocate_rested(Wanted::of(WANTED), len, thread);
        }
        let Some(object) = thread.bin_for(len).pop() else {
            return self.allocate_miss::<WANTED>(len, thread);
        };
        // SAFETY: an object of a bin is free.
        if !unsafe { mark::is_set(object) } {
            return self.allocate_spoilt(object, thread);
        }
        // SAFETY: as above.
        unsafe { mark::clear(object) };
        thread.doze();
        object
    }

    /// Whether this call is served at once, though the bins rest so that every call looks after idle memory: they
    /// follow each other so closely that this one need not.
    #[inline(always)]
    fn stirs(&self, thread: &Thread) -> bool {
        self.recorder().is_none() && thread.stir()
    }

    /// Where bins rest only so that every call looks after idle memory: this one has looked, and they are open
    /// for it as ever. Whether they are.
    #[inline]
    fn wake_to_look(&self, thread: &Thread) -> bool {
        let is_awake = self.recorder().is_none() && thread.wake();
        if is_awake {
            self.look_around(thread);
            thread.open();
        }
        is_awake
    }

    /// The call is done for which they were open: they rest on, if there is still something to look after.
    #[inline]
    fn rest_on(&self, thread: &Thread) {
        if self.restless.load(Ordering::Relaxed) {
            thread.rest();
        }
    }

    /// The bins of this thread rest, or it was interrupted while they were open.
    #[cold]
    #[inline(never)]
    fn allocate_rested(&self, wanted: Wanted, len: usize, thread: &Thread) -> *mut u8 {
        self.catch_up();
        let object = if self.wake_to_look(thread) {
            let object = self.allocate_as::<UNNOTED>(len);
            self.rest_on(thread);
            object
        } else if thread.wake() {
            self.look_around(thread);
            match self.draw(wanted, len, thread) {
                Ok(object) => return object,
                Err(object) => object,
            }
        } else if thread.busy.get() {
            self.reentry
                .allocate(&self.rooms, len, ALIGN)
                .map_or(core::ptr::null_mut(), |grant| grant.payload())
        } else {
            self.allocate_as::<UNNOTED>(len)
        };
        if object.is_null() {
            return wanted.refused();
        }
        self.note_block(wanted, len, object);
        object
    }

    /// An object for `len` bytes of bins that have rested, and rest again afterwards: no handler
    /// finds them open meanwhile. It is noted; one that comes from elsewhere, the error, is not.
    #[inline]
    fn draw(&self, wanted: Wanted, len: usize, thread: &Thread) -> Result<*mut u8, *mut u8> {
        let Some(object) = bin_of(thread, class::class_of(len)).pop() else {
            return Err(self.miss(len, thread));
        };
        // SAFETY: an object of a bin is free.
        if !unsafe { mark::is_set(object) } {
            return Err(self.allocate_spoilt(object, thread));
        }
        // SAFETY: as above.
        unsafe { mark::clear(object) };
        if let Some(kind) = wanted.kind() {
            self.note_closed(&Call::of(kind, object.addr(), len));
        }
        self.reopen(thread);
        Ok(object)
    }

    /// The same for a free object, whose bin stands at `place`.
    #[cold]
    #[inline(never)]
    pub(super) fn release_interrupted(&self, object: *mut u8, place: usize, thread: &Thread) {
        if thread.is_own() && self.stirs(thread) {
            return self.keep_stirred(object, place, thread);
        }
        if thread.is_own() && self.wake_to_look(thread) {
            // What was freed before may be in the heap by now, and carry no mark any longer.
            self.release(object);
            return self.rest_on(thread);
        }
        // SAFETY: an object of a bin has sixteen bytes.
        if unsafe { mark::is_set(object) } {
            return self.release_slow(object);
        }
        if !thread.is_own() {
            return match self.attach() {
                Some(_) => self.keep(object, place),
                None => self.release_slow(object),
            };
        }
        self.release_rested(object, place, thread);
    }

    /// Puts a free object into a bin that rests after this call as before.
    #[inline(always)]
    fn keep_stirred(&self, object: *mut u8, place: usize, thread: &Thread) {
        let bin = thread.bin_at(place);
        let Some(slot) = bin.slot() else {
            self.release_late(object, place, thread);
            return self.rest_on(thread);
        };
        // SAFETY: an object of a bin has sixteen bytes.
        if unsafe { mark::is_set(object) } {
            return self.release_marked(object, thread);
        }
        bin.fill(slot, object);
        // SAFETY: as above; the program has given it up.
        unsafe { mark::set(object) };
        thread.doze();
    }

    /// The bins of this thread rest for a trace, or it was interrupted while they were open.
    #[cold]
    #[inline(never)]
    fn release_rested(&self, object: *mut u8, place: usize, thread: &Thread) {
        self.catch_up();
        let call = Call::of(Event::Free, object.addr(), 0);
        if thread.wake() {
            self.note_closed(&call);
            self.look_around(thread);
            return self.put(object, place, thread);
        }
        self.note(&call);
        if thread.busy.get() {
            self.reentry.release(object);
        } else {
            self.keep(object, place);
        }
    }

    /// Puts a free object into a bin that has rested, as [`Allocator::draw`] takes one.
    fn put(&self, object: *mut u8, place: usize, thread: &Thread) {
        let bin = thread.bin_at(place);
        self.settle(bin);
        // SAFETY: an object of a bin has sixteen bytes.
        if unsafe { mark::is_set(object) } {
            return self.release_marked(object, thread);
        }
        if !bin.push(object) {
            return self.release_overflow(object, place, thread);
        }
        // SAFETY: the program has given it up.
        unsafe { mark::set(object) };
        self.reopen(thread);
    }
}
