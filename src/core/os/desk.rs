//! A desk: one mapping, cut into the tables of a task, and given back with it.
//!
//! ```text
//!   base                                       base + len
//!   │ table │ table │ table │ not cut yet      │
//!                           ▲ next
//! ```
//!
//! - **DE1** A table is cut from bytes that no other table has, which are zero.

use core::cell::Cell;
use core::ptr;
use core::slice;

use super::{PAGE, call, round_up};

/// What lies on no desk is aligned to more than this.
const ALIGN: usize = 16;

/// Types of which all bytes may be zero.
///
/// # Safety
///
/// A value whose bytes are all zero is one of the type.
pub unsafe trait Blank {}

// SAFETY: numbers.
unsafe impl Blank for u8 {}
// SAFETY: as above.
unsafe impl Blank for usize {}

/// The mapping.
#[derive(Debug)]
pub struct Desk {
    base: *mut u8,
    len: usize,
    next: Cell<usize>,
}

/// Bytes that a table of `count` values takes on a desk.
pub const fn bytes<T>(count: usize) -> usize {
    round_up(count * size_of::<T>(), ALIGN)
}

impl Desk {
    /// A desk for tables of `len` bytes in all; `None` if there is no memory.
    pub fn new(len: usize) -> Option<Self> {
        let len = round_up(len, PAGE);
        let base = call::map(ptr::null_mut(), len)?;
        Some(Self { base, len, next: Cell::new(0) })
    }

    /// Its first byte, and one past its last.
    pub fn bounds(&self) -> (usize, usize) {
        (self.base.addr(), self.base.addr() + self.len)
    }

    /// A table of `count` values, all zero; of none if there is no room left.
    #[allow(clippy::mut_from_ref, reason = "[DE1]: nobody else has these bytes")]
    pub fn cut<T: Blank>(&self, count: usize) -> &mut [T] {
        const { assert!(align_of::<T>() <= ALIGN) };
        let (at, len) = (self.next.get(), bytes::<T>(count));
        if len > self.len - at {
            return &mut [];
        }
        self.next.set(at + len);
        // SAFETY: [DE1]: the bytes are ours, zero, aligned, and enough.
        unsafe { slice::from_raw_parts_mut(self.base.wrapping_add(at).cast(), count) }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        call::unmap(self.base, self.len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_lie_side_by_side_and_are_zero() {
        let desk = Desk::new(bytes::<u8>(7) + bytes::<usize>(500)).unwrap();

        let (small, large) = (desk.cut::<u8>(7), desk.cut::<usize>(500));
        small.fill(0xFF);

        assert!(large.iter().all(|word| *word == 0) && large.len() == 500);
        assert!(desk.cut::<usize>(PAGE).is_empty());
    }
}
