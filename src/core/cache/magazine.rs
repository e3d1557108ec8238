//! A magazine: an array of pointers to free objects of one class.
//!
//! ```text
//!   ├ next ┼ count, cap ┼ slot 0 ┼ slot 1 ┼ ... ┼ slot cap - 1 ┤     a used block, marked OWN
//! ```
//!
//! - **U1** `count` is true while the magazine is not loaded in a bin.

use core::ptr;

use crate::slab::class;

/// The most slots, whatever the objects.
const MOST_SLOTS: usize = 128;

/// How large the magazines of a process get.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Bytes that a full magazine of small objects may hold.
    budget: usize,
    /// The slots of one for large objects.
    least: usize,
}

impl Format {
    /// Of one thread: nobody else waits for what its magazines hold.
    pub const ALONE: Self = Self { budget: 16 << 10, least: 32 };
    /// Of several that give magazines to the depot.
    pub const SHARED: Self = Self { budget: 8 << 10, least: 16 };

    /// The slots of a magazine for objects of `class` at its largest.
    #[inline]
    pub const fn most_slots(self, class: usize) -> usize {
        let slots = self.budget / class::len_of(class);
        if slots > MOST_SLOTS {
            MOST_SLOTS
        } else if slots < self.least {
            self.least
        } else {
            slots
        }
    }
}

/// The head of a magazine; the slots follow.
#[repr(C)]
pub struct Magazine {
    /// The magazine behind it in a stack.
    pub next: *mut Magazine,
    /// Objects in it ([U1](self)).
    pub count: u32,
    /// Slots.
    pub cap: u32,
}

impl Magazine {
    /// Bytes of a magazine with `cap` slots.
    pub const fn bytes(cap: usize) -> usize {
        size_of::<Self>() + cap * size_of::<*mut u8>()
    }

    /// Makes an empty magazine of the memory at `at`.
    ///
    /// # Safety
    ///
    /// `at` has [`Magazine::bytes`] of `cap` bytes that are nobody else's.
    pub unsafe fn build(at: *mut u8, cap: usize) -> *mut Self {
        let this: *mut Self = at.cast();
        // SAFETY: the caller's promise.
        unsafe { this.write(Self { next: ptr::null_mut(), count: 0, cap: cap as u32 }) };
        this
    }

    /// Forgets what was in the slots: the memory will be somebody else's, who should find no addresses.
    ///
    /// # Safety
    ///
    /// The caller owns the magazine at `this`.
    pub unsafe fn wipe(this: *mut Self) {
        // SAFETY: the caller's promise.
        let cap = unsafe { (*this).cap } as usize;
        // SAFETY: a magazine has so many slots.
        unsafe { Self::slots(this).write_bytes(0, cap) };
    }

    /// The first slot of the magazine at `this`.
    pub const fn slots(this: *mut Self) -> *mut *mut u8 {
        this.wrapping_add(1).cast()
    }

    /// The objects in the magazine at `this`, which is not loaded.
    pub fn objects<'a>(this: *mut Self) -> &'a [*mut u8] {
        // SAFETY: the caller owns the magazine, and [U1] makes the count true.
        let count = unsafe { (*this).count } as usize;
        // SAFETY: the slots below the count are written.
        unsafe { core::slice::from_raw_parts(Self::slots(this), count) }
    }

    /// The magazine whose first slot is `low`.
    pub const fn of_slots(low: *mut *mut u8) -> *mut Self {
        low.cast::<Self>().wrapping_sub(1)
    }
}

/// A stack of magazines.
#[derive(Debug)]
pub struct Stack {
    head: *mut Magazine,
    /// Magazines in it.
    pub count: usize,
}

impl Stack {
    /// No magazine.
    pub const EMPTY: Self = Self { head: ptr::null_mut(), count: 0 };

    /// Puts a magazine on top.
    pub fn push(&mut self, magazine: *mut Magazine) {
        // SAFETY: the stack owns what is pushed.
        unsafe { (*magazine).next = self.head };
        self.head = magazine;
        self.count += 1;
    }

    /// Takes the magazine from the top.
    pub fn pop(&mut self) -> Option<*mut Magazine> {
        let top = self.head;
        if top.is_null() {
            return None;
        }
        // SAFETY: the stack owns it.
        self.head = unsafe { (*top).next };
        self.count -= 1;
        Some(top)
    }

    /// The magazines, from the top.
    pub fn iter(&self) -> impl Iterator<Item = *mut Magazine> + '_ {
        let mut at = self.head;
        core::iter::from_fn(move || {
            let this = at;
            if this.is_null() {
                return None;
            }
            // SAFETY: the stack owns it.
            at = unsafe { (*this).next };
            Some(this)
        })
    }
}
