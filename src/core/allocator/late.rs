//! In a large heap of one thread free looks late at what it gets: its line is in no cache, and the processor would
//! stand still until it has come.
//!
//! ```text
//!   release:  the object before it, here by now ─► marked? handed out since? ─► push, set its mark
//!             this one ─► asked for ─► it waits in the bin for the next release of its class
//! ```
//!
//! A block that is freed twice in a row is caught at once as ever; one with others between at the next free of its
//! class, or before its bin is opened, whatever comes first. Where a program only frees, and fills one magazine after
//! the other, they are looked at when they are full: so many journeys to memory go on at a time. Nobody gets it twice:
//!
//! - **A8** What waits is put in if it carries no mark and was not taken out of the same magazine since it came. No other
//!   magazine is loaded in between, no slab is given up or taken from by the slow side, which looks first, and there is
//!   no other thread that could have taken it: a second one looks, before it takes anything, at what waits. Out of a blind bin nothing is taken.

use core::sync::atomic::{Ordering, compiler_fence};

use super::state::State;
use super::{Allocator, Entry, Misuse};
use crate::block::Block;
use crate::cache::Thread;
use crate::cache::bin::{Bin, Late};
use crate::heap::Fault;
use crate::slab::mark;
use crate::slab::rooms::GRANULE;

impl Allocator {
    /// Puts a free object into the bin at `place`, which is late, blind or full.
    #[inline(never)]
    pub(super) fn release_late(&self, object: *mut u8, place: usize, thread: &Thread) {
        mark::expect(object);
        let bin = thread.bin_at(place);
        if !self.is_vast.load(Ordering::Relaxed) {
            return self.release_overflow(object, place, thread);
        }
        if bin.blind().is_some_and(|blind| blind.keep(object)) {
            compiler_fence(Ordering::SeqCst);
            return thread.busy.set(false);
        }
        let Some(late) = bin.late() else {
            return self.release_overflow(object, place, thread);
        };
        let before = late.object();
        if before.is_null() || before == object || !bin.is_plainly_free(late, before) {
            return self.release_doubted(object, place, thread, late);
        }
        self.advance(before, object, place, thread, late);
    }

    /// What waits, `before`, is put in, and `object` waits.
    #[inline(always)]
    fn advance(&self, before: *mut u8, object: *mut u8, place: usize, thread: &Thread, late: Late) {
        let bin = thread.bin_at(place);
        if !bin.advance(late, before, object) {
            bin.put_off(late, object);
            return self.release_overflow(before, place, thread);
        }
        // SAFETY: the room said that it is ours and has sixteen bytes; the program has given it up.
        unsafe { mark::set(before) };
        compiler_fence(Ordering::SeqCst);
        thread.busy.set(false);
    }

    /// The same where nothing waits, or what waits is not plainly free.
    #[cold]
    #[inline(never)]
    fn release_doubted(&self, object: *mut u8, place: usize, thread: &Thread, late: Late) {
        let (bin, before) = (thread.bin_at(place), late.object());
        let is_free = before.is_null() || bin.is_free(late);
        // If it was handed out meanwhile, it waited without right, and comes back with right.
        if before == object && is_free {
            return self.release_marked(object, thread);
        }
        if is_free && !before.is_null() {
            return self.advance(before, object, place, thread, late);
        }
        bin.put_off(late, object);
        self.reopen(thread);
        if !is_free {
            self.accuse(before);
        }
    }

    /// An object that waited must not be put in.
    #[cold]
    #[inline(never)]
    fn accuse(&self, suspect: *mut u8) {
        if let Some(mut state) = self.enter() {
            self.release_suspect(&mut state, suspect);
        }
    }

    /// Takes back an object that may rest somewhere, or was handed out since it was freed, if it does not and was not.
    /// One that does not carry the mark was handed out.
    #[cold]
    #[inline(never)]
    pub(super) fn release_suspect(&self, state: &mut State, suspect: *mut u8) {
        let fault = match self.locate(state, suspect) {
            // SAFETY: every block and object has sixteen bytes.
            Ok(held) if unsafe { mark::is_set(suspect) } => return state.release(&self.rooms, held),
            Ok(_) => Fault::Freed,
            Err(fault) => fault,
        };
        Misuse { call: "free", payload: suspect, fault }.report(state.settings().errors);
    }

    /// The process ends: what waits is looked at.
    #[inline]
    pub fn look_at_last(&self) {
        if self.is_vast.load(Ordering::Relaxed) {
            self.settle_all();
        }
    }

    #[cold]
    #[inline(never)]
    fn settle_all(&self) {
        if let Some(mut state) = self.enter() {
            state.settle_bins();
        }
    }

    /// The block at `payload` does not wait in its bin: if it is free, it carries the mark.
    #[cold]
    #[inline(never)]
    pub(super) fn look_at(&self, payload: *mut u8) {
        let tagged = || {
            self.tagged_len(payload)?;
            // SAFETY: a used tagged block.
            unsafe { Block::of_payload(payload).tag() }.class()
        };
        let Some(class) = self.rooms.at(payload.addr()).class().or_else(tagged) else { return };
        let thread = Thread::current();
        if thread.is_own() && !thread.bins[class].is_plain() && !thread.close() {
            self.settle(&thread.bins[class]);
            self.reopen(thread);
        }
    }

    /// Nothing waits in the bin any longer.
    #[inline]
    pub(super) fn settle(&self, bin: &Bin) {
        while let Err(suspect) = bin.settle() {
            self.accuse(suspect);
        }
    }

    /// The same with the lock held.
    pub(super) fn settle_in(&self, state: &mut State, bin: &Bin) {
        while let Err(suspect) = bin.settle() {
            self.release_suspect(state, suspect);
        }
    }

    /// Nothing waits in any bin of this thread, which is in a call of its own: what goes back to its rooms now may be the
    /// last of a slab, or nobody will look.
    #[inline(never)]
    pub(super) fn settle_own(&self, state: &mut State, thread: &Thread) {
        if thread.is_own() {
            thread.bins.iter().for_each(|bin| self.settle_in(state, bin));
        }
    }

    /// A thread without bins is here, which may give up slabs and take whatever is free.
    #[inline]
    pub(super) fn be_no_longer_alone(&self, state: &mut State) {
        if self.is_vast.load(Ordering::Relaxed) {
            self.is_vast.store(false, Ordering::Relaxed);
            self.look_for_others(state);
        }
    }

    /// The heap is one thread's no longer: what waits with the others and carries the mark was freed twice, and this
    /// thread could be handed it before they look.
    #[cold]
    #[inline(never)]
    pub(super) fn look_for_others(&self, state: &mut State) {
        while let Some(suspect) = withdrawn(state) {
            self.release_suspect(state, suspect);
        }
    }

    /// Keeps `object` in a bin that was filled and has an empty magazine now, without a look at what follows it, in
    /// a large heap of one thread; whether it did.
    #[inline]
    pub(super) fn hide(&self, bin: &Bin, object: *mut u8) -> bool {
        self.is_vast.load(Ordering::Relaxed) && bin.hide(object)
    }

    /// Makes a bin late in a large heap of one thread.
    #[inline]
    pub(super) fn defer(&self, bin: &Bin) {
        if self.is_vast.load(Ordering::Relaxed) {
            bin.defer();
        }
    }

    /// Notes whether the heap is large, and one thread's, and no trace is written, for which all bins rest; whether it
    /// was all that until now.
    #[inline]
    pub(super) fn weigh(&self, state: &State) -> bool {
        let is_vast = state.spans().count() * GRANULE >= state.settings().late
            && !state.threads().is_crowd()
            && self.recorder().is_none();
        let was_vast = self.is_vast.load(Ordering::Relaxed);
        if is_vast != was_vast {
            self.is_vast.store(is_vast, Ordering::Relaxed);
        }
        was_vast && !is_vast
    }
}

/// What waits with a thread although it carries the mark, and waits no longer.
fn withdrawn(state: &State) -> Option<*mut u8> {
    state
        .threads()
        .iter()
        .filter(|thread| thread.may_serve())
        .find_map(|thread| thread.bins.iter().find_map(|bin| bin.withdraw(|| thread.may_serve())))
}

impl Entry<'_> {
    /// Nothing waits in a bin of this thread any longer: it is not marked, and who looks at the heap would take it for
    /// used.
    #[cold]
    #[inline(never)]
    pub(super) fn settle_bins(&mut self) {
        if self.was_closed || !self.thread.is_own() {
            return;
        }
        for bin in &self.thread.bins {
            self.allocator.settle_in(&mut self.state, bin);
        }
    }

    /// The same for the bin of the object at `payload`, which goes back to its slab now and may be the last of it.
    #[inline]
    pub(super) fn look_before(&mut self, payload: *mut u8) {
        if self.allocator.is_vast.load(Ordering::Relaxed) {
            self.look_before_in_bin(payload);
        }
    }

    #[cold]
    #[inline(never)]
    fn look_before_in_bin(&mut self, payload: *mut u8) {
        let Some(class) = self.allocator.rooms.at(payload.addr()).class() else { return };
        if !self.was_closed && self.thread.is_own() {
            self.allocator.settle_in(&mut self.state, &self.thread.bins[class]);
        }
    }
}
