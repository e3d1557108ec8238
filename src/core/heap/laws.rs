//! Laws from the literature that a right heap obeys.

use std::vec::Vec;

use super::draw::{EXACT, TestHeap, arena};
use super::{Heap, Request, Shape};
use crate::block::{Block, WORD};
use crate::os::fake::{Arena, Dice};
use crate::policy::bins::Bins;
use crate::policy::explicit::{Address, Explicit};
use crate::policy::fit::FirstFit;
use crate::policy::tree::Tree;
use crate::policy::{AnyIndex, FreeIndex, Policy};

/// Knuth's fifty-percent rule: in a steady state with random frees, free / used blocks = p / 2,
/// p being the share of allocations that leave a remainder (The Art of Computer Programming,
/// volume 1, 2.5).
#[test]
fn the_fifty_percent_rule_holds_for_every_fit() {
    let policies = [Policy::AddressFirst, Policy::AddressNext, Policy::SegregatedBest, Policy::AddressWorst];
    for policy in policies {
        let Steady { ratio, p, .. } = steady_state(policy);

        assert!((ratio - p / 2.0).abs() <= 0.02, "{policy:?}: {ratio:.3} against {:.3}", p / 2.0);
    }
}

/// What an independent simulator says about uniform sizes: of the heap, best fit leaves 8 % free,
/// first fit 13 %, next fit 19 % and worst fit 38 %.
#[test]
fn best_fit_leaves_less_than_first_fit_that_less_than_next_fit_and_worst_fit_most() {
    let policies = [Policy::SegregatedBest, Policy::AddressFirst, Policy::AddressNext, Policy::AddressWorst];

    let free = policies.map(|policy| 100.0 * steady_state(policy).free);

    assert!(free.is_sorted(), "{free:?}");
    for (got, expected) in free.into_iter().zip([8.0, 13.0, 19.0, 38.0]) {
        assert!((got - expected).abs() <= 3.0, "{free:?}: {got:.1} %, not {expected}");
    }
}

/// Averages over a steady state.
struct Steady {
    /// Free / used blocks.
    ratio: f64,
    /// The share of allocations that leave a remainder.
    p: f64,
    /// Free bytes / all bytes.
    free: f64,
}

fn steady_state(policy: Policy) -> Steady {
    let shape = Shape { ..EXACT };
    let mut heap = Heap::new(arena(32 << 20), AnyIndex::new(policy), shape);
    let mut dice = Dice::new(3);
    let mut held: Vec<_> = (0..2000).map(|_| place(&mut heap, &mut dice)).collect();
    let (mut ratio, mut free, mut samples) = (0.0, 0.0, 0.0);
    let mut before = *heap.counts();
    for turn in 0..60_000 {
        let at = dice.below(held.len());
        heap.free(held.swap_remove(at));
        held.push(place(&mut heap, &mut dice));
        if turn == 20_000 {
            before = *heap.counts();
        }
        if turn > 20_000 && turn % 50 == 0 {
            ratio += heap.counts().free_blocks as f64 / heap.counts().used_blocks as f64;
            free += heap.counts().free_bytes as f64 / heap.counts().footprint as f64;
            samples += 1.0;
        }
    }
    let after = heap.counts();
    let p = (after.splits - before.splits) as f64 / (after.allocs - before.allocs) as f64;
    Steady { ratio: ratio / samples, p, free: free / samples }
}

fn place(heap: &mut TestHeap, dice: &mut Dice) -> Block {
    heap.allocate(Request::of(16 + dice.below(4000))).unwrap().block
}

/// Smallest block in bytes.
const UNIT: usize = 32;

fn driven<I: FreeIndex>(index: I) -> Heap<Arena, I> {
    Heap::new(arena(64 << 20), index, EXACT)
}

/// A block of `size` bytes, header included.
fn block_of<I: FreeIndex>(heap: &mut Heap<Arena, I>, size: usize) -> Block {
    heap.allocate(Request::of(size - WORD)).unwrap().block
}

/// Robson's program against any heap (1971): fill `most` bytes with the smallest blocks; then, for
/// each doubling of the size, leave one block in each stretch of that size and fill up again.
fn pin_and_double<I: FreeIndex>(heap: &mut Heap<Arena, I>, most: usize, doublings: usize) {
    let mut held: Vec<(Block, usize)> = Vec::new();
    let mut live = 0;
    for size in (0..=doublings).map(|doubling| UNIT << doubling) {
        held.sort();
        let mut pinned = usize::MAX;
        held.retain(|(block, bytes)| {
            let stretch = block.addr() / size;
            let stays = stretch != pinned;
            pinned = stretch;
            if !stays {
                live -= bytes;
                heap.free(*block);
            }
            stays
        });
        while live + size <= most {
            held.push((block_of(heap, size), size));
            live += size;
        }
    }
}

/// Robson (1971, 1977): any heap can be driven to about M log2(n) / 2, first fit stays near
/// M log2(n), M being the most live bytes and n the largest / the smallest request.
#[test]
fn first_fit_stays_under_its_bound_when_driven() {
    const MOST: usize = 256 << 10;
    for doublings in [2, 4, 6, 8, 10] {
        let mut heap = driven(Explicit::<Address, FirstFit>::EMPTY);

        pin_and_double(&mut heap, MOST, doublings);

        let peak = heap.counts().peak_footprint;
        assert!(peak <= MOST * (1 + doublings), "{doublings}: {peak}");
        assert!(peak >= MOST + MOST * doublings / 6, "{doublings}: {peak}: the driver does not drive");
    }
}

/// A program against best fit: a hole one unit too large takes a block, and the rest of one unit
/// takes the next small block, which pins it. Each hole is too small for the next round.
fn pin_the_rests<I: FreeIndex>(heap: &mut Heap<Arena, I>, most: usize) {
    for units in 1..most {
        let hole = block_of(heap, (units + 1) * UNIT);
        heap.free(hole);
        let block = block_of(heap, units * UNIT);
        block_of(heap, UNIT);
        heap.free(block);
    }
}

/// Robson (1977): best fit can be driven to about n M, where first fit does with M log2(n).
#[test]
fn best_fit_can_be_driven_to_n_times_what_is_live_and_first_fit_cannot() {
    const UNITS: usize = 256;
    // A small block stays of each round; one large block at a time is live.
    let most_live = 2 * UNITS * UNIT;
    let mut best = driven(Bins::<Tree>::EMPTY);
    let mut first = driven(Explicit::<Address, FirstFit>::EMPTY);

    pin_the_rests(&mut best, UNITS);
    pin_the_rests(&mut first, UNITS);

    let (best, first) = (best.counts().peak_footprint, first.counts().peak_footprint);
    assert!(best >= UNITS * most_live / 5, "{best} of {}", UNITS * most_live);
    assert!(first <= most_live * UNITS.ilog2() as usize, "{first}");
}
