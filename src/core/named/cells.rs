//! Cells: locks that handles name, as many as there are handles.
//!
//! ```text
//!   chunks ──► page │ next │ cell │ cell │ cell │ … 63 │ ──► page │ next │ cell │ … │ ──► null
//! ```
//!
//! Pages of cells stay for ever, and cells are used again. So a handle whose estate is gone is
//! still looked up without touching memory that is no more, and is told apart.
//!
//! - **CE1** The list of chunks only grows, under the lock `founding`. A chunk is one page.
//! - **CE2** A cell's estate is used by the holder of the cell's lock only.

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use super::Trouble;
use crate::os::lock::{Guard, Lock};
use crate::os::{PAGE, lot, round_down};

/// Bytes of a cell: a line of the cache, so that neighbours do not disturb each other.
const CELL: usize = 64;

/// Cells of a chunk.
const CELLS: usize = PAGE / CELL - 1;

/// How often a fork gives way to holders of locks that it must not wait for, in all.
pub const PATIENCE: u32 = 5000;

/// A lock that a fork can take and keep.
pub struct Gate<T> {
    pub lock: Lock<T>,
    /// Whether a fork holds it.
    is_held: AtomicBool,
}

impl<T> Gate<T> {
    /// Open, around `value`.
    pub const fn new(value: T) -> Self {
        Self { lock: Lock::new(value), is_held: AtomicBool::new(false) }
    }

    /// Takes the lock for a fork. With `tries` left over from other locks it gives up after so many.
    pub fn hold(&self, tries: &mut Option<u32>) {
        let guard = match tries {
            Some(left) if !self.lock.is_mine() => self.lock.enter_patiently(left),
            _ => self.lock.enter(),
        };
        // Another thread may be forking too, and hold the lock for that.
        if guard.map(core::mem::forget).is_some() {
            self.is_held.store(true, Ordering::Relaxed);
        }
    }

    /// Gives back what [`Gate::hold`] took. In the child, who else held the lock is gone: whether
    /// he may have left the value half changed.
    ///
    /// # Safety
    ///
    /// This is the thread that called it, or its copy in the child of the fork.
    pub unsafe fn release(&self, is_child: bool) -> bool {
        if !self.lock.is_mine() {
            // SAFETY: the caller's promise.
            let lost = is_child && unsafe { self.lock.inherit() };
            return lost && !self.is_held.swap(false, Ordering::Relaxed);
        }
        if self.is_held.swap(false, Ordering::Relaxed) {
            // SAFETY: the caller's promise.
            unsafe { self.lock.leave() };
        }
        false
    }
}

/// What a cell names, or null.
pub struct Slot {
    pub estate: *mut u8,
}

// SAFETY: [CE2]: the estate goes where the lock goes.
unsafe impl Send for Slot {}

#[repr(C, align(64))]
struct Cell(Gate<Slot>);

#[repr(C, align(4096))]
struct Chunk {
    next: *mut Chunk,
    cells: [Cell; CELLS],
}

const _: () = assert!(size_of::<Cell>() == CELL && size_of::<Chunk>() == PAGE);

/// All cells of one kind.
pub struct Cells {
    founding: Gate<()>,
    chunks: AtomicPtr<Chunk>,
}

impl Cells {
    /// None.
    pub const EMPTY: Self = Self { founding: Gate::new(()), chunks: AtomicPtr::new(ptr::null_mut()) };

    /// All cells, chunk by chunk: the place of one, and where the next one stands.
    fn cells(&self) -> impl Iterator<Item = &Cell> {
        let (mut chunk, mut number) = (self.chunks.load(Ordering::Acquire), 0);
        core::iter::from_fn(move || {
            // SAFETY: [CE1]
            let cell = unsafe { chunk.as_ref() }?.cells.get(number)?;
            number += 1;
            if number == CELLS {
                // SAFETY: [CE1]
                (chunk, number) = (unsafe { (*chunk).next }, 0);
            }
            Some(cell)
        })
    }

    /// The cell that `handle` names, if it names one.
    fn cell(&self, handle: *const u8) -> Option<&Cell> {
        let (page, offset) = (round_down(handle.addr(), PAGE), handle.addr() % PAGE);
        let number = (offset / CELL).checked_sub(1).filter(|_| offset.is_multiple_of(CELL))?;
        let mut at = self.chunks.load(Ordering::Acquire);
        loop {
            // SAFETY: [CE1]
            let chunk = unsafe { at.as_ref() }?;
            if at.addr() == page {
                return chunk.cells.get(number);
            }
            at = chunk.next;
        }
    }

    /// The slot of `handle`, to be used while it is kept; `Gone` if the handle names no cell.
    #[inline(never)]
    pub fn enter(&self, handle: *const u8) -> Result<Guard<'_, Slot>, Trouble> {
        self.cell(handle).ok_or(Trouble::Gone)?.0.lock.enter().ok_or(Trouble::Inside)
    }

    /// The slots of all cells, one after the other.
    pub fn slots(&self) -> impl Iterator<Item = Guard<'_, Slot>> {
        self.cells().filter_map(|cell| cell.0.lock.enter())
    }

    /// The slots that nobody is in.
    pub fn idle_slots(&self) -> impl Iterator<Item = Guard<'_, Slot>> {
        self.cells().filter_map(|cell| cell.0.lock.try_enter())
    }

    /// Puts `estate` into a free cell: its handle. Cells that are busy are in use: nobody is
    /// waited for.
    pub fn fill(&self, estate: *mut u8) -> Result<*mut u8, Trouble> {
        let _founding = self.founding.lock.enter().ok_or(Trouble::Inside)?;
        loop {
            for cell in self.cells() {
                if let Some(mut slot) = cell.0.lock.try_enter().filter(|slot| slot.estate.is_null()) {
                    slot.estate = estate;
                    return Ok(ptr::from_ref(cell).cast_mut().cast());
                }
            }
            // All zero: free locks, no estates.
            let chunk = lot::map(ptr::null_mut(), PAGE).ok_or(Trouble::Memory)?.cast::<Chunk>();
            let next = self.chunks.load(Ordering::Relaxed);
            // SAFETY: mapped just now, a page.
            unsafe { (*chunk).next = next };
            self.chunks.store(chunk, Ordering::Release);
        }
    }

    /// Whether this thread holds one of the locks.
    pub fn is_mine(&self) -> bool {
        self.founding.lock.is_mine() || self.cells().any(|cell| cell.0.lock.is_mine())
    }

    /// Takes all locks, or those that are to be had within `tries`.
    pub fn before_fork(&self, tries: &mut Option<u32>) {
        self.founding.hold(tries);
        self.cells().for_each(|cell| cell.0.hold(tries));
    }

    /// Gives back what [`Cells::before_fork`] took. What a thread that is not in the child had in
    /// hand is given up there.
    ///
    /// # Safety
    ///
    /// This is the thread that called it, or its copy in the child.
    pub unsafe fn after_fork(&self, is_child: bool) {
        for cell in self.cells() {
            // SAFETY: the caller's promise.
            let lost = unsafe { cell.0.release(is_child) };
            if let Some(mut slot) = cell.0.lock.try_enter().filter(|_| lost) {
                slot.estate = ptr::null_mut();
            }
        }
        // The list of chunks is whole at every moment.
        // SAFETY: the caller's promise.
        unsafe { self.founding.release(is_child) };
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Something that a cell can name; nobody looks at it.
    fn estate(number: usize) -> *mut u8 {
        ptr::without_provenance_mut(4096 * (number + 1))
    }

    #[test]
    fn there_are_as_many_cells_as_are_wanted_and_each_is_found_again() {
        let cells = Cells::EMPTY;

        let handles: Vec<_> = (0..1000).map(|number| cells.fill(estate(number)).unwrap()).collect();

        for (number, handle) in handles.iter().enumerate() {
            assert_eq!(cells.enter(*handle).unwrap().estate, estate(number));
        }
        assert_eq!(cells.slots().filter(|slot| !slot.estate.is_null()).count(), 1000);
    }

    #[test]
    fn what_is_no_handle_is_told_apart_without_being_followed() {
        let cells = Cells::EMPTY;
        let handle = cells.fill(estate(0)).unwrap();

        for wrong in [handle.wrapping_add(1), handle.wrapping_sub(64), handle.wrapping_add(4096), estate(7)] {
            assert!(matches!(cells.enter(wrong), Err(Trouble::Gone)), "{wrong:p}");
        }
        assert!(cells.enter(handle.wrapping_add(64)).unwrap().estate.is_null(), "free");
    }

    #[test]
    fn a_cell_is_used_again_but_not_while_somebody_is_inside() {
        let cells = Cells::EMPTY;
        let handles = [0, 1].map(|number| cells.fill(estate(number)).unwrap());
        cells.enter(handles[0]).unwrap().estate = ptr::null_mut();

        let inside = cells.enter(handles[0]).unwrap();
        let third = cells.fill(estate(2)).unwrap();
        drop(inside);
        let fourth = cells.fill(estate(3)).unwrap();

        assert!(!handles.contains(&third));
        assert_eq!(fourth, handles[0]);
    }

    #[test]
    fn what_others_had_in_hand_is_given_up_in_the_child() {
        let cells = &Cells::EMPTY;
        let [held, other] = [0, 1].map(|number| cells.fill(estate(number)).unwrap());
        std::thread::scope(|scope| {
            let held = held.addr();
            scope.spawn(move || core::mem::forget(cells.enter(ptr::without_provenance(held)).unwrap()));
        });

        cells.before_fork(&mut Some(10));
        // SAFETY: the other thread has ended, as in a child.
        unsafe { cells.after_fork(true) };

        assert!(cells.enter(held).unwrap().estate.is_null());
        assert_eq!(cells.enter(other).unwrap().estate, estate(1));
    }

    #[test]
    fn a_fork_takes_every_lock_and_gives_it_back() {
        let cells = Cells::EMPTY;
        let handle = cells.fill(estate(0)).unwrap();

        cells.before_fork(&mut None);
        let during = (cells.is_mine(), cells.enter(handle).is_err());
        // SAFETY: this thread took them.
        unsafe { cells.after_fork(false) };

        assert_eq!(during, (true, true));
        assert!(!cells.is_mine());
        assert_eq!(cells.enter(handle).unwrap().estate, estate(0));
    }
}
