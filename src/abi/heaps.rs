//! `heapmm_heap_*`: heaps with a name and a policy each.

#![allow(non_camel_case_types, reason = "these are C's names")]

use core::ffi::{c_char, c_int, c_void};
use core::ptr;

use heapmm_core::block::ALIGN;
use heapmm_core::named::Trouble;

use super::heapmm::{heapmm_visit_t, kind_of};
use super::named::{Call, bytes_of, fill, named, size_of_caller};

/// A heap beside the process heap: a name, a policy, and memory of its own.
pub struct heapmm_heap_t;

/// The figures of one heap. All but the first are bytes unless their name says otherwise.
///
/// `live + tags + free + tail + metadata` is `footprint`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct heapmm_heap_stats_t {
    /// `sizeof` of this structure, set by the caller: a newer library fills what an older caller knows.
    pub size: usize,
    /// Taken from the system and not given back.
    pub footprint: usize,
    /// The most that the footprint ever was.
    pub peak_footprint: usize,
    /// In the hands of the program: bytes that it may use.
    pub live: usize,
    /// Headers of used blocks.
    pub tags: usize,
    /// Free bytes that a request could get.
    pub free: usize,
    /// Never touched, behind the last block.
    pub tail: usize,
    /// The heap's own tables, heads, and what nobody can use.
    pub metadata: usize,
    /// Number of blocks in the hands of the program.
    pub used_blocks: usize,
    /// Number of free blocks.
    pub free_blocks: usize,
    /// Size of the largest free block; for `freelist` without its node.
    pub largest_free: usize,
    /// Number of blocks handed out so far.
    pub allocs: u64,
    /// Number of blocks taken back so far.
    pub frees: u64,
    /// Number of blocks split so far.
    pub splits: u64,
    /// Number of merges of neighbours so far.
    pub coalesces: u64,
    /// Number of free blocks that searches have looked at.
    pub probes: u64,
}

/// A new heap with memory of its own. `policy` is a name that `heapmm policies` lists, or NULL for
/// the default; of `fast` the placement is used, not the caches of threads. `name` is for reports,
/// and is cut to 32 bytes. NULL with EINVAL for an unknown policy, with ENOMEM.
///
/// Heaps are safe to use from all threads, and in the child of a fork; not in signal handlers. What
/// is freed stays with the heap until it is trimmed or destroyed. To make a heap takes less than
/// 96 KiB of stack.
///
/// # Safety
///
/// Both are NULL or strings that end in a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_heap_create(
    name: *const c_char,
    policy: *const c_char,
) -> *mut heapmm_heap_t {
    // SAFETY: the caller's promise.
    let name = unsafe { bytes_of(name) }.unwrap_or(b"heap");
    // SAFETY: the caller's promise.
    let policy = unsafe { bytes_of(policy) }.unwrap_or(b"fast");
    Call::new("heapmm_heap_create").end_with(named().heap_create(name, policy))
}

/// Gives all memory of `heap` back to the system at once, whatever is in it. Its blocks and the
/// handle mean nothing any more. NULL is nothing.
///
/// # Safety
///
/// No other thread uses the heap any more, and nobody its blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_heap_destroy(heap: *mut heapmm_heap_t) {
    if !heap.is_null() {
        Call::on("heapmm_heap_destroy", heap).end(named().heap_destroy(heap.cast()));
    }
}

/// `len` bytes of `heap`, not initialised, at a multiple of 16; NULL with ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_heap_alloc(heap: *mut heapmm_heap_t, len: usize) -> *mut c_void {
    Call::on("heapmm_heap_alloc", heap).end_with(place(heap, len, ALIGN))
}

/// `count` times `len` bytes of `heap`, all zero; NULL with ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_heap_calloc(heap: *mut heapmm_heap_t, count: usize, len: usize) -> *mut c_void {
    let len = count.checked_mul(len).and_then(possible).ok_or(Trouble::Memory);
    let made = len.and_then(|len| named().heap_allocate(heap.cast(), len, ALIGN));
    let Some(grant) = Call::on("heapmm_heap_calloc", heap).end(made) else { return ptr::null_mut() };
    // SAFETY: handed out just now, and at least so long.
    unsafe { grant.payload().write_bytes(0, grant.dirty) };
    grant.payload().cast()
}

/// `len` bytes of `heap` at a multiple of `align`, a power of two; NULL with EINVAL or ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_heap_aligned(heap: *mut heapmm_heap_t, align: usize, len: usize) -> *mut c_void {
    let made = if align.is_power_of_two() { place(heap, len, align) } else { Err(Trouble::Invalid) };
    Call::on("heapmm_heap_aligned", heap).end_with(made)
}

/// A length that may be asked for: one that pointers can be subtracted in.
fn possible(len: usize) -> Option<usize> {
    (len <= isize::MAX as usize).then_some(len)
}

fn place(heap: *mut heapmm_heap_t, len: usize, align: usize) -> Result<*mut u8, Trouble> {
    let len = possible(len).ok_or(Trouble::Memory)?;
    named().heap_allocate(heap.cast(), len, align).map(|grant| grant.payload())
}

/// Makes the block at `payload` of `heap` hold `len` bytes; it may move. With NULL as `payload` it
/// allocates; with 0 as `len` it takes the block back. NULL with ENOMEM leaves it as it was.
///
/// # Safety
///
/// `payload` is NULL or a live block of `heap`. Others are recognised and reported.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_heap_realloc(
    heap: *mut heapmm_heap_t,
    payload: *mut c_void,
    len: usize,
) -> *mut c_void {
    let call = Call::on("heapmm_heap_realloc", heap).about(payload);
    if payload.is_null() {
        return call.end_with(place(heap, len, ALIGN));
    }
    if len == 0 {
        call.end(named().heap_free(heap.cast(), payload.cast()));
        return ptr::null_mut();
    }
    let len = possible(len).ok_or(Trouble::Memory);
    call.end_with(len.and_then(|len| named().heap_resize(heap.cast(), payload.cast(), len)))
}

/// Takes the block at `payload` of `heap` back; NULL is nothing.
///
/// # Safety
///
/// `payload` is NULL or a live block of `heap`. Others are recognised and reported.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_heap_free(heap: *mut heapmm_heap_t, payload: *mut c_void) {
    if !payload.is_null() {
        let done = named().heap_free(heap.cast(), payload.cast());
        Call::on("heapmm_heap_free", heap).about(payload).end(done);
    }
}

/// Bytes that may be used at `payload` of `heap`, at least what was asked for; 0 for NULL.
///
/// # Safety
///
/// As for [`heapmm_heap_free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_heap_usable_size(heap: *mut heapmm_heap_t, payload: *mut c_void) -> usize {
    if payload.is_null() {
        return 0;
    }
    let found = named().heap_usable(heap.cast(), payload.cast());
    Call::on("heapmm_heap_usable_size", heap).about(payload).end(found).unwrap_or(0)
}

/// Takes `bytes` from the system at once, in one piece; 0, or -1 with ENOMEM. A heap with the
/// policy `freelist` that has taken 4096 so is one free node of 4088 bytes.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_heap_reserve(heap: *mut heapmm_heap_t, bytes: usize) -> c_int {
    let bytes = possible(bytes).ok_or(Trouble::Memory);
    let done = bytes.and_then(|bytes| named().heap_reserve(heap.cast(), bytes));
    Call::on("heapmm_heap_reserve", heap).status(done)
}

/// Gives free memory of `heap` back to the system but about `keep` bytes; 1 if any was given back,
/// 0 if not.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_heap_trim(heap: *mut heapmm_heap_t, keep: usize) -> c_int {
    let done = named().heap_trim(heap.cast(), keep);
    c_int::from(Call::on("heapmm_heap_trim", heap).end(done).unwrap_or(false))
}

/// Fills `stats`, whose `size` the caller has set; 0, or -1 with EINVAL.
///
/// # Safety
///
/// `stats` can be written for `stats->size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_heap_stats(
    heap: *mut heapmm_heap_t,
    stats: *mut heapmm_heap_stats_t,
) -> c_int {
    // SAFETY: the caller's promise.
    let Some(size) = (unsafe { size_of_caller(stats) }) else { return -1 };
    let found = named().heap_figures(heap.cast());
    let Some(of) = Call::on("heapmm_heap_stats", heap).end(found) else { return -1 };
    let full = heapmm_heap_stats_t {
        size: size.min(size_of::<heapmm_heap_stats_t>()),
        footprint: of.footprint,
        peak_footprint: of.peak_footprint,
        live: of.live,
        tags: of.tags,
        free: of.free,
        tail: of.tail,
        metadata: of.metadata,
        used_blocks: of.used_blocks,
        free_blocks: of.free_blocks,
        largest_free: of.largest_free,
        allocs: of.allocs,
        frees: of.frees,
        splits: of.splits,
        coalesces: of.coalesces,
        probes: of.probes,
    };
    // SAFETY: the caller's promise.
    unsafe { fill(stats, &full, size) };
    0
}

/// Calls `visit` with every block of `heap`, in address order within each segment: the heap as it
/// was when the walk began. Here `visit` may do what it wants, with the heap too. 0, or what
/// `visit` ended the walk with, or -1 with EINVAL or ENOMEM.
///
/// # Safety
///
/// `visit` is a function of that type, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_heap_walk(
    heap: *mut heapmm_heap_t,
    visit: heapmm_visit_t,
    arg: *mut c_void,
) -> c_int {
    let call = Call::on("heapmm_heap_walk", heap);
    let Some(visit) = visit else { return call.status(Err(Trouble::Invalid)) };
    let mut ended = 0;
    let walked = named().heap_walk(heap.cast(), &mut |payload, len, kind| {
        // SAFETY: the caller's promise.
        ended = unsafe { visit(payload.cast(), len, kind_of(kind), arg) };
        ended == 0
    });
    call.end(walked).map_or(-1, |()| ended)
}

/// Writes one line for each heap to `fd`: name, policy, figures. 0, or -1 with errno.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_heapinfo(fd: c_int) -> c_int {
    Call::new("heapmm_heapinfo").write(fd, named().heapinfo())
}

/// Writes the free blocks of each order of all buddy heaps to `fd`, one line for each heap, in the
/// shape of /proc/buddyinfo. 0, or -1 with errno.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_buddyinfo(fd: c_int) -> c_int {
    Call::new("heapmm_buddyinfo").write(fd, named().buddyinfo())
}
