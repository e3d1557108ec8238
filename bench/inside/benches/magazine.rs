//! One thread's bin, and whole magazines through the depot.

use criterion::{Criterion, criterion_group, criterion_main};
use heapmm_core::cache::depot::Shard;
use heapmm_core::cache::magazine::Format;
use heapmm_core::cache::{Bin, Depot, Magazine, Thread};
use heapmm_core::slab::class;
use heapmm_inside::{memory, quick};

/// Bytes of the objects.
const LEN: usize = 64;
/// Bytes that may rest in the depot.
const ROOM: usize = 1 << 20;

/// Slots of their magazines.
fn slots() -> usize {
    Format::of(1).most_slots(class::class_of(LEN))
}

/// A thread whose bin for objects of [`LEN`] bytes has a full magazine loaded and an empty one spare.
fn thread<'a>() -> &'a Thread {
    let at = memory(size_of::<Thread>(), align_of::<Thread>());
    // SAFETY: zeroed, aligned, and nobody else's.
    let thread = unsafe { Thread::build(at) };
    let bin = thread.bin_for(LEN);
    bin.load(magazine());
    (0..slots()).for_each(|_| assert!(bin.push(memory(LEN, 16))));
    assert!(bin.keep_spare(magazine()));
    thread
}

fn magazine() -> *mut Magazine {
    let slots = slots();
    // SAFETY: as many bytes as that many slots need.
    unsafe { Magazine::build(memory(Magazine::bytes(slots), 16), slots) }
}

/// The full magazine goes to the depot, then the empty one, and both come back.
fn exchange(bin: &Bin, depot: &Depot, class: usize) {
    let empty = depot.give_full(0, class, bin.unload()).expect("there is room");
    assert!(empty.is_none());
    bin.load(depot.take_full_for(0, class, bin.take_spare()).expect("one was given"));
    assert!(bin.keep_spare(depot.take_empty(class).expect("one was given")));
}

fn bins(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("magazine");
    let bin = thread().bin_for(LEN);
    group.bench_function("exchange_through_the_depot", |bencher| {
        let depot = Depot::EMPTY;
        // SAFETY: memory for a shard, and nobody else's.
        unsafe { depot.open(0, memory(size_of::<Shard>(), align_of::<Shard>())) };
        depot.limit(ROOM);
        bencher.iter(|| exchange(bin, &depot, class::class_of(LEN)));
    });
    group.bench_function("pop_and_push", |bencher| {
        bencher.iter(|| bin.pop().map(|object| bin.push(object)));
    });
    group.bench_function("swap", |bencher| bencher.iter(|| bin.swap()));
    group.finish();
}

criterion_group! { name = benches; config = quick(); targets = bins }
criterion_main!(benches);
