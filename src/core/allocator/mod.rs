//! Floor 5: which room serves this request.
//!
//! ```text
//!   request ─► larger than the threshold? ── yes ─► mapped block ── refused ─┐
//!                     │ no                                                  │
//!                     └────────► tagged heap ◄──────────────────────────────┘
//!                                     └── out of memory ─► mapped block, else None
//! ```
//!
//! - **A1** All state stands behind one lock. A signal handler that interrupted its holder is
//!   served without it: see [`reentry`].
//! - **A2** The static starts as a working allocator: no initialiser has to run first.

mod misuse;
mod reentry;
mod state;

use crate::block::{Block, Tag};
pub use crate::engine::Grant;
use crate::observe::ledger::Ledger;
use crate::os::lock::{Guard, Lock};
use crate::settings::Settings;

pub use misuse::Misuse;
use reentry::Reentry;
pub use state::State;

/// Everything behind malloc.
pub struct Allocator {
    state: Lock<State>,
    reentry: Reentry,
}

impl Default for Allocator {
    fn default() -> Self {
        Self::new()
    }
}

impl Allocator {
    /// An allocator that has taken nothing yet.
    pub const fn new() -> Self {
        Self { state: Lock::new(State::new()), reentry: Reentry::EMPTY }
    }

    /// The state, ready for use; `None` in a signal handler that interrupted its holder.
    #[inline]
    fn enter(&self) -> Option<Guard<'_, State>> {
        let mut state = self.state.enter()?;
        if !state.is_ready() {
            state.settle();
        }
        if self.reentry.is_pending() {
            self.reentry.drain(&mut state);
        }
        Some(state)
    }

    /// `len` bytes at a multiple of `align`, a power of two.
    #[inline]
    pub fn allocate(&self, len: usize, align: usize) -> Option<Grant> {
        match self.enter() {
            Some(mut state) => state.allocate(len, align),
            None => self.reentry.allocate(len, align),
        }
    }

    /// Takes back the block at `payload`, which is not null.
    #[inline]
    pub fn release(&self, payload: *mut u8) {
        let Some(mut state) = self.enter() else {
            return self.reentry.release(payload);
        };
        if let Err(fault) = state.release(payload) {
            let errors = state.settings().errors;
            drop(state);
            Misuse { call: "free", payload, fault }.report(errors);
        }
    }

    /// Makes the block at `payload`, which is not null, hold `len` bytes; it may move. `None`
    /// leaves it as it was.
    pub fn resize(&self, payload: *mut u8, len: usize) -> Option<*mut u8> {
        let Some(mut state) = self.enter() else {
            return self.reentry.resize(payload, len);
        };
        match state.resize(payload, len) {
            Ok(state::Resized::Done(payload)) => Some(payload),
            Ok(state::Resized::Refused) => None,
            Ok(state::Resized::Moving(grant, keep)) => {
                // Both blocks are the caller's now: copying needs no lock.
                drop(state);
                // SAFETY: the old block has `keep` bytes and the new one at least as many.
                unsafe { grant.payload.copy_from_nonoverlapping(payload, keep) };
                self.release(payload);
                Some(grant.payload)
            }
            Err(fault) => {
                let errors = state.settings().errors;
                drop(state);
                Misuse { call: "realloc", payload, fault }.report(errors);
                None
            }
        }
    }

    /// Bytes that the program may use at `payload`; 0 for a pointer that is not ours.
    pub fn usable(&self, payload: *mut u8) -> usize {
        let Some(state) = self.enter() else {
            return reentry::usable(payload);
        };
        // SAFETY: located just now.
        state.locate(payload).map_or(0, |block| unsafe { block.len() })
    }

    /// Gives back what can be given back but `keep` bytes at the top; whether any was.
    pub fn trim(&self, keep: usize) -> bool {
        self.enter().is_some_and(|mut state| state.trim(keep))
    }

    /// The figures; `None` in a signal handler that interrupted the allocator.
    pub fn ledger(&self) -> Option<Ledger> {
        self.enter().map(|state| Ledger::of(&state))
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
        self.enter().map_or(0, |state| crate::observe::check::faults(&state))
    }

    /// Takes the lock for a fork; `false` if this thread holds it already, in a signal handler.
    pub fn before_fork(&self) -> bool {
        self.state.enter().map(core::mem::forget).is_some()
    }

    /// Gives back the lock that [`Allocator::before_fork`] took.
    ///
    /// # Safety
    ///
    /// It said `true`, and this is the thread that called it or its copy in the child.
    pub unsafe fn after_fork(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.state.leave() };
    }
}
