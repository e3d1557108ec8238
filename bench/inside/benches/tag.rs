//! The word before a block: what its seal costs on the way in and out.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use heapmm_core::block::Tag;
use heapmm_core::block::tag::{PREV_USED, USED};
use heapmm_inside::quick;

const ADDRESS: usize = 0x5555_0000_1008;

fn tag(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tag");
    let tag = Tag::new(4096, USED | PREV_USED);
    let word = tag.sealed(ADDRESS);
    group.bench_function("seal", |bencher| bencher.iter(|| black_box(tag).sealed(black_box(ADDRESS))));
    group.bench_function("open", |bencher| bencher.iter(|| Tag::open(black_box(word), black_box(ADDRESS))));
    group.bench_function("refuse", |bencher| {
        bencher.iter(|| Tag::open(black_box(word ^ 16), black_box(ADDRESS)));
    });
    group.finish();
}

criterion_group! { name = benches; config = quick(); targets = tag }
criterion_main!(benches);
