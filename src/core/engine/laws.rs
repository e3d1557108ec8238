//! Laws from the literature that right engines obey.
//!
//! With sizes L0 < L1 < … and ratios r_i = L_i / L_(i-1), requests whose logarithm is uniform get
//! sum(r_i - 1) / ln(prod r_i) times what they ask for on average (phase-averaged), and all of
//! them together sum(L_i ln r_i) / (L_last - L_first) times their sum (log-uniform). The waste is
//! 1 - 1 / that.

use std::vec::Vec;

use super::buddy::{Binary, Buddy, Fibonacci, System, Tertiary, Weighted};
use super::slab::Slab;
use super::{Engine, Held};
use crate::heap::Growth;
use crate::heap::draw::arena;
use crate::os::fake::Arena;

/// A buddy heap with one large free block: every size can be split off.
fn buddy<S: System>() -> Buddy<Arena, S> {
    let mut buddy = Buddy::new(arena(16 << 20), Growth::Geometric);
    let all = allocate(&mut buddy, 4 << 20);
    free(&mut buddy, all);
    buddy
}

fn allocate<E: Engine>(engine: &mut E, len: usize) -> Held {
    let grant = engine.allocate(len, 16).unwrap();
    engine.locate(grant.payload().addr()).unwrap()
}

fn free<E: Engine>(engine: &mut E, held: Held) {
    // SAFETY: located when it was allocated.
    unsafe { engine.release(held) };
}

/// What a request of `len` bytes occupies.
fn occupied<E: Engine>(engine: &mut E, len: usize) -> usize {
    let held = allocate(engine, len);
    free(engine, held);
    held.len
}

/// Waste in per cent for requests with a uniform logarithm between `first` and `last`, which
/// are sizes of the engine: phase-averaged and log-uniform.
fn waste<E: Engine>(engine: &mut E, first: usize, last: usize) -> [f64; 2] {
    const REQUESTS: usize = 20_000;
    let (mut ratios, mut asked, mut got) = (0.0, 0.0, 0.0);
    for n in 0..REQUESTS {
        let phase = (n as f64 + 0.5) / REQUESTS as f64;
        let len = first as f64 * (last as f64 / first as f64).powf(phase);
        let size = occupied(engine, len.ceil() as usize) as f64;
        (ratios, asked, got) = (ratios + size / len, asked + len, got + size);
    }
    [REQUESTS as f64 / ratios, asked / got].map(|use_of| 100.0 * (1.0 - use_of))
}

fn assert_waste<E: Engine>(mut engine: E, between: [usize; 2], expected: [f64; 2]) {
    let got = waste(&mut engine, between[0], between[1]);

    for (got, expected) in got.into_iter().zip(expected) {
        assert!((got - expected).abs() <= 0.5, "{got:.2} %, not {expected}");
    }
}

#[test]
fn the_binary_buddy_wastes_what_its_sizes_say() {
    assert_waste(buddy::<Binary>(), [1 << 11, 1 << 20], [30.69, 27.87]);
}

#[test]
fn the_fibonacci_buddy_wastes_what_its_sizes_say() {
    assert_waste(buddy::<Fibonacci>(), [32 * 89, 32 * 17_711], [22.14, 20.62]);
}

#[test]
fn the_weighted_buddy_wastes_what_its_sizes_say() {
    assert_waste(buddy::<Weighted>(), [1 << 11, 1 << 20], [16.82, 15.51]);
}

#[test]
fn the_tertiary_buddy_wastes_what_its_sizes_say() {
    assert_waste(buddy::<Tertiary>(), [1 << 11, 1 << 20], [16.82, 15.51]);
}

#[test]
fn four_classes_a_doubling_waste_what_they_should() {
    assert_waste(Slab::<_, 2>::new(arena(8 << 20), Growth::Geometric), [1 << 9, 8 << 10], [8.74, 8.19]);
}

#[test]
fn eight_classes_a_doubling_waste_what_they_should() {
    assert_waste(Slab::<_, 3>::new(arena(8 << 20), Growth::Geometric), [1 << 9, 8 << 10], [4.44, 4.21]);
}

/// Least and most waste in per cent for requests uniform between 0 and a limit that goes
/// through one period of the sizes.
fn waste_of_uniform<E: Engine>(mut engine: E, first: usize, last: usize) -> [f64; 2] {
    let (mut least, mut most) = (100.0, 0.0);
    for n in 0..=24 {
        let limit = first + (last - first) * n / 24;
        let (mut asked, mut got) = (0, 0);
        for len in (0..500).map(|n| (2 * n + 1) * limit / 1000) {
            asked += len;
            got += occupied(&mut engine, len);
        }
        let waste = 100.0 * (1.0 - asked as f64 / got as f64);
        (least, most) = (waste.min(least), waste.max(most));
    }
    [least, most]
}

#[test]
fn uniform_requests_waste_between_the_limits_of_each_system() {
    let got = [
        waste_of_uniform(buddy::<Binary>(), 1 << 17, 1 << 18),
        waste_of_uniform(buddy::<Fibonacci>(), 32 * 4181, 32 * 6765),
        waste_of_uniform(buddy::<Weighted>(), 1 << 17, 1 << 18),
        waste_of_uniform(buddy::<Tertiary>(), 1 << 17, 1 << 18),
    ];

    let expected = [[25.0, 33.3], [19.1, 23.6], [14.3, 18.5], [14.3, 18.5]];
    for (got, expected) in got.as_flattened().iter().zip(expected.as_flattened()) {
        assert!((got - expected).abs() <= 0.5, "{got:.2} %, not {expected}");
    }
}

/// Drives an engine into fragmentation after Robson (1971, 1974): fill `most` bytes with the
/// smallest size; then, doubling, leave one block in each stretch of the next size and fill up
/// again with that size. The least stays where it hurts the most.
fn pin_and_double<E: Engine>(engine: &mut E, most: usize, smallest: usize, doublings: u32) {
    let mut held: Vec<Held> = Vec::new();
    let mut live = 0;
    for size in (0..=doublings).map(|doubling| smallest << doubling) {
        held.sort_by_key(|held| held.payload.addr());
        let mut pinned = usize::MAX;
        held.retain(|held| {
            let stretch = held.payload.addr() / size;
            let stays = stretch != pinned;
            pinned = stretch;
            if !stays {
                live -= held.len;
                free(engine, *held);
            }
            stays
        });
        while live + size <= most {
            held.push(allocate(engine, size));
            live += size;
        }
    }
}

#[test]
fn the_binary_buddy_stays_under_its_bound_when_driven() {
    const MOST: usize = 256 << 10;
    for doublings in [2, 4, 6, 8, 10, 12] {
        let mut buddy: Buddy<_, Binary> = Buddy::new(arena(64 << 20), Growth::Exact);

        pin_and_double(&mut buddy, MOST, 32, doublings);

        let (peak, log) = (buddy.figures().peak_footprint, doublings as usize);
        assert!(peak <= 2 * MOST * (1 + log), "{log}: {peak}");
        assert!(peak >= MOST + MOST * log / 4, "{log}: {peak}: the driver does not drive");
    }
}
