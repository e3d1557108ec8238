//! What the buddy systems do beyond what every engine does.

use super::lists::plot_of;
use super::plot::Plot;
use super::yard::LINKS;
use super::*;
use crate::heap::draw::arena;
use crate::os::fake::{Arena, Dice};
use crate::os::round_up;

fn buddy<S: System, const UNIT: usize>(cap: usize) -> Buddy<Arena, S, UNIT> {
    Buddy::new(arena(cap), Growth::Geometric)
}

fn allocate<S: System, const UNIT: usize>(
    buddy: &mut Buddy<Arena, S, UNIT>,
    len: usize,
    align: usize,
) -> Held {
    let grant = buddy.allocate(len, align).unwrap();
    buddy.locate(grant.payload().addr()).unwrap()
}

fn free<S: System, const UNIT: usize>(buddy: &mut Buddy<Arena, S, UNIT>, held: Held) {
    assert_eq!(buddy.locate(held.payload.addr()), Ok(held));
    // SAFETY: located just now.
    unsafe { buddy.release(held) };
}

#[test]
fn thirty_six_kib_occupy_64_or_55_or_48() {
    let len = 36 << 10;

    let binary = allocate(&mut buddy::<Binary, 1024>(1 << 20), len, 16).len;
    let fibonacci = allocate(&mut buddy::<Fibonacci, 1024>(1 << 20), len, 16).len;
    let weighted = allocate(&mut buddy::<Weighted, 1024>(1 << 20), len, 16).len;
    let tertiary = allocate(&mut buddy::<Tertiary, 1024>(1 << 20), len, 16).len;

    assert_eq!([binary, fibonacci, weighted, tertiary].map(|len| len >> 10), [64, 55, 48, 48]);
}

fn splits_are_merges_once_all_is_freed<S: System>() {
    let mut buddy = buddy::<S, 32>(8 << 20);
    let mut dice = Dice::new(5);
    let mut held = std::vec::Vec::new();

    for _ in 0..4000 {
        if dice.below(5) < 3 {
            held.push(allocate(&mut buddy, 1 + dice.below(2000), 16 << dice.below(8)));
        } else if !held.is_empty() {
            free(&mut buddy, held.swap_remove(dice.below(held.len())));
        }
    }
    held.drain(..).for_each(|held| free(&mut buddy, held));

    let figures = buddy.figures();
    assert!(figures.splits > 300, "{}", figures.splits);
    assert_eq!(figures.splits, figures.coalesces);
    let roots: usize =
        buddy.yard.runs.sites().iter().map(|site| Plot::<32>::of(site.run).roots(S::LAW).count()).sum();
    assert_eq!(figures.free_blocks, roots, "[BU1]");
}

#[test]
fn in_each_system_splits_are_merges_once_all_is_freed() {
    splits_are_merges_once_all_is_freed::<Binary>();
    splits_are_merges_once_all_is_freed::<Fibonacci>();
    splits_are_merges_once_all_is_freed::<Weighted>();
    splits_are_merges_once_all_is_freed::<Tertiary>();
}

fn resize<S: System, const UNIT: usize>(buddy: &mut Buddy<Arena, S, UNIT>, held: Held, len: usize) -> Held {
    // SAFETY: the tests pass what they located just now.
    assert!(unsafe { buddy.resize(held, len) });
    buddy.locate(held.payload.addr()).unwrap()
}

#[test]
fn a_block_splits_into_three_and_merges_when_the_last_is_free() {
    let mut buddy = buddy::<Tertiary, 32>(1 << 20);
    let whole = allocate(&mut buddy, 8 * 32, 16);

    let four = resize(&mut buddy, whole, 4 * 32);
    let [three, one] = [3, 1].map(|units| allocate(&mut buddy, units * 32, 16));
    let merged = buddy.figures().coalesces;
    free(&mut buddy, three);
    free(&mut buddy, four);
    assert_eq!(buddy.figures().coalesces, merged);
    free(&mut buddy, one);

    let start = whole.payload.addr();
    assert_eq!([four, three, one].map(|part| part.payload.addr() - start), [0, 4 * 32, 7 * 32]);
    assert!(buddy.figures().coalesces > merged);
}

/// An arena that begins `offset` bytes behind a multiple of `align`.
fn arena_behind(align: usize, offset: usize, cap: usize) -> Arena {
    let mut arena = arena(cap + 2 * align);
    let start = arena.grow(core::ptr::null_mut(), 16, 16).unwrap().base.addr() + 16;
    arena.skip(round_up(start, align) - start + offset);
    arena
}

#[test]
fn a_payload_far_inside_its_block_finds_its_way_back() {
    let backing = arena_behind(4 << 20, 1 << 20, 16 << 20);
    let mut buddy: Buddy<_, Binary> = Buddy::new(backing, Growth::Geometric);

    let far = allocate(&mut buddy, 3 << 20, 4 << 20);
    let inside = buddy.locate(far.payload.addr() + 32);
    let before = buddy.locate(far.payload.addr() - (3 << 20));

    let (plot, at) = plot_of::<32>(&buddy.yard.runs, far.payload).unwrap();
    assert_eq!(plot.distance(at) * 32, 3 << 20, "too far for one mark");
    assert_eq!(far.payload.addr() % (4 << 20), 0);
    assert_eq!(inside, Err(Fault::Interior(far.payload.addr())));
    assert_eq!(before, Err(Fault::Interior(far.payload.addr())));
    free(&mut buddy, far);
    assert_eq!(buddy.locate(far.payload.addr()), Err(Fault::Freed));
    assert_eq!(buddy.figures().sum(), buddy.figures().footprint);
}

#[test]
fn a_block_grows_into_its_free_buddies_and_shrinks_back() {
    let mut buddy = buddy::<Weighted, 32>(1 << 20);
    let whole = allocate(&mut buddy, 1536, 16);

    let small = resize(&mut buddy, whole, 40);
    let large = resize(&mut buddy, small, 1500);
    // SAFETY: located just now.
    let too_large = unsafe { buddy.resize(large, 1 << 19) };

    assert_eq!((small.len, large.len), (64, 1536));
    assert!(!too_large);
    assert_eq!(buddy.locate(whole.payload.addr()), Ok(whole));
    assert_eq!(buddy.figures().live, 1536);
}

#[test]
fn fresh_memory_is_known_to_be_zero() {
    let mut buddy = buddy::<Binary, 32>(4 << 20);
    let first = buddy.allocate(1 << 20, 16).unwrap();
    // SAFETY: allocated just now.
    unsafe { first.payload.write_bytes(7, 1 << 20) };

    let held = buddy.locate(first.payload().addr()).unwrap();
    free(&mut buddy, held);
    let dirty = buddy.allocate(1 << 20, 16).unwrap();
    let held = buddy.locate(dirty.payload().addr()).unwrap();
    free(&mut buddy, held);
    let small = allocate(&mut buddy, 100, 16);
    assert!(buddy.trim(0), "the large parts are purged");
    assert!(!buddy.trim(0));
    let purged = buddy.allocate(1 << 19, 16).unwrap();

    assert_eq!((first.dirty, dirty.dirty, purged.dirty), (LINKS, 1 << 20, LINKS));
    // SAFETY: allocated just now.
    let bytes = unsafe { core::slice::from_raw_parts(purged.payload(), 1 << 19) };
    assert!(bytes[LINKS..].iter().all(|byte| *byte == 0));
    free(&mut buddy, small);
}

/// How many payloads were moved.
fn resize_moved_payloads<S: System>() -> usize {
    let mut buddy = buddy::<S, 32>(8 << 20);
    let mut dice = Dice::new(11);
    let mut moved = 0;

    for _ in 0..2000 {
        let held = allocate(&mut buddy, 1 + dice.below(500), 16 << dice.below(6));
        // SAFETY: located just now.
        unsafe { buddy.resize(held, 1 + dice.below(500)) };

        let (mut start, payload) = (0, held.payload.addr());
        buddy.walk(&mut |piece| {
            if (piece.start..piece.start + piece.size).contains(&payload) {
                start = piece.start;
            }
        });
        if start != payload {
            moved += 1;
            assert_eq!(buddy.locate(start), Err(Fault::Interior(payload)));
        }
    }
    moved
}

#[test]
fn a_moved_payload_is_remembered_when_its_block_is_resized() {
    let moved = resize_moved_payloads::<Fibonacci>();
    resize_moved_payloads::<Weighted>();
    resize_moved_payloads::<Tertiary>();

    assert!(moved > 10, "{moved}");
}
