//! A search tree through free blocks, by size and then by address.
//!
//! ```text
//!            (96, 0x40)               link 0: smaller keys     link 1: larger keys
//!           ╱          ╲
//!    (48, 0x100)    (112, 0x0)        a treap: a node's rank is a hash of its address,
//!                                     and no node ranks below its children
//! ```
//!
//! A treap (Seidel and Aragon 1996) is balanced in expectation without a word of bookkeeping
//! in the block: the rank is computed from the address. Two links are all that fit in the
//! smallest block.
//!
//! - **R1** In order, keys ascend; along every path, ranks descend.

use core::ptr;

use super::checked;
use crate::block::{Block, Segments, Tag};
use crate::fatal;

const SMALLER: usize = 0;
const LARGER: usize = 1;

/// A place that holds a link: the root's or a node's.
type Slot = *mut *mut u8;

/// A tree's root.
#[derive(Debug)]
pub struct Tree {
    root: *mut u8,
}

impl Tree {
    /// No block.
    pub const EMPTY: Self = Self { root: ptr::null_mut() };

    /// Whether no block is in the tree.
    pub fn is_empty(&self) -> bool {
        self.root.is_null()
    }

    /// Files `block`, which is of `size`.
    pub fn insert(&mut self, block: Block, size: usize, segments: &Segments) {
        let key = (size, block.addr());
        let mut slot: Slot = &raw mut self.root;
        while let Some((node, node_size)) = node_at(slot, segments) {
            if rank(node) < rank(block) {
                break;
            }
            slot = side(node, usize::from((node_size, node.addr()) < key));
        }
        split(slot, key, block, segments);
        set(slot, block.header());
    }

    /// Takes `block`, a member of `size`, out.
    pub fn remove(&mut self, block: Block, size: usize, segments: &Segments) {
        let key = (size, block.addr());
        let mut slot: Slot = &raw mut self.root;
        loop {
            let Some((node, node_size)) = node_at(slot, segments) else {
                fatal!("corrupted free tree: {:p} is not in it", block.payload())
            };
            if node == block {
                return join(slot, block, segments);
            }
            slot = side(node, usize::from((node_size, node.addr()) < key));
        }
    }

    /// Calls `see` with every block, by size and then by address.
    pub fn each(&self, segments: &Segments, see: &mut dyn FnMut(Block, Tag)) {
        each_below((&raw const self.root).cast_mut(), segments, see);
    }

    /// Takes the smallest block of at least `need` bytes out; the lowest address wins a tie.
    pub fn take(&mut self, need: usize, segments: &Segments, probes: &mut u64) -> Option<Block> {
        let mut slot: Slot = &raw mut self.root;
        let mut best: Option<(Slot, Block)> = None;
        while let Some((node, size)) = node_at(slot, segments) {
            *probes += 1;
            if size >= need {
                best = Some((slot, node));
                slot = side(node, SMALLER);
            } else {
                slot = side(node, LARGER);
            }
        }
        let (slot, block) = best?;
        join(slot, block, segments);
        Some(block)
    }
}

/// Calls `see` with the blocks of the subtree in `slot`, by size and then by address.
fn each_below(slot: Slot, segments: &Segments, see: &mut dyn FnMut(Block, Tag)) {
    // SAFETY: as in `node_at`.
    let link = unsafe { slot.read() };
    if !link.is_null() {
        let (block, tag) = checked(link, segments);
        each_below(side(block, SMALLER), segments, see);
        see(block, tag);
        each_below(side(block, LARGER), segments, see);
    }
}

/// Divides the subtree in `slot` at `key` and hangs the halves under `block`.
fn split(slot: Slot, key: (usize, usize), block: Block, segments: &Segments) {
    let (mut smaller, mut larger) = (side(block, SMALLER), side(block, LARGER));
    let mut rest = slot;
    while let Some((node, size)) = node_at(rest, segments) {
        if (size, node.addr()) < key {
            set(smaller, node.header());
            smaller = side(node, LARGER);
            rest = smaller;
        } else {
            set(larger, node.header());
            larger = side(node, SMALLER);
            rest = larger;
        }
    }
    set(smaller, ptr::null_mut());
    set(larger, ptr::null_mut());
}

/// Puts the two subtrees of `block` together in `slot`, where `block` hung.
fn join(mut slot: Slot, block: Block, segments: &Segments) {
    let mut smaller = node_at(side(block, SMALLER), segments);
    let mut larger = node_at(side(block, LARGER), segments);
    loop {
        match (smaller, larger) {
            (Some((a, _)), Some((b, _))) if rank(a) > rank(b) => {
                set(slot, a.header());
                slot = side(a, LARGER);
                smaller = node_at(slot, segments);
            }
            (Some(_), Some((b, _))) => {
                set(slot, b.header());
                slot = side(b, SMALLER);
                larger = node_at(slot, segments);
            }
            (Some((rest, _)), None) | (None, Some((rest, _))) => return set(slot, rest.header()),
            (None, None) => return set(slot, ptr::null_mut()),
        }
    }
}

/// A node's rank: a hash of its address; higher ranks stand nearer to the root.
#[inline]
fn rank(block: Block) -> u64 {
    (block.addr() as u64 >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
}

#[inline]
fn node_at(slot: Slot, segments: &Segments) -> Option<(Block, usize)> {
    // SAFETY: a slot is the root or a link word of a checked node.
    let link = unsafe { slot.read() };
    if link.is_null() {
        return None;
    }
    let (block, tag) = checked(link, segments);
    Some((block, tag.size()))
}

#[inline]
fn side(block: Block, n: usize) -> Slot {
    // SAFETY: [B1]: nodes are free blocks.
    unsafe { block.link(n) }
}

#[inline]
fn set(slot: Slot, to: *mut u8) {
    // SAFETY: as in `node_at`.
    unsafe { slot.write(to) };
}
