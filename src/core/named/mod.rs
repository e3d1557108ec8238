//! Floor 5, beside the allocator: what a program makes and names itself.
//!
//! ```text
//!   Named ──first use──► Hall ─┬─ heaps      one policy and one lot of mappings each
//!                              ├─ pools      objects that stay constructed, a lot each
//!                              └─ families   memory by kinds of structures, one lot
//! ```
//!
//! Nothing here exists before the first call: a process that makes none of them touches no page
//! for it. All descriptors live in mappings of their own, as many as the program makes.
//!
//! - **NA1** No function of the program runs while one of these locks is held: constructors,
//!   destructors, visitors and readers of reports may call whatever they want.
//! - **NA2** Whoever holds the lock of one heap, one pool or the families waits for no other lock.

mod cells;
mod families;
mod heaps;
mod owner;
mod place;
mod pools;
mod report;
mod roll;
mod trouble;

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

pub use families::FamilyTotals;
pub use owner::Owner;
pub use pools::PoolTotals;
pub use trouble::{Name, Trouble};

use self::cells::{Cells, Gate, PATIENCE};
use self::heaps::NamedHeap;
use self::pools::NamedPool;
use self::roll::Roll;
use crate::engine::families::Families;
use crate::os::backing::System;
use crate::os::{PAGE, lot, round_up};

/// The heaps, pools and families of the process.
// Beside the allocator's own words, not on a page of zeros that a process would touch for it alone.
#[unsafe(link_section = ".data")]
pub static NAMED: Named = Named::new();

/// All named heaps, pools and families.
pub struct Named {
    founding: Gate<()>,
    hall: AtomicPtr<Hall>,
}

/// What the first call makes; it stays.
struct Hall {
    heaps: Roll<NamedHeap>,
    pools: Roll<NamedPool>,
    families: Roll<Families<System>>,
    /// The one handle of `families`, or null.
    court: AtomicPtr<u8>,
}

impl Named {
    /// None yet.
    const fn new() -> Self {
        Self { founding: Gate::new(()), hall: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Whether there was a call. Before the first one the allocator has to be ready: what is made
    /// here is sealed with the key that it draws.
    pub fn is_used(&self) -> bool {
        self.visit().is_some()
    }

    /// The hall, if there is one.
    fn visit(&self) -> Option<&Hall> {
        // SAFETY: a hall is published when it is complete, and stays.
        unsafe { self.hall.load(Ordering::Acquire).as_ref() }
    }

    /// The hall, a new one at the first call.
    fn hall(&self) -> Result<&Hall, Trouble> {
        match self.visit() {
            Some(hall) => Ok(hall),
            None => self.found(),
        }
    }

    #[cold]
    #[inline(never)]
    fn found(&self) -> Result<&Hall, Trouble> {
        let _founding = self.founding.lock.enter().ok_or(Trouble::Inside)?;
        if let Some(hall) = self.visit() {
            return Ok(hall);
        }
        let place = lot::map(ptr::null_mut(), round_up(size_of::<Hall>(), PAGE)).ok_or(Trouble::Memory)?;
        let hall = place.cast::<Hall>();
        let court = AtomicPtr::new(ptr::null_mut());
        let empty = Hall { heaps: Roll::EMPTY, pools: Roll::EMPTY, families: Roll::EMPTY, court };
        // SAFETY: mapped just now, and large enough.
        unsafe { hall.write(empty) };
        self.hall.store(hall, Ordering::Release);
        self.visit().ok_or(Trouble::Memory)
    }

    /// Takes all locks for a fork; for a thread that `holds` other locks, as far as that needs no long wait.
    pub fn before_fork(&self, holds: bool) {
        // A signal handler that interrupted a holder forks: others may wait for what it holds.
        let is_inside =
            holds || self.visit().is_some_and(|hall| hall.cells().into_iter().any(Cells::is_mine));
        let mut tries = is_inside.then_some(PATIENCE);
        self.founding.hold(&mut tries);
        for cells in self.visit().iter().flat_map(|hall| hall.cells()) {
            cells.before_fork(&mut tries);
        }
    }

    /// Gives back, in both processes, what [`Named::before_fork`] took.
    ///
    /// # Safety
    ///
    /// This is the thread that called it, or its copy in the child.
    pub unsafe fn after_fork(&self, is_child: bool) {
        for cells in self.visit().iter().flat_map(|hall| hall.cells()) {
            // SAFETY: the caller's promise.
            unsafe { cells.after_fork(is_child) };
        }
        // SAFETY: the caller's promise.
        unsafe { self.founding.release(is_child) };
    }
}

impl Hall {
    /// All locks.
    const fn cells(&self) -> [&Cells; 3] {
        [&self.heaps.cells, &self.pools.cells, &self.families.cells]
    }
}
