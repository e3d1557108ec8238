//! From an address to what lives there: the question that every free asks.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use heapmm_core::os::fake::Dice;
use heapmm_core::slab::class;
use heapmm_core::slab::rooms::{GRANULE, Room, Rooms};
use heapmm_inside::{memory, quick};

/// Granules of the larger map: a heap of a gibibyte.
const MANY: usize = 1 << 14;

const BASE: usize = 0x5555_0000_0000;

/// A map of `count` granules, slabs of all classes in turn.
fn map(count: usize) -> &'static Rooms {
    let rooms: &Rooms = Box::leak(Box::new(Rooms::EMPTY));
    rooms.found(BASE);
    if count > rooms.count() {
        let table = memory(count * size_of::<Room>(), align_of::<Room>());
        // SAFETY: zeroed words that stay for as long as the process.
        unsafe { rooms.replace(table.cast(), count) };
    }
    for granule in 0..count.min(rooms.count()) {
        let class = granule % class::SLAB_CLASSES;
        rooms.set(granule, Room::slab(class, class::len_of(class)));
    }
    rooms
}

fn rooms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rooms");
    for (name, count) in [("look_in_4_mib", 64), ("look_in_1_gib", MANY)] {
        let (rooms, mut dice) = (map(count), Dice::new(5));
        let addresses: Vec<usize> = (0..1024).map(|_| BASE + dice.below(count * GRANULE)).collect();
        let mut at = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                at = (at + 1) % addresses.len();
                let address = black_box(addresses[at]);
                rooms.look(address).map(|room| room.may_start(address))
            });
        });
    }
    let rooms = map(64);
    group.bench_function("look_at_a_stranger", |bencher| {
        bencher.iter(|| rooms.look(black_box(0x7FFF_0000_0000)));
    });
    group.finish();
}

criterion_group! { name = benches; config = quick(); targets = rooms }
criterion_main!(benches);
