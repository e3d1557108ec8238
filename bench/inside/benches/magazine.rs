//! One thread's bin, and whole magazines through the depot.

use criterion::{Criterion, criterion_group, criterion_main};
use heapmm_core::cache::magazine::most_slots;
use heapmm_core::cache::{Bin, Depot, Magazine, Thread};
use heapmm_core::slab::class;
use heapmm_inside::{memory, quick};

/// Bytes of the objects.
const LEN: usize = 64;

/// A thread whose bin for objects of [`LEN`] bytes has two magazines, the one to take from full.
fn thread<'a>() -> (&'a Thread, Vec<*mut u8>) {
    let at = memory(size_of::<Thread>(), align_of::<Thread>());
    // SAFETY: zeroed, aligned, and nobody else's.
    let thread = unsafe { Thread::build(at) };
    let objects: Vec<*mut u8> = (0..most_slots(LEN)).map(|_| memory(LEN, 16)).collect();
    thread.bin_for(LEN).load_push(magazine());
    objects.iter().for_each(|object| assert!(thread.bin_for(LEN).push(*object)));
    thread.bin_for(LEN).flip();
    thread.bin_for(LEN).load_push(magazine());
    (thread, objects)
}

fn magazine() -> *mut Magazine {
    let slots = most_slots(LEN);
    // SAFETY: as many bytes as that many slots need.
    unsafe { Magazine::build(memory(Magazine::bytes(slots), 16), slots) }
}

/// One object goes from the one side of the bin to the other; the sides change when one is empty.
fn pass(bin: &Bin) {
    match bin.pop() {
        Some(object) => assert!(bin.push(object)),
        None => bin.flip(),
    }
}

/// A full magazine goes to the depot and an empty one comes, and the other way round.
fn exchange(bin: &Bin, depot: &Depot, class: usize) {
    assert!(depot.give_full(class, bin.take_pop()).is_none());
    depot.give_empty(class, bin.take_push());
    bin.load_push(depot.take_empty(class).expect("one was given"));
    bin.load_pop(depot.take_full(class).expect("one was given"));
}

fn bins(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("magazine");
    let (thread, objects) = thread();
    let bin = thread.bin_for(LEN);
    group.bench_function("push_and_pop", |bencher| {
        bencher.iter(|| {
            assert!(bin.push(objects[0]));
            bin.pop_last()
        });
    });
    group.bench_function("exchange_through_the_depot", |bencher| {
        let depot = Depot::EMPTY;
        bencher.iter(|| exchange(bin, &depot, class::class_of(LEN)));
    });
    group.bench_function("pop_and_push", |bencher| bencher.iter(|| pass(bin)));
    group.finish();
}

criterion_group! { name = benches; config = quick(); targets = bins }
criterion_main!(benches);
