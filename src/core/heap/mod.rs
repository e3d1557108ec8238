//! Floor 2: a heap of tagged blocks over one backing and one index.
//!
//! ```text
//!   allocate ─► index.take ─┬─ found ────────► place: split off what is too much
//!                           └─ nothing fits ─► grow: the last free block, the tail, the backing
//!   release  ─► merge with free neighbours ─► index.insert
//!   resize   ─► next free block, or the tail, or no
//!   tend     ─► a second later: the top back to the backing, inner pages purged
//! ```
//!
//! - **H1** Every byte that the backing gave belongs to one block, one head, one epilogue or one
//!   tail of one segment: `Counts` can prove it.
//! - **H2** With immediate coalescing no two free blocks are neighbours.
//! - **H3** A block that the program holds is never moved and its payload never written.

pub mod gone;
mod grow;
mod inspect;
pub mod maps;
mod place;
mod release;
mod resize;
mod tend;

#[cfg(test)]
pub mod draw;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod paper;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use inspect::Fault;
pub use tend::Tending;

use core::ptr::NonNull;

use crate::block::tag::OWN;
use crate::block::{Block, Free, LIMIT, SMALLEST, Segments, need_of};
use crate::os::backing::Backing;
use crate::policy::FreeIndex;
use place::lead_of;

/// Free blocks that are looked at for an aligned request before a roomier one is taken.
const CANDIDATES: usize = 3;

/// When neighbours that are free become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coalesce {
    /// At once, when a block is freed.
    Immediate,
    /// When a search has failed, all of them in one pass.
    Deferred,
}

/// How much the heap asks of its backing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// What is missing, to the byte: for replays that measure utilisation.
    Exact,
    /// A 128th of the footprint, at least 64 KiB, or more where several threads wait for it, and at most 4 MiB,
    /// up to the end of a huge page where a large heap fills; what is missing if that is more.
    Geometric,
}

/// The settings of one heap.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Smallest remainder, in bytes, that is split off.
    pub split: usize,
    /// When free neighbours merge.
    pub coalesce: Coalesce,
    /// How the heap grows.
    pub growth: Growth,
    /// Free bytes at the top that a trim leaves to the heap.
    pub keep: usize,
    /// The footprint in bytes from which on the heap grows by huge pages.
    pub huge: usize,
}

impl Shape {
    /// The settings of the process heap.
    pub const DEFAULT: Self = Self {
        split: SMALLEST,
        coalesce: Coalesce::Immediate,
        growth: Growth::Geometric,
        keep: 128 << 10,
        huge: 8 << 20,
    };
}

/// What a heap has done, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes taken from the backing.
    pub footprint: usize,
    /// The most it ever was.
    pub peak_footprint: usize,
    /// Blocks that the program or the allocator holds.
    pub used_blocks: usize,
    /// Their bytes, headers included.
    pub used_bytes: usize,
    /// Of these, bytes that the allocator itself holds.
    pub own_bytes: usize,
    /// Of the used blocks, those that the allocator itself holds.
    pub own_blocks: usize,
    /// Free blocks.
    pub free_blocks: usize,
    /// Their bytes.
    pub free_bytes: usize,
    /// Of the free bytes, those whose pages were given back.
    pub purged_bytes: usize,
    /// Segments alive.
    pub segments: usize,
    /// Blocks placed.
    pub allocs: u64,
    /// Blocks released.
    pub frees: u64,
    /// Remainders split off.
    pub splits: u64,
    /// Neighbours merged.
    pub coalesces: u64,
    /// Free blocks looked at by searches.
    pub probes: u64,
    /// Times the backing gave memory.
    pub grows: u64,
    /// Times memory went back.
    pub shrinks: u64,
}

/// A block wanted.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Bytes of payload.
    pub len: usize,
    /// Alignment of the payload, a power of two, at least 16.
    pub align: usize,
    /// Tag bits beside USED: OWN for the allocator's own, or a class.
    pub bits: u64,
}

impl Request {
    /// `len` bytes for the program.
    #[inline]
    pub const fn of(len: usize) -> Self {
        Self { len, align: crate::block::ALIGN, bits: 0 }
    }

    /// `len` bytes at a multiple of `align`.
    #[inline]
    pub const fn aligned(len: usize, align: usize) -> Self {
        Self { len, align, bits: 0 }
    }
}

/// A block handed out: two words, also where it is optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    payload: NonNull<u8>,
    /// Leading bytes of the payload that may not be zero; the rest is fresh.
    pub dirty: usize,
}

impl Placed {
    #[inline]
    const fn new(block: Block, dirty: usize) -> Self {
        debug_assert!(!block.payload().is_null());
        // SAFETY: a block of a heap, which has memory: no process can map address 0.
        Self { payload: unsafe { NonNull::new_unchecked(block.payload()) }, dirty }
    }

    /// The block.
    #[inline]
    pub const fn block(self) -> Block {
        Block::of_payload(self.payload.as_ptr())
    }
}

/// A heap of tagged blocks.
#[derive(Debug)]
#[repr(C)]
pub struct Heap<B, I> {
    segments: Segments,
    counts: Counts,
    shape: Shape,
    /// Free blocks that a deferred merge has not seen.
    unmerged: usize,
    /// AGED while what is released has lain idle elsewhere, else nothing.
    ripe: u64,
    tending: Tending,
    backing: B,
    index: I,
}

// SAFETY: the heap owns the memory that its pointers name; it may move between threads.
unsafe impl<B: Send, I> Send for Heap<B, I> {}

impl<B, I> Heap<B, I> {
    /// A heap that has taken nothing yet.
    pub const fn new(backing: B, index: I, shape: Shape) -> Self {
        Self {
            backing,
            index,
            segments: Segments::EMPTY,
            shape,
            counts: Counts {
                footprint: 0,
                peak_footprint: 0,
                used_blocks: 0,
                used_bytes: 0,
                own_bytes: 0,
                own_blocks: 0,
                free_blocks: 0,
                free_bytes: 0,
                purged_bytes: 0,
                segments: 0,
                allocs: 0,
                frees: 0,
                splits: 0,
                coalesces: 0,
                probes: 0,
                grows: 0,
                shrinks: 0,
            },
            unmerged: 0,
            ripe: 0,
            tending: Tending::NEVER,
        }
    }

    /// What the heap has done and holds.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The segments, for walks.
    pub const fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The index.
    pub const fn index(&self) -> &I {
        &self.index
    }

    /// The backing.
    pub const fn backing(&mut self) -> &mut B {
        &mut self.backing
    }

    /// The settings.
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Changes the settings; blocks that exist stay as they are.
    pub const fn reshape(&mut self, shape: Shape) {
        self.shape = shape;
    }

    /// Chooses the index of a heap that has taken nothing yet.
    pub fn set_index(&mut self, index: I) {
        debug_assert_eq!(self.counts.grows, 0);
        self.index = index;
    }
}

impl<B: Backing, I: FreeIndex> Heap<B, I> {
    /// A block for `request`; `None` when memory is out or no tag could say the size.
    #[inline]
    pub fn allocate(&mut self, request: Request) -> Option<Placed> {
        let need = need_of(request.len)?;
        let placed = if request.align <= crate::block::ALIGN {
            self.take(need).map(|free| self.place(free, need)).or_else(|| self.extend(need))
        } else {
            self.allocate_aligned(need, request.align)
        }?;
        self.count_placed(placed.block(), request.bits);
        Some(placed)
    }

    /// A free block of at least `need` bytes, merged from deferred neighbours if it must be.
    #[inline]
    fn take(&mut self, need: usize) -> Option<Free> {
        let found = self.index.take(need, &self.segments, &mut self.counts.probes);
        if found.is_some() || self.unmerged == 0 {
            return found;
        }
        self.merge_all();
        self.index.take(need, &self.segments, &mut self.counts.probes)
    }

    fn allocate_aligned(&mut self, need: usize, align: usize) -> Option<Placed> {
        let room = need.checked_add(align)?.checked_add(SMALLEST)?;
        if room >= LIMIT {
            return None;
        }
        if let Some(free) = self.take_fitting(need, align).or_else(|| self.take(room)) {
            return Some(self.place_aligned(free, need, align));
        }
        self.extend_aligned(need, align)
    }

    /// A free block that holds `need` bytes at a multiple of `align` though it would not do so wherever it
    /// stood: what an aligned block left behind. Only the best few are looked at.
    fn take_fitting(&mut self, need: usize, align: usize) -> Option<Free> {
        let mut misfits = [const { None }; CANDIDATES];
        let mut fitting = None;
        for misfit in &mut misfits {
            // No merge of deferred neighbours: they could be misfits, which are filed nowhere.
            let found = self.index.take(need, &self.segments, &mut self.counts.probes);
            let Some(free) = found else { break };
            // SAFETY: [B1]: a free block.
            if lead_of(free.block(), align) + need <= unsafe { free.block().size() } {
                fitting = Some(free);
                break;
            }
            *misfit = Some(free);
        }
        for free in misfits.into_iter().flatten() {
            // SAFETY: as above.
            let size = unsafe { free.block().size() };
            self.index.insert(free, size, &self.segments);
        }
        fitting
    }

    fn count_placed(&mut self, block: Block, bits: u64) {
        // SAFETY: [B1]: placed just now.
        let tag = unsafe { block.tag() };
        self.counts.allocs += 1;
        self.counts.used_blocks += 1;
        self.counts.used_bytes += tag.size();
        if bits & OWN != 0 {
            self.counts.own_bytes += tag.size();
            self.counts.own_blocks += 1;
        }
        if bits != 0 {
            // SAFETY: [B4]
            unsafe { block.set_tag(tag.with(bits)) };
        }
        // SAFETY: [B1]
        self.index.placed(unsafe { block.next() });
    }
}
