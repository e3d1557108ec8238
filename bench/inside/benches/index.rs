//! A heap of tagged blocks: one block goes and another comes, among many, with each index.
//!
//! Sizes are uniform, so that holes of all sizes lie between the blocks. Lists pay for every hole
//! that they look at; trees in bins for one or two.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use heapmm_core::block::Block;
use heapmm_core::heap::{Heap, Request, Shape};
use heapmm_core::os::fake::{Arena, Dice};
use heapmm_core::policy::{AnyIndex, POLICIES, Policy};
use heapmm_inside::{arena, quick};

type Tagged = Heap<Arena, AnyIndex>;

/// Blocks that are held.
const HELD: usize = 1000;
/// The largest request in bytes.
const LARGEST: usize = 4000;

fn place(heap: &mut Tagged, dice: &mut Dice) -> Block {
    heap.allocate(Request::of(16 + dice.below(LARGEST))).expect("the arena is large enough").block
}

/// A block of the heap goes, a new one comes.
fn replace(heap: &mut Tagged, held: &mut [Block], dice: &mut Dice) {
    let at = dice.below(held.len());
    // SAFETY: a block that the heap handed out, and that goes once.
    unsafe { heap.release(held[at]) };
    held[at] = place(heap, dice);
}

fn index(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("index");
    for row in POLICIES.iter().filter(|row| row.policy != Policy::Fast) {
        let mut heap = Heap::new(arena(32 << 20, 4096), AnyIndex::new(row.policy), Shape::DEFAULT);
        let mut dice = Dice::new(7);
        let mut held: Vec<Block> = (0..HELD).map(|_| place(&mut heap, &mut dice)).collect();
        // A steady state comes after each block was replaced some times.
        (0..10 * HELD).for_each(|_| replace(&mut heap, &mut held, &mut dice));
        group.bench_function(BenchmarkId::new("replace", row.name), |bencher| {
            bencher.iter(|| replace(&mut heap, &mut held, &mut dice));
        });
    }
    group.finish();
}

criterion_group! { name = benches; config = quick(); targets = index }
criterion_main!(benches);
