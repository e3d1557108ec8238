//! What every engine does: each test runs once for each row of the table.

use std::collections::BTreeMap;
use std::vec::Vec;

use super::table::AnyEngine;
use super::{Engine, Held, Kind, Piece};
use crate::heap::draw::arena;
use crate::heap::{Fault, Growth};
use crate::os::backing::{Backing, Mapped, Run};
use crate::os::fake::{Arena, Dice, Flaky};
use crate::policy::Policy;

macro_rules! for_every_engine {
    (
        tagged { $($rest:tt)* }
        designs { $($variant:ident $module:ident $name:literal $engine:ty => $help:literal;)* }
    ) => {
        $(mod $module {
            use crate::policy::Policy::$variant as DESIGN;
            every_test!(DESIGN;
                random_work_matches_a_shadow_model,
                a_second_free_is_recognised,
                pointers_that_are_not_blocks_are_told_apart,
                memory_out_is_none_and_the_heap_goes_on,
                once_all_is_freed_the_memory_goes_back,
                alignments_up_to_a_mebibyte_are_served,
                a_resized_block_keeps_its_contents,
                a_heap_of_a_few_kib_serves_small_requests,
                a_heap_of_many_mib_serves_large_requests,
                a_foreign_move_of_the_break_is_stepped_over,
                absurd_requests_are_refused,
                what_is_not_dirty_is_zero,
                mappings_of_the_system_serve_too,
            );
        })*
    };
}

macro_rules! every_test {
    ($design:ident; $($test:ident,)*) => {
        $(#[test] fn $test() { super::$test($design); })*
    };
}

crate::policy_rows!(for_every_engine);

fn engine(design: Policy, cap: usize) -> AnyEngine<Arena> {
    AnyEngine::new(design, arena(cap), Growth::Geometric).unwrap()
}

fn pieces<E: Engine>(engine: &E) -> Vec<Piece> {
    let mut pieces = Vec::new();
    engine.walk(&mut |piece| pieces.push(piece));
    pieces.sort_by_key(|piece| piece.start);
    pieces
}

/// Asserts every law that a walk can see; the pieces.
fn assert_sound<E: Engine>(engine: &E) -> Vec<Piece> {
    let (pieces, figures) = (pieces(engine), engine.figures());
    let of = |kind| pieces.iter().filter(move |piece| piece.kind == kind);
    let bytes = |kind| of(kind).map(|piece| piece.size).sum::<usize>();
    for pair in pieces.windows(2) {
        assert!(pair[0].start + pair[0].size <= pair[1].start, "pieces overlap: {pair:?}");
    }
    assert_eq!(figures.sum(), figures.footprint, "{figures:?}");
    assert_eq!(bytes(Kind::Used) + bytes(Kind::Free) + bytes(Kind::Own), figures.footprint, "[Y1]");
    assert_eq!(bytes(Kind::Free), figures.free + figures.tail, "{figures:?}");
    assert_eq!(of(Kind::Used).count(), figures.used_blocks);
    assert_eq!(of(Kind::Free).count(), figures.free_blocks);
    assert_eq!(figures.allocs - figures.frees, figures.used_blocks as u64);
    assert!(figures.footprint <= figures.peak_footprint);
    assert_eq!((engine.footprint(), engine.live()), (figures.footprint, figures.live));
    for piece in of(Kind::Used) {
        let held = engine.locate(piece.payload()).unwrap();
        assert_eq!((held.payload.addr(), held.len), (piece.payload(), piece.len()));
    }
    assert!(of(Kind::Free).all(|piece| piece.size <= figures.largest_free + 64), "{figures:?}");
    pieces
}

/// What the program believes about one block.
#[derive(Clone, Copy)]
struct Belief {
    payload: *mut u8,
    len: usize,
    mark: u8,
}

impl Belief {
    fn allocate<E: Engine>(engine: &mut E, len: usize, align: usize, mark: u8) -> Option<Self> {
        let grant = engine.allocate(len, align)?;
        let held = engine.locate(grant.payload().addr()).unwrap();
        assert_eq!(held.payload, grant.payload());
        assert!(held.len >= len && held.payload.addr() % align.max(16) == 0);
        assert!(grant.dirty <= len);
        let belief = Self { payload: grant.payload(), len, mark };
        assert!(belief.bytes()[grant.dirty..].iter().all(|byte| *byte == 0), "not as clean as it says");
        belief.fill();
        Some(belief)
    }

    fn bytes(&self) -> &'static [u8] {
        // SAFETY: the engine gave the block, and the test has not freed it.
        unsafe { core::slice::from_raw_parts(self.payload, self.len) }
    }

    fn fill(&self) {
        // SAFETY: as in `bytes`.
        unsafe { self.payload.write_bytes(self.mark, self.len) };
    }

    fn assert_intact(&self) {
        assert!(self.bytes().iter().all(|byte| *byte == self.mark), "a block was written to");
    }

    fn held<E: Engine>(&self, engine: &E) -> Held {
        engine.locate(self.payload.addr()).unwrap()
    }

    fn free<E: Engine>(self, engine: &mut E) {
        self.assert_intact();
        let held = self.held(engine);
        // SAFETY: located just now.
        unsafe { engine.release(held) };
    }

    fn resize<E: Engine>(&mut self, engine: &mut E, len: usize) -> bool {
        let held = self.held(engine);
        // SAFETY: located just now.
        let done = unsafe { engine.resize(held, len) };
        if done {
            self.len = self.len.min(len);
            self.assert_intact();
            self.len = len;
        }
        self.assert_fits(engine);
        done
    }

    fn assert_fits<E: Engine>(&self, engine: &E) {
        assert!(self.held(engine).len >= self.len);
    }
}

/// Asserts that each block that the program holds lies in a used piece of its own.
fn assert_apart(pieces: &[Piece], held: &[Belief]) {
    let mut by_start: BTreeMap<usize, &Piece> = BTreeMap::new();
    for piece in pieces.iter().filter(|piece| piece.kind == Kind::Used) {
        by_start.insert(piece.start, piece);
    }
    for belief in held {
        let start = belief.payload.addr();
        let (key, piece) = by_start.range(..=start).next_back().unwrap();
        let (key, end) = (*key, piece.start + piece.size);
        assert!(start + belief.len <= end, "a block reaches out of its piece");
        by_start.remove(&key);
    }
}

/// A length such as programs ask for: mostly small, sometimes some pages.
fn some_len(dice: &mut Dice) -> usize {
    match dice.below(16) {
        0 => dice.below(20_000),
        1..4 => dice.below(3000),
        _ => dice.below(400),
    }
}

fn random_work<E: Engine>(engine: &mut E, turns: usize, seed: u64) {
    let (mut dice, mut held) = (Dice::new(seed), Vec::<Belief>::new());
    for turn in 0..turns {
        let mark = turn as u8 | 1;
        match dice.below(8) {
            0..4 => {
                let (len, align) = (some_len(&mut dice), 16 << dice.below(5));
                held.extend(Belief::allocate(engine, len, align, mark));
            }
            4..7 if !held.is_empty() => held.swap_remove(dice.below(held.len())).free(engine),
            _ if !held.is_empty() => {
                let at = dice.below(held.len());
                let len = some_len(&mut dice);
                held[at].resize(engine, len);
                held[at].fill();
            }
            _ => {}
        }
        if turn % 32 == 0 {
            assert_apart(&assert_sound(engine), &held);
        }
        if turn % 300 == 299 {
            engine.trim(0);
            held.iter().for_each(Belief::assert_intact);
        }
    }
    held.drain(..).for_each(|belief| belief.free(engine));
    assert_sound(engine);
    assert_eq!((engine.figures().live, engine.figures().used_blocks), (0, 0));
}

fn random_work_matches_a_shadow_model(design: Policy) {
    for seed in 1..4 {
        random_work(&mut engine(design, 8 << 20), 1500, seed);
    }
}

fn a_second_free_is_recognised(design: Policy) {
    let mut engine = engine(design, 1 << 20);
    let blocks = [24, 100, 2000, 30_000].map(|len| Belief::allocate(&mut engine, len, 16, 1).unwrap());
    let _between = blocks.map(|block| Belief::allocate(&mut engine, block.len, 16, 2).unwrap());

    let row = [48; 12].map(|len| Belief::allocate(&mut engine, len, 16, 3).unwrap());
    let _behind = Belief::allocate(&mut engine, 48, 16, 4).unwrap();

    blocks.iter().chain(&row).for_each(|block| block.free(&mut engine));

    for block in blocks.iter().chain(&row) {
        assert_eq!(engine.locate(block.payload.addr()), Err(Fault::Freed), "also after a merge");
    }
}

fn pointers_that_are_not_blocks_are_told_apart(design: Policy) {
    let mut engine = engine(design, 1 << 20);
    let on_the_stack = 0u64;
    let blocks = [24, 100, 2000, 30_000].map(|len| Belief::allocate(&mut engine, len, 16, 1).unwrap());

    for block in blocks {
        let start = block.payload.addr();
        for offset in [1, 8, 16, block.len - 1] {
            assert_eq!(engine.locate(start + offset), Err(Fault::Interior(start)));
        }
    }
    assert_eq!(engine.locate((&raw const on_the_stack).addr()), Err(Fault::Foreign));
    assert_eq!(engine.locate(16), Err(Fault::Foreign));
    for piece in pieces(&engine).iter().filter(|piece| piece.kind == Kind::Own) {
        assert!(engine.locate(piece.start + piece.size / 2).is_err());
    }
}

fn memory_out_is_none_and_the_heap_goes_on(design: Policy) {
    for failing in 0..6 {
        let backing = Flaky::new(arena(4 << 20), failing, 3);
        let mut engine = AnyEngine::new(design, backing, Growth::Geometric).unwrap();
        let mut held = Vec::new();

        for n in 0..40 {
            held.extend(Belief::allocate(&mut engine, 20_000 + n * 64, 16, 3));
            assert_sound(&engine);
        }
        let later = Belief::allocate(&mut engine, 3000, 16, 4);

        assert!(held.len() >= 37, "{}", held.len());
        assert!(later.is_some());
        held.drain(..).chain(later).for_each(|belief| belief.free(&mut engine));
        assert_sound(&engine);
    }
    let mut small = engine(design, 1 << 16);
    let mut held = Vec::new();
    while let Some(belief) = Belief::allocate(&mut small, 1000, 16, 5) {
        held.push(belief);
    }
    assert!(held.len() > 20);
    held.swap_remove(7).free(&mut small);
    held.extend(Some(Belief::allocate(&mut small, 1000, 16, 6).unwrap()));
    assert_apart(&assert_sound(&small), &held);
    assert!(small.allocate(1 << 16, 16).is_none());
    held.into_iter().for_each(|belief| belief.free(&mut small));
    small.trim(0);
    assert_eq!(small.figures().footprint, 0);
}

fn once_all_is_freed_the_memory_goes_back(design: Policy) {
    let mut engine = engine(design, 8 << 20);
    let held: Vec<_> =
        (0..600).map(|n| Belief::allocate(&mut engine, 16 + n * 7, 16, n as u8).unwrap()).collect();

    held.into_iter().for_each(|belief| belief.free(&mut engine));
    let gave_back = engine.trim(0);

    assert!(gave_back);
    assert_eq!((engine.figures().live, engine.figures().footprint), (0, 0));
    assert!(!engine.trim(0), "there is nothing left");
    assert_sound(&engine);
    random_work(&mut engine, 100, 9);
}

fn alignments_up_to_a_mebibyte_are_served(design: Policy) {
    let mut engine = engine(design, 64 << 20);
    let mut held = Vec::new();

    for shift in 4..=20 {
        for len in [1, 100, 5000] {
            held.push(Belief::allocate(&mut engine, len, 1 << shift, shift as u8).unwrap());
        }
        assert_apart(&assert_sound(&engine), &held);
    }

    held.into_iter().for_each(|belief| belief.free(&mut engine));
    assert_sound(&engine);
    assert_eq!(engine.figures().live, 0);
}

fn a_resized_block_keeps_its_contents(design: Policy) {
    let mut engine = engine(design, 4 << 20);
    let mut held: Vec<_> =
        (1..30).map(|n| Belief::allocate(&mut engine, n * 50, 16, n as u8).unwrap()).collect();

    for turn in 0..10 {
        for belief in &mut held {
            let len = belief.len;
            assert!(belief.resize(&mut engine, len), "to its own length");
            assert!(belief.resize(&mut engine, len - len / 8), "to less");
            if belief.resize(&mut engine, len + turn) {
                belief.fill();
            }
        }
        assert_apart(&assert_sound(&engine), &held);
    }

    held.into_iter().for_each(|belief| belief.free(&mut engine));
    assert_eq!(engine.figures().live, 0);
}

fn a_heap_of_a_few_kib_serves_small_requests(design: Policy) {
    let mut engine = engine(design, 32 << 10);

    let held: Vec<_> = (0..60).map_while(|n| Belief::allocate(&mut engine, 40, 16, n)).collect();

    assert_eq!(held.len(), 60);
    assert_apart(&assert_sound(&engine), &held);
}

fn a_heap_of_many_mib_serves_large_requests(design: Policy) {
    let mut engine = engine(design, 256 << 20);

    let held: Vec<_> =
        (0..60).map(|n| engine.allocate((1 << 20) + (n << 12), 16).unwrap().payload().addr()).collect();
    for address in held {
        let found = engine.locate(address).unwrap();
        // SAFETY: located just now.
        unsafe { engine.release(found) };
    }

    assert_eq!(assert_sound(&engine).iter().filter(|piece| piece.kind == Kind::Used).count(), 0);
    assert!(engine.trim(0));
    assert_eq!(engine.figures().footprint, 0);
}

/// An arena whose break a stranger moves before each growth.
struct Jumpy(Arena);

impl Backing for Jumpy {
    fn grow(&mut self, end: *mut u8, least: usize, want: usize) -> Option<Run> {
        self.0.skip(4096 + 16);
        self.0.grow(end, least, want)
    }

    fn shrink(&mut self, from: *mut u8, len: usize) -> bool {
        self.0.shrink(from, len)
    }

    fn release(&mut self, run: Run) -> bool {
        self.0.release(run)
    }

    fn purge(&mut self, at: *mut u8, len: usize) -> bool {
        self.0.purge(at, len)
    }
}

fn a_foreign_move_of_the_break_is_stepped_over(design: Policy) {
    let mut engine = AnyEngine::new(design, Jumpy(arena(16 << 20)), Growth::Exact).unwrap();

    random_work(&mut engine, 1200, 21);

    assert_sound(&engine);
}

fn absurd_requests_are_refused(design: Policy) {
    let mut engine = engine(design, 1 << 20);
    let held = Belief::allocate(&mut engine, 100, 16, 1).unwrap();

    for len in [1 << 21, 1 << 40, 1 << 47, isize::MAX as usize, usize::MAX - 64, usize::MAX] {
        assert!(engine.allocate(len, 16).is_none(), "{len}");
        // SAFETY: located just now.
        assert!(!unsafe { engine.resize(held.held(&engine), len) }, "{len}");
    }
    assert!(engine.allocate(1, 1 << 62).is_none());

    held.assert_intact();
    assert_sound(&engine);
}

fn mappings_of_the_system_serve_too(design: Policy) {
    let mut engine = AnyEngine::new(design, Mapped, Growth::Geometric).unwrap();

    random_work(&mut engine, 900, 33);
    let large = Belief::allocate(&mut engine, 5 << 20, 1 << 16, 7).unwrap();
    large.free(&mut engine);
    engine.trim(0);

    assert_eq!(engine.figures().footprint, 0, "what was unmapped is not touched again");
}

fn what_is_not_dirty_is_zero(design: Policy) {
    let mut engine = engine(design, 16 << 20);
    let first: Vec<_> =
        (0..40).map(|n| Belief::allocate(&mut engine, 1 << (n % 18), 16, 0xAB).unwrap()).collect();
    first.into_iter().for_each(|belief| belief.free(&mut engine));
    engine.trim(1 << 16);

    let second: Vec<_> =
        (0..40).map(|n| Belief::allocate(&mut engine, 3 << (n % 17), 16, 0xCD).unwrap()).collect();

    assert_apart(&assert_sound(&engine), &second);
}
