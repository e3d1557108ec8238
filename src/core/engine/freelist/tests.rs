//! What the free list does beyond what every engine does.

use std::vec::Vec;

use super::*;
use crate::heap::draw::arena;
use crate::os::fake::Arena;

fn sizes(heap: &FreeList<Arena>) -> Vec<usize> {
    let mut sizes = Vec::new();
    heap.nodes(|size| sizes.push(size));
    sizes
}

fn allocate(heap: &mut FreeList<Arena>, len: usize) -> Held {
    let grant = heap.allocate(len, 16).unwrap();
    heap.locate(grant.payload().addr()).unwrap()
}

fn free(heap: &mut FreeList<Arena>, held: Held) {
    assert_eq!(heap.locate(held.payload.addr()), Ok(held));
    // SAFETY: located just now.
    unsafe { heap.release(held) };
}

#[test]
fn a_heap_of_4096_bytes_is_one_free_node_of_4088() {
    let mut heap = FreeList::new(arena(4096), Growth::Exact);

    assert!(heap.reserve(4096));
    assert_eq!(sizes(&heap), [4088]);
    let held = allocate(&mut heap, 100);
    assert_eq!(sizes(&heap), [0, 4096 - 8 - 8 - 104 - 8]);
    free(&mut heap, held);

    assert_eq!(sizes(&heap), [4088]);
    assert_eq!(size_of::<strip::Node>(), 8);
}

#[test]
fn the_first_node_that_is_large_enough_is_taken() {
    let mut heap = FreeList::new(arena(4096), Growth::Geometric);
    let [a, _b, c, _d] = [200, 40, 100, 40].map(|len| allocate(&mut heap, len));
    free(&mut heap, c);
    free(&mut heap, a);

    let placed = allocate(&mut heap, 90);

    assert_eq!(placed.payload, a.payload);
    assert_eq!(sizes(&heap)[..3], [0, 200 - 104 - 8, 104]);
}

#[test]
fn a_freed_block_is_one_with_the_nodes_on_both_sides() {
    let mut heap = FreeList::new(arena(4096), Growth::Geometric);
    let [a, b, c, _d] = [24, 40, 56, 24].map(|len| allocate(&mut heap, len));
    free(&mut heap, a);
    free(&mut heap, c);
    let before = heap.figures().coalesces;

    free(&mut heap, b);

    assert_eq!(sizes(&heap)[0], 8 + 24 + 8 + 40 + 8 + 56);
    assert_eq!(heap.figures().coalesces, before + 2);
}

#[test]
fn growth_asks_for_what_the_last_node_lacks() {
    let mut heap = FreeList::new(arena(1 << 16), Growth::Exact);
    let a = allocate(&mut heap, 1000);
    let before = heap.figures().footprint;
    free(&mut heap, a);

    allocate(&mut heap, 1992);

    assert_eq!(before, round_up(8 + 8 + 1000, 16));
    assert_eq!(heap.figures().footprint, round_up(8 + 8 + 1992, 16));
    assert_eq!(heap.figures().sum(), heap.figures().footprint);
}

#[test]
fn the_last_block_grows_with_the_heap() {
    let mut heap = FreeList::new(arena(1 << 16), Growth::Exact);
    let _a = allocate(&mut heap, 1000);
    let b = allocate(&mut heap, 1000);

    // SAFETY: located just now.
    let grown = unsafe { heap.resize(b, 5000) };

    assert!(grown);
    assert_eq!(heap.locate(b.payload.addr()).unwrap().len, 5000);
    assert_eq!(heap.figures().footprint, heap.figures().sum());
}

#[test]
fn an_overwritten_header_is_noticed() {
    let mut heap = FreeList::new(arena(4096), Growth::Geometric);
    let [a, b] = [24, 24].map(|len| allocate(&mut heap, len));

    // SAFETY: the test damages its own heap.
    unsafe { b.payload.wrapping_sub(8).write(b'A') };

    assert_eq!(heap.locate(b.payload.addr()), Err(Fault::Smashed));
    assert_eq!(heap.locate(a.payload.addr()), Ok(a));
}
