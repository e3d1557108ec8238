//! realloc: most calls leave the block where it is.
//!
//! ```text
//!   fits its class? stays │ small? copied from bin to bin │ the heap lengthens it │ copied
//! ```
//!
//! A copy of some kilobytes between two bins costs less than two changes of the heap, and what
//! creeps goes on creeping: so its copy is longer than was asked for, by a half or by a quarter. Who doubles
//! a block has seen to the next steps himself, and finds a block of just that length in a bin; a design has no bins,
//! and takes every step for one of many.

use core::sync::atomic::Ordering;

use super::record::UNNOTED;
use super::{Allocator, Grant, Misuse};
use crate::block::ALIGN;
use crate::observe::trace::{Call, Kind as Event};
use crate::os::call;
use crate::slab::class::{self, LARGEST};
use crate::slab::mark;

/// The longest block that is copied without asking the heap.
const LONGEST_COPIED: usize = 16 << 10;

/// The longest step by which a short block creeps.
const SHORT_STEP: usize = 32;

/// The longest block to which a copy adds a half; to longer ones it adds a quarter.
const LONGEST_BY_HALF: usize = 1024;

/// What becomes of a block that shall have another length.
enum Fate {
    /// It has room, and not too much.
    Stays,
    /// It has so many bytes, to be copied.
    Moves(usize),
    /// Only the heap knows.
    Unknown,
}

impl Allocator {
    /// Makes the block at `payload`, which is not null, hold `len` bytes; it may move. Null with
    /// ENOMEM leaves it as it was.
    #[inline]
    pub fn resize(&self, payload: *mut u8, len: usize) -> *mut u8 {
        if self.is_vast.load(Ordering::Relaxed) {
            self.look_at(payload);
        }
        match self.fate(payload, len) {
            Fate::Stays => self.stays(payload, len),
            Fate::Moves(has) => self.move_if_possible(payload, has, len),
            Fate::Unknown => self.resize_in_heap(payload, len),
        }
    }

    /// The block has room: only a trace wants to know of it.
    #[inline]
    fn stays(&self, payload: *mut u8, len: usize) -> *mut u8 {
        if self.recorder().is_none() { payload } else { self.stays_noted(payload, len) }
    }

    #[cold]
    #[inline(never)]
    fn stays_noted(&self, payload: *mut u8, len: usize) -> *mut u8 {
        self.catch_up();
        self.note(&resized(payload, payload, len));
        payload
    }

    #[inline]
    fn fate(&self, payload: *mut u8, len: usize) -> Fate {
        let room = self.rooms.at(payload.addr());
        let Some(class) = room.class() else { return self.fate_of_block(payload, len) };
        // SAFETY: the room says that sixteen bytes are readable.
        if !room.may_start(payload.addr()) || unsafe { mark::is_set(payload) } {
            return Fate::Unknown;
        }
        let has = class::len_of(class);
        // Neither more than it has nor less than half of it: in one comparison.
        if has.wrapping_sub(len) <= has / 2 { Fate::Stays } else { Fate::Moves(has) }
    }

    #[inline]
    fn fate_of_block(&self, payload: *mut u8, len: usize) -> Fate {
        let Some(has) = self.tagged_len(payload) else { return Fate::Unknown };
        // What a copy gave it to grow must not be cut off by the next call.
        let least = if has <= LONGEST_COPIED { has / 2 } else { has / 4 * 3 };
        // SAFETY: a live tagged block has sixteen bytes.
        if unsafe { mark::is_set(payload) } {
            Fate::Unknown
        } else if (least..=has).contains(&len) {
            Fate::Stays
        } else if len.max(has) <= LONGEST_COPIED {
            Fate::Moves(has)
        } else {
            Fate::Unknown
        }
    }

    #[inline(never)]
    fn resize_in_heap(&self, payload: *mut u8, len: usize) -> *mut u8 {
        let Some(mut state) = self.enter() else {
            let moved = self.usable_unlocked(payload).and_then(|has| self.move_out(payload, has, len));
            return moved.map_or_else(call::out_of_memory, |grant| grant.payload());
        };
        state.look_after();
        let held = match self.locate(&state, payload) {
            Ok(held) => held,
            Err(fault) => {
                let errors = state.settings().errors;
                drop(state);
                Misuse { call: "realloc", payload, fault }.report(errors);
                return call::out_of_memory();
            }
        };
        if let Some(moved) = state.resize(&self.rooms, held, len) {
            self.note(&resized(payload, moved, len));
            return moved;
        }
        drop(state);
        self.move_if_possible(payload, held.len, len)
    }

    /// For a handler that must not wait: a mapping with the contents of the old block, which has `has` bytes.
    #[cold]
    #[inline(never)]
    fn move_out(&self, payload: *mut u8, has: usize, len: usize) -> Option<Grant> {
        let grant = self.reentry.allocate(&self.rooms, len, ALIGN)?;
        // SAFETY: the old block has so many bytes, and the new one is ours.
        unsafe { grant.payload().copy_from_nonoverlapping(payload, has.min(len)) };
        self.note(&resized(payload, grant.payload(), len));
        self.reentry.release(payload);
        Some(grant)
    }

    /// A new block; where memory is out, one that has room stays, and another may become longer where it is.
    #[inline(never)]
    fn move_if_possible(&self, payload: *mut u8, has: usize, len: usize) -> *mut u8 {
        if len <= has {
            return self.move_if_shorter(payload, len);
        }
        let more = if len <= LONGEST_BY_HALF { len / 2 } else { len / 4 };
        let is_step = self.is_design.load(Ordering::Relaxed) || creeps(has, len);
        let ample = if is_step && len <= LARGEST { len + more } else { len };
        match self.move_to(payload, has, len, ample) {
            null if null.is_null() => self.make_do(payload, has, len, ample),
            moved => moved,
        }
    }

    #[cold]
    #[inline(never)]
    fn move_if_shorter(&self, payload: *mut u8, len: usize) -> *mut u8 {
        match self.move_exactly(payload, len, len) {
            null if null.is_null() => self.stays(payload, len),
            moved => moved,
        }
    }

    /// The block at `payload` with `len` bytes, more than it `has`, though there is no block of `ample` bytes: where it is, or
    /// in one that is no longer than that. Null with ENOMEM if there is no room for either.
    #[cold]
    #[inline(never)]
    fn make_do(&self, payload: *mut u8, has: usize, len: usize, ample: usize) -> *mut u8 {
        let longer = self.enter().and_then(|mut state| {
            let held = self.locate(&state, payload).ok()?;
            state.resize(&self.rooms, held, len)
        });
        if let Some(longer) = longer {
            self.note(&resized(payload, longer, len));
            return longer;
        }
        let moved = if ample > len { self.move_exactly(payload, has, len) } else { core::ptr::null_mut() };
        if moved.is_null() { call::out_of_memory() } else { moved }
    }

    #[cold]
    #[inline(never)]
    fn move_exactly(&self, payload: *mut u8, keep: usize, len: usize) -> *mut u8 {
        self.move_to(payload, keep, len, len)
    }

    /// A new block of `ample` bytes for `len`, with the first `keep` of the old one; null is nothing that errno tells.
    #[inline(always)]
    fn move_to(&self, payload: *mut u8, keep: usize, len: usize, ample: usize) -> *mut u8 {
        // A trace knows one call here, and the old block goes back only after that is noted.
        let new = self.allocate_as::<UNNOTED>(ample);
        if new.is_null() {
            return new;
        }
        // SAFETY: the old block has `keep` bytes and the new one at least as many.
        unsafe { new.copy_from_nonoverlapping(payload, keep) };
        if self.recorder().is_some() {
            self.release_noting(payload, resized(payload, new, len));
        } else {
            self.release(payload);
        }
        new
    }
}

/// Whether a block of `has` bytes becomes longer by little, if it does.
fn creeps(has: usize, len: usize) -> bool {
    len <= has + (has / 4).max(SHORT_STEP)
}

/// The note of a realloc.
fn resized(from: *mut u8, to: *mut u8, len: usize) -> Call {
    Call { moved_to: to.addr(), ..Call::of(Event::Resize, from.addr(), len) }
}
