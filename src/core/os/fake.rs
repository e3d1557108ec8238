//! Backings without an operating system: for tests, and for replays beside one another.

use super::backing::{Backing, Run};
use super::round_up;

/// A bounded piece of memory that plays the break.
///
/// ```text
///   base ├── given ──┤ skipped ├── given ──┤ free for growth ... ┤ base + cap
///                                          ▲ used
/// ```
#[derive(Debug)]
pub struct Arena {
    base: *mut u8,
    cap: usize,
    used: usize,
    /// The most bytes that were ever given at once.
    pub peak: usize,
    /// Bytes for which huge pages were asked.
    pub thick: usize,
}

impl Arena {
    /// An arena over `cap` bytes of zero-filled memory at `base`.
    ///
    /// # Safety
    ///
    /// The memory is zero-filled, 16-aligned, and nobody else's for as long as the arena lives.
    pub const unsafe fn new(base: *mut u8, cap: usize) -> Self {
        Self { base, cap, used: 0, peak: 0, thick: 0 }
    }

    /// Moves the break by `len` bytes, as a foreign caller of sbrk does.
    pub fn skip(&mut self, len: usize) {
        self.used = round_up(self.used + len, 16);
    }

    /// `len` bytes, a multiple of 16, from the end of the arena, which ends before them from now on.
    pub fn take_top(&mut self, len: usize) -> Option<Run> {
        let cap = self.cap.checked_sub(len).filter(|cap| *cap >= self.used)?;
        self.cap = cap;
        Some(self.fresh(cap, len))
    }

    /// `len` bytes from `at` on, as zero as from a system: what was never given is, and stays untouched.
    fn fresh(&self, at: usize, len: usize) -> Run {
        let base = self.base.wrapping_add(at);
        // SAFETY: the arena's own memory, not given now.
        unsafe { base.write_bytes(0, self.peak.saturating_sub(at).min(len)) };
        Run { base, len }
    }
}

impl Backing for Arena {
    fn grow(&mut self, _end: *mut u8, least: usize, want: usize) -> Option<Run> {
        let left = self.cap - self.used;
        let len = if round_up(want, 16) <= left { round_up(want, 16) } else { round_up(least, 16) };
        if len > left {
            return None;
        }
        let run = self.fresh(self.used, len);
        self.used += len;
        self.peak = self.peak.max(self.used);
        Some(run)
    }

    fn shrink(&mut self, from: *mut u8, len: usize) -> bool {
        if from.addr() + len != self.base.addr() + self.used {
            return false;
        }
        // SAFETY: the heap gives back what the arena gave it. Who still looks at it sees rubbish.
        unsafe { from.write_bytes(0xEE, len) };
        self.used -= len;
        true
    }

    fn release(&mut self, run: Run) -> bool {
        self.shrink(run.base, run.len)
    }

    fn purge(&mut self, at: *mut u8, len: usize) -> bool {
        // SAFETY: the heap gives back what the arena gave it, and the arena owns that.
        unsafe { at.write_bytes(0, len) };
        true
    }

    fn thicken(&mut self, _at: *mut u8, len: usize) {
        self.thick += len;
    }
}

/// A backing that fails: the calls from number `from` on, `times` of them.
#[derive(Debug)]
pub struct Flaky<B> {
    /// What serves the calls that do not fail.
    pub inner: B,
    from: usize,
    times: usize,
    calls: usize,
}

impl<B> Flaky<B> {
    /// `inner`, but calls `from`, `from + 1` ... fail, `times` in all. The first call is number 0.
    pub const fn new(inner: B, from: usize, times: usize) -> Self {
        Self { inner, from, times, calls: 0 }
    }

    fn fails(&mut self) -> bool {
        let number = self.calls;
        self.calls += 1;
        number >= self.from && number - self.from < self.times
    }
}

impl<B: Backing> Backing for Flaky<B> {
    fn grow(&mut self, end: *mut u8, least: usize, want: usize) -> Option<Run> {
        if self.fails() { None } else { self.inner.grow(end, least, want) }
    }

    fn shrink(&mut self, from: *mut u8, len: usize) -> bool {
        !self.fails() && self.inner.shrink(from, len)
    }

    fn release(&mut self, run: Run) -> bool {
        !self.fails() && self.inner.release(run)
    }

    fn purge(&mut self, at: *mut u8, len: usize) -> bool {
        !self.fails() && self.inner.purge(at, len)
    }
}

/// A small deterministic source of numbers for tests and generated traces (xorshift64*, Vigna 2016).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall the same for the same `seed`, which is not 0.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit`, which is not 0.
    pub const fn below(&mut self, limit: usize) -> usize {
        (self.roll() >> 11) as usize % limit
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn what_an_arena_gives_again_is_zero_and_what_it_never_gave_is_not_touched() {
        // What the arena takes for zero is not: so it shows what was written.
        let mut memory: Vec<u64> = (0..32).map(|_| 0x55).collect();
        // SAFETY: that apart.
        let mut arena = unsafe { Arena::new(memory.as_mut_ptr().cast(), 256) };

        let run = arena.grow(core::ptr::null_mut(), 128, 128).unwrap();
        assert!(arena.release(run));
        let again = arena.grow(core::ptr::null_mut(), 192, 192).unwrap();
        let top = arena.take_top(64).unwrap();

        assert_eq!((run.base, again.len, top.base.addr() - run.base.addr()), (again.base, 192, 192));
        assert_eq!(
            memory.iter().map(|word| *word == 0).collect::<Vec<_>>(),
            [[true; 16], [false; 16]].concat()
        );
        assert!(memory[16..].iter().all(|word| *word == 0x55));
    }
}
