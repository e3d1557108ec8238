//! A lot: the mappings of one heap beside the process heap, noted so that all go back at once.
//!
//! ```text
//!   runs:  │ base, len │ base, len │ base, len │ room …      a mapping too, doubled when full
//!              ▼           ▼
//!          ├── run ──┤ ├──── run ────┤                       adjacent or not
//! ```
//!
//! A process that is played again has a field of its own instead, which stands for break or mappings.
//!
//! - **LT1** The runs are disjoint, were mapped here, and were not given back.
//! - **LT2** `runs` has room for `cap` runs, of which `count` are written.

use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::backing::{Backing, LEAST_MAPPING, Run};
use super::fake::Arena;
use super::{PAGE, call, round_up};

// Beside the allocator's own words, not on a page of zeros that a process would touch for it alone.
#[unsafe(link_section = ".data")]
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Bytes that all lots and what is kept about them have mapped.
pub fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}

/// `len` bytes, whole pages, zero; at `hint` exactly if that is not null.
pub fn map(hint: *mut u8, len: usize) -> Option<*mut u8> {
    let base = call::map(hint, len)?;
    HELD.fetch_add(len, Ordering::Relaxed);
    Some(base)
}

/// Takes back what [`map`] gave, or whole pages of it; whether the system did.
pub fn unmap(at: *mut u8, len: usize) -> bool {
    let done = call::unmap(at, len);
    if done {
        HELD.fetch_sub(len, Ordering::Relaxed);
    }
    done
}

/// What a field stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A heap that takes what it needs, to the byte.
    Bytes,
    /// The break of a process, which moves by whole pages.
    Break,
    /// Mappings, of which each lies below the one before, as the system puts them.
    Mappings,
}

/// Reserved memory, and what it stands for.
#[derive(Debug)]
struct Field {
    arena: Arena,
    part: Part,
}

impl Field {
    fn grow(&mut self, least: usize, want: usize) -> Option<Run> {
        match self.part {
            Part::Bytes => self.arena.grow(ptr::null_mut(), least, want),
            Part::Break => self.arena.grow(ptr::null_mut(), whole(least)?, whole(want)?),
            Part::Mappings => {
                let want = whole(want)?.max(LEAST_MAPPING);
                self.arena.take_top(want).or_else(|| self.arena.take_top(whole(least)?))
            }
        }
    }

    fn release(&mut self, from: *mut u8, len: usize) -> bool {
        // Below a mapping that went nothing moves: its place stays empty.
        self.part == Part::Mappings || self.arena.shrink(from, len)
    }
}

/// The mappings of one heap.
#[derive(Debug)]
pub struct Lot {
    runs: *mut Run,
    count: usize,
    cap: usize,
    field: Option<Field>,
}

// SAFETY: the lot owns its table; it may move between threads.
unsafe impl Send for Lot {}

impl Lot {
    /// No mapping.
    pub const EMPTY: Self = Self { runs: ptr::null_mut(), count: 0, cap: 0, field: None };

    /// Nothing taken yet of a field that plays `part`.
    pub const fn over(arena: Arena, part: Part) -> Self {
        Self { field: Some(Field { arena, part }), ..Self::EMPTY }
    }

    /// Whether the memory was reserved before.
    pub const fn is_field(&self) -> bool {
        self.field.is_some()
    }

    /// At least `least` fresh bytes, `want` if there are so many: at `end` if that is free.
    pub fn grow(&mut self, end: *mut u8, least: usize, want: usize) -> Option<Run> {
        if let Some(field) = &mut self.field {
            return field.grow(least, want.max(least));
        }
        self.reserve()?;
        let want = whole(want.max(least))?;
        let adjacent = (!end.is_null() && end.addr().is_multiple_of(PAGE)).then(|| map(end, want)).flatten();
        let mut found = adjacent.or_else(|| map(ptr::null_mut(), want)).map(|base| Run { base, len: want });
        if found.is_none() {
            let len = whole(least)?;
            found = map(ptr::null_mut(), len).map(|base| Run { base, len });
        }
        let run = found?;
        self.push(run);
        Some(run)
    }

    /// Takes the pages `[from, from + len)` back, which reach to the end of a run; whether they went.
    pub fn release(&mut self, from: *mut u8, len: usize) -> bool {
        if let Some(field) = &mut self.field {
            return field.release(from, len);
        }
        if !unmap(from, len) {
            return false;
        }
        let (start, end) = (from.addr(), from.addr() + len);
        for at in (0..self.count).rev() {
            let run = self.run(at);
            let base = run.base.addr();
            if base >= end || base + run.len <= start {
                continue;
            }
            match start.saturating_sub(base) {
                0 => {
                    self.count -= 1;
                    self.set(at, self.run(self.count));
                }
                left => self.set(at, Run { len: left, ..run }),
            }
        }
        true
    }

    /// Gives everything back.
    pub fn clear(&mut self) {
        for at in 0..self.count {
            let run = self.run(at);
            unmap(run.base, run.len);
        }
        if self.cap != 0 {
            unmap(self.runs.cast(), self.cap * size_of::<Run>());
        }
        *self = Self::EMPTY;
    }

    /// Makes room for one more run.
    fn reserve(&mut self) -> Option<()> {
        if self.count < self.cap {
            return Some(());
        }
        let bytes = (2 * self.cap * size_of::<Run>()).max(PAGE);
        let runs = map(ptr::null_mut(), bytes)?.cast::<Run>();
        if self.cap != 0 {
            // SAFETY: [LT2]: the new table is twice as long as the old one.
            unsafe { runs.copy_from_nonoverlapping(self.runs, self.count) };
            unmap(self.runs.cast(), self.cap * size_of::<Run>());
        }
        (self.runs, self.cap) = (runs, bytes / size_of::<Run>());
        Some(())
    }

    fn push(&mut self, run: Run) {
        self.count += 1;
        self.set(self.count - 1, run);
    }

    fn slot(&self, at: usize) -> *mut Run {
        assert!(at < self.cap, "[LT2]");
        self.runs.wrapping_add(at)
    }

    fn run(&self, at: usize) -> Run {
        // SAFETY: [LT2]
        unsafe { self.slot(at).read() }
    }

    fn set(&mut self, at: usize, run: Run) {
        // SAFETY: [LT2]
        unsafe { self.slot(at).write(run) };
    }
}

/// `len` in whole pages.
fn whole(len: usize) -> Option<usize> {
    (len <= isize::MAX as usize).then(|| round_up(len, PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `holds` says so in a process of its own: what is given back here may be another test's at once.
    fn alone(holds: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child calls nothing that another thread may have been in the midst of.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: it ends here.
            unsafe { libc::_exit(i32::from(!holds())) };
        }
        let mut status = -1;
        // SAFETY: writes to the word that is passed.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        waited == child && status == 0
    }

    #[test]
    fn a_lot_gives_back_all_that_it_took() {
        const RUNS: usize = 599;

        assert!(alone(|| {
            let mut lot = Lot::EMPTY;
            let mut runs = [Run { base: ptr::null_mut(), len: 0 }; RUNS];
            for (pages, run) in (1..).zip(&mut runs) {
                let Some(new) = lot.grow(ptr::null_mut(), pages % 7 * PAGE + 1, 1) else { return false };
                // SAFETY: a run is the caller's.
                unsafe { new.base.wrapping_add(new.len - 1).write(7) };
                *run = new;
            }
            let noted = lot.count;
            lot.clear();

            (noted, lot.count, lot.cap) == (RUNS, 0, 0)
                && runs.iter().all(|run| call::map(run.base, run.len) == Some(run.base))
        }));
    }

    #[test]
    fn the_end_of_a_run_can_go_alone_and_its_rest_later() {
        let mut lot = Lot::EMPTY;
        let run = lot.grow(ptr::null_mut(), 4 * PAGE, 4 * PAGE).unwrap();

        assert!(lot.release(run.base.wrapping_add(PAGE), 3 * PAGE));
        assert_eq!(lot.run(0), Run { base: run.base, len: PAGE });
        assert!(lot.release(run.base, PAGE));

        assert_eq!(lot.count, 0);
        lot.clear();
    }

    #[test]
    fn growth_is_adjacent_where_it_can_be_and_absurd_growth_is_refused() {
        let mut lot = Lot::EMPTY;

        assert!(alone(|| {
            let Some(room) = lot.grow(ptr::null_mut(), 8 * PAGE, 0) else { return false };
            let behind = room.base.wrapping_add(PAGE);
            let released = lot.release(behind, 7 * PAGE);
            let next = lot.grow(behind, PAGE, 2 * PAGE);

            released && next == Some(Run { base: behind, len: 2 * PAGE })
        }));
        assert!(lot.grow(ptr::null_mut(), usize::MAX, 0).is_none());
        assert!(lot.grow(ptr::null_mut(), 1 << 60, 0).is_none());
        lot.clear();
    }
}
