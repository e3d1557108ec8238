//! A heap of tagged blocks: one block goes and another comes, among many, with each index.
//!
//! Sizes are uniform, so that holes of all sizes lie between the blocks. Lists pay for every hole
//! that they look at; trees in bins for one or two.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use heapmm_core::block::Block;
use heapmm_core::heap::{Heap, Request, Shape};
use heapmm_core::os::fake::{Arena, Dice};
use heapmm_core::policy::FreeIndex;
use heapmm_core::policy::bins::Bins;
use heapmm_core::policy::explicit::{Address, Explicit, Lifo};
use heapmm_core::policy::fit::{BestFit, FirstFit, NextFit, WorstFit};
use heapmm_core::policy::implicit::Implicit;
use heapmm_core::policy::list::List;
use heapmm_core::policy::tree::Tree;
use heapmm_inside::{arena, quick};

/// Blocks that are held.
const HELD: usize = 1000;
/// The largest request in bytes.
const LARGEST: usize = 4000;

fn place<I: FreeIndex>(heap: &mut Heap<Arena, I>, dice: &mut Dice) -> Block {
    heap.allocate(Request::of(16 + dice.below(LARGEST))).expect("the arena is large enough").block()
}

/// A block of the heap goes, a new one comes.
fn replace<I: FreeIndex>(heap: &mut Heap<Arena, I>, held: &mut [Block], dice: &mut Dice) {
    let at = dice.below(held.len());
    // SAFETY: a block that the heap handed out, and that goes once.
    unsafe { heap.release(held[at]) };
    held[at] = place(heap, dice);
}

fn row<I: FreeIndex>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, index: I) {
    let mut heap = Heap::new(arena(32 << 20, 4096), index, Shape::DEFAULT);
    let mut dice = Dice::new(7);
    let mut held: Vec<Block> = (0..HELD).map(|_| place(&mut heap, &mut dice)).collect();
    // A steady state comes after each block was replaced some times.
    (0..10 * HELD).for_each(|_| replace(&mut heap, &mut held, &mut dice));
    group.bench_function(BenchmarkId::new("replace", name), |bencher| {
        bencher.iter(|| replace(&mut heap, &mut held, &mut dice));
    });
}

fn index(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("index");
    row(&mut group, "segregated-best", Bins::<Tree>::EMPTY);
    row(&mut group, "segregated-first", Bins::<List>::EMPTY);
    row(&mut group, "implicit-first", Implicit::<FirstFit>::EMPTY);
    row(&mut group, "implicit-next", Implicit::<NextFit>::EMPTY);
    row(&mut group, "implicit-best", Implicit::<BestFit>::EMPTY);
    row(&mut group, "implicit-worst", Implicit::<WorstFit>::EMPTY);
    row(&mut group, "lifo-first", Explicit::<Lifo, FirstFit>::EMPTY);
    row(&mut group, "lifo-best", Explicit::<Lifo, BestFit>::EMPTY);
    row(&mut group, "lifo-worst", Explicit::<Lifo, WorstFit>::EMPTY);
    row(&mut group, "address-first", Explicit::<Address, FirstFit>::EMPTY);
    row(&mut group, "address-next", Explicit::<Address, NextFit>::EMPTY);
    row(&mut group, "address-best", Explicit::<Address, BestFit>::EMPTY);
    row(&mut group, "address-worst", Explicit::<Address, WorstFit>::EMPTY);
    group.finish();
}

criterion_group! { name = benches; config = quick(); targets = index }
criterion_main!(benches);
