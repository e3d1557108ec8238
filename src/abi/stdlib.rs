//! The glibc family: each name with the rules of the C library.
//!
//! - **Z1** Success keeps `errno`, and so does free: the floors below never change it.
//! - **Z2** A size over PTRDIFF_MAX, or a product that overflows, is ENOMEM.

use core::ffi::{c_int, c_void};
use core::ptr;

use errno::{Errno, errno, set_errno};
use heapmm_core::allocator::{Wanted, ZEROED};
use heapmm_core::block::ALIGN;
use heapmm_core::os::{PAGE, call, round_up};
use heapmm_core::slab::class::LARGEST;

use crate::ALLOCATOR;

const MOST: usize = isize::MAX as usize;

/// A request that no function of this family can serve.
#[cold]
fn out_of_memory() -> *mut c_void {
    call::out_of_memory().cast()
}

/// `len` bytes at a multiple of `align`, a power of two.
#[inline]
fn aligned(len: usize, align: usize) -> *mut c_void {
    if align <= ALIGN {
        return ALLOCATOR.allocate_aligned_anyway(len, align).cast();
    }
    let wanted = Wanted::aligned(align);
    let grant = if len > MOST { None } else { ALLOCATOR.allocate_aligned(len, align, wanted) };
    grant.map_or_else(out_of_memory, |grant| grant.payload().cast())
}

/// `len` bytes, not initialised. Sizes over PTRDIFF_MAX are refused below: no block is so large.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(len: usize) -> *mut c_void {
    ALLOCATOR.allocate(len).cast()
}

/// `count` times `len` bytes, all zero.
#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, len: usize) -> *mut c_void {
    let Some(whole) = count.checked_mul(len) else { return out_of_memory() };
    if whole <= LARGEST {
        let payload = ALLOCATOR.allocate_as::<ZEROED>(whole);
        if !payload.is_null() {
            // SAFETY: the payload has `whole` bytes, and sixteen at least.
            unsafe { clear(payload, whole) };
        }
        return payload.cast();
    }
    let Some(grant) = ALLOCATOR.allocate_aligned(whole, ALIGN, Wanted::of(ZEROED)) else {
        return out_of_memory();
    };
    // SAFETY: the payload has `whole` bytes; what lies behind `dirty` is zero already.
    unsafe { grant.payload().write_bytes(0, whole.min(grant.dirty)) };
    grant.payload().cast()
}

/// Clears a small block: up to 64 bytes without a call, by stores that may overlap.
///
/// # Safety
///
/// `payload` has `len` bytes, and sixteen at least.
#[inline(always)]
unsafe fn clear(payload: *mut u8, len: usize) {
    if len > 64 {
        // SAFETY: the caller's promise.
        return unsafe { payload.write_bytes(0, len) };
    }
    let last = len.max(16) - 16;
    for offset in [0, last.min(16), last.min(32), last] {
        // SAFETY: no offset is larger than `last`: sixteen bytes there belong to the block.
        unsafe { payload.wrapping_add(offset).cast::<u128>().write_unaligned(0) };
    }
}

/// Resizes the block at `payload` to `len` bytes; it may move.
///
/// # Safety
///
/// `payload` is null or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(payload: *mut c_void, len: usize) -> *mut c_void {
    if payload.is_null() {
        return malloc(len);
    }
    if len == 0 {
        return release(payload);
    }
    if len > MOST { out_of_memory() } else { ALLOCATOR.resize(payload.cast(), len).cast() }
}

/// Frees by realloc: null.
#[cold]
#[inline(never)]
fn release(payload: *mut c_void) -> *mut c_void {
    ALLOCATOR.release(payload.cast());
    ptr::null_mut()
}

/// `realloc` with a product that is checked.
///
/// # Safety
///
/// As for [`realloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(payload: *mut c_void, count: usize, len: usize) -> *mut c_void {
    let Some(whole) = count.checked_mul(len) else { return out_of_memory() };
    // SAFETY: the caller's promise.
    unsafe { realloc(payload, whole) }
}

/// Takes back the block at `payload`; null is nothing.
///
/// # Safety
///
/// `payload` is null or a live block of this library. Others are recognised and reported.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(payload: *mut c_void) {
    ALLOCATOR.release(payload.cast());
}

/// The name of `free` in old programs.
///
/// # Safety
///
/// As for [`free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfree(payload: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { free(payload) };
}

/// C23: `free` by one who knows the size.
///
/// # Safety
///
/// As for [`free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_sized(payload: *mut c_void, _len: usize) {
    // SAFETY: the caller's promise.
    unsafe { free(payload) };
}

/// C23: `free` by one who knows alignment and size.
///
/// # Safety
///
/// As for [`free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_aligned_sized(payload: *mut c_void, _align: usize, _len: usize) {
    // SAFETY: the caller's promise.
    unsafe { free(payload) };
}

/// `len` bytes at a multiple of `align`, into `*memptr`; 0, EINVAL or ENOMEM.
///
/// # Safety
///
/// `memptr` can be written. It is not touched on an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(memptr: *mut *mut c_void, align: usize, len: usize) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<usize>()) {
        return libc::EINVAL;
    }
    let before = errno();
    let payload = aligned(len, align);
    if payload.is_null() {
        set_errno(before);
        return libc::ENOMEM;
    }
    // SAFETY: the caller's promise.
    unsafe { memptr.write(payload) };
    0
}

/// `len` bytes at a multiple of `align`, which is rounded up to a power of two.
#[unsafe(no_mangle)]
pub extern "C" fn memalign(align: usize, len: usize) -> *mut c_void {
    match align.max(1).checked_next_power_of_two() {
        Some(align) => aligned(len, align),
        None => {
            set_errno(Errno(libc::EINVAL));
            ptr::null_mut()
        }
    }
}

/// `memalign` by its C11 name; any size is right.
#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(align: usize, len: usize) -> *mut c_void {
    memalign(align, len)
}

/// `len` bytes at a page.
#[unsafe(no_mangle)]
pub extern "C" fn valloc(len: usize) -> *mut c_void {
    memalign(PAGE, len)
}

/// Whole pages for `len` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn pvalloc(len: usize) -> *mut c_void {
    if len > MOST {
        return out_of_memory();
    }
    memalign(PAGE, round_up(len, PAGE))
}

/// Bytes that may be used at `payload`, at least what was asked for; 0 for null.
///
/// # Safety
///
/// `payload` is null or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(payload: *mut c_void) -> usize {
    if payload.is_null() { 0 } else { ALLOCATOR.usable(payload.cast()) }
}

/// The names under which glibc exports the same functions a second time.
macro_rules! twins {
    ($($twin:ident = $name:ident($($arg:ident: $ty:ty),*) $(-> $out:ty)?;)*) => {
        $(
            /// A second name of the function without the prefix.
            ///
            /// # Safety
            ///
            /// As for that function.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $twin($($arg: $ty),*) $(-> $out)? {
                #[allow(unused_unsafe, reason = "some of them are safe")]
                // SAFETY: the caller's promise.
                unsafe { $name($($arg),*) }
            }
        )*
    };
}

twins! {
    __libc_malloc = malloc(len: usize) -> *mut c_void;
    __libc_free = free(payload: *mut c_void);
    __libc_calloc = calloc(count: usize, len: usize) -> *mut c_void;
    __libc_realloc = realloc(payload: *mut c_void, len: usize) -> *mut c_void;
    __libc_memalign = memalign(align: usize, len: usize) -> *mut c_void;
    __libc_valloc = valloc(len: usize) -> *mut c_void;
    __libc_pvalloc = pvalloc(len: usize) -> *mut c_void;
}
