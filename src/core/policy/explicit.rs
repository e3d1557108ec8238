//! One list of the free blocks, newest first or by address.

use core::marker::PhantomData;
use core::ptr;

use super::FreeIndex;
use super::fit::Fit;
use super::list::List;
use crate::block::{Block, Free, Segments, Tag};

/// Where a freed block enters the list.
pub trait Order {
    /// Files `block` in `list`.
    fn file(list: &mut List, block: Block, segments: &Segments);
}

/// Newest first.
#[derive(Debug)]
pub struct Lifo;

/// Lowest address first. Freeing costs a walk along the list.
#[derive(Debug)]
pub struct Address;

impl Order for Lifo {
    fn file(list: &mut List, block: Block, segments: &Segments) {
        list.push(block, segments);
    }
}

impl Order for Address {
    fn file(list: &mut List, block: Block, segments: &Segments) {
        list.insert_by_address(block, segments);
    }
}

/// A list in the order `O`, searched by `F`.
///
/// The rover of next fit is an address: the search begins at the first member behind it.
#[derive(Debug)]
pub struct Explicit<O, F> {
    list: List,
    rover: usize,
    kind: PhantomData<(O, F)>,
}

impl<O, F> Explicit<O, F> {
    /// No free block.
    pub const EMPTY: Self = Self { list: List::EMPTY, rover: 0, kind: PhantomData };
}

impl<O: Order, F: Fit> FreeIndex for Explicit<O, F> {
    fn insert(&mut self, free: Free, size: usize, segments: &Segments) {
        let block = free.settle();
        if F::ROVES && self.rover.wrapping_sub(block.addr()) < size {
            self.rover = block.addr();
        }
        O::file(&mut self.list, block, segments);
    }

    fn remove(&mut self, block: Block, segments: &Segments) -> Free {
        self.list.unlink(block, segments);
        // SAFETY: unlinked just now.
        unsafe { Free::unfiled(block) }
    }

    fn take(&mut self, need: usize, segments: &Segments, probes: &mut u64) -> Option<Free> {
        let rover = self.rover;
        let start = if F::ROVES {
            let ahead = self.list.iter(segments).find(|(block, _)| block.addr() >= rover);
            ahead.map_or(ptr::null_mut(), |(block, _)| block.header())
        } else {
            ptr::null_mut()
        };
        let wrapped = self.list.iter(segments).take_while(|(block, _)| block.header() != start);
        let candidates = List::from(start, segments).chain(wrapped);
        let counted = candidates.inspect(|_| *probes += 1).map(|(block, tag)| (block, tag.size()));
        let chosen = F::choose(counted, need)?;
        Some(self.remove(chosen, segments))
    }

    fn placed(&mut self, behind: Block) {
        if F::ROVES {
            self.rover = behind.addr();
        }
    }

    fn forget(&mut self) {
        self.rover = 0;
    }

    fn each_free(&self, segments: &Segments, see: &mut dyn FnMut(Block, Tag)) -> bool {
        self.list.iter(segments).for_each(|(block, tag)| see(block, tag));
        true
    }
}
