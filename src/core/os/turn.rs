//! A turn: a lock that is given back by a plain store, and taken by one where one thread takes it all
//! the time.
//!
//! ```text
//!   word     0 free │ owner, frame   a waiter looks ─► sleeps a little, and looks again
//!   favours  nobody │ owner ──► inside   0 │ owner, frame
//!              ▲ 1024 turns in a row        ▲ waited for by whoever takes the word, after a barrier in
//!                                             all threads of the process
//! ```
//!
//! Nobody has to be woken: so leaving costs nothing, half of what [`super::lock`] costs. It suits
//! work that is done millions of times and hardly ever waited for. A locked instruction waits until all
//! that was read and written before is there: a thread whose memory is not in the cache loses by that
//! several times what the instruction itself costs. The favourite needs none.
//!
//! - **L3** A thread never waits for its own turn: [`Turn::enter`] says `None` then, to a signal
//!   handler that interrupted it. Where the frame that took the turn is gone, the thread gives it back.
//! - **L4** Waiters end up asleep for a moment at a time: one of a higher priority does not keep the
//!   holder from going on.
//! - **L5** Who takes the word goes on only when nobody is the favourite, and the last one is outside: the
//!   favourite says that it is inside before it looks whether it still is the favourite, and the other one
//!   takes the favour back before it looks whether somebody is inside. Of these four steps the barrier
//!   keeps the order.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};

use super::frame::Frame;
use super::{call, thread};

/// Nobody's turn, and nobody's favour.
const FREE: u64 = 0;
const NOBODY: u32 = 0;

/// How often to look again before sleeping.
const SPINS: u32 = 400;

/// Turns in a row that make a favourite: to take its favour back costs as much as some hundred turns.
const STREAK: u32 = 1024;

/// The running thread, in half a word: a product of its whole pointer, so that no regular distance of stacks
/// makes two threads one.
#[inline]
fn me() -> u32 {
    (thread::pointer().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32 | 1
}

/// Who may go on. Zero is a free one.
pub struct Turn {
    /// Who has taken it, and in which frame.
    word: AtomicU64,
    /// Who need not take the word.
    favours: AtomicU32,
    /// The favourite, while it has the turn, and its frame.
    inside: AtomicU64,
    /// Who took the word last, and how often in a row.
    last: Cell<u32>,
    streak: Cell<u32>,
}

/// The right to go on; leaving scope gives it back.
pub struct Mine<'a> {
    /// The word that says so.
    held: &'a AtomicU64,
}

impl Turn {
    /// Waits for the turn; `None` if this very thread has it ([L3](self)).
    #[inline]
    pub fn enter(&self) -> Option<Mine<'_>> {
        self.enter_favoured().or_else(|| self.enter_by_word())
    }

    /// The turn, if this thread is the favourite and has not got it.
    #[inline]
    pub fn enter_favoured(&self) -> Option<Mine<'_>> {
        let me = me();
        if self.favours.load(Ordering::Relaxed) != me || self.inside.load(Ordering::Relaxed) != FREE {
            return None;
        }
        self.inside.store(claim(me), Ordering::Relaxed);
        // [L5]: the processor may turn these round, but for the barrier.
        compiler_fence(Ordering::SeqCst);
        let is_favoured = self.favours.load(Ordering::Acquire) == me;
        // Whether or not it may be kept: a turn that is dropped is given back.
        let turn = Mine { held: &self.inside };
        is_favoured.then_some(turn)
    }

    #[inline(never)]
    fn enter_by_word(&self) -> Option<Mine<'_>> {
        let me = me();
        if self.is_mine() && !self.give_back_lost(me) || !(self.take(me) || self.wait(me)) {
            return None;
        }
        let nobody = self.favours.load(Ordering::Relaxed) == NOBODY;
        // A frame that took the favour back may be gone before it has waited.
        if !nobody || self.inside.load(Ordering::Acquire) != FREE {
            self.disfavour();
        }
        let streak = if self.last.replace(me) == me { self.streak.get() + 1 } else { 0 };
        self.streak.set(streak % STREAK);
        if streak == STREAK && thread::enable_barrier() {
            self.favours.store(me, Ordering::Relaxed);
        }
        Some(Mine { held: &self.word })
    }

    /// Nobody is the favourite any more ([L5](self)); the caller has the word.
    #[cold]
    #[inline(never)]
    fn disfavour(&self) {
        self.favours.store(NOBODY, Ordering::Relaxed);
        if !thread::barrier() {
            // Forbidden meanwhile. A store does not take that long to be seen.
            call::doze();
        }
        let mut round = 0u32;
        while self.inside.load(Ordering::Acquire) != FREE {
            pause(&mut round);
        }
    }

    /// Whether this thread has the turn.
    #[inline]
    pub fn is_mine(&self) -> bool {
        let me = me();
        self.held_by(me).is_some()
    }

    /// The word that says that `me` has the turn.
    #[inline]
    fn held_by(&self, me: u32) -> Option<&AtomicU64> {
        [&self.word, &self.inside].into_iter().find(|word| owner(word.load(Ordering::Relaxed)) == me)
    }

    /// Gives back the turn of this thread if the frame that took it is gone ([L3](self)); whether it was.
    #[cold]
    #[inline(never)]
    fn give_back_lost(&self, me: u32) -> bool {
        let Some(held) = self.held_by(me) else { return true };
        let is_gone = Frame::of(held.load(Ordering::Relaxed) as u32).is_gone();
        if is_gone {
            held.store(FREE, Ordering::Release);
        }
        is_gone
    }

    #[inline]
    fn take(&self, me: u32) -> bool {
        self.word.compare_exchange(FREE, claim(me), Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Whether the turn came; not for its holder.
    #[cold]
    #[inline(never)]
    fn wait(&self, me: u32) -> bool {
        let mut round = 0u32;
        loop {
            let now = self.word.load(Ordering::Relaxed);
            if owner(now) == me {
                return false;
            }
            if now == FREE && self.take(me) {
                return true;
            }
            pause(&mut round);
        }
    }

    /// Frees the turn in the child of a fork if a thread has it that was left behind.
    ///
    /// # Safety
    ///
    /// This process is the child, and has no other thread yet.
    pub unsafe fn inherit(&self) {
        for word in [&self.word, &self.inside] {
            if owner(word.load(Ordering::Relaxed)) != me() {
                word.store(FREE, Ordering::Relaxed);
            }
        }
        if self.favours.load(Ordering::Relaxed) != me() {
            self.favours.store(NOBODY, Ordering::Relaxed);
        }
    }
}

/// What `me` writes into a word to have the turn.
#[inline(always)]
fn claim(me: u32) -> u64 {
    u64::from(me) << 32 | u64::from(Frame::here().bits())
}

/// Who has the turn by what stands in a word.
#[inline(always)]
const fn owner(word: u64) -> u32 {
    (word >> 32) as u32
}

/// Lets the holder go on, for longer with every round.
fn pause(round: &mut u32) {
    *round += 1;
    if *round < SPINS {
        core::hint::spin_loop();
    } else {
        call::doze();
        *round = SPINS;
    }
}

impl Drop for Mine<'_> {
    #[inline]
    fn drop(&mut self) {
        self.held.store(FREE, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    // SAFETY: the cells are the holder's.
    unsafe impl Sync for Turn {}

    fn turn() -> Turn {
        let word = || AtomicU64::new(FREE);
        let favours = AtomicU32::new(NOBODY);
        Turn { word: word(), favours, inside: word(), last: Cell::new(0), streak: Cell::new(0) }
    }

    /// A turn whose favourite this thread is.
    fn favouring() -> Turn {
        let turn = turn();
        (0..=STREAK).for_each(|_| drop(turn.enter().expect("free")));
        assert_eq!(turn.favours.load(Ordering::Relaxed), me());
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
            while turn.favours.load(Ordering::Relaxed) != NOBODY {
                std::thread::yield_now();
            }
            assert!(below(&turn).is_none());
            assert!(!other.is_finished());
            drop(mine);
        });

        assert!(turn.enter().is_some());
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
}
