//! Blocks with a mapping of their own: what is large, and what nobody else can serve.
//!
//! ```text
//!   threshold:  1 MiB ─► grows with what is freed ─► 32 MiB
//! ```

use super::{Grant, State};
use crate::block::{ALIGN, Block, WORD};
use crate::engine::Held;
use crate::heap::Fault;
use crate::heap::maps::MOST;

/// The first threshold above which a request is mapped, and the one that it adapts up to.
pub(super) const LEAST_THRESHOLD: usize = 1 << 20;
const MOST_THRESHOLD: usize = 32 << 20;

impl State {
    /// Whether a request is better served by a mapping. A design may pay for the alignment with
    /// memory.
    pub(super) fn wants_mapping(&self, len: usize, align: usize) -> bool {
        let slop = if self.design.is_some() && align > ALIGN { align } else { 0 };
        len.saturating_add(slop) > self.threshold && self.maps.count() < MOST
    }

    pub(super) fn map(&mut self, len: usize, align: usize) -> Option<Grant> {
        self.widen_table()?;
        let block = self.maps.map(len, align)?;
        self.note_peak();
        Some(Grant::new(block.payload(), 0))
    }

    /// Makes room in the set of mapped blocks.
    fn widen_table(&mut self) -> Option<()> {
        let Some(words) = self.maps.wants_table() else { return Some(()) };
        let table = self.tables.map(words * WORD)?;
        // SAFETY: the mapping is new and large enough.
        let (old, words) = unsafe { self.maps.set_table(table, words) };
        self.tables.unmap(old, words * WORD);
        Some(())
    }

    /// Adds a block that was mapped without the lock.
    pub(in crate::allocator) fn file(&mut self, block: Block) {
        // Without a table the block cannot be told from a stranger's; it stays, unknown.
        if self.widen_table().is_some() {
            self.maps.file(block);
            self.note_peak();
        }
    }

    /// The mapped block at `payload`.
    pub(super) fn locate_mapped(&self, payload: *mut u8) -> Result<Held, Fault> {
        let address = payload.addr();
        let block = self.maps.locate(address).ok_or_else(|| self.stray(address))?;
        // SAFETY: [M1]
        Ok(Held { payload: block.payload(), len: unsafe { block.len() } })
    }

    /// Why no mapped block begins at `address`: all of them are looked at.
    #[cold]
    #[inline(never)]
    fn stray(&self, address: usize) -> Fault {
        // SAFETY: [M1]
        let holds = |block: &Block| address.wrapping_sub(block.payload().addr()) < unsafe { block.len() };
        match (self.gone.fault(address), self.maps.iter().find(holds)) {
            (Fault::Foreign, Some(block)) => Fault::Interior(block.payload().addr()),
            (fault, _) => fault,
        }
    }

    pub(super) fn release_mapped(&mut self, block: Block) {
        // SAFETY: [M1]
        let len = unsafe { block.len() };
        if self.settings.mmap_threshold.is_none() && len <= MOST_THRESHOLD {
            // What is freed was not for ever: the next of its size is better placed in the heap.
            self.threshold = self.threshold.max(len);
        }
        self.gone.note(block.payload().addr());
        // SAFETY: located just now.
        unsafe { self.maps.unmap(block) };
    }

    /// A block of the heap cannot grow in its place from `has` bytes to `len`. If it is one that a mapping would
    /// serve, grown where it was, twice as much is sought in the heap too: it is copied in any case, and a mapping
    /// would be touched anew, here and with the next such block.
    pub(super) fn note_outgrown(&mut self, has: usize, len: usize) {
        if self.settings.mmap_threshold.is_none() && has > self.threshold && len > has {
            self.threshold = (2 * has).min(MOST_THRESHOLD);
        }
    }

    /// Resizes a mapped block, which may move; `None` leaves it as it was.
    pub(super) fn resize_mapped(&mut self, block: Block, len: usize) -> Option<*mut u8> {
        // SAFETY: [M1]: located just now.
        let moved = unsafe { self.maps.remap(block, len) };
        self.note_peak();
        let now = moved?.payload();
        if now != block.payload() {
            self.gone.note(block.payload().addr());
        }
        Some(now)
    }
}
