//! Floor 2, left wing: who is chosen among the free blocks.
//!
//! ```text
//!               order of the candidates              which of them
//!   Implicit    all blocks, by address         x     FirstFit NextFit BestFit WorstFit
//!   Explicit    free blocks: Lifo or Address   x     FirstFit NextFit BestFit WorstFit
//!   Bins        free blocks by size            x     lists: first fit    trees: best fit
//! ```
//!
//! - **P1** A [`FreeIndex`] holds exactly the free blocks of its heap. Implicit ones hold them by
//!   definition: the blocks say themselves that they are free.
//! - **P2** A link in a free block is checked before it is followed: it must lie within the
//!   heap's bounds and lead to a sealed tag of a free block.

pub mod bins;
pub mod explicit;
pub mod fit;
pub mod implicit;
pub mod list;
pub mod table;
pub mod tree;

use crate::block::{Block, Free, Segments, Tag};
use crate::fatal;

pub use table::{AnyIndex, POLICIES, Policy};

/// What a heap wants of an index ([P1](self)).
pub trait FreeIndex {
    /// Files a free block of `size`.
    fn insert(&mut self, free: Free, size: usize, segments: &Segments);

    /// Takes `block`, which is free and filed, out.
    fn remove(&mut self, block: Block, segments: &Segments) -> Free;

    /// Finds a block of at least `need` bytes by this policy and takes it out; counts in `probes`
    /// every candidate that it looked at.
    fn take(&mut self, need: usize, segments: &Segments, probes: &mut u64) -> Option<Free>;

    /// A block was placed; `behind` is what follows it. Next fit goes on from there.
    fn placed(&mut self, _behind: Block) {}

    /// Blocks have vanished at the end of a segment: no memory of places is valid.
    fn forget(&mut self) {}

    /// Calls `see` with every free block in the order in which this index keeps them; `false`,
    /// without a call, if that is the order of the blocks themselves.
    fn each_free(&self, _segments: &Segments, _see: &mut dyn FnMut(Block, Tag)) -> bool {
        false
    }
}

/// The tag of the free block that `link` leads to ([P2](self)).
fn checked(link: *mut u8, segments: &Segments) -> (Block, Tag) {
    let block = Block::at(link);
    if !segments.may_hold(block.addr()) {
        fatal!("corrupted free list: a link leads to {link:p}");
    }
    // SAFETY: within the bounds of the heap; the tag proves the rest.
    match unsafe { block.try_tag() } {
        Some(tag) if !tag.is_used() => (block, tag),
        _ => fatal!("corrupted free list: no free block at {:p}", block.payload()),
    }
}
