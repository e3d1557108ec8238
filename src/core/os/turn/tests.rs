//! The turn among threads, and under signal handlers, which the tests play by calls from farther below.

use super::*;
use std::vec::Vec;

// SAFETY: the cells are the holder's.
unsafe impl Sync for Turn {}

fn turn() -> Turn {
    // SAFETY: zero is a free one.
    unsafe { core::mem::zeroed() }
}

/// A turn whose favourite this thread is.
fn favouring() -> Turn {
    let turn = turn();
    (0..=STREAK).for_each(|_| drop(turn.enter().expect("free")));
    assert_eq!(owner(turn.favours.load(Ordering::Relaxed)), me());
    turn
}

/// Asks as far below as a signal handler, or farther.
#[inline(never)]
fn below(turn: &Turn) -> Option<Mine<'_>> {
    let room = core::hint::black_box([0u8; 4096]);
    let mine = turn.enter();
    core::hint::black_box(room);
    mine
}

#[test]
fn a_thread_is_refused_the_turn_that_it_has() {
    for turn in [turn(), favouring()] {
        let first = turn.enter();
        let second = below(&turn);

        assert!(first.is_some());
        assert!(second.is_none());
        assert!(turn.is_mine(), "the refusal gave it back");
        drop(first);
        assert!(!turn.is_mine());
    }
}

#[test]
fn a_turn_whose_frame_is_gone_is_given_back_by_its_thread() {
    for turn in [turn(), favouring()] {
        core::mem::forget(below(&turn).expect("free"));

        drop(turn.enter().expect("above"));

        assert!(!turn.is_mine());
        std::thread::scope(|scope| {
            scope.spawn(|| drop(turn.enter().expect("a turn")));
        });
    }
}

#[test]
fn a_favourite_that_lost_the_favour_within_its_turn_is_refused_it_again() {
    let turn = favouring();
    let mine = turn.enter();

    std::thread::scope(|scope| {
        let other = scope.spawn(|| drop(turn.enter().expect("a turn")));
        while owner(turn.favours.load(Ordering::Relaxed)) == me() {
            std::thread::yield_now();
        }
        assert!(below(&turn).is_none());
        assert!(!other.is_finished());
        drop(mine);
    });

    assert!(turn.enter().is_some());
}

/// Runs `other` in a thread of its own, to its end.
fn elsewhere<T: Send>(other: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(other).join().expect("no panic"))
}

#[test]
fn who_asks_when_it_is_no_favourite_any_more_frees_nobody_elses_turn() {
    let turn = favouring();
    let place = turn.own_place(me()).expect("the favourite's");
    elsewhere(|| {
        (0..STREAK).for_each(|_| drop(turn.enter().expect("free")));
        core::mem::forget(turn.enter());
    });

    assert!(place.ask().is_some());
    place.withdraw();

    assert!(turn.places.iter().any(|place| place.inside().is_some()));
}

#[test]
fn a_handler_of_a_thread_that_asks_goes_first() {
    let turn = favouring();
    let place = turn.own_place(me()).expect("the favourite's");
    let frame = place.ask().expect("outside");

    let handlers = below(&turn);

    assert!(turn.is_mine());
    assert!(handlers.is_some());
    drop(handlers);
    assert!(place.go_inside(frame).is_none(), "what the handler withdrew");
}

#[test]
fn a_handler_waits_for_the_favourite_for_whom_its_thread_did_not_wait_yet() {
    let turn = favouring();
    let mine = turn.enter();

    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            assert!(turn.take(me()), "the word is free");
            below(&turn).is_none()
        });
        while owner(turn.favours.load(Ordering::Relaxed)) == me() {
            std::thread::yield_now();
        }
        assert!(!other.is_finished());
        drop(mine);
        assert!(other.join().expect("no panic"));
    });
}

#[test]
fn who_has_just_become_the_favourite_is_refused_a_second_turn() {
    let turn = turn();
    (0..STREAK).for_each(|_| drop(turn.enter().expect("free")));

    let first = turn.enter();

    assert_eq!(owner(turn.favours.load(Ordering::Relaxed)), me());
    assert!(below(&turn).is_none());
    drop(first);
    assert!(!turn.is_mine());
}

#[test]
fn threads_without_a_place_take_the_word() {
    let turn = turn();
    turn.places.iter().for_each(|place| place.give_to(2));

    (0..=2 * STREAK).for_each(|_| drop(turn.enter().expect("free")));

    assert_eq!(turn.favours.load(Ordering::Relaxed), NOBODY);
}

/// The word is another thread's from the moment on when the favourite does without it.
#[test]
fn who_becomes_the_favourite_gives_the_word_back_once() {
    let turn = turn();

    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            for _ in 0..20_000 {
                while turn.favours.load(Ordering::Relaxed) == NOBODY || !turn.take(me()) {
                    core::hint::spin_loop();
                }
                turn.await_favourite(me());
                assert_eq!(owner(turn.word.load(Ordering::Relaxed)), me());
                drop(Mine::new(&turn.word));
            }
        });
        while !other.is_finished() {
            drop(turn.enter());
        }
    });
}

/// Threads that take as many turns as they are told, each time in so many pieces, lose nothing.
fn count(turns: &[u64]) {
    let turn = turn();
    let sum = AtomicU64::new(0);

    std::thread::scope(|scope| {
        for &turns in turns {
            let (turn, sum) = (&turn, &sum);
            scope.spawn(move || {
                for _ in 0..turns {
                    let _mine = turn.enter().expect("a turn");
                    sum.store(sum.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                }
            });
        }
    });

    assert_eq!(sum.load(Ordering::Relaxed), turns.iter().sum());
}

#[test]
fn four_threads_never_lose_an_increment() {
    count(&[20_000; 4]);
}

#[test]
fn a_favourite_and_others_that_come_now_and_then_lose_none() {
    let now_and_then: Vec<u64> = (0..40).map(|n| 1 + n % 3).collect();

    for _ in 0..20 {
        count(&[&[200_000][..], &now_and_then].concat());
    }
}
