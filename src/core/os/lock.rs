//! One short lock that knows who holds it.
//!
//! ```text
//!   word   0                    free
//!          owner                held
//!          owner | SLEEPERS     held, and somebody sleeps
//! ```
//!
//! The owner stands in the word itself: there is no moment at which the lock is held and its
//! holder not known, however a signal falls.
//!
//! - **L1** A thread never waits for a lock that it holds itself: [`Lock::enter`] says `None`
//!   then. That happens when a signal handler interrupted the holder.
//! - **L2** Between `enter` and the drop of the guard nobody else has `&mut T`.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicUsize, Ordering};

use super::{call, thread};

const FREE: usize = 0;
const SLEEPERS: usize = 1;

/// How often to look again before sleeping: the critical sections are shorter than a switch, but for a
/// page fault now and then. To give way in between would cost a thread that shares its processor with
/// others the whole of its turn, each time.
const SPINS: u32 = 400;

/// A value and the lock around it, in front, where the value's first words are.
#[repr(C)]
pub struct Lock<T> {
    word: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: [L2] gives the value to one thread at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The right to use the value; leaving scope gives it back.
pub struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

/// The running thread as an owner: its thread pointer, all of it, so that no two threads are taken for one,
/// wherever their stacks lie. It is even.
#[inline]
pub(super) fn me() -> usize {
    thread::pointer()
}

impl<T> Lock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self { word: AtomicUsize::new(FREE), value: UnsafeCell::new(value) }
    }

    /// Waits for the lock; `None` if this very thread holds it ([L1](self)).
    #[inline]
    pub fn enter(&self) -> Option<Guard<'_, T>> {
        let me = me();
        let quick = self.word.compare_exchange(FREE, me, Ordering::Acquire, Ordering::Relaxed);
        // Not `then_some`: a guard that is made unlocks when it is dropped.
        (quick.is_ok() || self.wait(me)).then(|| Guard { lock: self })
    }

    /// Whether this thread holds the lock.
    pub fn is_mine(&self) -> bool {
        self.word.load(Ordering::Relaxed) & !SLEEPERS == me()
    }

    /// Waits for the lock as long as there are `tries` left, each of which lets other threads run: for somebody
    /// for whom its holder may wait.
    #[cold]
    #[inline(never)]
    pub fn enter_patiently(&self, tries: &mut u32) -> Option<Guard<'_, T>> {
        loop {
            if let Some(guard) = self.try_enter() {
                return Some(guard);
            }
            *tries = tries.checked_sub(1)?;
            call::give_way();
        }
    }

    /// Takes the lock if it is free now.
    pub fn try_enter(&self) -> Option<Guard<'_, T>> {
        self.take(FREE, me()).then(|| Guard { lock: self })
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, me: usize) -> bool {
        for _ in 0..SPINS {
            let now = self.word.load(Ordering::Relaxed);
            if now & !SLEEPERS == me {
                return false;
            }
            if now == FREE && self.take(FREE, me) {
                return true;
            }
            core::hint::spin_loop();
        }
        loop {
            let now = self.word.load(Ordering::Relaxed);
            if now == FREE {
                // Others may sleep behind us: only the one who leaves finds out.
                if self.take(FREE, me | SLEEPERS) {
                    return true;
                }
            } else if now & SLEEPERS != 0 || self.take(now, now | SLEEPERS) {
                call::futex_wait(self.word.as_ptr(), now | SLEEPERS);
            }
        }
    }

    fn take(&self, from: usize, to: usize) -> bool {
        self.word.compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Frees the lock in the child of a fork if a thread holds it that was left behind; whether one
    /// did. The value may be half changed then.
    ///
    /// # Safety
    ///
    /// This process is the child, and has no other thread yet.
    pub unsafe fn inherit(&self) -> bool {
        let lost = self.word.load(Ordering::Relaxed) != FREE && !self.is_mine();
        if lost {
            self.word.store(FREE, Ordering::Relaxed);
        }
        lost
    }

    /// The value, for one who holds the lock without a guard.
    ///
    /// # Safety
    ///
    /// This thread holds the lock and has no other reference to the value ([L2](self)).
    #[allow(clippy::mut_from_ref, reason = "the lock is the proof")]
    pub unsafe fn held(&self) -> &mut T {
        // SAFETY: [L2]
        unsafe { &mut *self.value.get() }
    }

    /// Gives the lock back without a guard.
    ///
    /// # Safety
    ///
    /// This thread holds the lock by a guard that it has forgotten ([L2](self)).
    pub unsafe fn leave(&self) {
        if self.word.swap(FREE, Ordering::Release) & SLEEPERS != 0 {
            call::futex_wake(self.word.as_ptr());
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: [L2]
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: [L2]
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard is the proof that this thread holds the lock.
        unsafe { self.lock.leave() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_refused_the_lock_that_it_holds() {
        let lock = Lock::new(7);

        let first = lock.enter();
        let second = lock.enter();

        assert!(first.is_some());
        assert!(second.is_none());
        assert_ne!(lock.word.load(Ordering::Relaxed), FREE, "the refusal unlocked it");
    }

    #[test]
    fn four_threads_never_lose_an_increment() {
        let lock = Lock::new(0u64);

        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        *lock.enter().unwrap() += 1;
                    }
                });
            }
        });

        assert_eq!(*lock.enter().unwrap(), 80_000);
    }
}
