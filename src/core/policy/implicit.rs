//! No index at all: the list of blocks itself is searched.
//!
//! ```text
//!   segment ─► │ used │ free │ used │ used │ free │ E      next fit starts at ▲ rover,
//!                                    ▲ rover                wraps, and ends there
//! ```
//!
//! - **I1** `rover` is null or the header of a block or an epilogue.

use core::marker::PhantomData;
use core::ptr;

use super::FreeIndex;
use super::fit::Fit;
use crate::block::walk::blocks_from;
use crate::block::{Block, Free, Segment, Segments};

/// The literal implicit list, searched by `F`.
#[derive(Debug)]
pub struct Implicit<F> {
    rover: *mut u8,
    fit: PhantomData<F>,
}

impl<F> Implicit<F> {
    /// No block placed yet.
    pub const EMPTY: Self = Self { rover: ptr::null_mut(), fit: PhantomData };

    /// Segments and start places so that every block comes up once, the rover's first.
    fn stretches(&self, segments: &Segments) -> impl Iterator<Item = (Block, Option<Block>)> {
        let rover = Block::at(self.rover);
        let stands = |s: &Segment| s.holds(rover.addr());
        let home = if self.rover.is_null() { None } else { segments.iter().find(stands) };
        let before = segments.oldest_first().take_while(move |s| Some(*s) != home);
        let after = segments.oldest_first().skip_while(move |s| Some(*s) != home).skip(1);
        home.map(|_| (rover, None))
            .into_iter()
            .chain(after.map(|s| (s.first(), None)))
            .chain(before.map(|s| (s.first(), None)))
            .chain(home.map(|s| (s.first(), Some(rover))))
    }
}

impl<F: Fit> FreeIndex for Implicit<F> {
    fn insert(&mut self, free: Free, size: usize, _segments: &Segments) {
        let block = free.settle();
        if F::ROVES && self.rover.addr().wrapping_sub(block.addr()) < size {
            self.rover = block.header();
        }
    }

    fn remove(&mut self, block: Block, _segments: &Segments) -> Free {
        if F::ROVES && self.rover == block.header() {
            // SAFETY: [B1]
            self.rover = unsafe { block.next() }.header();
        }
        // SAFETY: no index holds it: there is none.
        unsafe { Free::unfiled(block) }
    }

    fn take(&mut self, need: usize, segments: &Segments, probes: &mut u64) -> Option<Free> {
        let candidates = self.stretches(segments).flat_map(|(start, stop)| {
            // SAFETY: [I1] and [S2].
            let blocks = unsafe { blocks_from(start) };
            blocks.take_while(move |(block, _)| Some(*block) != stop)
        });
        let free = candidates.inspect(|_| *probes += 1).filter(|(_, tag)| !tag.is_used());
        let chosen = F::choose(free.map(|(block, tag)| (block, tag.size())), need)?;
        Some(self.remove(chosen, segments))
    }

    fn placed(&mut self, behind: Block) {
        if F::ROVES {
            self.rover = behind.header();
        }
    }

    fn forget(&mut self) {
        self.rover = ptr::null_mut();
    }
}
