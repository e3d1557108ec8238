//! `heapmm_family_*`: memory by the kinds of structures of the application.

#![allow(non_camel_case_types, reason = "these are C's names")]

use core::ffi::{c_char, c_int, c_void};

use heapmm_core::named::Trouble;

use super::named::{Call, bytes_of, fill, named, size_of_caller};

/// The figures of one family of structures.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct heapmm_family_stats_t {
    /// `sizeof` of this structure, set by the caller: a newer library fills what an older caller knows.
    pub size: usize,
    /// Bytes of one structure.
    pub object_size: usize,
    /// Number of blocks in its VM pages.
    pub blocks: usize,
    /// Of these, free ones.
    pub free_blocks: usize,
    /// Of these, ones in the hands of the program.
    pub used_blocks: usize,
    /// Bytes of the blocks in the hands of the program.
    pub used_bytes: usize,
    /// Number of VM pages; 0 after the last block was freed.
    pub pages: usize,
    /// Their bytes.
    pub page_bytes: usize,
    /// Bytes that the manager uses: meta blocks, and the queue of free blocks.
    pub manager_bytes: usize,
}

/// Makes the family of structures called `name`, if there is none yet. 0, or -1: EINVAL for a name
/// that is empty, longer than 80 bytes or taken by structures of another size; ENOMEM.
///
/// # Safety
///
/// `name` is NULL or a string that ends in a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_family_register(name: *const c_char, size: usize) -> c_int {
    // SAFETY: the caller's promise.
    let name = unsafe { bytes_of(name) }.unwrap_or_default();
    Call::new("heapmm_family_register").status(named().family_register(name, size))
}

/// Memory for `count` structures in a row, all zero, at a multiple of `align`, a power of two. A
/// family that was not registered is. NULL with EINVAL as for [`heapmm_family_register`], or ENOMEM.
///
/// # Safety
///
/// `name` is NULL or a string that ends in a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_family_alloc(
    name: *const c_char,
    size: usize,
    align: usize,
    count: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    let name = unsafe { bytes_of(name) }.unwrap_or_default();
    let made = match align.is_power_of_two() {
        true => named().family_allocate(name, size, align, count),
        false => Err(Trouble::Invalid),
    };
    Call::new("heapmm_family_alloc").end_with(made)
}

/// Takes the structures at `payload` back; NULL is nothing.
///
/// # Safety
///
/// `payload` is NULL or came from [`heapmm_family_alloc`]. Others are recognised and reported.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_family_free(payload: *mut c_void) {
    if !payload.is_null() {
        Call::new("heapmm_family_free").about(payload).end(named().family_free(payload.cast()));
    }
}

/// Fills `stats`, whose `size` the caller has set, for the family called `name`. 0, or -1 with
/// EINVAL if there is none.
///
/// # Safety
///
/// `name` is NULL or a string that ends in a zero byte; `stats` can be written for `stats->size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_family_stats(
    name: *const c_char,
    stats: *mut heapmm_family_stats_t,
) -> c_int {
    // SAFETY: the caller's promise.
    let Some(size) = (unsafe { size_of_caller(stats) }) else { return -1 };
    // SAFETY: the caller's promise.
    let name = unsafe { bytes_of(name) }.unwrap_or_default();
    let Some(of) = Call::new("heapmm_family_stats").end(named().family_totals(name)) else { return -1 };
    let full = heapmm_family_stats_t {
        size: size.min(size_of::<heapmm_family_stats_t>()),
        object_size: of.len,
        blocks: of.blocks,
        free_blocks: of.free_blocks,
        used_blocks: of.used_blocks,
        used_bytes: of.used_bytes,
        pages: of.pages,
        page_bytes: of.page_bytes,
        manager_bytes: of.manager_bytes,
    };
    // SAFETY: the caller's promise.
    unsafe { fill(stats, &full, size) };
    0
}

/// Writes the table of families to `fd`: for each its blocks, total, free and occupied, and the
/// bytes in use; its VM pages, their bytes, the share in use by the program, and the bytes used by
/// the manager. The last line is their sum. 0, or -1 with errno.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_family_table(fd: c_int) -> c_int {
    Call::new("heapmm_family_table").write(fd, named().family_table())
}

/// Writes every block of the family called `name` to `fd`: address, bytes, free or occupied. 0, or
/// -1 with EINVAL if there is none, or the errno of write(2).
///
/// # Safety
///
/// `name` is NULL or a string that ends in a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_family_dump(name: *const c_char, fd: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let name = unsafe { bytes_of(name) }.unwrap_or_default();
    Call::new("heapmm_family_dump").write(fd, named().family_dump(name))
}

/// Gives free pages of the families back to the system; 1 if any went back.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_family_trim() -> c_int {
    c_int::from(Call::new("heapmm_family_trim").end(named().family_trim()).unwrap_or(false))
}
