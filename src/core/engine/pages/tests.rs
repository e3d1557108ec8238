//! What a heap of pages does.

use super::*;
use crate::heap::draw::arena;

#[test]
fn given_spans_become_one_again() {
    let mut pages = Pages::new(arena(1 << 20), Growth::Geometric);
    let [a, b, c] = [3, 1, 40].map(|count| pages.take(count, PAGE).unwrap());

    pages.give(a);
    pages.give(c);
    pages.give(b);

    assert_eq!(pages.figures().free_blocks, pages.runs.sites().len());
    assert_eq!(pages.figures().free + pages.figures().metadata, pages.figures().footprint);
    assert!(pages.trim(0));
    assert_eq!(pages.figures().footprint, 0);
}

#[test]
fn every_page_of_a_span_finds_its_first() {
    let mut pages = Pages::new(arena(1 << 20), Growth::Geometric);
    let [a, b] = [5, 30].map(|count| pages.take(count, PAGE).unwrap());
    pages.chart(a);

    for at in 0..5 * PAGE {
        assert_eq!(pages.around(a.start.addr() + at).unwrap().card, a.card);
    }
    assert_eq!(pages.around(b.start.addr() + 29 * PAGE).unwrap().card, b.card);
    pages.give(a);

    assert_eq!(pages.around(a.start.addr() + 4 * PAGE).unwrap_err(), Fault::Freed);
    assert_eq!(pages.around(a.card.addr()).unwrap_err(), Fault::Own);
}

#[test]
fn a_span_grows_into_free_pages_and_shrinks() {
    let mut pages = Pages::new(arena(1 << 20), Growth::Geometric);
    let a = pages.take(4, PAGE).unwrap();

    assert!(pages.resize(a, 9));
    assert!(pages.resize(pages.span_of(a.card), 2));
    let next = pages.take(1, PAGE).unwrap();

    assert_eq!(next.start.addr(), a.start.addr() + 2 * PAGE);
    assert!(!pages.resize(pages.span_of(a.card), 3));
}

#[test]
fn spans_are_aligned_without_waste() {
    let mut pages = Pages::new(arena(8 << 20), Growth::Geometric);
    let _a = pages.take(1, PAGE).unwrap();

    let b = pages.take(3, 1 << 20).unwrap();

    assert_eq!(b.start.addr() % (1 << 20), 0);
    assert_eq!(b.pages, 3);
}

#[test]
fn the_last_span_grows_with_its_run() {
    let mut pages = Pages::new(arena(4 << 20), Growth::Exact);
    let _first = pages.take(3, PAGE).unwrap();
    let last = pages.take(1, PAGE).unwrap();

    let grown = (2..=40).all(|count| pages.resize(pages.span_of(last.card), count));

    assert!(grown, "there are cards for 64 pages");
    assert_eq!(pages.span_of(last.card).pages, 40);
    assert_eq!((pages.runs.sites().len(), pages.figures().free), (1, 0));
    assert_eq!(pages.figures().metadata, pages.figures().footprint - 43 * PAGE);
}

#[test]
fn new_pages_are_one_with_the_free_ones_before_them() {
    let mut pages = Pages::new(arena(4 << 20), Growth::Exact);
    let [_a, b] = [2, 10].map(|count| pages.take(count, PAGE).unwrap());
    pages.give(b);

    let wider = pages.take(25, PAGE).unwrap();

    assert_eq!(wider.start, b.start);
    assert_eq!((pages.runs.sites().len(), pages.figures().free), (1, 0));
}

#[test]
fn a_run_without_cards_to_spare_is_followed_by_a_larger_one() {
    let mut pages = Pages::new(arena(64 << 20), Growth::Exact);

    let held: std::vec::Vec<_> = (0..4000).map(|_| pages.take(1, PAGE).unwrap()).collect();

    assert!(pages.runs.sites().len() <= 5, "{} runs", pages.runs.sites().len());
    assert!(pages.figures().metadata * 30 < pages.figures().footprint, "{:?}", pages.figures());
    held.into_iter().for_each(|span| pages.give(span));
    assert!(pages.trim(0));
    assert_eq!(pages.figures().footprint, 0);
}
