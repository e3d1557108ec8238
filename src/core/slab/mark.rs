//! The mark of a free object: a word that says so.
//!
//! ```text
//!   │ first word │ MARK │ ...          stored when freed, cleared when handed out
//! ```
//!
//! A program that frees twice is caught by it, and one that writes into what it has freed: the mark
//! is gone when the object is handed out again. The mark is a hint: who finds it looks the object
//! up before he accuses anybody, since the program may have written the same word itself. So it
//! need not be secret, and an immediate operand is enough.

use crate::block::WORD;

/// An odd word that is no address and no small number.
const MARK: u64 = 0xFFFF_FFFF_B10C_F4EE;

/// Marks `object` as free.
///
/// # Safety
///
/// The object is free and has sixteen bytes.
#[inline(always)]
pub unsafe fn set(object: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { place(object).write(MARK) };
}

/// Clears the mark.
///
/// # Safety
///
/// As for [`set`].
#[inline(always)]
pub unsafe fn clear(object: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { place(object).write(0) };
}

/// Whether `object` carries the mark.
///
/// # Safety
///
/// Sixteen bytes at `object` are readable.
#[inline(always)]
pub unsafe fn is_set(object: *mut u8) -> bool {
    // SAFETY: the caller's promise.
    unsafe { place(object).read() == MARK }
}

/// Says that the mark of `object` will be looked at and set soon, and waits for nothing.
#[inline(always)]
pub fn expect(object: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor knows the instruction, and none of them faults.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_ET0>(place(object).cast());
    }
}

#[inline(always)]
fn place(object: *mut u8) -> *mut u64 {
    object.wrapping_add(WORD).cast()
}
