//! The two journeys that every program makes all day.
//!
//! ```text
//!   allocate: length ─► bin ─► pop ─► still marked? ─► clear the mark
//!   release:  room ─► start of an object? ─► bin ─► marked already? ─► push, set the mark
//! ```
//!
//! Nothing here locks, calls or waits. Every exit to the slow side is a call of a cold function.
//! `scripts/fast-paths.sh` counts the instructions.

use core::sync::atomic::{Ordering, compiler_fence};

use super::Allocator;
use super::record::PLAIN;
use crate::block::tag::{self, Tag};
use crate::block::{Block, WORD};
use crate::cache::thread::{class_at, place_of};
use crate::cache::{Bin, Thread};
use crate::slab::class::{self, LARGEST, LARGEST_SLAB, SLAB_CLASSES};
use crate::slab::mark;
use crate::slab::rooms::BIN;

impl Allocator {
    /// `len` bytes, or null with ENOMEM.
    #[inline(always)]
    pub fn allocate(&self, len: usize) -> *mut u8 {
        self.allocate_as::<PLAIN>(len)
    }

    /// The same for a function that a trace calls `WANTED`.
    #[inline(always)]
    pub fn allocate_as<const WANTED: u8>(&self, len: usize) -> *mut u8 {
        if len > LARGEST_SLAB {
            return self.allocate_medium::<WANTED>(len);
        }
        let thread = Thread::current();
        self.allocate_from::<WANTED>(thread, len, || thread.bin_for(len).pop())
    }

    /// `len` bytes, more than a slab has.
    #[inline(never)]
    fn allocate_medium<const WANTED: u8>(&self, len: usize) -> *mut u8 {
        if len > LARGEST {
            return self.allocate_large::<WANTED>(len);
        }
        let thread = Thread::current();
        self.allocate_from::<WANTED>(thread, len, || thread.wide_bin_for(len).pop())
    }

    #[inline(always)]
    fn allocate_from<const WANTED: u8>(
        &self,
        thread: &Thread,
        len: usize,
        pop: impl FnOnce() -> Option<*mut u8>,
    ) -> *mut u8 {
        if thread.busy.get() {
            return self.allocate_interrupted::<WANTED>(len, thread);
        }
        thread.busy.set(true);
        compiler_fence(Ordering::SeqCst);
        let Some(object) = pop() else {
            return self.allocate_miss::<WANTED>(len, thread);
        };
        // SAFETY: an object of a bin is free.
        if !unsafe { mark::is_set(object) } {
            return self.allocate_spoilt(object, thread);
        }
        // SAFETY: as above.
        unsafe { mark::clear(object) };
        compiler_fence(Ordering::SeqCst);
        thread.busy.set(false);
        object
    }

    /// Takes back the block at `payload`; null is nothing.
    #[inline(always)]
    pub fn release(&self, payload: *mut u8) {
        match self.rooms.look(payload.addr()) {
            Some(room) if room.may_start(payload.addr()) => self.keep(payload, room.bin_place()),
            Some(room) if room.is_tagged() => self.release_block(payload),
            _ => self.release_stranger(payload),
        }
    }

    /// A tagged block rests in a bin too, if its header is sound and names a class.
    #[inline(never)]
    fn release_block(&self, payload: *mut u8) {
        let block = Block::of_payload(payload);
        if !self.rooms.may_read(payload.addr()) {
            return self.release_stranger(payload);
        }
        let Some(tag) = read_tag(block).filter(|tag| tag.is_used()) else {
            return self.release_slow(payload);
        };
        // The place of the next class's bin: one shift from the tag to the bin.
        match tag.class_times::<BIN>() {
            0 => self.release_large(payload),
            next if next <= place_of(SLAB_CLASSES) => self.release_small(payload, class_at(next) - 1),
            next => self.keep(payload, next - BIN),
        }
    }

    /// Of a class that gets slabs if it is freed often. Where it has got them the block goes to the heap: as
    /// long as some objects of a class are tagged blocks, the processor cannot foretell which way a free goes.
    #[inline(never)]
    fn release_small(&self, payload: *mut u8, class: usize) {
        let thread = Thread::current();
        if !thread.busy.get() {
            if self.is_in_slabs(class) {
                return self.release_slow(payload);
            }
            if thread.is_patient_no_more() {
                return self.release_for_slab(payload, class);
            }
        }
        self.keep(payload, place_of(class));
    }

    /// Puts a free object into the bin at `place`.
    #[inline(always)]
    pub(super) fn keep(&self, object: *mut u8, place: usize) {
        let thread = Thread::current();
        if thread.busy.get() {
            return self.release_interrupted(object, place, thread);
        }
        thread.busy.set(true);
        compiler_fence(Ordering::SeqCst);
        let bin = thread.bin_at(place);
        let Some(slot) = bin.slot() else {
            return self.release_late(object, place, thread);
        };
        // SAFETY: the room says that the object is ours and has sixteen bytes.
        if unsafe { mark::is_set(object) } {
            return self.release_marked(object, thread);
        }
        bin.fill(slot, object);
        // SAFETY: as above; the program has given it up.
        unsafe { mark::set(object) };
        compiler_fence(Ordering::SeqCst);
        thread.busy.set(false);
    }

    /// Payload bytes of the used tagged block at `payload`, read without the lock; `None` if there
    /// is no such block or its neighbourhood is not sound.
    #[inline(always)]
    pub(super) fn tagged_len(&self, payload: *mut u8) -> Option<usize> {
        let room = self.rooms.look(payload.addr())?;
        if !room.is_tagged() || !self.rooms.may_read(payload.addr()) {
            return None;
        }
        let block = Block::of_payload(payload);
        let tag = read_tag(block).filter(|tag| tag.is_used() && !tag.has(tag::OWN))?;
        let next = block.offset(tag.size());
        if !self.rooms.may_read(next.addr()) {
            return None;
        }
        read_tag(next).filter(|after| after.has(tag::PREV_USED)).map(|_| tag.size() - WORD)
    }
}

/// The bin of `class`.
#[inline(always)]
pub(super) fn bin_of(thread: &Thread, class: usize) -> &Bin {
    debug_assert!(class < class::CLASSES);
    // SAFETY: classes come from the tables, which hold no other numbers.
    unsafe { thread.bins.get_unchecked(class) }
}

/// The tag of `block`; the word may change under us in its bits, but is always one of the heap's.
#[inline(always)]
fn read_tag(block: Block) -> Option<Tag> {
    // SAFETY: the callers have checked that the word lies in the heap. A pointer that is no block's
    // may be odd: then the seal does not fit.
    let word = unsafe { block.header().cast::<u64>().read_unaligned() };
    Tag::open(word, block.addr())
}
