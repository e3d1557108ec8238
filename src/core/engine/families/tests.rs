//! What families do beyond what every engine does.

use std::vec::Vec;

use super::*;
use crate::heap::draw::arena;
use crate::os::fake::{Arena, Dice};

fn families() -> Families<Arena> {
    Families::new(arena(4 << 20), Growth::Geometric)
}

fn allocate(heap: &mut Families<Arena>, id: FamilyId, count: usize) -> Held {
    let grant = heap.allocate_in(id, count, GRANULE).unwrap();
    heap.locate(grant.payload().addr()).unwrap()
}

fn free(heap: &mut Families<Arena>, held: Held) {
    assert_eq!(heap.locate(held.payload.addr()), Ok(held));
    // SAFETY: located just now.
    unsafe { heap.release(held) };
}

/// The blocks of a family: `U48 F4000` as in the drawings of heaps, data bytes only.
fn draw(heap: &Families<Arena>, id: FamilyId) -> std::string::String {
    let mut parts = Vec::new();
    heap.each_block(id, |_, len, free| parts.push(std::format!("{}{len}", if free { "F" } else { "U" })));
    parts.join(" ")
}

#[test]
fn a_family_is_known_by_name_and_length() {
    let mut heap = families();

    let emp = heap.register(b"emp_t", 52).unwrap();
    let student = heap.register(b"student_t", 120).unwrap();

    assert_ne!(emp, student);
    assert_eq!(heap.register(b"emp_t", 52), Some(emp));
    assert_eq!(heap.register(b"emp_t", 53), None);
    assert_eq!(heap.register(b"nothing", 0), None);
    assert_eq!(heap.family(student).unwrap().name, b"student_t");
    assert_eq!(heap.registered().count(), 2);
}

#[test]
fn the_statistics_of_a_family_count_its_blocks_and_pages() {
    let mut heap = families();
    let emp = heap.register(b"emp_t", 52).unwrap();

    let [a, b, c] = [1, 1, 2].map(|count| allocate(&mut heap, emp, count));
    free(&mut heap, b);

    let figures = heap.family(emp).unwrap();
    assert_eq!(draw(&heap, emp), "U64 F64 U112 F7888");
    assert_eq!((figures.blocks, figures.free_blocks, figures.used_blocks), (4, 2, 2));
    assert_eq!((figures.used_bytes, figures.pages, figures.page_bytes), (64 + 112, 1, 8192));
    assert_eq!(figures.manager_bytes, 4 * 16 + PAGE);
    free(&mut heap, a);
    free(&mut heap, c);
    let figures = heap.family(emp).unwrap();
    assert_eq!((figures.blocks, figures.pages, figures.page_bytes), (0, 0, 0), "after the last free");
    assert_eq!(figures.manager_bytes, 0);
}

#[test]
fn the_largest_free_block_is_taken() {
    let mut heap = families();
    let id = heap.register(b"x", 16).unwrap();
    let held: Vec<_> =
        [40, 10, 60, 10, 20, 10, 300].map(|count| allocate(&mut heap, id, count)).into_iter().collect();
    for n in [0, 2, 4] {
        free(&mut heap, held[n]);
    }
    assert_eq!(draw(&heap, id), "F640 U160 F960 U160 F320 U160 U4800 F864");

    let placed = allocate(&mut heap, id, 1);

    assert_eq!(placed.payload, held[2].payload, "960 bytes, although 320 would do");
    assert_eq!(draw(&heap, id), "F640 U160 U16 F928 U160 F320 U160 U4800 F864");
}

#[test]
fn a_rest_without_data_stays_with_the_block() {
    let mut heap = families();
    let id = heap.register(b"x", 16).unwrap();
    let [a, _b, _c] = [300, 10, 199].map(|count| allocate(&mut heap, id, count));
    free(&mut heap, a);
    assert_eq!(draw(&heap, id), "F4800 U160 U3184");

    let whole = allocate(&mut heap, id, 299);

    assert_eq!(whole.len, 4800);
    assert_eq!(draw(&heap, id), "U4800 U160 U3184");
}

#[test]
fn the_head_of_the_queue_is_the_largest_free_block() {
    let mut heap = families();
    let id = heap.register(b"x", 8).unwrap();
    let (mut dice, mut held) = (Dice::new(3), Vec::new());

    for _ in 0..2000 {
        if dice.below(5) < 3 {
            held.push(allocate(&mut heap, id, 1 + dice.below(60)));
        } else if !held.is_empty() {
            free(&mut heap, held.swap_remove(dice.below(held.len())));
        }
        let (mut largest, mut frees) = (0, 0);
        heap.each_block(id, |_, len, free| {
            if free {
                largest = largest.max(len);
                frees += 1;
            }
        });
        let queue = &heap.families.items()[usize::from(id.0)].queue;
        assert_eq!(queue.first().map_or(0, |entry| entry.size as usize * GRANULE), largest);
        assert_eq!(queue.count(), frees);
    }
    held.drain(..).for_each(|held| free(&mut heap, held));
    assert_eq!(heap.family(id).unwrap().pages, 0);
}

#[test]
fn blocks_are_linked_both_ways_in_address_order() {
    let mut heap = families();
    let id = heap.register(b"x", 48).unwrap();
    let held: Vec<_> = (0..100).map(|_| allocate(&mut heap, id, 1)).collect();
    held.iter().step_by(3).for_each(|held| free(&mut heap, *held));

    let family = &heap.families.items()[usize::from(id.0)];
    for card in family.pages.iter() {
        let frame = Frame::of(heap.pages.span_of(card));
        let blocks: Vec<_> = frame.blocks().map(Result::unwrap).collect();
        assert!(blocks.windows(2).all(|pair| pair[0].next == pair[1].at && pair[1].previous == pair[0].at));
        assert!(blocks.windows(2).all(|pair| pair[0].slot.is_none() || pair[1].slot.is_none()));
    }
}

#[test]
fn nothing_in_a_new_page_looks_like_a_block_of_an_old_one() {
    let mut heap = families();
    let id = heap.register(b"x", 16).unwrap();
    let [a, b] = [500, 2500].map(|count| allocate(&mut heap, id, count));
    free(&mut heap, a);
    free(&mut heap, b);

    let over_both = allocate(&mut heap, id, 3000);

    assert_eq!(over_both.payload, a.payload);
    assert_eq!(heap.locate(b.payload.addr()), Err(Fault::Interior(a.payload.addr())));
}

#[test]
fn requests_without_a_family_are_filed_by_size() {
    let mut heap = families();

    for len in [20, 32, 33, 3000, 50_000] {
        heap.allocate(len, 16).unwrap();
    }

    let used: Vec<_> = heap.families.items().iter().map(|family| family.used_blocks).collect();
    assert_eq!(used, [2, 1, 0, 0, 0, 0, 0, 1, 1]);
}

#[test]
fn an_overrun_is_noticed_before_anything_is_followed() {
    let mut heap = families();
    let id = heap.register(b"x", 48).unwrap();
    let [a, b, c] = [1, 1, 1].map(|count| allocate(&mut heap, id, count));

    // SAFETY: the test damages its own heap.
    unsafe { b.payload.wrapping_sub(16).write(b'A') };

    assert_eq!(heap.locate(a.payload.addr()), Err(Fault::Overrun(b.payload.addr())));
    assert_eq!(heap.locate(b.payload.addr()), Err(Fault::Smashed));
    assert_eq!(heap.locate(c.payload.addr()), Err(Fault::Overrun(b.payload.addr())));
}
