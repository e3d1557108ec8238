//! Classroom traces by their recipes: each one shows one thing about placement.
//!
//! Ids count allocations in their order. The literature plays `coalescing` to `realloc2`; `random`
//! and `steady` are dice with a seed.

use clap::ValueEnum;
use heapmm_core::os::fake::Dice;

use super::{Event, Kind};

/// The traces that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Two neighbours freed, then one block of their joint size: 2400 times.
    Coalescing,
    /// 64 and 448 bytes in turn; the 448s go; then 512s, which fit into no hole.
    Binary,
    /// The same with 16, 112 and 128 bytes.
    Binary2,
    /// One block grows by 128 bytes 4799 times while small ones come and go.
    Realloc,
    /// The same, by 5 bytes from 4092.
    Realloc2,
    /// 2400 blocks of 1 to 32768 bytes; allocated and freed as dice fall.
    Random,
    /// A steady state: a random block goes, another one comes.
    Steady,
    /// 4000 blocks of 512 to 8192 bytes, uniform by their logarithm: what blocks waste inside.
    Octaves,
}

/// Bytes of the smallest request of `steady`.
pub const LEAST_LEN: usize = 16;

/// The numbers that the dice of `steady` use.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Replacements.
    pub rounds: usize,
    /// Blocks live at once, one at least.
    pub live: usize,
    /// Largest request in bytes; sizes are uniform from [`LEAST_LEN`].
    pub largest: usize,
}

/// The events of `name`.
pub fn events(name: Name, seed: u64, load: Load) -> Vec<Event> {
    // Dice need a seed that is not 0; neighbouring seeds should not look alike.
    let dice = Dice::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    match name {
        Name::Coalescing => coalescing(),
        Name::Binary => binary(2000, [64, 448, 512]),
        Name::Binary2 => binary(4000, [16, 112, 128]),
        Name::Realloc => realloc(512, 128, 128),
        Name::Realloc2 => realloc(4092, 5, 16),
        Name::Random => random(dice),
        Name::Steady => steady(dice, load),
        Name::Octaves => octaves(),
    }
}

fn allocate(id: usize, len: usize) -> Event {
    Event::of(Kind::Allocate, id as u32, len as u64)
}

fn free(id: usize) -> Event {
    Event::of(Kind::Free, id as u32, 0)
}

fn coalescing() -> Vec<Event> {
    let round = |n: usize| {
        let (a, b, both) = (3 * n, 3 * n + 1, 3 * n + 2);
        [allocate(a, 4095), allocate(b, 4095), free(a), free(b), allocate(both, 8190), free(both)]
    };
    (0..2400).flat_map(round).collect()
}

fn binary(rounds: usize, [small, large, last]: [usize; 3]) -> Vec<Event> {
    let pairs = (0..rounds).flat_map(|n| [allocate(2 * n, small), allocate(2 * n + 1, large)]);
    let holes = (0..rounds).map(|n| free(2 * n + 1));
    let wide = (0..rounds).map(|n| allocate(2 * rounds + n, last));
    let rest = (0..rounds).map(|n| free(2 * n)).chain((0..rounds).map(|n| free(2 * rounds + n)));
    pairs.chain(holes).chain(wide).chain(rest).collect()
}

fn realloc(start: usize, step: usize, small: usize) -> Vec<Event> {
    const ROUNDS: usize = 4799;
    let round = |n: usize| {
        let grown = Event::of(Kind::Resize, 0, (start + n * step) as u64);
        [grown, allocate(n + 1, small), free(n)]
    };
    let begin = [allocate(0, start), allocate(1, small)];
    begin.into_iter().chain((1..=ROUNDS).flat_map(round)).chain([free(ROUNDS + 1), free(0)]).collect()
}

fn random(mut dice: Dice) -> Vec<Event> {
    const BLOCKS: usize = 2400;
    let (mut events, mut held, mut next) = (Vec::new(), Vec::new(), 0);
    while next < BLOCKS || !held.is_empty() {
        if next < BLOCKS && (held.is_empty() || dice.below(2) == 0) {
            events.push(allocate(next, 1 + dice.below(32_768)));
            held.push(next);
            next += 1;
        } else {
            events.push(free(held.swap_remove(dice.below(held.len()))));
        }
    }
    events
}

fn steady(mut dice: Dice, load: Load) -> Vec<Event> {
    let len = |dice: &mut Dice| LEAST_LEN + dice.below(load.largest - LEAST_LEN + 1);
    let mut held: Vec<usize> = (0..load.live).collect();
    let mut events: Vec<Event> = held.iter().map(|id| allocate(*id, len(&mut dice))).collect();
    for round in 0..load.rounds {
        let at = dice.below(held.len());
        let id = held.len() + round;
        events.push(free(held[at]));
        events.push(allocate(id, len(&mut dice)));
        held[at] = id;
    }
    events.extend(held.into_iter().map(free));
    events
}

fn octaves() -> Vec<Event> {
    const BLOCKS: usize = 4000;
    let len = |n: usize| (512.0 * 16f64.powf((n as f64 + 0.5) / BLOCKS as f64)).ceil() as usize;
    (0..BLOCKS).map(|n| allocate(n, len(n))).chain((0..BLOCKS).map(free)).collect()
}
