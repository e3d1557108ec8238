//! What caches keep goes back to its rooms: bit by bit when nobody wants it, at once when memory is
//! wanted elsewhere.
//!
//! ```text
//!   a while, or growth ─► bins of ended threads, idle magazines of the depot ─► rooms
//!                         of threads that a fork left behind, some each time
//!   much lies idle     ─► this thread's bins and the depot's empty magazines too; then a sweep
//!   trim, exhaustion   ─► everything
//! ```

use core::sync::atomic::Ordering;

use super::{Allocator, Entry, State};
use crate::cache::{Magazine, Thread};
use crate::slab::class;
use crate::slab::mark;

/// Structures of threads left behind that are emptied at a time: the child of a fork may live for a moment only,
/// and copies each page that it writes to.
const SOME: usize = 4;

impl Allocator {
    /// Returns all objects of a magazine to their rooms.
    pub(super) fn flush(&self, magazine: *mut Magazine) {
        if let Some(mut state) = self.enter() {
            flush_into(&mut state, self, magazine);
        }
    }

    /// Every now and then: what the depot kept and nobody wanted goes back to its rooms, and where
    /// much memory lies idle, what this thread keeps as well. `is_due` says that some milliseconds have
    /// passed since somebody looked.
    #[inline(always)]
    pub(super) fn air(&self, state: &mut State, thread: &Thread, is_due: bool) {
        if state.is_time_to_air(is_due) {
            self.air_now(state, thread);
        }
    }

    #[cold]
    #[inline(never)]
    fn air_now(&self, state: &mut State, thread: &Thread) {
        self.settle_own(state, thread);
        state.ripen(true);
        self.recover(state, SOME);
        self.unload_retired(state);
        if self.depot.is_used() {
            self.air_depot(state);
        }
        state.ripen(false);
        if state.is_idle() {
            if thread.is_own() {
                self.unload_bins(state, thread, false);
            }
            state.tend(&self.rooms);
        }
    }

    /// Returns what caches keep to sparse slabs, and lets these become empty: what caches hand out again and
    /// again would keep them for ever.
    #[cold]
    #[inline(never)]
    pub(super) fn gather(&self, state: &mut State, thread: &Thread) {
        if thread.is_own() {
            self.unload_bins(state, thread, false);
        }
        if self.depot.is_used() {
            (0..class::CLASSES).for_each(|class| self.flush_all(state, class));
        }
        state.drain(&self.rooms);
    }

    /// Lets as much rest in the depot as the program will want again.
    pub(super) fn size_depot(&self, state: &mut State) {
        if let Some(bytes) = state.note_demand(self.depot.resting()) {
            self.depot.limit(bytes);
        }
    }

    fn air_depot(&self, state: &mut State) {
        self.depot.limit(state.turn_demand(self.depot.resting()));
        for class in 0..class::CLASSES {
            self.flush_idle(state, class);
            self.depot.tick(class);
            if state.is_idle() {
                self.free_empties(state, class);
            }
        }
    }

    /// Returns what idle magazines of the depot hold to its rooms, and them to the heap.
    fn flush_idle(&self, state: &mut State, class: usize) {
        while let Some(idle) = self.depot.take_idle(class) {
            flush_into(state, self, idle);
            state.free_magazine(idle);
        }
    }

    /// The same for all magazines, idle or not.
    fn flush_all(&self, state: &mut State, class: usize) {
        self.depot.tick(class);
        self.flush_idle(state, class);
    }

    /// Returns what ended threads left in their bins.
    fn unload_retired(&self, state: &mut State) {
        for thread in state.threads().retired() {
            self.unload_bins(state, thread, false);
        }
    }

    /// Now and then looks whether what lies idle is to go back. Only the thread's watch is asked: behind it
    /// another one would pass unread for seconds where a program calls now and then.
    pub(super) fn look_around(&self, thread: &Thread) {
        if self.restless.load(Ordering::Relaxed)
            && thread.is_time_to_look()
            && let Some(mut state) = self.enter()
        {
            self.air(&mut state, thread, true);
        }
    }

    /// Returns what this thread and the depot keep to the rooms.
    pub(super) fn empty_caches(&self) {
        let thread = Thread::current();
        if thread.is_own() && !thread.close() {
            self.empty_bins(thread);
            self.reopen(thread);
        }
        if let Some(mut state) = self.enter() {
            self.recover(&mut state, usize::MAX);
            self.unload_retired(&mut state);
        }
        self.empty_depot();
    }

    /// Returns all that the depot keeps to the rooms, and its empty magazines to the heap.
    pub(super) fn empty_depot(&self) {
        for class in 0..class::CLASSES {
            let Some(mut state) = self.enter() else { return };
            self.flush_all(&mut state, class);
            self.free_empties(&mut state, class);
        }
    }

    /// Returns the empty magazines of a class to the heap: at the top they would hold up the break.
    fn free_empties(&self, state: &mut State, class: usize) {
        while let Some(empty) = self.depot.take_empty(class) {
            state.free_magazine(empty);
        }
    }

    /// Returns all objects of a thread's bins to their rooms.
    pub(super) fn empty_bins(&self, thread: &Thread) {
        if let Some(mut state) = self.enter() {
            self.unload_bins(&mut state, thread, false);
        }
    }

    /// The same with the lock held; the magazines go back as well, since they may stand at the top. Of a
    /// thread that a fork left behind only what is marked as free goes back: a page that a device used was
    /// copied at another moment than the rest.
    pub(super) fn unload_bins(&self, state: &mut State, thread: &Thread, is_orphan: bool) {
        if let Some(kept) = thread.give_up()
            // SAFETY: a kept block is a live block of the heap.
            && (!is_orphan || unsafe { mark::is_set(kept) })
        {
            state.give(&self.rooms, &[kept]);
        }
        for bin in &thread.bins {
            if is_orphan {
                bin.forgo();
            } else {
                self.settle_in(state, bin);
            }
            while let Some(magazine) = bin.strip() {
                if is_orphan {
                    // SAFETY: out of its bin it is ours.
                    unsafe { Magazine::sift(magazine) };
                }
                flush_into(state, self, magazine);
                state.free_magazine(magazine);
            }
        }
    }
}

impl Entry<'_> {
    /// Now and then gives back what has lain idle. What this thread keeps goes first: it may stand at
    /// the top. A signal handler that found its thread's bins closed leaves them alone; a thread without
    /// bins has none to leave alone.
    #[inline]
    pub(super) fn look_after(&mut self) {
        if self.state.is_idle() && !(self.was_closed && self.thread.is_own()) {
            self.allocator.air(&mut self.state, self.thread, false);
        }
    }
}

/// Returns all objects of a magazine to their rooms.
fn flush_into(state: &mut State, allocator: &Allocator, magazine: *mut Magazine) {
    state.give(&allocator.rooms, Magazine::objects(magazine));
    // SAFETY: the caller owns the magazine.
    unsafe { (*magazine).count = 0 };
}
