//! `heapmm_pool_*`: caches of equal objects that stay constructed between uses.

#![allow(non_camel_case_types, reason = "these are C's names")]

use core::ffi::{c_char, c_int, c_void};

use heapmm_core::engine::slab::pool::Hooks;

use super::named::{Call, bytes_of, fill, named, size_of_caller};
use crate::ALLOCATOR;

/// A named cache of equal objects, with memory of its own.
pub struct heapmm_pool_t;

/// Constructs or destroys the object of `size` bytes. It may call malloc, and the pool too.
pub type heapmm_hook_t = Option<unsafe extern "C" fn(object: *mut c_void, size: usize)>;

/// The figures of one pool.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct heapmm_pool_stats_t {
    /// `sizeof` of this structure, set by the caller: a newer library fills what an older caller knows.
    pub size: usize,
    /// Bytes of an object.
    pub object_size: usize,
    /// Bytes from one object to the next.
    pub stride: usize,
    /// Number of objects in a slab.
    pub slab_objects: usize,
    /// Bytes of a slab.
    pub slab_bytes: usize,
    /// Number of slabs.
    pub slabs: usize,
    /// Number of objects in the hands of the program.
    pub used: usize,
    /// Number of objects that the slabs have room for.
    pub objects: usize,
    /// Number of objects created so far: calls of the constructor, if there is one.
    pub constructed: u64,
    /// Number of objects whose slab went back: calls of the destructor, if there is one.
    pub destroyed: u64,
    /// Number of objects handed out so far.
    pub allocs: u64,
    /// Bytes taken from the system and not given back.
    pub footprint: usize,
}

/// A new pool of objects of `size` bytes at multiples of `align`, a power of two up to 4096, or 0
/// for 16. `ctor` is called once for each object before it is handed out for the first time, `dtor`
/// once before its memory goes back; both may be NULL. Between uses an object stays as the program
/// left it. `name` is for reports, and is cut to 32 bytes. NULL with EINVAL or ENOMEM.
///
/// Pools are safe to use from all threads, and in the child of a fork; not in signal handlers.
///
/// # Safety
///
/// `name` is NULL or a string that ends in a zero byte; `ctor` and `dtor` can be called with objects
/// of the pool, by every thread that uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_pool_create(
    name: *const c_char,
    size: usize,
    align: usize,
    ctor: heapmm_hook_t,
    dtor: heapmm_hook_t,
) -> *mut heapmm_pool_t {
    // SAFETY: the caller's promise.
    let name = unsafe { bytes_of(name) }.unwrap_or(b"pool");
    let hooks = Hooks { constructor: ctor, destructor: dtor };
    Call::new("heapmm_pool_create").end_with(named().pool_create(name, size, align, hooks))
}

/// An object of `pool`, constructed; NULL with ENOMEM. A partial slab is used before an empty one,
/// and that before a new one.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_pool_alloc(pool: *mut heapmm_pool_t) -> *mut c_void {
    Call::on("heapmm_pool_alloc", pool).end_with(named().pool_allocate(pool.cast()))
}

/// Takes `object` of `pool` back as it is, constructed; NULL is nothing.
///
/// # Safety
///
/// `object` is NULL or an object of `pool` in use. Others are recognised and reported.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_pool_free(pool: *mut heapmm_pool_t, object: *mut c_void) {
    if !object.is_null() {
        let done = named().pool_free(pool.cast(), object.cast());
        Call::on("heapmm_pool_free", pool).about(object).end(done);
    }
}

/// Destroys the objects of all slabs that are empty and gives their memory back; the number of
/// bytes that went back to the system.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_pool_shrink(pool: *mut heapmm_pool_t) -> usize {
    Call::on("heapmm_pool_shrink", pool).end(named().pool_shrink(pool.cast())).unwrap_or(0)
}

/// Destroys all objects of `pool` and gives all its memory back; the handle means nothing any more.
/// 0, or -1 with EBUSY as long as an object is in use: then nothing happens. NULL is nothing.
///
/// # Safety
///
/// No other thread uses the pool any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_pool_destroy(pool: *mut heapmm_pool_t) -> c_int {
    if pool.is_null() {
        return 0;
    }
    Call::on("heapmm_pool_destroy", pool).status(named().pool_destroy(pool.cast()))
}

/// Fills `stats`, whose `size` the caller has set; 0, or -1 with EINVAL.
///
/// # Safety
///
/// `stats` can be written for `stats->size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_pool_stats(
    pool: *mut heapmm_pool_t,
    stats: *mut heapmm_pool_stats_t,
) -> c_int {
    // SAFETY: the caller's promise.
    let Some(size) = (unsafe { size_of_caller(stats) }) else { return -1 };
    let found = named().pool_totals(pool.cast());
    let Some(totals) = Call::on("heapmm_pool_stats", pool).end(found) else { return -1 };
    let of = totals.figures;
    let full = heapmm_pool_stats_t {
        size: size.min(size_of::<heapmm_pool_stats_t>()),
        object_size: of.len,
        stride: of.stride,
        slab_objects: of.slab_objects,
        slab_bytes: of.slab_bytes,
        slabs: of.slabs,
        used: of.used,
        objects: of.objects,
        constructed: of.constructed,
        destroyed: of.destroyed,
        allocs: of.allocs,
        footprint: totals.footprint,
    };
    // SAFETY: the caller's promise.
    unsafe { fill(stats, &full, size) };
    0
}

/// Writes all slab caches to `fd` in the shape of /proc/slabinfo, version 2.1: pools, the caches of
/// heaps with the policy `slab`, and the size classes under malloc. 0, or -1 with errno.
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_slabinfo(fd: c_int) -> c_int {
    Call::new("heapmm_slabinfo").write(fd, named().slabinfo(&ALLOCATOR))
}
