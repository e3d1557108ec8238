//! What every heap does, whichever policy: each test runs once for each row of the table.

use super::draw::{EXACT, TestHeap, arena, assert_sound, draw, empty, heap_with};
use super::{Coalesce, Fault, Heap, Request, Shape};
use crate::block::{Block, Tag, WORD};
use crate::os::PAGE;
use crate::os::backing::{Backing, Run};
use crate::os::fake::{Arena, Flaky};
use crate::policy::{AnyIndex, Policy};

macro_rules! for_every_policy {
    (
        tagged { $($variant:ident $module:ident $name:literal $index:ty => $help:literal;)* }
        designs { $($rest:tt)* }
    ) => {
        $(mod $module {
            use crate::policy::Policy::$variant as POLICY;
            every_test!(POLICY;
                malloc_24_occupies_32_bytes,
                freeing_between_two_free_neighbours_leaves_one_block,
                a_large_remainder_is_split_off_and_a_small_one_is_not,
                growth_asks_only_for_what_the_last_free_block_lacks,
                an_aligned_block_wastes_nothing_around_it,
                the_place_of_an_aligned_block_serves_the_next_one,
                growing_in_place_uses_the_next_block_and_then_the_tail,
                shrinking_returns_the_rest,
                a_second_free_is_recognised_also_after_a_merge,
                pointers_that_are_not_blocks_are_told_apart,
                a_word_that_looks_like_the_header_of_a_free_block_is_none,
                an_overrun_is_noticed_before_anything_is_followed,
                memory_out_is_none_and_the_heap_goes_on,
                a_foreign_move_of_the_break_makes_an_island,
                trimming_gives_the_top_back_and_leaves_what_was_asked,
                a_purged_block_keeps_its_links,
                sweeps_age_before_they_purge,
                deferred_coalescing_merges_when_nothing_fits,
                random_work_matches_a_shadow_model,
            );
        })*
    };
}

macro_rules! every_test {
    ($policy:ident; $($test:ident,)*) => {
        $(#[test] fn $test() { super::$test($policy); })*
    };
}

crate::policy_rows!(for_every_policy);

fn malloc_24_occupies_32_bytes(policy: Policy) {
    let mut heap = empty(policy);

    heap.allocate(Request::of(24)).unwrap();

    assert_eq!(draw(&heap), "U32 |");
}

fn freeing_between_two_free_neighbours_leaves_one_block(policy: Policy) {
    let (mut heap, [a, b, c, _last]) = heap_with(policy, [32, 48, 32, 64]);
    heap.free(a);
    heap.free(c);

    heap.free(b);

    assert_eq!(draw(&heap), "F112 U64 |");
    assert_sound(&heap);
}

fn a_large_remainder_is_split_off_and_a_small_one_is_not(policy: Policy) {
    let (mut heap, [a, _b]) = heap_with(policy, [96, 32]);
    heap.free(a);

    let first = heap.allocate(Request::of(48 - WORD)).unwrap().block();
    assert_eq!(draw(&heap), "U48 F48 U32 |");
    heap.allocate(Request::of(32 - WORD)).unwrap();

    assert_eq!(first, a);
    assert_eq!(draw(&heap), "U48 U48 U32 |");
    assert_sound(&heap);
}

fn growth_asks_only_for_what_the_last_free_block_lacks(policy: Policy) {
    let (mut heap, [_a, b]) = heap_with(policy, [32, 64]);
    heap.free(b);

    let grown = heap.allocate(Request::of(160 - WORD)).unwrap();

    assert_eq!(draw(&heap), "U32 U160 |");
    assert_eq!(grown.block(), b);
    assert_eq!(grown.dirty, 64, "the old block and the old epilogue; the rest is fresh");
    assert_eq!(heap.counts().footprint, 40 + 32 + 160 + 8);
}

fn an_aligned_block_wastes_nothing_around_it(policy: Policy) {
    let (mut heap, _) = heap_with(policy, [32]);

    let placed = heap.allocate(Request::aligned(100, 1024)).unwrap();

    assert_eq!(placed.block().payload().addr() % 1024, 0);
    // SAFETY: [B1]
    assert_eq!(unsafe { placed.block().size() }, 112);
    assert_sound(&heap);
    heap.free(placed.block());
    assert_sound(&heap);
}

fn the_place_of_an_aligned_block_serves_the_next_one(policy: Policy) {
    let (mut heap, _) = heap_with(policy, [32]);
    let request = Request::aligned(1024 - WORD, 1024);
    let first = heap.allocate(request).unwrap().block();
    heap.allocate(Request::of(100)).unwrap();
    let footprint = heap.counts().footprint;
    heap.free(first);

    let second = heap.allocate(request).unwrap().block();

    assert_eq!(second, first);
    assert_eq!(heap.counts().footprint, footprint);
    assert_sound(&heap);
}

fn growing_in_place_uses_the_next_block_and_then_the_tail(policy: Policy) {
    let (mut heap, [a, b]) = heap_with(policy, [64, 96]);
    heap.free(b);

    // SAFETY: [B1]
    let inside = unsafe { heap.resize(a, 96 - WORD) };
    assert_eq!(draw(&heap), "U96 F64 |");
    // SAFETY: [B1]
    let beyond = unsafe { heap.resize(a, 400 - WORD) };

    assert!(inside && beyond);
    assert_eq!(draw(&heap), "U400 |");
    assert_sound(&heap);
}

fn shrinking_returns_the_rest(policy: Policy) {
    let (mut heap, [a, b, _c]) = heap_with(policy, [160, 64, 32]);
    heap.free(b);

    // SAFETY: [B1]
    let done = unsafe { heap.resize(a, 40) };

    assert!(done);
    assert_eq!(draw(&heap), "U48 F176 U32 |");
    assert_sound(&heap);
}

fn a_second_free_is_recognised_also_after_a_merge(policy: Policy) {
    let (mut heap, [a, b, _c]) = heap_with(policy, [64, 64, 32]);
    heap.free(a);
    heap.free(b);

    let (first, second) = (heap.locate(a.payload().addr()), heap.locate(b.payload().addr()));

    assert_eq!((first, second), (Err(Fault::Freed), Err(Fault::Freed)));
}

fn pointers_that_are_not_blocks_are_told_apart(policy: Policy) {
    let (heap, [a, b]) = heap_with(policy, [64, 64]);
    let on_the_stack = 0u64;

    assert_eq!(heap.locate(a.payload().addr()), Ok(a));
    assert_eq!(heap.locate((&raw const on_the_stack).addr()), Err(Fault::Foreign));
    assert_eq!(heap.locate(b.payload().addr() + 16), Err(Fault::Interior(b.payload().addr())));
    assert_eq!(heap.locate(b.payload().addr() + 3), Err(Fault::Interior(b.payload().addr())));
    assert_eq!(heap.locate(16), Err(Fault::Foreign));
}

fn a_word_that_looks_like_the_header_of_a_free_block_is_none(policy: Policy) {
    let (heap, [a, b]) = heap_with(policy, [64, 64]);
    let inside = b.payload().wrapping_add(16);
    let forged = Block::of_payload(inside);

    // SAFETY: sixteen bytes into a block of 64.
    unsafe { forged.set_tag(Tag::new(0, 0)) };

    assert_eq!(heap.locate(inside.addr()), Err(Fault::Interior(b.payload().addr())));
    assert_eq!(heap.locate(a.payload().addr()), Ok(a));
}

fn an_overrun_is_noticed_before_anything_is_followed(policy: Policy) {
    let (heap, [a, b]) = heap_with(policy, [64, 64]);

    // SAFETY: the test damages its own heap.
    unsafe { b.header().write(b'A') };

    assert_eq!(heap.locate(a.payload().addr()), Err(Fault::Overrun(b.payload().addr())));
    assert_eq!(heap.locate(b.payload().addr()), Err(Fault::Smashed));
}

fn memory_out_is_none_and_the_heap_goes_on(policy: Policy) {
    for failing in 0..6 {
        let backing = Flaky::new(arena(1 << 16), failing, 2);
        let mut heap = Heap::new(backing, AnyIndex::new(policy).unwrap(), EXACT);

        let got = [0; 8].map(|_| heap.allocate(Request::of(100)).is_some());
        let later = heap.allocate(Request::of(3000));

        assert!(got.iter().filter(|some| !**some).count() <= 2);
        assert!(later.is_some());
        assert_sound(&heap);
    }
}

fn a_foreign_move_of_the_break_makes_an_island(policy: Policy) {
    let (mut heap, [a]) = heap_with(policy, [64]);
    heap.backing().skip(4096);

    let b = heap.allocate(Request::of(200)).unwrap().block();

    assert_eq!(draw(&heap), "U64 | U208 |");
    assert_eq!(heap.locate(a.payload().addr()), Ok(a));
    assert_eq!(heap.locate(b.payload().addr()), Ok(b));
    assert_sound(&heap);
    heap.free(b);
    assert!(heap.trim(0));
    assert_sound(&heap);
}

fn trimming_gives_the_top_back_and_leaves_what_was_asked(policy: Policy) {
    let mut heap = empty(policy);
    let _a = heap.allocate(Request::of(1000)).unwrap().block();
    let b = heap.allocate(Request::of(40 * PAGE)).unwrap().block();
    heap.free(b);

    assert!(heap.trim(8 * PAGE));
    let kept = heap.counts().footprint;
    assert!(heap.trim(0));
    assert!(!heap.trim(0));

    assert!((9 * PAGE..11 * PAGE).contains(&kept), "{kept}");
    assert!(heap.counts().footprint < 2 * PAGE);
    assert_sound(&heap);
    let again = heap.allocate(Request::of(3 * PAGE)).unwrap();
    assert!(again.dirty < PAGE);
    assert_sound(&heap);
}

fn a_purged_block_keeps_its_links(policy: Policy) {
    let (mut heap, [a, _b]) = heap_with(policy, [16 * PAGE, 64]);
    heap.free(a);

    assert!(heap.purge());
    assert!(!heap.purge());

    assert_eq!(heap.idle_bytes(), 0);
    assert_sound(&heap);
    heap.allocate(Request::of(100)).unwrap();
    assert_sound(&heap);
}

fn sweeps_age_before_they_purge(policy: Policy) {
    let mut heap = Heap::new(arena(4 << 20), AnyIndex::new(policy).unwrap(), EXACT);
    let a = heap.allocate(Request::of(1 << 20)).unwrap().block();
    heap.allocate(Request::of(64)).unwrap();
    heap.free(a);

    heap.tend(1000, 500);
    let aged = heap.idle_bytes();
    heap.tend(1200, 500);
    let too_early = heap.idle_bytes();
    heap.tend(1700, 500);

    assert!(aged > 1 << 20 && too_early == aged);
    assert_eq!(heap.idle_bytes(), 0);
    assert_sound(&heap);
}

fn deferred_coalescing_merges_when_nothing_fits(policy: Policy) {
    let shape = Shape { coalesce: Coalesce::Deferred, ..EXACT };
    let mut heap = Heap::new(arena(1 << 16), AnyIndex::new(policy).unwrap(), shape);
    let [a, b, _c] = [64, 64, 64].map(|size| heap.allocate(Request::of(size - WORD)).unwrap().block());
    heap.free(a);
    heap.free(b);
    assert_eq!(draw(&heap), "F64 F64 U64 |");

    let merged = heap.allocate(Request::of(128 - WORD)).unwrap().block();

    assert_eq!(merged, a);
    assert_eq!(draw(&heap), "U128 U64 |");
    assert_sound(&heap);
}

/// What the program believes about one block.
struct Held {
    block: Block,
    len: usize,
    mark: u8,
}

impl Held {
    fn fill(heap: &TestHeap, block: Block, len: usize, mark: u8) -> Self {
        assert_eq!(heap.locate(block.payload().addr()), Ok(block));
        // SAFETY: the block is ours for `len` bytes.
        unsafe { block.payload().write_bytes(mark, len) };
        Self { block, len, mark }
    }

    fn assert_intact(&self, len: usize) {
        // SAFETY: as in `fill`.
        let bytes = unsafe { core::slice::from_raw_parts(self.block.payload(), len) };
        assert!(bytes.iter().all(|byte| *byte == self.mark), "[H3]");
    }
}

fn random_work_matches_a_shadow_model(policy: Policy) {
    for coalesce in [Coalesce::Immediate, Coalesce::Deferred] {
        let shape = Shape { coalesce, ..EXACT };
        let mut heap: TestHeap = Heap::new(arena(1 << 20), AnyIndex::new(policy).unwrap(), shape);
        let mut held: std::vec::Vec<Held> = std::vec::Vec::new();
        let mut dice = crate::os::fake::Dice::new(7);
        for turn in 0..1500 {
            let mark = turn as u8;
            match dice.below(5) {
                0 | 1 => {
                    let (len, align) = (dice.below(900), 16 << dice.below(5));
                    if let Some(placed) = heap.allocate(Request::aligned(len, align)) {
                        assert_eq!(placed.block().payload().addr() % align, 0);
                        held.push(Held::fill(&heap, placed.block(), len, mark));
                    }
                }
                2 | 3 if !held.is_empty() => {
                    let gone = held.swap_remove(dice.below(held.len()));
                    gone.assert_intact(gone.len);
                    heap.free(gone.block);
                }
                _ if !held.is_empty() => {
                    let at = dice.below(held.len());
                    let len = dice.below(1500);
                    // SAFETY: located in `fill`.
                    if unsafe { heap.resize(held[at].block, len) } {
                        held[at].assert_intact(held[at].len.min(len));
                        held[at] = Held::fill(&heap, held[at].block, len, mark);
                    }
                }
                _ => {}
            }
            if turn % 16 == 0 {
                assert_sound(&heap);
            }
            if turn % 200 == 0 {
                heap.trim(0);
                heap.purge();
                assert_sound(&heap);
            }
        }
        held.drain(..).for_each(|gone| heap.free(gone.block));
        heap.trim(0);
        assert_sound(&heap);
        assert_eq!(heap.counts().used_blocks, 0);
    }
}

/// An arena whose break a stranger moves before each growth.
struct Jumpy(Arena);

impl Backing for Jumpy {
    fn grow(&mut self, end: *mut u8, least: usize, want: usize) -> Option<Run> {
        self.0.skip(PAGE);
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

#[test]
fn a_large_request_is_served_where_growth_is_never_adjacent() {
    let mut heap = Heap::new(Jumpy(arena(64 << 20)), AnyIndex::EMPTY, Shape::DEFAULT);
    heap.allocate(Request::of(100)).unwrap();

    let large = heap.allocate(Request::of(6 << 20));
    let aligned = heap.allocate(Request::aligned(3 << 20, 1 << 16));

    assert!(large.is_some() && aligned.is_some());
    assert!(heap.counts().footprint < 12 << 20, "{}", heap.counts().footprint);
}
