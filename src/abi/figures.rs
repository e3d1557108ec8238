//! The calls by which glibc tells about itself: here they tell the truth.

use core::ffi::{c_int, c_void};
use core::fmt;

use heapmm_core::observe::ledger::Ledger;
use heapmm_core::observe::report;
use heapmm_core::os::out::{self, Text};

use crate::{ALLOCATOR, boot};

/// glibc's parameters of mallopt that have a meaning here.
const M_MXFAST: c_int = 1;
const M_TRIM_THRESHOLD: c_int = -1;
const M_TOP_PAD: c_int = -2;
const M_MMAP_THRESHOLD: c_int = -3;
const M_MMAP_MAX: c_int = -4;
const M_CHECK_ACTION: c_int = -5;
const M_PERTURB: c_int = -6;
const M_ARENA_TEST: c_int = -7;
const M_ARENA_MAX: c_int = -8;

/// Gives memory back to the system but `pad` bytes at the top; 1 if any was given back.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_trim(pad: usize) -> c_int {
    c_int::from(ALLOCATOR.trim(pad))
}

/// Adjusts a parameter; 1 if it is known and obeyed.
#[unsafe(no_mangle)]
pub extern "C" fn mallopt(parameter: c_int, value: c_int) -> c_int {
    let size = usize::try_from(value).unwrap_or(usize::MAX);
    match parameter {
        M_TRIM_THRESHOLD | M_TOP_PAD => {
            ALLOCATOR.adjust(|settings| settings.shape.keep = size.min(1 << 40));
        }
        M_MMAP_THRESHOLD => ALLOCATOR.adjust(|settings| settings.mmap_threshold = Some(size)),
        M_MMAP_MAX if value == 0 => {
            ALLOCATOR.adjust(|settings| settings.mmap_threshold = Some(usize::MAX));
        }
        // Known, and without a counterpart here: there are no arenas and no fast bins to size.
        M_MXFAST | M_MMAP_MAX | M_CHECK_ACTION | M_ARENA_TEST | M_ARENA_MAX => {}
        // Threads may keep objects already, which nobody fills: that is decided at start.
        M_PERTURB => return c_int::from(value == 0),
        _ => return 0,
    }
    1
}

/// Figures in glibc's structure; fields too small for a figure hold its lower bits.
#[unsafe(no_mangle)]
pub extern "C" fn mallinfo() -> libc::mallinfo {
    let wide = mallinfo2();
    libc::mallinfo {
        arena: wide.arena as c_int,
        ordblks: wide.ordblks as c_int,
        smblks: wide.smblks as c_int,
        hblks: wide.hblks as c_int,
        hblkhd: wide.hblkhd as c_int,
        usmblks: wide.usmblks as c_int,
        fsmblks: wide.fsmblks as c_int,
        uordblks: wide.uordblks as c_int,
        fordblks: wide.fordblks as c_int,
        keepcost: wide.keepcost as c_int,
    }
}

/// Figures in glibc's structure: `arena` and `hblkhd` sum to the footprint, `uordblks` and
/// `fordblks` to `arena`.
#[unsafe(no_mangle)]
pub extern "C" fn mallinfo2() -> libc::mallinfo2 {
    let ledger = ALLOCATOR.ledger();
    let field = |read: fn(&Ledger) -> usize| ledger.as_ref().map_or(0, read);
    libc::mallinfo2 {
        arena: field(|l| l.counts.footprint),
        ordblks: field(|l| l.counts.free_blocks),
        smblks: 0,
        hblks: field(|l| l.mapped_blocks),
        hblkhd: field(|l| l.mapped_footprint),
        usmblks: 0,
        fsmblks: field(|l| l.rows.cached),
        uordblks: field(|l| l.rows.live),
        fordblks: field(|l| l.counts.footprint - l.rows.live),
        keepcost: field(|l| l.rows.tail),
    }
}

/// Writes the figures to stderr.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_stats() {
    if let Some(ledger) = ALLOCATOR.ledger() {
        let mut page = Text::<4096>::new();
        let mut name = [0; 16];
        let _ = report::text(&mut page, boot::process(&mut name), &ledger);
        out::write_all(2, page.bytes());
    }
}

/// Writes the figures to `stream` as XML; 0, EINVAL for `options` that are not 0, -1 if the stream
/// does not take it.
///
/// # Safety
///
/// `stream` is an open stream of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_info(options: c_int, stream: *mut c_void) -> c_int {
    if options != 0 {
        return libc::EINVAL;
    }
    let Some(ledger) = ALLOCATOR.ledger() else { return -1 };
    let mut page = Text::<4096>::new();
    let done: fmt::Result = report::xml(&mut page, &ledger);
    let bytes = page.bytes();
    // SAFETY: the caller's promise. The stream may allocate: no lock is held here.
    let wrote = unsafe { libc::fwrite(bytes.as_ptr().cast(), 1, bytes.len(), stream.cast()) };
    if done.is_ok() && wrote == bytes.len() { 0 } else { -1 }
}
