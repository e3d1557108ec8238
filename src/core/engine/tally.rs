//! How the engines keep their figures.

use super::Figures;
use crate::heap::Counts;

impl From<&Figures> for Counts {
    /// The same in the terms of the tagged heap.
    fn from(figures: &Figures) -> Self {
        Self {
            footprint: figures.footprint,
            peak_footprint: figures.peak_footprint,
            used_blocks: figures.used_blocks,
            used_bytes: figures.live + figures.tags,
            free_blocks: figures.free_blocks,
            free_bytes: figures.free,
            segments: figures.segments,
            allocs: figures.allocs,
            frees: figures.frees,
            splits: figures.splits,
            coalesces: figures.coalesces,
            probes: figures.probes,
            grows: figures.grows,
            shrinks: figures.shrinks,
            ..Self::default()
        }
    }
}

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
        segments: 0,
        grows: 0,
        shrinks: 0,
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
        self.grows += 1;
        if self.peak_footprint < self.footprint {
            self.peak_footprint = self.footprint;
        }
    }

    /// The backing took `bytes` back.
    pub(super) const fn gave(&mut self, bytes: usize) {
        self.footprint -= bytes;
        self.shrinks += 1;
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
