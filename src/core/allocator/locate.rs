//! A pointer, looked up with the lock held: what it is, or why it is nothing.
//!
//! - **A5** The mark of a free object is believed only if the object is found where free objects
//!   are: the program may have written the same word by itself.

use core::sync::atomic::Ordering;

use super::{Allocator, State};
use crate::block::{Block, WORD};
use crate::cache::Bin;
use crate::engine::Held;
use crate::heap::Fault;
use crate::slab::class;
use crate::slab::mark;
use crate::slab::rooms::GRANULE;
use crate::slab::spans::capacity;

impl Allocator {
    /// The block or object at `payload`, if it is in the hands of the program.
    pub(super) fn locate(&self, state: &State, payload: *mut u8) -> Result<Held, Fault> {
        let room = self.rooms.at(payload.addr());
        let Some(class) = room.class() else {
            let held = state.locate(payload)?;
            let rests = match state.class_of(held) {
                Some(class) => self.rests(state, class, payload),
                None => state.threads().iter().any(|thread| thread.kept.get() == payload),
            };
            return if rests { Err(Fault::Freed) } else { Ok(held) };
        };
        let (len, offset) = (class::len_of(class), payload.addr() % GRANULE);
        if offset / len >= capacity(len) {
            return Err(Fault::Own);
        }
        if offset % len != 0 {
            return Err(Fault::Interior(payload.addr() - offset % len));
        }
        if !state.spans().may_be_held(&self.rooms, payload) {
            return Err(Fault::Freed);
        }
        if self.rests(state, class, payload) { Err(Fault::Freed) } else { Ok(Held { payload, len }) }
    }

    /// Takes back what [`Allocator::locate`] finds.
    pub(super) fn release_checked(&self, state: &mut State, payload: *mut u8) -> Result<(), Fault> {
        let held = self.locate(state, payload)?;
        state.release(&self.rooms, held);
        Ok(())
    }

    /// Whether `object` carries the mark and is found among the free ones ([A5](self)), or waits in a late bin.
    fn rests(&self, state: &State, class: usize, object: *mut u8) -> bool {
        // SAFETY: every block and object has sixteen readable bytes.
        let marked = unsafe { mark::is_set(object) };
        let any_bin = |has: fn(&Bin, *mut u8) -> bool| {
            state.threads().iter().any(|thread| has(&thread.bins[class], object))
        };
        let is_found =
            || any_bin(Bin::holds) || self.depot.holds(object) || state.spans().is_free(&self.rooms, object);
        marked && is_found() || any_bin(Bin::defers)
    }

    /// Bytes that the program may use at `payload`; 0 for a pointer that is not ours.
    pub fn usable(&self, payload: *mut u8) -> usize {
        let room = self.rooms.at(payload.addr());
        if let Some(class) = room.class() {
            return class::len_of(class);
        }
        if let Some(len) = self.tagged_len(payload) {
            return len;
        }
        let Some(state) = self.enter() else { return self.usable_unlocked(payload).unwrap_or(0) };
        self.locate(&state, payload).map_or(0, |held| held.len)
    }

    /// The same for a signal handler that interrupted the holder of the lock: the program passes
    /// a live block, so its header can be read. `None` where nothing stands before a block.
    pub(super) fn usable_unlocked(&self, payload: *mut u8) -> Option<usize> {
        if self.is_design.load(Ordering::Relaxed) {
            return None;
        }
        // SAFETY: a live block outside of slabs has a header.
        unsafe { Block::of_payload(payload).try_tag() }.map(|tag| tag.size() - WORD)
    }
}
