//! Drawings of a heap, and the check of all its laws: for tests.
//!
//! `U48 F4048 O64 |` is a used block, a free one, one of the allocator's own, the epilogue.

use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::{Coalesce, Growth, Heap, Request, Shape};
use crate::block::segment::OVERHEAD;
use crate::block::tag::{OWN, PREV_USED, PURGED};
use crate::block::walk::blocks;
use crate::block::{Block, Tag, WORD};
use crate::os::backing::Backing;
use crate::os::fake::Arena;
use crate::os::{PAGE, round_up};
use crate::policy::{AnyIndex, FreeIndex, Policy};

/// A heap on an arena.
pub(crate) type TestHeap = Heap<Arena, AnyIndex>;

/// An arena of `cap` bytes that lives as long as the test process.
pub(crate) fn arena(cap: usize) -> Arena {
    let memory: &'static mut [u8] = vec![0u8; cap + PAGE].leak();
    let base = memory.as_mut_ptr();
    // SAFETY: leaked, zero, aligned to a page like the break, ours alone.
    unsafe { Arena::new(base.with_addr(round_up(base.addr(), PAGE)), cap) }
}

/// The settings of a test: grow to the byte, so that drawings are short.
pub(crate) const EXACT: Shape = Shape { growth: Growth::Exact, ..Shape::DEFAULT };

/// An empty heap.
pub(crate) fn empty(policy: Policy) -> TestHeap {
    Heap::new(arena(1 << 20), AnyIndex::new(policy).unwrap(), EXACT)
}

/// A heap in which blocks of these sizes were placed one after the other.
pub(crate) fn heap_with<const N: usize>(policy: Policy, sizes: [usize; N]) -> (TestHeap, [Block; N]) {
    let mut heap = empty(policy);
    let blocks = sizes.map(|size| heap.allocate(Request::of(size - WORD)).unwrap().block());
    (heap, blocks)
}

impl<B: Backing, I: FreeIndex> Heap<B, I> {
    /// Frees `block` by the pointer that the program has.
    pub(crate) fn free(&mut self, block: Block) {
        let found = self.locate(block.payload().addr()).unwrap();
        // SAFETY: located just now.
        unsafe { self.release(found) };
    }
}

/// The heap as text.
pub(crate) fn draw<B, I>(heap: &Heap<B, I>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for segment in heap.segments().oldest_first() {
        // SAFETY: the heap is borrowed.
        for (_, tag) in unsafe { blocks(segment) } {
            let letter = if tag.has(OWN) {
                "O"
            } else if tag.is_used() {
                "U"
            } else {
                "F"
            };
            parts.push(format!("{letter}{}", tag.size()));
        }
        parts.push("|".into());
    }
    parts.join(" ")
}

/// Walks the heap and asserts every law that a walk can see.
pub(crate) fn assert_sound<B, I>(heap: &Heap<B, I>) {
    let counts = heap.counts();
    let (mut used, mut used_blocks, mut free, mut free_blocks, mut purged) = (0, 0, 0, 0, 0);
    for segment in heap.segments().oldest_first() {
        let mut before: Option<(Block, Tag)> = None;
        // SAFETY: the heap is borrowed.
        for (block, tag) in unsafe { blocks(segment) } {
            assert_neighbours(heap, before, tag);
            if tag.is_used() {
                used += tag.size();
                used_blocks += 1;
            } else {
                // SAFETY: [B3]
                let next = unsafe { block.next() };
                // SAFETY: [B3]
                let found = unsafe { next.previous(segment.first().addr()) };
                assert_eq!(found, block, "footer");
                free += tag.size();
                free_blocks += 1;
                purged += if tag.has(PURGED) { tag.size() } else { 0 };
            }
            before = Some((block, tag));
        }
        assert_tail_is_zero(segment);
    }
    assert_eq!((used, used_blocks), (counts.used_bytes, counts.used_blocks), "used");
    assert_eq!((free, free_blocks), (counts.free_bytes, counts.free_blocks), "free");
    assert_eq!(purged, counts.purged_bytes, "purged");
    let segments = heap.segments().iter().count();
    assert_eq!(segments, counts.segments);
    assert_eq!(used + free + heap.tail_bytes() + segments * OVERHEAD, counts.footprint, "[H1]");
}

fn assert_neighbours<B, I>(heap: &Heap<B, I>, before: Option<(Block, Tag)>, tag: Tag) {
    let Some((_, before)) = before else { return };
    assert_eq!(before.is_used(), tag.has(PREV_USED), "PREV_USED");
    if heap.shape().coalesce == Coalesce::Immediate {
        assert!(before.is_used() || tag.is_used(), "[H2] two free neighbours");
    }
}

fn assert_tail_is_zero(segment: crate::block::Segment) {
    let start = segment.epilogue().payload();
    // SAFETY: [S3]: the tail is readable.
    let tail = unsafe { core::slice::from_raw_parts(start, segment.tail()) };
    assert!(tail.iter().all(|byte| *byte == 0), "[S3]");
}
