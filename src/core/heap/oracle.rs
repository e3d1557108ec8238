//! The classroom traces against figures of an independent simulator.
//!
//! Utilisation is peak payload / peak heap in per cent, with this heap's format and growth to the
//! byte: `e64` in the tables of the project. Ties go to the lowest address.

use std::string::String;
use std::vec::Vec;

use super::draw::{EXACT, arena};
use super::paper::{BOOK, E64, Format, Paper};
use super::{Heap, Request};
use crate::block::Block;
use crate::os::fake::Arena;
use crate::policy::{AnyIndex, Policy};

/// A program's life in terms of its block numbers.
pub(super) enum Step {
    Allocate(usize, usize),
    Resize(usize, usize),
    Free(usize),
}

/// How realloc is played.
#[derive(Clone, Copy, PartialEq)]
enum Realloc {
    Copy,
    InPlace,
}

struct Player {
    heap: Heap<Arena, AnyIndex>,
    held: Vec<Option<(Block, usize)>>,
    payload: usize,
    peak: usize,
}

impl Player {
    fn new(policy: Policy) -> Self {
        let heap = Heap::new(arena(64 << 20), AnyIndex::new(policy).unwrap(), EXACT);
        Self { heap, held: Vec::new(), payload: 0, peak: 0 }
    }

    fn allocate(&mut self, id: usize, len: usize) {
        let block = self.heap.allocate(Request::of(len)).unwrap().block();
        self.hold(id, block, len);
    }

    fn hold(&mut self, id: usize, block: Block, len: usize) {
        if self.held.len() <= id {
            self.held.resize(id + 1, None);
        }
        self.held[id] = Some((block, len));
        self.payload += len;
        self.peak = self.peak.max(self.payload);
    }

    fn free(&mut self, id: usize) {
        let (block, len) = self.held[id].take().unwrap();
        self.payload -= len;
        self.heap.free(block);
    }

    fn resize(&mut self, id: usize, len: usize, how: Realloc) {
        let (old, old_len) = self.held[id].unwrap();
        // SAFETY: a live block of this heap.
        if how == Realloc::InPlace && unsafe { self.heap.resize(old, len) } {
            self.payload -= old_len;
            return self.hold(id, old, len);
        }
        let new = self.heap.allocate(Request::of(len)).unwrap().block();
        self.payload -= old_len;
        self.heap.free(old);
        self.hold(id, new, len);
    }

    fn play(&mut self, steps: &[Step], how: Realloc) -> f64 {
        for step in steps {
            match *step {
                Step::Allocate(id, len) => self.allocate(id, len),
                Step::Resize(id, len) => self.resize(id, len, how),
                Step::Free(id) => self.free(id),
            }
        }
        100.0 * self.peak as f64 / self.heap.counts().peak_footprint as f64
    }
}

fn coalescing() -> Vec<Step> {
    let round = |n: usize| {
        [
            Step::Allocate(3 * n, 4095),
            Step::Allocate(3 * n + 1, 4095),
            Step::Free(3 * n),
            Step::Free(3 * n + 1),
            Step::Allocate(3 * n + 2, 8190),
            Step::Free(3 * n + 2),
        ]
    };
    (0..2400).flat_map(round).collect()
}

fn binary_of(rounds: usize, small: usize, large: usize, last: usize) -> Vec<Step> {
    let pairs = (0..rounds).flat_map(|n| [Step::Allocate(2 * n, small), Step::Allocate(2 * n + 1, large)]);
    let holes = (0..rounds).map(|n| Step::Free(2 * n + 1));
    let wider = (0..rounds).map(|n| Step::Allocate(2 * rounds + n, last));
    let rest = (0..rounds).map(|n| Step::Free(2 * n));
    let end = (0..rounds).map(|n| Step::Free(2 * rounds + n));
    pairs.chain(holes).chain(wider).chain(rest).chain(end).collect()
}

fn realloc_of(start: usize, step: usize, small: usize) -> Vec<Step> {
    let mut steps = std::vec![Step::Allocate(0, start), Step::Allocate(1, small)];
    for n in 0..4799 {
        steps.push(Step::Resize(0, start + (n + 1) * step));
        steps.push(Step::Allocate(n + 2, small));
        steps.push(Step::Free(n + 1));
    }
    steps.push(Step::Free(4800));
    steps.push(Step::Free(0));
    steps
}

const POLICIES: [Policy; 5] = [
    Policy::ImplicitFirst,
    Policy::ImplicitNext,
    Policy::ImplicitBest,
    Policy::ImplicitWorst,
    Policy::LifoFirst,
];

/// Asserts the row of `expected` figures for FF, NF, BF, WF and LIFO, each within 0.5 points.
fn assert_row(name: &str, steps: &[Step], how: Realloc, expected: [f64; 5]) {
    for (policy, expected) in POLICIES.into_iter().zip(expected) {
        let got = Player::new(policy).play(steps, how);
        assert!((got - expected).abs() <= 0.5, "{name} {}: {got:.2}, not {expected}", policy.name());
    }
}

#[test]
fn the_coalescing_trace_uses_what_the_oracle_says() {
    assert_row("coalescing", &coalescing(), Realloc::Copy, [99.4; 5]);
}

#[test]
fn the_binary_traces_use_what_the_oracle_says() {
    assert_row("binary", &binary_of(2000, 64, 448, 512), Realloc::Copy, [53.7; 5]);
    assert_row("binary2", &binary_of(4000, 16, 112, 128), Realloc::Copy, [47.4; 5]);
}

#[test]
fn the_realloc_traces_use_what_the_oracle_says() {
    let (first, second) = (realloc_of(512, 128, 128), realloc_of(4092, 5, 16));

    assert_row("realloc", &first, Realloc::Copy, [33.3, 33.4, 33.4, 33.4, 33.4]);
    assert_row("realloc2", &second, Realloc::Copy, [50.0; 5]);
}

/// The five classroom traces.
fn traces() -> [(&'static str, Vec<Step>); 5] {
    [
        ("coalescing", coalescing()),
        ("binary", binary_of(2000, 64, 448, 512)),
        ("binary2", binary_of(4000, 16, 112, 128)),
        ("realloc", realloc_of(512, 128, 128)),
        ("realloc2", realloc_of(4092, 5, 16)),
    ]
}

#[test]
fn the_format_of_the_textbook_uses_what_the_oracle_says() {
    let expected = [
        [66.5, 66.5, 66.5, 66.5, 66.5],
        [54.9, 54.9, 54.9, 54.9, 54.9],
        [51.3, 51.3, 51.3, 51.3, 51.3],
        [26.6, 26.6, 31.4, 26.6, 26.0],
        [33.9, 45.1, 30.4, 33.9, 33.9],
    ];

    for ((name, steps), row) in traces().iter().zip(expected) {
        for (policy, expected) in POLICIES.into_iter().zip(row) {
            let got = Paper::new(BOOK, policy, BOOK.chunk).play(steps);
            assert!((got - expected).abs() <= 0.5, "{name} {}: {got:.2}, not {expected}", policy.name());
        }
    }
}

#[test]
fn the_heap_uses_as_much_as_its_naive_twin_on_paper() {
    for (name, steps) in traces() {
        for policy in POLICIES {
            let (twin, heap) =
                (Paper::new(E64, policy, 0).play(&steps), Player::new(policy).play(&steps, Realloc::Copy));
            assert!((twin - heap).abs() < 0.1, "{name} {}: {heap:.3}, the twin {twin:.3}", policy.name());
        }
    }
}

/// The exercise of a course on operating systems: 16 bytes in front of each of five requests, a heap
/// of 1024 bytes.
#[test]
fn five_requests_leave_a_rest_of_776_and_once_freed_one_block_of_1024() {
    let exercise = Format { over: 16, step: 8, smallest: 24, rest: 32, around: 0, chunk: 0 };
    let mut paper = Paper::new(exercise, Policy::ImplicitFirst, 1024);

    let blocks = [8, 16, 32, 48, 64].map(|len| paper.allocate(len));
    let placed = paper.sizes();
    [1, 3, 0, 4, 2].into_iter().for_each(|n| paper.free(blocks[n]));

    assert_eq!(placed, [24, 32, 48, 64, 80, 776]);
    assert_eq!(paper.sizes(), [1024]);
}

#[test]
fn realloc_in_place_uses_nearly_all() {
    let play = |steps: &[Step]| Player::new(Policy::ImplicitFirst).play(steps, Realloc::InPlace);

    let (first, second) = (play(&realloc_of(512, 128, 128)), play(&realloc_of(4092, 5, 16)));

    assert!((first - 99.9).abs() <= 0.5, "{first:.2}");
    assert!((second - 87.2).abs() <= 0.5, "{second:.2}");
}

#[test]
fn equivalent_policies_place_alike() {
    let pairs = [
        (Policy::ImplicitFirst, Policy::AddressFirst),
        (Policy::ImplicitBest, Policy::AddressBest),
        (Policy::ImplicitBest, Policy::SegregatedBest),
        (Policy::ImplicitWorst, Policy::AddressWorst),
    ];
    let draw_after = |policy| -> String {
        let mut heap = super::draw::empty(policy);
        let mut dice = crate::os::fake::Dice::new(11);
        let mut held = Vec::new();
        for _ in 0..900 {
            if dice.below(3) < 2 {
                held.extend(heap.allocate(Request::of(dice.below(2000))).map(|p| p.block()));
            } else if !held.is_empty() {
                heap.free(held.swap_remove(dice.below(held.len())));
            }
        }
        super::draw::draw(&heap)
    };

    for (naive, quick) in pairs {
        assert_eq!(draw_after(naive), draw_after(quick), "{naive:?} {quick:?}");
    }
}
