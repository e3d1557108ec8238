//! When a recorded call was made: the processor's counter, read no more often than it tells anything.
//!
//! ```text
//!   calls    ││││││││││││││││││││││││        │        │        │  │││││││││ ...
//!   read     ▲ ▲               ▲             ▲        ▲        ▲  ▲ ▲
//!            └ close together: one reading for sixteen        └ apart: one for each
//! ```
//!
//! A reading costs ten nanoseconds where the processor is a virtual one, two thirds of what recording
//! a call costs beside it. A trace has microseconds, and sixteen calls that are close together are made in one.
//! A pause in the midst of such sixteen is seen up to fifteen calls late.

use core::cell::Cell;

use crate::os::thread;

/// Calls that one reading serves where they are close together.
const CLOSE: u32 = 16;

/// Ticks from one call to the next, on the average, up to which they are: a tenth of a microsecond.
const APART: u64 = 256;

/// The counter as it was read last. Zero is one that was never read.
#[derive(Debug)]
pub struct Pulse {
    last: Cell<u64>,
    /// Whose call it was read for.
    thread: Cell<u32>,
    /// Calls that the reading serves, and those of them that are to come.
    serves: Cell<u32>,
    left: Cell<u32>,
}

impl Pulse {
    /// The ticks of a call that `thread` makes now.
    #[inline]
    pub fn ticks(&self, thread: u32) -> u64 {
        let left = self.left.get();
        if left == 0 || self.thread.get() != thread {
            return self.read(thread, thread::ticks());
        }
        self.left.set(left - 1);
        self.last.get()
    }

    /// The counter says `now`.
    fn read(&self, thread: u32, now: u64) -> u64 {
        let made = u64::from(self.serves.get() - self.left.get());
        let passed = now.wrapping_sub(self.last.replace(now));
        let is_close = made > 0 && passed < made * APART && self.thread.get() == thread;
        let serves = if is_close { CLOSE } else { 1 };
        self.thread.set(thread);
        self.serves.set(serves);
        self.left.set(serves - 1);
        now
    }

    /// The next call reads the counter.
    pub fn forget(&self) {
        self.left.set(0);
        self.serves.set(0);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn pulse() -> Pulse {
        Pulse { last: Cell::new(0), thread: Cell::new(0), serves: Cell::new(0), left: Cell::new(0) }
    }

    /// Which of the calls at `times`, each of one of two threads, read the counter.
    fn readings(calls: impl Iterator<Item = (u32, u64)>) -> Vec<usize> {
        let pulse = pulse();
        let reads = calls.enumerate().filter(|(_, (thread, now))| {
            let serves = pulse.left.get() > 0 && pulse.thread.get() == *thread;
            if serves {
                pulse.left.set(pulse.left.get() - 1);
            } else {
                pulse.read(*thread, *now);
            }
            !serves
        });
        reads.map(|(at, _)| at).collect()
    }

    #[test]
    fn calls_close_together_share_a_reading_and_calls_apart_do_not() {
        let close = readings((0..50).map(|n| (1, 1_000_000 + 100 * n)));
        let apart = readings((0..50).map(|n| (1, 1_000_000 + 1000 * n)));

        assert_eq!(close, [0, 1, 17, 33, 49]);
        assert_eq!(apart, Vec::from_iter(0..50));
    }

    #[test]
    fn a_pause_is_seen_within_sixteen_calls_and_another_thread_at_once() {
        let pause = readings((0..60).map(|n| (1, 1_000_000 + 100 * n + if n < 20 { 0 } else { 1 << 30 })));
        let other = readings((0..6u32).map(|n| (1 + n / 3, 1_000_000 + 100 * u64::from(n))));

        assert_eq!(pause, [0, 1, 17, 33, 34, 50]);
        assert_eq!(other, [0, 1, 3, 4]);
    }
}
