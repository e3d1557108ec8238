//! Laws from the literature that a right heap obeys.

use std::vec::Vec;

use super::draw::{EXACT, arena};
use super::{Heap, Request};
use crate::block::{Block, WORD};
use crate::os::fake::{Arena, Dice};
use crate::policy::bins::Bins;
use crate::policy::explicit::{Address, Explicit, Lifo};
use crate::policy::fit::{FirstFit, NextFit, WorstFit};
use crate::policy::implicit::Implicit;
use crate::policy::list::List;
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
    let mut heap = Heap::new(arena(32 << 20), AnyIndex::new(policy).unwrap(), EXACT);
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

fn place<I: FreeIndex>(heap: &mut Heap<Arena, I>, dice: &mut Dice) -> Block {
    heap.allocate(Request::of(16 + dice.below(4000))).unwrap().block()
}

/// Probes, allocations, and the most probes of one allocation over the free blocks that there were,
/// in a steady state of 500 blocks.
fn searched<I: FreeIndex>(index: I) -> (u64, u64, f64) {
    let (mut heap, mut dice) = (driven(index), Dice::new(5));
    let mut held: Vec<Block> = (0..500).map(|_| place(&mut heap, &mut dice)).collect();
    let mut most = 0.0f64;
    for _ in 0..5000 {
        let at = dice.below(held.len());
        heap.free(held.swap_remove(at));
        let before = *heap.counts();
        held.push(place(&mut heap, &mut dice));
        let probes = heap.counts().probes - before.probes;
        most = most.max(probes as f64 / before.free_blocks as f64);
    }
    (heap.counts().probes, heap.counts().allocs, most)
}

#[test]
fn a_search_of_an_explicit_list_looks_at_free_blocks_only_and_at_each_once() {
    let most = [
        searched(Explicit::<Lifo, FirstFit>::EMPTY).2,
        searched(Explicit::<Lifo, WorstFit>::EMPTY).2,
        searched(Explicit::<Address, FirstFit>::EMPTY).2,
        searched(Explicit::<Address, NextFit>::EMPTY).2,
        searched(Explicit::<Address, WorstFit>::EMPTY).2,
    ];

    assert!(most.iter().all(|share| *share <= 1.0), "{most:?}");
    assert!(searched(Implicit::<FirstFit>::EMPTY).2 > 1.0, "an implicit list has used blocks too");
}

#[test]
fn a_search_of_segregated_lists_looks_at_about_one_block() {
    let (probes, allocs, _) = searched(Bins::<List>::EMPTY);

    assert!(probes < allocs * 3 / 2, "{probes} probes for {allocs} blocks");
}

/// Smallest block in bytes.
const UNIT: usize = 32;

fn driven<I: FreeIndex>(index: I) -> Heap<Arena, I> {
    Heap::new(arena(64 << 20), index, EXACT)
}

/// A block of `size` bytes, header included.
fn block_of<I: FreeIndex>(heap: &mut Heap<Arena, I>, size: usize) -> Block {
    heap.allocate(Request::of(size - WORD)).unwrap().block()
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
