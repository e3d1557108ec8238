//! When a recorded call was made: the processor's counter, read no more often than it tells anything.
//!
//! ```text
//!   calls    ││││││││││││││││││││││││        │        │        │  │││││││││ ...
//!   read     ▲ ▲               ▲             ▲        ▲        ▲  ▲ ▲
//!            └ close together: one reading for sixteen        └ apart: one for each
//! ```
//!
//! A reading costs ten nanoseconds where the processor is a virtual one, more than what recording
//! a call costs beside it. A trace has microseconds, and sixteen calls that are close together are made in one.
//! A pause in the midst of such sixteen is seen up to fifteen calls late.

use core::cell::Cell;

use crate::os::thread;

/// Words of calls that one reading serves where they are close together.
const CLOSE: u64 = 16;

/// Ticks from one call to the next, on the average, up to which they are: a tenth of a microsecond.
const APART: u64 = 256;

/// The counter as it was read last. Zero is one that was never read.
#[derive(Debug)]
pub struct Pulse {
    last: Cell<u64>,
    /// Whose call it was read for, and the number of its word.
    thread: Cell<u32>,
    number: Cell<u64>,
    /// The number of the first word that the reading does not serve.
    until: Cell<u64>,
}

impl Pulse {
    /// The ticks of a call that `thread` makes now and whose word is `number`.
    #[inline]
    pub fn ticks(&self, thread: u32, number: u64) -> u64 {
        if self.serves(number) && self.thread.get() == thread {
            return self.last.get();
        }
        self.read(thread, number, thread::ticks())
    }

    /// Whether the last reading serves the word `number` too, if the same thread writes it.
    #[inline]
    pub fn serves(&self, number: u64) -> bool {
        number < self.until.get()
    }

    /// The counter says `now`.
    fn read(&self, thread: u32, number: u64, now: u64) -> u64 {
        let made = number.wrapping_sub(self.number.replace(number));
        let passed = now.wrapping_sub(self.last.replace(now));
        let is_known = self.until.get() > 0 && self.thread.replace(thread) == thread;
        let serves = if is_known && passed < made.saturating_mul(APART) { CLOSE } else { 1 };
        self.thread.set(thread);
        self.until.set(number + serves);
        now
    }

    /// The next call reads the counter.
    pub fn forget(&self) {
        self.until.set(0);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Which of the calls at `times`, each of one of two threads and of one word, read the counter.
    fn readings(calls: impl Iterator<Item = (u32, u64)>) -> Vec<usize> {
        let pulse =
            Pulse { last: Cell::new(0), thread: Cell::new(0), number: Cell::new(0), until: Cell::new(0) };
        let reads = calls.enumerate().filter(|&(at, (thread, now))| {
            let number = 1 + at as u64;
            let serves = pulse.serves(number) && pulse.thread.get() == thread;
            if !serves {
                pulse.read(thread, number, now);
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
