//! Floor 5: which room serves this request.
//!
//! ```text
//!   malloc ─► this thread's bin ─miss─► spare ─► depot ─► slab, or tagged block ─► grow
//!   free   ─► room of the address ─► this thread's bin ─full─► spare ─► depot ─► slab, block
//!   large  ─► tagged heap, or a mapping above the threshold
//! ```
//!
//! - **A1** What is shared stands behind one lock, but for the depot, which has its own. A
//!   signal handler that interrupted either is served without: see [`reentry`].
//! - **A2** The static starts as a working allocator: no initialiser has to run first.

mod bins;
mod fast;
mod locate;
mod misuse;
mod reentry;
mod state;
mod threads;

pub use crate::engine::Grant;
pub use misuse::Misuse;
pub use state::State;

use crate::block::{Block, Tag};
use crate::cache::{Depot, Thread};
use crate::observe::ledger::Ledger;
use crate::os::call;
use crate::os::lock::{Guard, Lock};
use crate::settings::Settings;
use crate::slab::class::LARGEST;
use crate::slab::rooms::Rooms;
use reentry::Reentry;

/// Everything behind malloc.
#[repr(C)]
pub struct Allocator {
    rooms: Rooms,
    reentry: Reentry,
    state: Lock<State>,
    depot: Depot,
}

/// The state in use, and the thread that uses it.
struct Entry<'a> {
    state: Guard<'a, State>,
    thread: &'a Thread,
    was_busy: bool,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.thread.busy.set(self.was_busy);
    }
}

impl core::ops::Deref for Entry<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl core::ops::DerefMut for Entry<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Default for Allocator {
    fn default() -> Self {
        Self::new()
    }
}

impl Allocator {
    /// An allocator that has taken nothing yet.
    pub const fn new() -> Self {
        Self {
            rooms: Rooms::EMPTY,
            reentry: Reentry::EMPTY,
            state: Lock::new(State::new()),
            depot: Depot::EMPTY,
        }
    }

    /// The state, ready for use; `None` in a signal handler that interrupted its holder. While
    /// the holder has it his thread is busy: a handler finds the bins closed and does not even try.
    #[inline]
    fn enter(&self) -> Option<Entry<'_>> {
        let thread = Thread::current();
        let mut state = self.state.enter()?;
        let was_busy = thread.busy.replace(true);
        if !state.is_ready() {
            state.settle();
        }
        if self.reentry.is_pending() {
            self.reentry.drain(self, &mut state);
        }
        Some(Entry { state, thread, was_busy })
    }

    /// `len` bytes at a multiple of `align`, a power of two, without the help of a cache.
    pub fn allocate_aligned(&self, len: usize, align: usize) -> Option<Grant> {
        match self.enter() {
            Some(mut state) => state.allocate(&self.rooms, len, align),
            None => self.reentry.allocate(len, align),
        }
    }

    /// Takes back a block without the help of a cache; what is wrong with it is reported.
    #[cold]
    #[inline(never)]
    fn release_slow(&self, payload: *mut u8) {
        let Some(mut state) = self.enter() else {
            return self.reentry.release(payload);
        };
        if let Err(fault) = self.release_checked(&mut state, payload) {
            let errors = state.settings().errors;
            drop(state);
            Misuse { call: "free", payload, fault }.report(errors);
        }
    }

    /// Makes the block at `payload`, which is not null, hold `len` bytes; it may move. Null with
    /// ENOMEM leaves it as it was.
    pub fn resize(&self, payload: *mut u8, len: usize) -> *mut u8 {
        if let Some(keep) = self.stays(payload, len) {
            return if keep { payload } else { self.move_to(payload, len) };
        }
        let Some(mut state) = self.enter() else {
            let moved = self.reentry.resize(payload, self.usable_unlocked(payload), len);
            return moved.unwrap_or_else(call::out_of_memory);
        };
        match self.locate(&state, payload) {
            Ok(_) => {}
            Err(fault) => {
                let errors = state.settings().errors;
                drop(state);
                Misuse { call: "realloc", payload, fault }.report(errors);
                return call::out_of_memory();
            }
        }
        if let Some(payload) = state.resize(&self.rooms, payload, len) {
            return payload;
        }
        drop(state);
        self.move_to(payload, len)
    }

    /// A new block with the contents of the old one.
    fn move_to(&self, payload: *mut u8, len: usize) -> *mut u8 {
        let has = self.usable(payload);
        // What grows goes on growing: a quarter more of a small object saves the next moves.
        let ample = if len > has && len <= LARGEST { len + len / 4 } else { len };
        let new = self.allocate(ample);
        if new.is_null() {
            return new;
        }
        let keep = has.min(len);
        // SAFETY: the old block has `keep` bytes and the new one at least as many.
        unsafe { new.copy_from_nonoverlapping(payload, keep) };
        self.release(payload);
        new
    }

    /// Gives back what can be given back but `keep` bytes at the top; whether any was.
    pub fn trim(&self, keep: usize) -> bool {
        self.empty_caches();
        self.enter().is_some_and(|mut state| state.trim(&self.rooms, keep))
    }

    /// The figures; `None` in a signal handler that interrupted the allocator.
    pub fn ledger(&self) -> Option<Ledger> {
        let state = self.enter()?;
        let resting = state.threads().cached_bytes() + self.depot.cached_bytes();
        Some(Ledger::of(&state, resting))
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.enter().map_or(Settings::DEFAULT, |state| *state.settings())
    }

    /// Changes the settings that can change while the program runs; the policy stays.
    pub fn adjust(&self, change: impl FnOnce(&mut Settings)) {
        if let Some(mut state) = self.enter() {
            state.adjust(change);
        }
    }

    /// Calls `see` with every block; whether the heap could be walked.
    pub fn walk(&self, see: &mut dyn FnMut(Block, Tag)) -> bool {
        self.enter().map(|state| state.walk(see)).is_some()
    }

    /// Checks every header, footer and count: the number of faults found.
    pub fn check(&self) -> usize {
        let Some(state) = self.enter() else { return 0 };
        let resting = state.threads().cached_bytes() + self.depot.cached_bytes();
        crate::observe::check::faults(&state, &Ledger::of(&state, resting))
    }

    /// Takes all locks for a fork; `false` if this thread holds one already, in a signal handler.
    pub fn before_fork(&self) -> bool {
        if Thread::current().busy.get() && Thread::current().is_own.get() {
            return false;
        }
        if self.state.enter().map(core::mem::forget).is_none() {
            return false;
        }
        self.depot.before_fork();
        true
    }

    /// Gives back the locks that [`Allocator::before_fork`] took; `is_child` in the new process.
    ///
    /// # Safety
    ///
    /// It said `true`, and this is the thread that called it or its copy in the child.
    pub unsafe fn after_fork(&self, is_child: bool) {
        // SAFETY: the caller's promise.
        unsafe { self.depot.after_fork() };
        if is_child {
            // SAFETY: the lock is held by this thread's copy.
            unsafe { self.state.held() }.orphan_others();
        }
        // SAFETY: the caller's promise.
        unsafe { self.state.leave() };
    }
}
