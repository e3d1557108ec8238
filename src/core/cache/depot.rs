//! The depot: full and empty magazines of each class, exchanged whole.
//!
//! A hundred objects change hands for two lock operations and not one cache miss on an object.

use super::magazine::{Magazine, Stack};
use crate::os::lock::Lock;
use crate::slab::class::{self, CLASSES};

/// Bytes of full magazines that a class may keep before some go back to their rooms.
const BUDGET: usize = 128 << 10;

/// The magazines of one class.
struct Shelf {
    full: Stack,
    empty: Stack,
}

// SAFETY: a shelf owns its magazines.
unsafe impl Send for Shelf {}

/// All shelves, a lock each.
pub struct Depot {
    shelves: [Lock<Shelf>; CLASSES],
}

impl Depot {
    /// No magazine at all.
    pub const EMPTY: Self =
        Self { shelves: [const { Lock::new(Shelf { full: Stack::EMPTY, empty: Stack::EMPTY }) }; CLASSES] };

    /// A full magazine of `class`.
    pub fn take_full(&self, class: usize) -> Option<*mut Magazine> {
        self.shelves[class].enter()?.full.pop()
    }

    /// An empty magazine of `class`.
    pub fn take_empty(&self, class: usize) -> Option<*mut Magazine> {
        self.shelves[class].enter()?.empty.pop()
    }

    /// Keeps a full magazine. If that is one too many, another comes back: its objects are to go
    /// to their rooms.
    pub fn give_full(&self, class: usize, full: *mut Magazine) -> Option<*mut Magazine> {
        let Some(mut shelf) = self.shelves[class].enter() else { return Some(full) };
        // SAFETY: the caller hands it over.
        let held = unsafe { (*full).count } as usize * class::len_of(class);
        if (shelf.full.count + 1) * held > BUDGET {
            return Some(full);
        }
        shelf.full.push(full);
        None
    }

    /// Keeps an empty magazine.
    pub fn give_empty(&self, class: usize, empty: *mut Magazine) {
        if let Some(mut shelf) = self.shelves[class].enter() {
            shelf.empty.push(empty);
        }
    }

    /// Bytes of objects in full magazines.
    pub fn cached_bytes(&self) -> usize {
        (0..CLASSES).map(|class| self.objects(class) * class::len_of(class)).sum()
    }

    /// Objects of `class` in full magazines.
    fn objects(&self, class: usize) -> usize {
        let Some(shelf) = self.shelves[class].enter() else { return 0 };
        // SAFETY: the shelf owns its magazines, and the lock is held.
        shelf.full.iter().map(|magazine| unsafe { (*magazine).count } as usize).sum()
    }

    /// Whether `object` of `class` rests in a full magazine.
    pub fn holds(&self, class: usize, object: *mut u8) -> bool {
        let Some(shelf) = self.shelves[class].enter() else { return false };
        shelf.full.iter().any(|magazine| {
            // SAFETY: as in `objects`.
            let count = unsafe { (*magazine).count } as usize;
            // SAFETY: the slots below `count` are written.
            let slots = unsafe { core::slice::from_raw_parts(Magazine::slots(magazine), count) };
            slots.contains(&object)
        })
    }

    /// Takes all locks for a fork, in the order of the classes.
    pub fn before_fork(&self) {
        for shelf in &self.shelves {
            shelf.enter().map(core::mem::forget);
        }
    }

    /// Gives all locks back.
    ///
    /// # Safety
    ///
    /// This thread, or the one it is a copy of, took them in [`Depot::before_fork`].
    pub unsafe fn after_fork(&self) {
        for shelf in &self.shelves {
            // SAFETY: the caller's promise.
            unsafe { shelf.leave() };
        }
    }
}
