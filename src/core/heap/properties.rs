//! Any sequence of calls leaves a sound heap and the program's bytes alone: sequences are drawn at
//! random and made small when one fails.

use std::vec::Vec;

use proptest::prelude::*;

use super::draw::{EXACT, TestHeap, arena, assert_sound};
use super::{Coalesce, Heap, Request, Shape};
use crate::block::Block;
use crate::policy::{AnyIndex, POLICIES, Policy};

/// One call; places are taken modulo what is held.
#[derive(Clone, Debug)]
enum Call {
    Allocate { len: usize, align_log: u32 },
    Free { place: usize },
    Resize { place: usize, len: usize },
    Trim { keep: usize },
    Purge,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        4 => (0usize..3000, 4u32..10).prop_map(|(len, align_log)| Call::Allocate { len, align_log }),
        3 => any::<usize>().prop_map(|place| Call::Free { place }),
        2 => (any::<usize>(), 0usize..4000).prop_map(|(place, len)| Call::Resize { place, len }),
        1 => (0usize..9000).prop_map(|keep| Call::Trim { keep }),
        1 => Just(Call::Purge),
    ];
    prop::collection::vec(call, 1..60)
}

fn policies() -> impl Strategy<Value = Policy> {
    let tagged: Vec<Policy> = POLICIES.iter().map(|row| row.policy).filter(|p| p.is_tagged()).collect();
    prop::sample::select(tagged)
}

/// A block with the byte that fills it.
struct Held {
    block: Block,
    len: usize,
    mark: u8,
}

impl Held {
    fn fill(block: Block, len: usize, mark: u8) -> Self {
        // SAFETY: the block has `len` bytes.
        unsafe { block.payload().write_bytes(mark, len) };
        Self { block, len, mark }
    }

    fn is_intact(&self, len: usize) -> bool {
        // SAFETY: the block has `len` bytes.
        let bytes = unsafe { core::slice::from_raw_parts(self.block.payload(), len.min(self.len)) };
        bytes.iter().all(|byte| *byte == self.mark)
    }
}

fn play(heap: &mut TestHeap, held: &mut Vec<Held>, call: &Call, mark: u8) {
    match *call {
        Call::Allocate { len, align_log } => {
            if let Some(placed) = heap.allocate(Request::aligned(len, 1 << align_log)) {
                assert!(placed.block().payload().addr().is_multiple_of(1 << align_log));
                held.push(Held::fill(placed.block(), len, mark));
            }
        }
        Call::Free { place } if !held.is_empty() => {
            let gone = held.swap_remove(place % held.len());
            assert!(gone.is_intact(gone.len));
            heap.free(gone.block);
        }
        Call::Resize { place, len } if !held.is_empty() => {
            let at = place % held.len();
            // SAFETY: a live block of this heap.
            if unsafe { heap.resize(held[at].block, len) } {
                assert!(held[at].is_intact(len));
                held[at] = Held::fill(held[at].block, len, mark);
            }
        }
        Call::Trim { keep } => {
            heap.trim(keep);
        }
        Call::Purge => {
            heap.purge();
        }
        Call::Free { .. } | Call::Resize { .. } => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_leaves_a_sound_heap(calls in calls(), policy in policies(), deferred in any::<bool>()) {
        let coalesce = if deferred { Coalesce::Deferred } else { Coalesce::Immediate };
        let shape = Shape { coalesce, ..EXACT };
        let mut heap: TestHeap = Heap::new(arena(256 << 10), AnyIndex::new(policy).unwrap(), shape);
        let mut held = Vec::new();

        for (turn, call) in calls.iter().enumerate() {
            play(&mut heap, &mut held, call, turn as u8);
            assert_sound(&heap);
        }

        prop_assert!(held.iter().all(|block| block.is_intact(block.len)));
    }
}
