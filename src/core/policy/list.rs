//! A doubly linked list through free blocks.
//!
//! ```text
//!   head ──► block ──► block ──► null          link 0: next      link 1: previous
//!   null ◄──   │   ◄──   │
//! ```
//!
//! - **E1** `block.next.previous == block` and the other way round: checked at every unlinking.

use core::ptr;

use super::checked;
use crate::block::{Block, Segments, Tag};
use crate::fatal;

const NEXT: usize = 0;
const PREVIOUS: usize = 1;

/// The head of a list.
#[derive(Debug)]
pub struct List {
    head: *mut u8,
}

impl List {
    /// No block.
    pub const EMPTY: Self = Self { head: ptr::null_mut() };

    /// Whether no block is in the list.
    pub fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// The blocks, from the head.
    pub fn iter<'a>(&self, segments: &'a Segments) -> impl Iterator<Item = (Block, Tag)> + use<'a> {
        Self::from(self.head, segments)
    }

    /// The blocks from `start`, a member or null.
    pub fn from(start: *mut u8, segments: &Segments) -> impl Iterator<Item = (Block, Tag)> + use<'_> {
        let mut at = start;
        core::iter::from_fn(move || {
            if at.is_null() {
                return None;
            }
            let found = checked(at, segments);
            at = link(found.0, NEXT);
            Some(found)
        })
    }

    /// Puts `block` in front.
    pub fn push(&mut self, block: Block, segments: &Segments) {
        self.insert_after(None, block, segments);
    }

    /// Puts `block` where addresses ascend.
    pub fn insert_by_address(&mut self, block: Block, segments: &Segments) {
        let before = self.iter(segments).map(|(b, _)| b).take_while(|b| *b < block).last();
        self.insert_after(before, block, segments);
    }

    fn insert_after(&mut self, before: Option<Block>, block: Block, segments: &Segments) {
        let after = before.map_or(self.head, |b| link(b, NEXT));
        set_link(block, NEXT, after);
        set_link(block, PREVIOUS, before.map_or(ptr::null_mut(), Block::header));
        if !after.is_null() {
            set_link(checked(after, segments).0, PREVIOUS, block.header());
        }
        match before {
            Some(before) => set_link(before, NEXT, block.header()),
            None => self.head = block.header(),
        }
    }

    /// Takes `block`, a member, out ([E1](self)).
    pub fn unlink(&mut self, block: Block, segments: &Segments) {
        let (after, before) = (link(block, NEXT), link(block, PREVIOUS));
        let before = (!before.is_null()).then(|| checked(before, segments).0);
        let after = (!after.is_null()).then(|| checked(after, segments).0);
        let forth = before.map_or(self.head, |b| link(b, NEXT));
        let back = after.map_or(block.header(), |b| link(b, PREVIOUS));
        if forth != block.header() || back != block.header() {
            fatal!("corrupted free list: the links of {:p} were overwritten", block.payload());
        }
        let after_header = after.map_or(ptr::null_mut(), Block::header);
        match before {
            Some(before) => set_link(before, NEXT, after_header),
            None => self.head = after_header,
        }
        if let Some(after) = after {
            set_link(after, PREVIOUS, before.map_or(ptr::null_mut(), Block::header));
        }
    }
}

fn link(block: Block, n: usize) -> *mut u8 {
    // SAFETY: [B1]: the list holds free blocks only.
    let slot = unsafe { block.link(n) };
    // SAFETY: a free block has room for two links.
    unsafe { slot.read() }
}

fn set_link(block: Block, n: usize, to: *mut u8) {
    // SAFETY: [B1]: the list holds free blocks only.
    let slot = unsafe { block.link(n) };
    // SAFETY: a free block has room for two links.
    unsafe { slot.write(to) };
}
