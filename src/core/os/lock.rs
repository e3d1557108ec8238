//! One short lock that knows who holds it.
//!
//! ```text
//!   state   0 free     1 held     2 held, and somebody sleeps
//!   owner   the holder's thread pointer, or 0
//! ```
//!
//! - **L1** A thread never waits for a lock that it holds itself: [`Lock::enter`] says `None`
//!   then. That happens when a signal handler interrupted the holder.
//! - **L2** Between `enter` and the drop of the guard nobody else has `&mut T`.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::{call, thread};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

/// How often to look again before sleeping. The critical sections are shorter than a switch.
const SPINS: u32 = 50;

/// A value and the lock around it.
pub struct Lock<T> {
    state: AtomicU32,
    owner: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: [L2] gives the value to one thread at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The right to use the value; leaving scope gives it back.
pub struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Lock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self { state: AtomicU32::new(FREE), owner: AtomicUsize::new(0), value: UnsafeCell::new(value) }
    }

    /// Waits for the lock; `None` if this very thread holds it ([L1](self)).
    #[inline]
    pub fn enter(&self) -> Option<Guard<'_, T>> {
        let me = thread::pointer();
        if self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err()
            && !self.wait(me)
        {
            return None;
        }
        self.owner.store(me, Ordering::Relaxed);
        Some(Guard { lock: self })
    }

    /// Whether this thread holds the lock.
    pub fn is_mine(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == thread::pointer()
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, me: usize) -> bool {
        if self.owner.load(Ordering::Relaxed) == me {
            return false;
        }
        for _ in 0..SPINS {
            core::hint::spin_loop();
            if self.state.load(Ordering::Relaxed) == FREE
                && self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return true;
            }
        }
        while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
            call::futex_wait(self.state.as_ptr(), CONTENDED);
        }
        true
    }

    /// Gives the lock back without a guard.
    ///
    /// # Safety
    ///
    /// This thread holds the lock by a guard that it has forgotten ([L2](self)).
    pub unsafe fn leave(&self) {
        self.owner.store(0, Ordering::Relaxed);
        if self.state.swap(FREE, Ordering::Release) == CONTENDED {
            call::futex_wake(self.state.as_ptr());
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
