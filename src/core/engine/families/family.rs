//! A family: a kind of structure of the application, its VM pages and its free blocks.

use super::frame::GRANULE;
use super::queue::Queue;
use crate::engine::pages::sheet::Spans;

/// Most bytes of a name that are kept: what a C compiler tells apart, and a word before it.
pub const NAME: usize = 80;

/// A family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    name: [u8; NAME],
    name_len: usize,
    /// Bytes of one structure.
    pub len: usize,
    /// Its VM pages.
    pub pages: Spans,
    /// How many.
    pub page_count: usize,
    /// Their bytes.
    pub page_bytes: usize,
    /// Its free blocks.
    pub queue: Queue,
    /// Its used blocks.
    pub used_blocks: usize,
    /// Their data.
    pub used_bytes: usize,
}

impl Family {
    /// A family without a block.
    pub fn new(name: &[u8], len: usize) -> Self {
        let name_len = name.len().min(NAME);
        let mut kept = [0; NAME];
        kept.iter_mut().zip(name).for_each(|(kept, byte)| *kept = *byte);
        Self {
            name: kept,
            name_len,
            len,
            pages: Spans::EMPTY,
            page_count: 0,
            page_bytes: 0,
            queue: Queue::EMPTY,
            used_blocks: 0,
            used_bytes: 0,
        }
    }

    /// Its name, cut to 80 bytes.
    pub fn name(&self) -> &[u8] {
        self.name.get(..self.name_len).unwrap_or_default()
    }

    /// Whether it is called `name`.
    pub fn is_named(&self, name: &[u8]) -> bool {
        name.get(..NAME).unwrap_or(name) == self.name()
    }

    /// Its figures.
    pub fn figures(&self) -> FamilyFigures<'_> {
        let blocks = self.used_blocks + self.queue.count();
        FamilyFigures {
            name: self.name(),
            len: self.len,
            blocks,
            free_blocks: self.queue.count(),
            used_blocks: self.used_blocks,
            used_bytes: self.used_bytes,
            pages: self.page_count,
            page_bytes: self.page_bytes,
            manager_bytes: blocks * GRANULE + self.queue.bytes(),
        }
    }
}

/// What is printed of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyFigures<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Bytes of one structure; the most bytes of a request in a family by size.
    pub len: usize,
    /// Blocks in its VM pages.
    pub blocks: usize,
    /// Of these, free ones.
    pub free_blocks: usize,
    /// Of these, ones in use.
    pub used_blocks: usize,
    /// Bytes in use by the application.
    pub used_bytes: usize,
    /// VM pages.
    pub pages: usize,
    /// Their bytes.
    pub page_bytes: usize,
    /// Bytes that the manager uses: meta blocks, and the queue beside the pages.
    pub manager_bytes: usize,
}
