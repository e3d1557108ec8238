//! The depot: full and empty magazines of each class, exchanged whole.
//!
//! A hundred objects change hands for two lock operations and not one cache miss on an object. What
//! nobody wanted for a while goes back to its rooms (the working set of Bonwick and Adams 2001).

use core::sync::atomic::{AtomicUsize, Ordering};

use super::magazine::{Magazine, Stack};
use crate::os::lock::Lock;
use crate::slab::class::{self, CLASSES};

/// The magazines of one class.
struct Shelf {
    full: Stack,
    empty: Stack,
    /// The fewest full magazines since the last tick: so many were not needed.
    idle: usize,
}

// SAFETY: a shelf owns its magazines.
unsafe impl Send for Shelf {}

/// All shelves, a lock each.
pub struct Depot {
    shelves: [Lock<Shelf>; CLASSES],
    /// Bytes in full magazines, and how many there may be.
    resting: AtomicUsize,
    budget: AtomicUsize,
}

impl Depot {
    /// No magazine at all.
    pub const EMPTY: Self = Self {
        shelves: [const { Lock::new(Shelf { full: Stack::EMPTY, empty: Stack::EMPTY, idle: 0 }) }; CLASSES],
        resting: AtomicUsize::new(0),
        budget: AtomicUsize::new(0),
    };

    /// Sets how many bytes may rest here.
    pub fn limit(&self, bytes: usize) {
        self.budget.store(bytes, Ordering::Relaxed);
    }

    /// Bytes in full magazines.
    pub fn resting(&self) -> usize {
        self.resting.load(Ordering::Relaxed)
    }

    /// A full magazine of `class`.
    pub fn take_full(&self, class: usize) -> Option<*mut Magazine> {
        self.take_full_for(class, core::ptr::null_mut())
    }

    /// A full magazine of `class` for an empty one, or for null. Without a full one the empty one
    /// stays with the caller.
    pub fn take_full_for(&self, class: usize, empty: *mut Magazine) -> Option<*mut Magazine> {
        if self.resting.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut shelf = self.shelves[class].enter()?;
        let full = shelf.full.pop()?;
        shelf.idle = shelf.idle.min(shelf.full.count);
        if !empty.is_null() {
            shelf.empty.push(empty);
        }
        self.resting.fetch_sub(bytes_in(class, full), Ordering::Relaxed);
        Some(full)
    }

    /// A full magazine of `class` that nobody wanted since the last tick.
    pub fn take_idle(&self, class: usize) -> Option<*mut Magazine> {
        let mut shelf = self.shelves[class].enter()?;
        if shelf.idle == 0 {
            return None;
        }
        let full = shelf.full.pop()?;
        shelf.idle -= 1;
        self.resting.fetch_sub(bytes_in(class, full), Ordering::Relaxed);
        Some(full)
    }

    /// Begins a new span of time for `class`: what is here now counts as idle until it is taken.
    pub fn tick(&self, class: usize) {
        if let Some(mut shelf) = self.shelves[class].enter() {
            shelf.idle = shelf.full.count;
        }
    }

    /// An empty magazine of `class`.
    pub fn take_empty(&self, class: usize) -> Option<*mut Magazine> {
        self.shelves[class].enter()?.empty.pop()
    }

    /// Keeps a full magazine, for an empty one if there is any. If it is one too many, it comes back
    /// as the error: its objects are to go to their rooms.
    pub fn give_full(
        &self,
        class: usize,
        full: *mut Magazine,
    ) -> Result<Option<*mut Magazine>, *mut Magazine> {
        let bytes = bytes_in(class, full);
        if self.resting.load(Ordering::Relaxed) + bytes > self.budget.load(Ordering::Relaxed) {
            return Err(full);
        }
        let Some(mut shelf) = self.shelves[class].enter() else { return Err(full) };
        self.resting.fetch_add(bytes, Ordering::Relaxed);
        shelf.full.push(full);
        Ok(shelf.empty.pop())
    }

    /// Keeps an empty magazine.
    pub fn give_empty(&self, class: usize, empty: *mut Magazine) {
        if let Some(mut shelf) = self.shelves[class].enter() {
            shelf.empty.push(empty);
        }
    }

    /// Calls `see` with the class and the address of every object in a full magazine.
    pub fn each_cached(&self, see: &mut impl FnMut(usize, *mut u8)) {
        for (class, shelf) in self.shelves.iter().enumerate() {
            let Some(shelf) = shelf.enter() else { continue };
            for magazine in shelf.full.iter() {
                Magazine::objects(magazine).iter().for_each(|object| see(class, *object));
            }
        }
    }

    /// Whether `object` of `class` rests in a full magazine.
    pub fn holds(&self, class: usize, object: *mut u8) -> bool {
        let Some(shelf) = self.shelves[class].enter() else { return false };
        shelf.full.iter().any(|magazine| Magazine::objects(magazine).contains(&object))
    }

    /// Whether this thread holds one of the locks: a signal handler interrupted it.
    pub fn is_mine(&self) -> bool {
        self.shelves.iter().any(Lock::is_mine)
    }

    /// Takes all locks for a fork, in the order of the classes, but those that this thread holds;
    /// a bit for each one taken.
    pub fn before_fork(&self) -> u128 {
        let mut taken = 0;
        for (class, shelf) in self.shelves.iter().enumerate() {
            if shelf.enter().map(core::mem::forget).is_some() {
                taken |= 1 << class;
            }
        }
        taken
    }

    /// Gives back the locks that [`Depot::before_fork`] took.
    ///
    /// # Safety
    ///
    /// This thread, or the one it is a copy of, took them.
    pub unsafe fn after_fork(&self, taken: u128) {
        for (class, shelf) in self.shelves.iter().enumerate() {
            if taken & 1 << class != 0 {
                // SAFETY: the caller's promise.
                unsafe { shelf.leave() };
            }
        }
    }
}

const _: () = assert!(CLASSES <= 128);

/// Bytes of the objects in a magazine of `class`.
fn bytes_in(class: usize, magazine: *mut Magazine) -> usize {
    // SAFETY: the caller owns the magazine.
    unsafe { (*magazine).count as usize * class::len_of(class) }
}
