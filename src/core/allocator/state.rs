//! What stands behind the lock: the process heap, the mapped blocks, and the settings.

use super::Grant;
use crate::block::tag::{self, OWN};
use crate::block::{ALIGN, Block, Tag, WORD};
use crate::heap::maps::{MOST, Maps};
use crate::heap::{Fault, Heap, Request};
use crate::os::backing::System;
use crate::os::{clock, environment};
use crate::policy::AnyIndex;
use crate::settings::{Fill, Settings};

/// The first threshold above which a request is mapped, and the one that it adapts up to.
const LEAST_THRESHOLD: usize = 1 << 20;
const MOST_THRESHOLD: usize = 32 << 20;

/// Calls between two looks at the clock: a look costs as much as a call.
const CALLS_PER_LOOK: u32 = 16;

/// The heap of the process.
pub type ProcessHeap = Heap<System, AnyIndex>;

/// Everything that the lock guards.
pub struct State {
    heap: ProcessHeap,
    maps: Maps,
    settings: Settings,
    threshold: usize,
    calls: u32,
    ready: bool,
}

/// What became of a wish to resize.
pub enum Resized {
    /// The block holds enough, here.
    Done(*mut u8),
    /// Memory is out; the old block is as it was.
    Refused,
    /// A new block, and how many bytes to copy into it before the old one is freed.
    Moving(Grant, usize),
}

impl State {
    /// Nothing taken, nothing set.
    pub(super) const fn new() -> Self {
        Self {
            heap: Heap::new(System::new(), AnyIndex::EMPTY, Settings::DEFAULT.shape),
            maps: Maps::EMPTY,
            settings: Settings::DEFAULT,
            threshold: LEAST_THRESHOLD,
            calls: 0,
            ready: false,
        }
    }

    #[inline]
    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Reads the environment, draws a key and chooses the policy: before the first block.
    #[cold]
    #[inline(never)]
    pub(super) fn settle(&mut self) {
        self.ready = true;
        tag::set_key(environment::random() ^ tag::key());
        if environment::is_secure() {
            return;
        }
        self.settings = Settings::from_variables(&environment::variables, |_| {});
        if self.settings.policy != self.heap.index().policy() {
            self.heap.set_index(AnyIndex::new(self.settings.policy));
        }
        self.adjust(|_| {});
    }

    /// Changes the settings.
    pub(super) fn adjust(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.heap.reshape(self.settings.shape);
        self.threshold = self.settings.mmap_threshold.unwrap_or(self.threshold);
    }

    /// The settings in force.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The tagged heap.
    pub const fn heap(&self) -> &ProcessHeap {
        &self.heap
    }

    /// The mapped blocks.
    pub const fn maps(&self) -> &Maps {
        &self.maps
    }

    /// `len` bytes at a multiple of `align`.
    #[inline]
    pub(super) fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        self.look_after();
        let request = Request::aligned(len, align);
        let grant = if len > self.threshold && self.maps.count() < MOST {
            self.map(len, align).or_else(|| self.place(request))
        } else {
            self.place(request).or_else(|| self.map(len, align))
        }?;
        match self.settings.fill {
            Fill::Nothing => Some(grant),
            fill => Some(filled(grant, fill)),
        }
    }

    #[inline]
    fn place(&mut self, request: Request) -> Option<Grant> {
        let placed = self.heap.allocate(request)?;
        Some(Grant { payload: placed.block.payload(), dirty: placed.dirty })
    }

    fn map(&mut self, len: usize, align: usize) -> Option<Grant> {
        self.widen_table()?;
        let block = self.maps.map(len, align)?;
        Some(Grant { payload: block.payload(), dirty: 0 })
    }

    /// Makes room in the set of mapped blocks; the table is a block of the heap.
    fn widen_table(&mut self) -> Option<()> {
        let Some(words) = self.maps.wants_table() else { return Some(()) };
        let request = Request { len: words * WORD, align: ALIGN, bits: OWN };
        let table = self.heap.allocate(request)?.block;
        // SAFETY: the block is new and large enough.
        let old = unsafe { self.maps.set_table(table.payload(), words) };
        if !old.is_null() {
            // SAFETY: the set has left the old table.
            unsafe { self.heap.release(Block::of_payload(old)) };
        }
        Some(())
    }

    /// Adds a block that was mapped without the lock.
    pub(super) fn file(&mut self, block: Block) {
        // Without a table the block cannot be told from a stranger's; it stays, unknown.
        if self.widen_table().is_some() {
            self.maps.file(block);
        }
    }

    /// The used block at `payload`.
    #[inline]
    pub fn locate(&self, payload: *mut u8) -> Result<Block, Fault> {
        match self.heap.locate(payload.addr()) {
            Err(Fault::Foreign) => self.maps.locate(payload.addr()).ok_or(Fault::Foreign),
            found => found,
        }
    }

    #[inline]
    pub(super) fn release(&mut self, payload: *mut u8) -> Result<(), Fault> {
        self.look_after();
        match self.heap.locate(payload.addr()) {
            Ok(block) => {
                if self.settings.fill == Fill::Junk {
                    // SAFETY: the block is used and its owner gives it up.
                    unsafe { payload.write_bytes(0x5A, block.len()) };
                }
                // SAFETY: located just now.
                unsafe { self.heap.release(block) };
                Ok(())
            }
            Err(Fault::Foreign) => self.release_mapped(payload),
            Err(fault) => Err(fault),
        }
    }

    fn release_mapped(&mut self, payload: *mut u8) -> Result<(), Fault> {
        let block = self.maps.locate(payload.addr()).ok_or(Fault::Foreign)?;
        // SAFETY: [M1]
        let len = unsafe { block.len() };
        if self.settings.mmap_threshold.is_none() && len <= MOST_THRESHOLD {
            // What is freed was not for ever: the next of its size is better placed in the heap.
            self.threshold = self.threshold.max(len);
        }
        // SAFETY: located just now.
        unsafe { self.maps.unmap(block) };
        Ok(())
    }

    pub(super) fn resize(&mut self, payload: *mut u8, len: usize) -> Result<Resized, Fault> {
        self.look_after();
        let block = self.locate(payload)?;
        // SAFETY: located just now.
        let tag = unsafe { block.tag() };
        if tag.has(tag::MAPPED) {
            // SAFETY: as above.
            if let Some(block) = unsafe { self.maps.remap(block, len) } {
                return Ok(Resized::Done(block.payload()));
            }
        // SAFETY: as above.
        } else if unsafe { self.heap.resize(block, len) } {
            return Ok(Resized::Done(payload));
        }
        Ok(self
            .allocate(len, ALIGN)
            .map_or(Resized::Refused, |grant| Resized::Moving(grant, len.min(tag.size() - WORD))))
    }

    pub(super) fn trim(&mut self, keep: usize) -> bool {
        let lowered = self.heap.trim(keep);
        self.heap.purge() || lowered
    }

    pub(super) fn walk(&self, see: &mut dyn FnMut(Block, Tag)) {
        self.heap.walk(&mut *see);
        for block in self.maps.iter() {
            // SAFETY: [M1]
            see(block, unsafe { block.tag() });
        }
    }

    /// Now and then gives back what has lain idle.
    #[inline]
    fn look_after(&mut self) {
        self.calls = self.calls.wrapping_add(1);
        if self.calls % CALLS_PER_LOOK == 0 && self.heap.is_idle() && self.settings.purge != 0 {
            self.heap.tend(clock::milliseconds(), self.settings.purge);
        }
    }
}

#[cold]
fn filled(grant: Grant, fill: Fill) -> Grant {
    let byte = if fill == Fill::Zero { 0 } else { 0xA5 };
    let block = Block::of_payload(grant.payload);
    // SAFETY: handed out just now: all of its payload is ours to write.
    let len = unsafe { block.len() };
    // SAFETY: as above.
    unsafe { grant.payload.write_bytes(byte, len) };
    Grant { payload: grant.payload, dirty: if fill == Fill::Zero { 0 } else { len } }
}
