//! Buddy heaps: sizes that are halves, Fibonacci numbers, or powers with threes between them.
//!
//! ```text
//!   allocate ─► smallest class that has a block ─► split, keep the smallest part that fits
//!   release  ─► while all other parts of the parent are free: one block again
//!
//!   binary   │        32        │ ─► │   16    │   16    │ ─► │ 8  │ 8  │   16    │
//!                                                                └ buddies ┘
//! ```
//!
//! One engine over a [`System`], which names the sizes and the parts; `yard` does the work. All knowledge about
//! blocks is out of band, in one mark for each unit (`mark`), so that a payload of 2^k bytes is
//! a block of 2^k bytes. Every operation visits at most one block of each class: O(log n). The
//! literature of each system stands with it in `system`; a survey is Peterson and Norman, "Buddy
//! systems" (1977).

mod lists;
mod mark;
mod plot;
mod system;
mod yard;

#[cfg(test)]
mod tests;

use core::marker::PhantomData;

pub use system::{Binary, Fibonacci, System, Tertiary, Weighted};

use self::yard::Yard;
use super::{Engine, Figures, Grant, Held, Piece};
use crate::heap::{Fault, Growth};
use crate::os::backing::Backing;

/// A buddy heap with the sizes of `S`; blocks are multiples of `UNIT` bytes, a power of two.
///
/// The system is part of the type, its law is data below: four systems are not four times the code.
#[derive(Debug)]
pub struct Buddy<B, S, const UNIT: usize = 32> {
    yard: Yard<B, UNIT>,
    system: PhantomData<fn() -> S>,
}

impl<B, S: System, const UNIT: usize> Buddy<B, S, UNIT> {
    /// A heap that has taken nothing yet.
    pub const fn new(backing: B, growth: Growth) -> Self {
        Self { yard: Yard::new(S::LAW, backing, growth), system: PhantomData }
    }
}

impl<B: Backing, S: System, const UNIT: usize> Engine for Buddy<B, S, UNIT> {
    fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        self.yard.allocate(len, align)
    }

    fn locate(&self, address: usize) -> Result<Held, Fault> {
        self.yard.locate(address)
    }

    unsafe fn release(&mut self, held: Held) {
        // SAFETY: [Y1]: the caller's promise, passed on.
        unsafe { self.yard.release(held) };
    }

    unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
        // SAFETY: [Y1]: the caller's promise, passed on.
        unsafe { self.yard.resize(held, len) }
    }

    fn walk(&self, see: &mut dyn FnMut(Piece)) {
        self.yard.walk(see);
    }

    fn figures(&self) -> Figures {
        self.yard.figures()
    }

    fn footprint(&self) -> usize {
        self.yard.footprint()
    }

    fn live(&self) -> usize {
        self.yard.live()
    }

    fn trim(&mut self, keep: usize) -> bool {
        self.yard.trim(keep)
    }
}
