//! Where heap memory comes from, and where it goes back to.
//!
//! ```text
//!   System:  sbrk ──refused or foreign──► island behind the stranger ──refused──► mmap
//!            for a heap beside the main one: a lot of mappings
//!   Mapped:  mmap only
//! ```
//!
//! - **K1** What [`Backing::grow`] gives is zero-filled, readable and writable, starts on a
//!   16-byte boundary and belongs to the heap alone.
//! - **K2** Memory of others is never touched: growth is adjacent only if the break stands
//!   where this heap left it.
//! - **K3** A lot outlives the backing that draws on it, and serves nobody else.

use core::ptr;

use super::call;
use super::lot::Lot;
use super::{PAGE, round_down, round_up};

/// A piece of fresh memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First byte.
    pub base: *mut u8,
    /// Bytes.
    pub len: usize,
}

/// What a heap wants of an operating system.
pub trait Backing {
    /// At least `least` fresh bytes, `want` if that costs no more, adjacent to `end` where
    /// possible (`end` is null for the first run). `None` when memory is out ([K1](self)).
    fn grow(&mut self, end: *mut u8, least: usize, want: usize) -> Option<Run>;

    /// Takes `[from, from + len)`, which ends where the last run ended, back; whether it did.
    fn shrink(&mut self, from: *mut u8, len: usize) -> bool;

    /// Takes a whole former run back; whether it did.
    fn release(&mut self, run: Run) -> bool;

    /// Drops the contents of whole pages: they cost no memory until they are touched again.
    fn purge(&mut self, at: *mut u8, len: usize) -> bool;

    /// Says that the fresh bytes at `at` will soon be used from one end to the other: huge pages suit
    /// them.
    fn thicken(&mut self, at: *mut u8, len: usize) {
        let _ = (at, len);
    }

    /// Takes that back for all bytes at `at`.
    fn thin(&mut self, at: *mut u8, len: usize) {
        let _ = (at, len);
    }
}

/// Bytes of a huge page.
pub const HUGE_PAGE: usize = 2 << 20;

/// Smallest run that is mapped; many small mappings would cost a system call each.
pub(super) const LEAST_MAPPING: usize = 1 << 20;

/// Where the first run from the break starts: at a multiple of this, or of [`HUGE_PAGE`] where memory is not limited:
/// what is left out in front has no pages, but counts. The kernel puts the break of every process elsewhere,
/// in steps of pages; slabs lie at multiples of this, and a large heap grows to the end of a huge page: so what
/// it takes would differ from run to run, and from its replay.
const WHOLE: usize = 64 << 10;

/// The process heap: the program break, and mappings where the break is refused. Or a heap beside
/// it, with a lot of its own: one type, so that engines and heaps need not exist twice.
#[derive(Debug)]
pub struct System {
    /// The lowest place where a growth found the break; `usize::MAX` before there was one.
    lowest: usize,
    /// Whether the break is left alone.
    only_maps: bool,
    /// Where a heap beside the process heap gets its memory; null for the process heap.
    lot: *mut Lot,
}

// SAFETY: [K3]: a lot is nobody else's; it may move between threads with its backing.
unsafe impl Send for System {}

impl System {
    /// A backing that has taken nothing yet.
    pub const fn new() -> Self {
        Self { lowest: usize::MAX, only_maps: false, lot: ptr::null_mut() }
    }

    /// One that leaves the break alone.
    pub const fn of_mappings() -> Self {
        Self { lowest: usize::MAX, only_maps: true, lot: ptr::null_mut() }
    }

    /// A backing that draws on `lot`.
    ///
    /// # Safety
    ///
    /// [K3](self) holds as long as the backing is used.
    pub const unsafe fn drawing_on(lot: *mut Lot) -> Self {
        Self { lowest: usize::MAX, only_maps: true, lot }
    }

    fn lot(&mut self) -> Option<&mut Lot> {
        // SAFETY: [K3]
        unsafe { self.lot.as_mut() }
    }

    /// Whether `at` was given by the break rather than by a mapping.
    fn is_break(&self, at: *mut u8) -> bool {
        at.addr() >= self.lowest && at.addr() < call::current_break().addr()
    }

    /// Lowers the break by `len` bytes to `from`. The kernel keeps the page that the break comes
    /// to stand in, with what is written there: a stranger who gets it next may count on zeros.
    fn lower(from: *mut u8, len: usize) -> bool {
        let rest = len.min(round_up(from.addr(), PAGE) - from.addr());
        let mut before = [0; PAGE];
        // SAFETY: [K1]: these bytes are the heap's until the break is lowered.
        unsafe { before.as_mut_ptr().copy_from_nonoverlapping(from, rest) };
        // SAFETY: as above.
        unsafe { from.write_bytes(0, rest) };
        let lowered = call::set_break(from);
        if !lowered {
            // SAFETY: as above: the break stands where it stood.
            unsafe { from.copy_from_nonoverlapping(before.as_ptr(), rest) };
        }
        lowered
    }

    fn grow_break(&mut self, end: *mut u8, least: usize, want: usize) -> Option<Run> {
        let now = call::current_break();
        if now.is_null() || self.only_maps {
            return None;
        }
        let whole = match self.lowest {
            usize::MAX if call::is_limited() => WHOLE,
            usize::MAX => HUGE_PAGE,
            _ => 16,
        };
        let start = if now == end { now.addr() } else { round_up(now.addr(), whole) };
        self.lowest = self.lowest.min(now.addr());
        [want, least].into_iter().find_map(|len| Self::raise(now, start, len))
    }

    /// Moves the break, which is `now`, so that `len` bytes from `start` on are below it, up to a page's end: so
    /// that no page is shared.
    #[inline(never)]
    fn raise(now: *mut u8, start: usize, len: usize) -> Option<Run> {
        let stop = round_up(start.checked_add(len)?, PAGE);
        if !call::set_break(now.with_addr(stop)) {
            return None;
        }
        let base = now.with_addr(start);
        // In the page where the break stood may be what a stranger wrote there before he lowered it again.
        // SAFETY: [K2]: from the old break on, and no further than to `stop`.
        unsafe { base.write_bytes(0, round_up(start, PAGE) - start) };
        Some(Run { base, len: stop - start })
    }
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl Backing for System {
    fn grow(&mut self, end: *mut u8, least: usize, want: usize) -> Option<Run> {
        if let Some(lot) = self.lot() {
            return lot.grow(end, least, want);
        }
        self.grow_break(end, least, want).or_else(|| Mapped.grow(end, least, want))
    }

    fn shrink(&mut self, from: *mut u8, len: usize) -> bool {
        if let Some(lot) = self.lot() {
            return lot.release(from, len);
        }
        if !self.is_break(from) {
            return call::unmap(from, len);
        }
        // A stranger who moved the break since is left alone: the tail stays ours, unused.
        call::current_break() == from.wrapping_add(len) && Self::lower(from, len)
    }

    fn release(&mut self, run: Run) -> bool {
        self.shrink(run.base, run.len)
    }

    fn purge(&mut self, at: *mut u8, len: usize) -> bool {
        call::drop_pages(at, len)
    }

    fn thicken(&mut self, at: *mut u8, len: usize) {
        if self.lot().is_some_and(|lot| lot.is_field()) {
            return;
        }
        let (from, to) = (round_up(at.addr(), HUGE_PAGE), round_down(at.addr() + len, HUGE_PAGE));
        if from < to {
            call::thicken_pages(at.with_addr(from), to - from);
        }
    }

    fn thin(&mut self, at: *mut u8, len: usize) {
        let (from, to) = (round_down(at.addr(), PAGE), round_down(at.addr() + len, PAGE));
        call::thin_pages(at.with_addr(from), to - from);
    }
}

/// Mappings only.
#[derive(Debug)]
pub struct Mapped;

impl Backing for Mapped {
    fn grow(&mut self, end: *mut u8, least: usize, want: usize) -> Option<Run> {
        if !end.is_null() && end.addr().is_multiple_of(PAGE) {
            let len = round_up(least.max(want), PAGE);
            if let Some(base) = call::map(end, len) {
                return Some(Run { base, len });
            }
        }
        for len in [want.max(LEAST_MAPPING), least] {
            let len = round_up(len, PAGE);
            if let Some(base) = call::map(ptr::null_mut(), len) {
                return Some(Run { base, len });
            }
        }
        None
    }

    fn shrink(&mut self, from: *mut u8, len: usize) -> bool {
        call::unmap(from, len)
    }

    fn release(&mut self, run: Run) -> bool {
        call::unmap(run.base, run.len)
    }

    fn purge(&mut self, at: *mut u8, len: usize) -> bool {
        call::drop_pages(at, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_run_is_zero_and_grows_in_place_or_elsewhere() {
        let mut backing = Mapped;

        let first = backing.grow(ptr::null_mut(), 100, 100).unwrap();
        let end = first.base.wrapping_add(first.len);
        let second = backing.grow(end, PAGE, PAGE).unwrap();

        assert!(first.len >= LEAST_MAPPING);
        assert!(second.len >= PAGE);
        // SAFETY: [K1]
        assert_eq!(unsafe { first.base.wrapping_add(first.len - 1).read() }, 0);
        assert!(backing.release(second));
        assert!(backing.release(first));
    }
}
