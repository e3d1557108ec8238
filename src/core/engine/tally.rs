//! How the engines keep their figures.

use super::Figures;

impl Figures {
    /// Nothing done, nothing held.
    pub const NONE: Self = Self {
        footprint: 0,
        peak_footprint: 0,
        live: 0,
        tags: 0,
        free: 0,
        tail: 0,
        metadata: 0,
        used_blocks: 0,
        free_blocks: 0,
        largest_free: 0,
        allocs: 0,
        frees: 0,
        splits: 0,
        coalesces: 0,
        probes: 0,
    };

    /// The sum of the rows: the footprint, if every byte has its row.
    pub const fn sum(&self) -> usize {
        self.live + self.tags + self.free + self.tail + self.metadata
    }

    /// The backing gave `bytes`.
    pub(super) const fn took(&mut self, bytes: usize) {
        self.footprint += bytes;
        if self.peak_footprint < self.footprint {
            self.peak_footprint = self.footprint;
        }
    }

    /// A block with `len` bytes for the program went out.
    pub(super) const fn granted(&mut self, len: usize) {
        self.live += len;
        self.used_blocks += 1;
        self.allocs += 1;
    }

    /// A block with `len` bytes for the program came back.
    pub(super) const fn returned(&mut self, len: usize) {
        self.live -= len;
        self.used_blocks -= 1;
        self.frees += 1;
    }
}
