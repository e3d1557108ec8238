//! A turn: a lock that is given back by a plain store.
//!
//! ```text
//!   word   0 free │ owner        a waiter looks ─► gives way ─► sleeps a little, and looks again
//! ```
//!
//! Nobody has to be woken: so leaving costs nothing, half of what [`super::lock`] costs. It suits
//! work that is done millions of times and hardly ever waited for.
//!
//! - **L3** A thread never waits for its own turn: [`Turn::enter`] says `None` then, to a signal
//!   handler that interrupted it.
//! - **L4** Waiters end up asleep for a moment at a time: one of a higher priority does not keep the
//!   holder from going on.

use core::sync::atomic::{AtomicU32, Ordering};

use super::call;
use super::lock::me;

const FREE: u32 = 0;

/// How often to look again before giving way, and to give way before sleeping.
const SPINS: u32 = 50;
const GIVES: u32 = 20;

/// Who may go on. Zero is a free one.
pub struct Turn {
    word: AtomicU32,
}

/// The right to go on; leaving scope gives it back.
pub struct Mine<'a> {
    turn: &'a Turn,
}

impl Turn {
    /// Waits for the turn; `None` if this very thread has it ([L3](self)).
    #[inline]
    pub fn enter(&self) -> Option<Mine<'_>> {
        let me = me();
        // Not `then_some`: a turn that is made is given back when it is dropped.
        (self.take(me) || self.wait(me)).then(|| Mine { turn: self })
    }

    /// Whether this thread has the turn.
    #[inline]
    pub fn is_mine(&self) -> bool {
        self.word.load(Ordering::Relaxed) == me()
    }

    #[inline]
    fn take(&self, me: u32) -> bool {
        self.word.compare_exchange(FREE, me, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Whether the turn came; not for its holder.
    #[cold]
    #[inline(never)]
    fn wait(&self, me: u32) -> bool {
        let mut round = 0u32;
        loop {
            let now = self.word.load(Ordering::Relaxed);
            if now == me {
                return false;
            }
            if now == FREE && self.take(me) {
                return true;
            }
            round += 1;
            if round < SPINS {
                core::hint::spin_loop();
            } else if round < SPINS + GIVES {
                call::give_way::<()>();
            } else {
                call::doze();
                round = SPINS;
            }
        }
    }

    /// Frees the turn in the child of a fork if a thread has it that was left behind.
    ///
    /// # Safety
    ///
    /// This process is the child, and has no other thread yet.
    pub unsafe fn inherit(&self) {
        if self.word.load(Ordering::Relaxed) != me() {
            self.word.store(FREE, Ordering::Relaxed);
        }
    }
}

impl Drop for Mine<'_> {
    #[inline]
    fn drop(&mut self) {
        self.turn.word.store(FREE, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU64;

    #[test]
    fn a_thread_is_refused_the_turn_that_it_has() {
        let turn = Turn { word: AtomicU32::new(FREE) };

        let first = turn.enter();
        let second = turn.enter();

        assert!(first.is_some());
        assert!(second.is_none());
        assert_ne!(turn.word.load(Ordering::Relaxed), FREE, "the refusal gave it back");
    }

    #[test]
    fn four_threads_never_lose_an_increment() {
        let turn = Turn { word: AtomicU32::new(FREE) };
        let sum = AtomicU64::new(0);

        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let _mine = turn.enter().unwrap();
                        sum.store(sum.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                    }
                });
            }
        });

        assert_eq!(sum.load(Ordering::Relaxed), 80_000);
    }
}
