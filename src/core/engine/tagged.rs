//! The heap of tagged blocks as an engine.

use super::{Engine, Figures, Grant, Held, Kind, Piece};
use crate::block::segment::OVERHEAD;
use crate::block::tag::OWN;
use crate::block::{Block, Tag, WORD};
use crate::heap::{Fault, Heap, Request};
use crate::os::backing::Backing;
use crate::policy::FreeIndex;

impl<B: Backing, I: FreeIndex> Engine for Heap<B, I> {
    fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        let placed = Self::allocate(self, Request::aligned(len, align))?;
        Some(Grant::new(placed.block().payload(), placed.dirty))
    }

    fn locate(&self, address: usize) -> Result<Held, Fault> {
        let block = Self::locate(self, address)?;
        // SAFETY: located just now.
        Ok(Held { payload: block.payload(), len: unsafe { block.len() } })
    }

    unsafe fn release(&mut self, held: Held) {
        // SAFETY: the caller's promise.
        unsafe { Self::release(self, Block::of_payload(held.payload)) };
    }

    unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe { Self::resize(self, Block::of_payload(held.payload), len) }
    }

    fn walk(&self, see: &mut dyn FnMut(Piece)) {
        Self::walk(self, |block, tag| {
            let kind = match (tag.is_used(), tag.has(OWN)) {
                (false, _) => Kind::Free,
                (true, false) => Kind::Used,
                (true, true) => Kind::Own,
            };
            see(Piece { start: block.addr(), size: tag.size(), lead: WORD, kind });
        });
    }

    fn each_free(&self, see: &mut dyn FnMut(usize, usize)) {
        let listed = self.index().each_free(self.segments(), &mut |block, tag| see(block.addr(), tag.size()));
        if !listed {
            let mut by_address = |block: Block, tag: Tag| {
                if !tag.is_used() {
                    see(block.addr(), tag.size());
                }
            };
            Self::walk(self, &mut by_address);
        }
    }

    fn figures(&self) -> Figures {
        let counts = self.counts();
        let used_blocks = counts.used_blocks - counts.own_blocks;
        Figures {
            footprint: counts.footprint,
            peak_footprint: counts.peak_footprint,
            live: Engine::live(self),
            tags: used_blocks * WORD,
            free: counts.free_bytes,
            tail: self.tail_bytes(),
            metadata: counts.own_bytes + counts.segments * OVERHEAD,
            used_blocks,
            free_blocks: counts.free_blocks,
            largest_free: self.largest_free(),
            segments: counts.segments,
            grows: counts.grows,
            shrinks: counts.shrinks,
            allocs: counts.allocs,
            frees: counts.frees,
            splits: counts.splits,
            coalesces: counts.coalesces,
            probes: counts.probes,
        }
    }

    fn footprint(&self) -> usize {
        self.counts().footprint
    }

    fn live(&self) -> usize {
        let counts = self.counts();
        counts.used_bytes - counts.own_bytes - (counts.used_blocks - counts.own_blocks) * WORD
    }

    fn trim(&mut self, keep: usize) -> bool {
        Self::trim(self, keep)
    }
}
