//! The free blocks of a family, the largest first: a binary heap in an array.
//!
//! ```text
//!              0: 4080               parent of n: (n - 1) / 2
//!             ╱       ╲
//!        1: 2000     2: 512          no child is larger than its parent; of equal ones the
//!        ╱    ╲                      lower address is first
//!    3: 96   4: 32
//! ```
//!
//! Each entry's place is noted in its meta block, so that any block can leave when a neighbour
//! swallows it. Williams, "Algorithm 232: Heapsort" (1964).
//!
//! - **FQ1** An entry is the frame and the granule of a free block, and the block knows its place.

use super::frame::{Frame, Meta};
use super::shelf::Shelf;
use crate::engine::pages::Pages;
use crate::fatal;
use crate::os::backing::Backing;

/// A free block.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its page.
    pub frame: Frame,
    /// Its granule.
    pub at: u32,
    /// Granules of data.
    pub size: u32,
}

impl Entry {
    fn is_before(&self, other: &Self) -> bool {
        let address = |entry: &Self| entry.frame.address(entry.at).addr();
        self.size > other.size || (self.size == other.size && address(self) < address(other))
    }

    /// Notes in the block that it stands at `place`.
    fn settle(&self, place: usize) {
        let Some(meta) = self.frame.meta(self.at) else {
            fatal!("corrupted block at {:p}", self.frame.address(self.at + 1))
        };
        self.frame.write(Meta { slot: Some(place as u32), ..meta });
    }
}

/// Notes in the block of the entry at `place` that it stands there.
fn settle(entries: &[Entry], place: usize) {
    entries[place].settle(place);
}

/// Free blocks by size.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    entries: Shelf<Entry>,
}

impl Queue {
    /// No block.
    pub const EMPTY: Self = Self { entries: Shelf::EMPTY };

    /// Blocks.
    pub const fn count(&self) -> usize {
        self.entries.count()
    }

    /// Bytes of its array.
    pub fn bytes(&self) -> usize {
        self.entries.bytes()
    }

    /// The largest.
    pub fn first(&self) -> Option<Entry> {
        self.entries.items().first().copied()
    }

    /// Makes room for `count` blocks in all; whether memory sufficed.
    pub fn reserve<B: Backing>(&mut self, pages: &mut Pages<B>, count: usize) -> bool {
        self.entries.reserve(pages, count)
    }

    /// Gives the array back.
    pub fn clear<B>(&mut self, pages: &mut Pages<B>) {
        self.entries.clear(pages);
    }

    /// Files the free block `meta`, which is written in `frame`.
    pub fn push(&mut self, frame: Frame, meta: Meta) {
        self.entries.push(Entry { frame, at: meta.at, size: meta.size() });
        self.rise(self.entries.count() - 1);
    }

    /// Takes the free block `meta` of `frame` out.
    pub fn remove(&mut self, frame: Frame, meta: Meta) {
        let place = meta.slot.map_or(usize::MAX, |slot| slot as usize);
        let known = self.entries.items().get(place).map(|entry| entry.frame.address(entry.at));
        let (Some(last), true) = (self.entries.pop(), known == Some(frame.address(meta.at))) else {
            fatal!("corrupted block at {:p}", frame.address(meta.at + 1))
        };
        if place < self.entries.count() {
            self.entries.items_mut()[place] = last;
            let place = self.rise(place);
            self.sink(place);
        }
    }

    /// Lets the entry at `place` rise as far as it must; where it stands then.
    fn rise(&mut self, mut place: usize) -> usize {
        let entries = self.entries.items_mut();
        while place > 0 {
            let parent = (place - 1) / 2;
            if !entries[place].is_before(&entries[parent]) {
                break;
            }
            entries.swap(place, parent);
            settle(entries, place);
            place = parent;
        }
        settle(entries, place);
        place
    }

    /// Lets the entry at `place` sink as far as it must.
    fn sink(&mut self, mut place: usize) {
        let entries = self.entries.items_mut();
        loop {
            let children = 2 * place + 1..(2 * place + 3).min(entries.len());
            let first = |one: usize, other: usize| {
                if entries[other].is_before(&entries[one]) { other } else { one }
            };
            let Some(child) = children.reduce(first) else { break };
            if !entries[child].is_before(&entries[place]) {
                break;
            }
            entries.swap(place, child);
            settle(entries, place);
            place = child;
        }
        settle(entries, place);
    }
}
