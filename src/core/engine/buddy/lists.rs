//! The free blocks of a buddy heap: one list for each class, and a word that says which are not empty.
//!
//! ```text
//!   filled:  0 1 0 0 1 0 …        heads[1] ──► block ──► block        links: next, previous
//! ```
//!
//! - **BL1** A member is the start of a free block, at least 32 bytes, whose first two words are
//!   its links. Links lie where the program may scribble: one is followed only if the mark of
//!   its unit says that a free block of the class begins there.

use core::ptr;

use super::plot::{Plot, Spot};
use super::system::CLASSES;
use crate::engine::runs::Runs;
use crate::fatal;

/// First words of a free block.
#[derive(Clone, Copy)]
struct Links {
    next: *mut u8,
    previous: *mut u8,
}

/// All free blocks.
#[derive(Debug)]
pub struct Lists<const UNIT: usize> {
    heads: [*mut u8; CLASSES],
    filled: u64,
}

/// The plot of `block` and its unit, if it lies in one of `runs`.
pub fn plot_of<const UNIT: usize>(runs: &Runs<()>, block: *mut u8) -> Option<(Plot<UNIT>, usize)> {
    let plot = Plot::of(runs.sites()[runs.holding(block.addr())?].run);
    match plot.spot(block.addr()) {
        Spot::Start(unit) => Some((plot, unit)),
        Spot::Within(_) | Spot::Outside => None,
    }
}

impl<const UNIT: usize> Lists<UNIT> {
    /// No block.
    pub const EMPTY: Self = Self { heads: [ptr::null_mut(); CLASSES], filled: 0 };

    /// Those of `classes`, a set of bits, that have a block, with their newest block.
    pub fn among(&self, classes: u64) -> impl Iterator<Item = (usize, *mut u8)> + use<'_, UNIT> {
        let mut left = self.filled & classes;
        core::iter::from_fn(move || {
            let class = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some((class, self.heads[class]))
        })
    }

    /// The largest class that has a block.
    pub fn largest(&self) -> Option<usize> {
        self.filled.checked_ilog2().map(|class| class as usize)
    }

    /// Files the free `block` of `class`.
    pub fn push(&mut self, class: usize, block: *mut u8, runs: &Runs<()>) {
        let next = self.heads[class];
        set_links(block, Links { next, previous: ptr::null_mut() });
        if !next.is_null() {
            let links = Self::links(class, next, runs);
            set_links(next, Links { previous: block, ..links });
        }
        self.heads[class] = block;
        self.filled |= 1 << class;
    }

    /// Takes `block`, a member of `class`, out.
    pub fn unlink(&mut self, class: usize, block: *mut u8, runs: &Runs<()>) {
        let Links { next, previous } = Self::links(class, block, runs);
        if !next.is_null() {
            let links = Self::links(class, next, runs);
            set_links(next, Links { previous, ..links });
        }
        if previous.is_null() {
            self.heads[class] = next;
        } else {
            let links = Self::links(class, previous, runs);
            set_links(previous, Links { next, ..links });
        }
        if self.heads[class].is_null() {
            self.filled &= !(1 << class);
        }
    }

    /// The blocks of `class`, newest first.
    pub fn of<'a>(&self, class: usize, runs: &'a Runs<()>) -> impl Iterator<Item = *mut u8> + use<'a, UNIT> {
        let first = self.heads[class];
        core::iter::successors((!first.is_null()).then_some(first), move |block| {
            let next = Self::links(class, *block, runs).next;
            (!next.is_null()).then_some(next)
        })
    }

    /// The links of `block`, once it is known to be a free block of `class` ([BL1](self)).
    fn links(class: usize, block: *mut u8, runs: &Runs<()>) -> Links {
        let found = plot_of::<UNIT>(runs, block);
        if !found.is_some_and(|(plot, unit)| plot.mark(unit).is_free_of(class)) {
            fatal!("corrupted free list: a link leads to {block:p}");
        }
        // SAFETY: [BL1]
        unsafe { block.cast::<Links>().read() }
    }
}

fn set_links(block: *mut u8, links: Links) {
    // SAFETY: [BL1]: the callers pass blocks that are free.
    unsafe { block.cast::<Links>().write(links) };
}
