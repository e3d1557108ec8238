//! Laws from the literature that a right heap obeys.

use super::draw::{EXACT, arena};
use super::{Heap, Request, Shape};
use crate::os::fake::Dice;
use crate::policy::{AnyIndex, Policy};

/// Knuth's fifty-percent rule: in a steady state with random frees, free / used blocks = p / 2,
/// p being the share of allocations that leave a remainder (The Art of Computer Programming,
/// volume 1, 2.5).
#[test]
fn the_fifty_percent_rule_holds_for_every_fit() {
    let policies = [Policy::AddressFirst, Policy::AddressNext, Policy::SegregatedBest, Policy::AddressWorst];
    for policy in policies {
        let (ratio, p) = steady_state(policy);

        assert!((ratio - p / 2.0).abs() <= 0.02, "{policy:?}: {ratio:.3} against {:.3}", p / 2.0);
    }
}

/// Free / used blocks, averaged over a steady state, and the share of allocations that split.
fn steady_state(policy: Policy) -> (f64, f64) {
    let shape = Shape { ..EXACT };
    let mut heap = Heap::new(arena(32 << 20), AnyIndex::new(policy).unwrap(), shape);
    let mut dice = Dice::new(3);
    let mut held: std::vec::Vec<_> = (0..2000).map(|_| place(&mut heap, &mut dice)).collect();
    let (mut sum, mut samples) = (0.0, 0.0);
    let mut before = *heap.counts();
    for turn in 0..60_000 {
        let at = dice.below(held.len());
        heap.free(held.swap_remove(at));
        held.push(place(&mut heap, &mut dice));
        if turn == 20_000 {
            before = *heap.counts();
        }
        if turn > 20_000 && turn % 50 == 0 {
            sum += heap.counts().free_blocks as f64 / heap.counts().used_blocks as f64;
            samples += 1.0;
        }
    }
    let after = heap.counts();
    let share = (after.splits - before.splits) as f64 / (after.allocs - before.allocs) as f64;
    (sum / samples, share)
}

fn place(heap: &mut super::draw::TestHeap, dice: &mut Dice) -> crate::block::Block {
    heap.allocate(Request::of(16 + dice.below(4000))).unwrap().block
}
