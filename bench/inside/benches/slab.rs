//! Objects from spans and back, in batches, as a bin that is empty or full asks for them.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use heapmm_core::heap::{Heap, Shape};
use heapmm_core::os::fake::Arena;
use heapmm_core::os::tables::Tables;
use heapmm_core::policy::bins::Bins;
use heapmm_core::policy::tree::Tree;
use heapmm_core::slab::class;
use heapmm_core::slab::rooms::{GRANULE, Rooms};
use heapmm_core::slab::spans::Spans;
use heapmm_inside::{memory, quick};

/// Objects in a batch.
const BATCH: usize = 64;
/// Bytes of the arena: what the first table of rooms knows.
const CAP: usize = 64 * GRANULE;

struct Slabs {
    heap: Heap<Arena, Bins<Tree>>,
    tables: Tables,
    rooms: &'static Rooms,
    spans: Spans,
}

impl Slabs {
    fn new() -> Self {
        let base = memory(CAP, GRANULE);
        // SAFETY: zeroed, aligned, nobody else's, and never given back.
        let arena = unsafe { Arena::new(base, CAP) };
        let rooms: &Rooms = Box::leak(Box::new(Rooms::EMPTY));
        rooms.found(base.addr());
        let heap = Heap::new(arena, Bins::EMPTY, Shape::DEFAULT);
        Self { heap, tables: Tables::EMPTY, rooms, spans: Spans::EMPTY }
    }

    fn take(&mut self, class: usize, batch: &mut [*mut u8; BATCH]) -> usize {
        let (out, most) = (batch.as_mut_ptr(), batch.len());
        let Self { heap, tables, rooms, spans } = self;
        // SAFETY: the batch has room for as many.
        unsafe { spans.take(heap, tables, rooms, class, out, most) }.count
    }

    fn give(&mut self, objects: &[*mut u8]) {
        let given = self.spans.give(&mut self.heap, self.rooms, objects);
        assert_eq!(given, Some(objects.len()), "all are used objects of slabs");
    }
}

fn slab(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slab");
    for len in [16, 64, 256, 1024] {
        let (class, mut slabs) = (class::class_of(len), Slabs::new());
        let mut batch = [std::ptr::null_mut(); BATCH];
        // One object stays, so that the slab does too.
        let mut first = [std::ptr::null_mut(); BATCH];
        let kept = slabs.take(class, &mut first);
        slabs.give(&first[1..kept]);
        let got = slabs.take(class, &mut batch);
        slabs.give(&batch[..got]);
        group.throughput(Throughput::Elements(got as u64));
        group.bench_function(BenchmarkId::new("take_and_give", len), |bencher| {
            bencher.iter(|| {
                let got = slabs.take(class, &mut batch);
                slabs.give(&batch[..got]);
            });
        });
    }
    group.finish();
}

criterion_group! { name = benches; config = quick(); targets = slab }
criterion_main!(benches);
