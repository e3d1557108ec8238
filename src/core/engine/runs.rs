//! The runs of memory that an engine has taken from its backing, by address.
//!
//! ```text
//!   sites:  │ run, note │ run, note │ run, note │ ...      ascending, found by bisection
//!             ▼           ▼
//!           ├── pages ──┤ ├── pages ────────┤              adjacent or not
//! ```
//!
//! Each new run is a fixed share of all that exists, so that their number grows with the
//! logarithm of the footprint and a short table holds them all.
//!
//! - **RU1** Runs are disjoint and ascend; each was given by the backing and not yet taken back.

use core::ptr;

use crate::heap::Growth;
use crate::os::backing::{Backing, Run};

/// Most runs of one engine: with a sixteenth of the footprint each, enough for 2^34 bytes, and
/// with an eighth for 2^48.
const MOST: usize = 256;

/// What an engine asks for that cannot lengthen every run, when it holds `footprint` bytes.
pub fn wish(growth: Growth, footprint: usize) -> usize {
    match growth {
        Growth::Exact => (footprint / 16).max(4 << 10),
        Growth::Geometric => (footprint / 8).max(64 << 10),
    }
}

/// A run and what the engine notes about it.
#[derive(Clone, Copy, Debug)]
pub struct Site<T> {
    /// The memory.
    pub run: Run,
    /// The engine's note.
    pub note: T,
}

impl<T> Site<T> {
    /// Address of the first byte behind the run.
    pub fn end(&self) -> usize {
        self.run.base.addr() + self.run.len
    }
}

/// All runs of one engine.
#[derive(Debug)]
pub struct Runs<T> {
    sites: [Site<T>; MOST],
    count: usize,
    /// Where the run that was taken last ends: the next one may be adjacent.
    end: *mut u8,
}

impl<T: Copy> Runs<T> {
    /// No run; `blank` fills the table.
    pub const fn new(blank: T) -> Self {
        let none = Run { base: ptr::null_mut(), len: 0 };
        Self { sites: [Site { run: none, note: blank }; MOST], count: 0, end: ptr::null_mut() }
    }

    /// The sites, ascending.
    pub fn sites(&self) -> &[Site<T>] {
        &self.sites[..self.count]
    }

    /// The sites, ascending, to change their notes.
    pub fn sites_mut(&mut self) -> &mut [Site<T>] {
        &mut self.sites[..self.count]
    }

    /// Which site holds `address`.
    #[inline]
    pub fn holding(&self, address: usize) -> Option<usize> {
        let sites = self.sites();
        let at = sites.partition_point(|site| site.run.base.addr() <= address).checked_sub(1)?;
        (address < sites[at].end()).then_some(at)
    }

    /// Where the run that was taken last ends.
    pub const fn end(&self) -> *mut u8 {
        self.end
    }

    /// Takes at least `least` bytes from `backing`, `want` if that costs no more. The run is
    /// not filed yet.
    pub fn take<B: Backing>(&mut self, backing: &mut B, least: usize, want: usize) -> Option<Run> {
        if self.count == MOST {
            return None;
        }
        let run = backing.grow(self.end, least, want.max(least))?;
        self.end = run.base.wrapping_add(run.len);
        Some(run)
    }

    /// Files `run`, which is new; which site it is.
    pub fn file(&mut self, run: Run, note: T) -> usize {
        let at = self.sites().partition_point(|site| site.run.base < run.base);
        self.sites.copy_within(at..self.count, at + 1);
        self.sites[at] = Site { run, note };
        self.count += 1;
        at
    }

    /// Strikes site `at` off: the backing has taken it back.
    pub fn strike(&mut self, at: usize) {
        if self.sites[at].run.base.wrapping_add(self.sites[at].run.len) == self.end {
            self.end = self.sites[at].run.base;
        }
        self.sites.copy_within(at + 1..self.count, at);
        self.count -= 1;
    }

    /// Notes that site `at` now ends where `len` says.
    pub fn resize(&mut self, at: usize, len: usize) {
        let run = &mut self.sites[at].run;
        if run.base.wrapping_add(run.len) == self.end {
            self.end = run.base.wrapping_add(len);
        }
        run.len = len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::draw::arena;

    fn run(base: usize, len: usize) -> Run {
        Run { base: ptr::without_provenance_mut(base), len }
    }

    #[test]
    fn an_address_is_found_in_the_run_that_holds_it() {
        let mut runs = Runs::new(0u8);
        runs.file(run(0x3000, 0x100), 3);
        runs.file(run(0x1000, 0x100), 1);
        runs.file(run(0x2000, 0x100), 2);

        let note = |address| runs.holding(address).map(|at| runs.sites()[at].note);

        assert_eq!([note(0x1000), note(0x20FF), note(0x3010)], [Some(1), Some(2), Some(3)]);
        assert_eq!([note(0xFFF), note(0x1100), note(0x3100)], [None; 3]);
    }

    #[test]
    fn a_run_that_went_back_is_not_found() {
        let mut runs = Runs::new(());
        runs.file(run(0x1000, 0x100), ());
        runs.file(run(0x2000, 0x100), ());

        runs.strike(0);

        assert_eq!(runs.holding(0x1000), None);
        assert_eq!(runs.holding(0x2000), Some(0));
    }

    #[test]
    fn growth_goes_on_where_the_last_run_ends_or_ended() {
        let mut runs = Runs::new(());
        let mut backing = arena(1 << 16);
        let [first, second] = [100, 200].map(|len| {
            let run = runs.take(&mut backing, len, len).unwrap();
            runs.file(run, ());
            run
        });

        let end = runs.end();
        runs.strike(1);

        assert_eq!(end, second.base.wrapping_add(second.len));
        assert_eq!(runs.end(), first.base.wrapping_add(first.len));
    }
}
