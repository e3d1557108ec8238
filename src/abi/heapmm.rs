//! `heapmm_*`: what a program can ask of the library beside malloc.
//!
//! Thread-safe. Errors are NULL or -1 with `errno`.

#![allow(non_camel_case_types, reason = "these are C's names")]

use core::ffi::{CStr, c_char, c_int, c_void};

use errno::{Errno, set_errno};
use heapmm_core::engine::Kind;
use heapmm_core::settings::{Row, When};

use super::stdlib;
use crate::ALLOCATOR;

/// The figures of the process. All but the first are bytes unless their name says otherwise.
///
/// `live + slack + tags + slab_tables + cached + free + tail + mapped + metadata` is `footprint`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct heapmm_stats_t {
    /// `sizeof` of this structure, set by the caller: a newer library fills what an older caller knows.
    pub size: usize,
    /// Taken from the system and not given back.
    pub footprint: usize,
    /// The most that the footprint ever was.
    pub peak_footprint: usize,
    /// In the hands of the program, in blocks and slabs.
    pub live: usize,
    /// Rounding at the ends of mappings.
    pub slack: usize,
    /// Headers of used blocks.
    pub tags: usize,
    /// Descriptors of slabs, and what their spans cannot hold.
    pub slab_tables: usize,
    /// Freed by the program, kept for its next request.
    pub cached: usize,
    /// Free blocks.
    pub free: usize,
    /// Never touched, behind the last block.
    pub tail: usize,
    /// In the hands of the program, in mapped blocks.
    pub mapped: usize,
    /// The allocator's own tables.
    pub metadata: usize,
    /// Number of blocks in the hands of the program.
    pub blocks: usize,
    /// Number of free blocks.
    pub free_blocks: usize,
    /// Size of the largest free block.
    pub largest_free: usize,
    /// Number of segments.
    pub segments: usize,
    /// Number of system calls made.
    pub system_calls: u64,
    /// Taken besides, for heaps, pools and families that the program made.
    pub named: usize,
}

/// What a block is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum heapmm_kind_t {
    /// In the hands of the program.
    HEAPMM_USED = 0,
    /// Free, or kept for the program's next request.
    HEAPMM_FREE = 1,
    /// The allocator's own.
    HEAPMM_OWN = 2,
    /// In the hands of the program, a mapping of its own.
    HEAPMM_MAPPED = 3,
}

/// Called by [`heapmm_walk`] with the payload of a block, its bytes, its kind, and `arg`; a value
/// other than 0 ends the walk. It may not free or resize blocks.
pub type heapmm_visit_t = Option<
    unsafe extern "C" fn(payload: *mut c_void, len: usize, kind: heapmm_kind_t, arg: *mut c_void) -> c_int,
>;

/// `len` bytes, not initialised; NULL with ENOMEM. These six work without replacing malloc.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_malloc(len: usize) -> *mut c_void {
    stdlib::malloc(len)
}

/// `count` times `len` bytes, all zero; NULL with ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_calloc(count: usize, len: usize) -> *mut c_void {
    stdlib::calloc(count, len)
}

/// Resizes the block at `payload` to `len` bytes; it may move. NULL with ENOMEM leaves it.
///
/// # Safety
///
/// `payload` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_realloc(payload: *mut c_void, len: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { stdlib::realloc(payload, len) }
}

/// `len` bytes at a multiple of `align`, which is rounded up to a power of two.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_aligned_alloc(align: usize, len: usize) -> *mut c_void {
    stdlib::memalign(align, len)
}

/// Takes back the block at `payload`; NULL is nothing.
///
/// # Safety
///
/// `payload` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_free(payload: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { stdlib::free(payload) };
}

/// Bytes that may be used at `payload`, at least what was asked for; 0 for NULL.
///
/// # Safety
///
/// `payload` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_usable_size(payload: *mut c_void) -> usize {
    // SAFETY: the caller's promise.
    unsafe { stdlib::malloc_usable_size(payload) }
}

/// The version of the library, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The name of the placement policy in force.
///
/// # Safety
///
/// `name` can hold `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_policy(name: *mut c_char, len: usize) -> c_int {
    let Some(ledger) = ALLOCATOR.ledger() else { return refuse(libc::EDEADLK) };
    let text = ledger.policy.name().as_bytes();
    if name.is_null() || len <= text.len() {
        return refuse(libc::ERANGE);
    }
    // SAFETY: the caller's promise, and the length was checked.
    unsafe { name.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len()) };
    // SAFETY: as above.
    unsafe { name.wrapping_add(text.len()).write(0) };
    0
}

/// Sets option `name`, as in the environment without its prefix, to `value`; the policy and what
/// is only read at start cannot change. 0, or -1 with EINVAL.
///
/// # Safety
///
/// Both are strings that end in a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_set_option(name: *const c_char, value: *const c_char) -> c_int {
    if name.is_null() || value.is_null() {
        return refuse(libc::EINVAL);
    }
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    // SAFETY: the caller's promise.
    let value = unsafe { CStr::from_ptr(value) }.to_bytes();
    if Row::named(name).is_none_or(|row| row.when == When::AtStart) {
        return refuse(libc::EINVAL);
    }
    let mut good = false;
    ALLOCATOR.adjust(|settings| good = settings.apply(name, Some(value)).is_ok());
    if good { 0 } else { refuse(libc::EINVAL) }
}

/// Fills `stats`, whose `size` the caller has set; 0, or -1 with EINVAL.
///
/// # Safety
///
/// `stats` can be written for `stats->size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_stats(stats: *mut heapmm_stats_t) -> c_int {
    if stats.is_null() {
        return refuse(libc::EINVAL);
    }
    // SAFETY: the caller's promise.
    let size = unsafe { (*stats).size };
    if size < size_of::<usize>() {
        return refuse(libc::EINVAL);
    }
    let Some(ledger) = ALLOCATOR.ledger() else { return refuse(libc::EDEADLK) };
    let (rows, counts) = (ledger.rows, ledger.counts);
    let known = size.min(size_of::<heapmm_stats_t>());
    let full = heapmm_stats_t {
        size: known,
        footprint: ledger.footprint,
        peak_footprint: ledger.peak_footprint,
        live: rows.live,
        slack: rows.slack,
        tags: rows.tags,
        slab_tables: rows.slab_tables,
        cached: rows.cached,
        free: rows.free,
        tail: rows.tail,
        mapped: rows.mapped,
        metadata: rows.metadata,
        blocks: ledger.blocks,
        free_blocks: counts.free_blocks,
        largest_free: ledger.largest_free,
        segments: counts.segments,
        system_calls: ledger.calls.iter().sum(),
        named: ledger.named,
    };
    // SAFETY: the caller's promise; `known` is no more than either side has.
    unsafe { stats.cast::<u8>().copy_from_nonoverlapping((&raw const full).cast(), known) };
    0
}

/// Calls `visit` with every block, segments in the order they were taken, then mapped blocks.
/// 0, or what `visit` ended the walk with, or -1 with EINVAL.
///
/// # Safety
///
/// `visit` is a function that keeps to what [`heapmm_visit_t`] says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_walk(visit: heapmm_visit_t, arg: *mut c_void) -> c_int {
    let Some(visit) = visit else { return refuse(libc::EINVAL) };
    let mut ended = 0;
    let mut see = |payload: *mut u8, len: usize, kind: Kind| {
        if ended == 0 {
            // SAFETY: the caller's promise.
            ended = unsafe { visit(payload.cast(), len, kind_of(kind), arg) };
        }
    };
    if !ALLOCATOR.walk(&mut see) {
        return refuse(libc::EDEADLK);
    }
    ended
}

pub(super) fn kind_of(kind: Kind) -> heapmm_kind_t {
    match kind {
        Kind::Used => heapmm_kind_t::HEAPMM_USED,
        Kind::Mapped => heapmm_kind_t::HEAPMM_MAPPED,
        Kind::Free => heapmm_kind_t::HEAPMM_FREE,
        Kind::Own => heapmm_kind_t::HEAPMM_OWN,
    }
}

/// Checks every header, footer and count; each fault gets a line on stderr. The number of faults.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_check() -> c_int {
    c_int::try_from(ALLOCATOR.check()).unwrap_or(c_int::MAX)
}

/// Gives memory back to the system but `keep` bytes at the top; 1 if any was given back.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_trim(keep: usize) -> c_int {
    c_int::from(ALLOCATOR.trim(keep))
}

#[cold]
fn refuse(code: c_int) -> c_int {
    set_errno(Errno(code));
    -1
}
