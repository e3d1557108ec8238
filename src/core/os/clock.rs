//! A coarse monotonic clock, for work that may wait.
//!
//! The code that the system lends is asked, not the C library: its function is one that others put theirs
//! before (AddressSanitizer while it starts, libraries that fake the time), and some of those allocate. A
//! system call costs ten times as much, and a program that forbids itself all calls that it does not need
//! has forbidden this one.

use core::sync::atomic::{AtomicUsize, Ordering};

use super::lent;

/// Milliseconds since some moment in the past. Resolution is a few milliseconds.
pub fn milliseconds() -> u64 {
    read(libc::CLOCK_MONOTONIC_COARSE) / 1_000_000
}

/// Nanoseconds since some moment in the past.
pub fn nanoseconds() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since 1970.
pub fn since_1970() -> u64 {
    read(libc::CLOCK_REALTIME)
}

/// What tells the time: it leaves errno alone.
type Ask = extern "C" fn(libc::clockid_t, *mut libc::timespec) -> i32;

/// Where it begins, or 0 before the first question. Beside the allocator's own words, as it is needed with
/// them.
#[unsafe(link_section = ".data")]
static ASK: AtomicUsize = AtomicUsize::new(0);

/// What a clock of the system says, in nanoseconds.
fn read(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let mut ask = ASK.load(Ordering::Relaxed);
    if ask == 0 {
        ask = match lent::clock() {
            0 => (call as *const ()).expose_provenance(),
            lent => lent,
        };
        ASK.store(ask, Ordering::Relaxed);
    }
    // SAFETY: a function of this type, ours or the system's.
    let ask: Ask = unsafe { core::mem::transmute(core::ptr::with_exposed_provenance::<()>(ask)) };
    ask(clock, &raw mut now);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Asks the system itself, which lends nothing.
extern "C" fn call(clock: libc::clockid_t, now: *mut libc::timespec) -> i32 {
    let arguments = [clock as usize, now.expose_provenance(), 0, 0];
    // SAFETY: `now` is the caller's to write.
    (unsafe { super::thread::system_call(libc::SYS_clock_gettime, arguments) }) as i32
}

/// Processor ticks between two looks at the clock: some ten milliseconds. A look costs several readings of
/// the counter, and where the system lends no code a call.
const TICKS: u64 = 1 << 25;

/// The counter's bits that say nothing about so long a time.
const LOW_BITS: u32 = 16;

/// Questions that pass without a reading of the counter, which costs as much as a call of malloc, at
/// most, and the ticks between two readings, some hundred microseconds, from which on none does. Who asks
/// all the time and then hardly ever waits for so many of his rare questions.
const MOST_PASSED: u8 = 7;
const CLOSE: u32 = 1 << 19;

/// Says now and then that it is time to look at the clock.
#[derive(Debug)]
pub struct Watch {
    /// The counter when it was time, without its low bits, and the low half of it when it was read.
    last: u32,
    read: u32,
    /// Questions that pass until it is read again, and how many shall then pass.
    left: u8,
    passing: u8,
}

impl Watch {
    /// With the first question the time begins: most processes end before they have to read a clock.
    pub const NEVER: Self = Self { last: 0, read: 0, left: 0, passing: 0 };

    /// Whether some milliseconds have passed since it was last so. Where questions follow each other
    /// closely most pass unread, so that an answer may be late by a few of them.
    #[inline]
    pub fn is_due(&mut self) -> bool {
        !self.passes() && self.is_due_at(super::thread::ticks())
    }

    /// Whether a question passes unread: it is not time, as far as is known.
    #[inline]
    pub fn passes(&mut self) -> bool {
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    fn is_due_at(&mut self, now: u64) -> bool {
        let low = now as u32;
        let is_close = low.wrapping_sub(self.read) < CLOSE;
        self.passing = if is_close { (2 * self.passing + 1).min(MOST_PASSED) } else { 0 };
        (self.read, self.left) = (low, self.passing);
        let high = (now >> LOW_BITS) as u32;
        let is_first = self.last == 0;
        let is_due = !is_first && high.wrapping_sub(self.last) >= (TICKS >> LOW_BITS) as u32;
        if is_due || is_first {
            self.last = high;
        }
        is_due
    }
}

/// The time, where somebody tells it: to a process that is played again. Else the system does.
#[derive(Clone, Copy, Debug)]
pub struct Told(Option<u64>);

impl Told {
    /// The system is asked.
    pub const NOTHING: Self = Self(None);

    /// It is so many milliseconds.
    pub const fn at(milliseconds: u64) -> Self {
        Self(Some(milliseconds))
    }

    /// Milliseconds since some moment in the past.
    #[inline]
    pub fn milliseconds(self) -> u64 {
        self.0.unwrap_or_else(milliseconds)
    }

    /// Whether it is time to look, by `watch`: what is told costs nothing to ask.
    #[inline]
    pub fn is_due(self, watch: &mut Watch) -> bool {
        self.0.is_some() || watch.is_due()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_questions_pass_and_distant_ones_are_read() {
        let mut watch = Watch::NEVER;
        let first = 10 * TICKS + u64::from(CLOSE);

        assert!(!watch.is_due_at(first), "the time begins");
        assert_eq!(watch.left, 0, "the first two are far apart");
        for (at, left) in [(1, 1), (2, 3), (3, 7), (4, 7)] {
            assert!(!watch.is_due_at(first + at));
            assert_eq!(watch.left, left);
        }
        for left in (0..7).rev() {
            assert!(!watch.is_due(), "no reading");
            assert_eq!(watch.left, left);
        }
        assert!(watch.is_due_at(first + TICKS));
        assert_eq!(watch.left, 0, "time has passed");
    }
}
