//! A file that grows at its end and is written through mappings: what was written is the file's at
//! once, whatever becomes of the process.
//!
//! ```text
//!   file │ window │ window │ window │            appended as zeros by writev, then mapped
//! ```
//!
//! All calls are made by their numbers: the functions of the C library are some that others put
//! theirs before, and theirs may allocate.
//!
//! - **D1** A descriptor of ours stands above [`LEAST_PRIVATE`] and is closed on exec; or none is kept,
//!   and the file is opened each time.
//! - **D2** Programs close all descriptors and use their numbers again: before it is written to, a
//!   descriptor is asked whose it is.

use core::ffi::CStr;
use core::mem::MaybeUninit;

use super::PAGE;
use super::file::{self, LEAST_PRIVATE};
use super::refusal::{Refusal, checked};
use super::thread::{long_call, system_call};

/// Which file a descriptor leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// An open file ([D1](self)).
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Its descriptor.
    pub fd: i32,
    /// Whether it may stay open.
    pub stays: bool,
}

/// Opens `path` to read and append; a file that is there already only if not `fresh`.
pub fn open(path: &CStr, fresh: bool) -> Result<Open, Refusal> {
    let create = if fresh { libc::O_CREAT | libc::O_EXCL } else { 0 };
    let fd = file::open(libc::AT_FDCWD, path, libc::O_RDWR | libc::O_APPEND | libc::O_NOCTTY | create)?;
    let Ok(copy) = file::copy_above(fd, LEAST_PRIVATE) else { return Ok(Open { fd, stays: false }) };
    file::close(fd);
    Ok(Open { fd: copy, stays: true })
}

/// Removes the file at `path`.
pub fn remove(path: &CStr) {
    // SAFETY: the path ends in a zero byte.
    unsafe { system_call(libc::SYS_unlink, [path.as_ptr().addr(), 0, 0, 0]) };
}

/// Which file `fd` leads to; `None` if to none.
pub fn identity(fd: i32) -> Option<Identity> {
    let mut data = MaybeUninit::<libc::stat>::zeroed();
    let arguments = [fd as usize, data.as_mut_ptr().expose_provenance(), 0, 0];
    // SAFETY: `data` is ours to write.
    checked(unsafe { system_call(libc::SYS_fstat, arguments) }).ok()?;
    // SAFETY: all bytes are written, and any bytes are a stat.
    let data = unsafe { data.assume_init() };
    Some(Identity { device: data.st_dev, inode: data.st_ino })
}

/// Pieces of one writev.
const PIECES: usize = 64;

/// Appends `len` zero bytes, a multiple of a page, taken from the page at `zeros`. SIGXFSZ has to be
/// blocked.
pub fn append_zeros(fd: i32, zeros: *const u8, mut len: usize) -> Result<(), Refusal> {
    let zeros = libc::iovec { iov_base: zeros.cast_mut().cast(), iov_len: PAGE };
    let mut pieces = [zeros; PIECES];
    let at = (&raw const pieces).expose_provenance();
    while len > 0 {
        let count = len.div_ceil(PAGE).min(PIECES);
        // A write that was cut short goes on within a page.
        pieces[0].iov_len = if len.is_multiple_of(PAGE) { PAGE } else { len % PAGE };
        // SAFETY: the pieces are readable.
        match checked(unsafe { system_call(libc::SYS_writev, [fd as usize, at, count, 0]) }) {
            Ok(wrote) => len -= wrote,
            Err(libc::EINTR) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(())
}

/// Maps `len` bytes of `fd` from `offset` on, both multiples of a page, to write into the file. A
/// forked child does not have the mapping.
pub fn map(fd: i32, offset: usize, len: usize) -> Result<*mut u8, Refusal> {
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED;
    let arguments = [0, len, rights as usize, flags as usize, fd as usize, offset];
    // SAFETY: a new mapping takes nobody's place.
    let at = checked(unsafe { long_call(libc::SYS_mmap, arguments) })?;
    // All pages at once cost half of what they cost one by one; kernels before 5.14 do that.
    for advice in [libc::MADV_DONTFORK, libc::MADV_POPULATE_WRITE] {
        // SAFETY: the mapping is ours.
        unsafe { system_call(libc::SYS_madvise, [at, len, advice as usize, 0]) };
    }
    Ok(core::ptr::with_exposed_provenance_mut(at))
}

/// Zeroed memory of which a forked child finds the first `wiped` bytes, a multiple of a page, zero
/// again; `None` if there is none.
pub fn map_wiped(len: usize, wiped: usize) -> Option<*mut u8> {
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let arguments = [0, len, rights as usize, flags as usize, usize::MAX, 0];
    // SAFETY: as in `map`.
    let at = checked(unsafe { long_call(libc::SYS_mmap, arguments) }).ok()?;
    // Kernels before 4.14 refuse: then the handler of fork has to wipe.
    // SAFETY: as in `map`.
    unsafe { system_call(libc::SYS_madvise, [at, wiped, libc::MADV_WIPEONFORK as usize, 0]) };
    Some(core::ptr::with_exposed_provenance_mut(at))
}

/// Removes a mapping.
///
/// # Safety
///
/// It is the caller's, and nobody uses it any more.
pub unsafe fn unmap(at: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { system_call(libc::SYS_munmap, [at.addr(), len, 0, 0]) };
}

/// Runs `run` while this thread takes no signal; a SIGXFSZ or SIGPIPE that it brought is taken back.
pub fn undisturbed<T>(run: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    const WORD: usize = size_of::<u64>();
    let (all, mut before) = (u64::MAX, 0u64);
    let change = |new: *const u64, old: *mut u64| {
        let (new, old) = (new.expose_provenance(), old.expose_provenance());
        // SAFETY: two words of ours, or null.
        unsafe { system_call(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, new, old, WORD]) }
    };
    change(&raw const all, &raw mut before);
    let out = run();
    let brought = match out {
        Err(libc::EFBIG) => libc::SIGXFSZ,
        Err(libc::EPIPE) => libc::SIGPIPE,
        _ => 0,
    };
    if brought != 0 {
        let only = 1u64 << (brought - 1);
        let no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let (only, no_time) =
            ((&raw const only).expose_provenance(), (&raw const no_time).expose_provenance());
        // SAFETY: reads two values of ours.
        unsafe { system_call(libc::SYS_rt_sigtimedwait, [only, 0, no_time, WORD]) };
    }
    change(&raw const before, core::ptr::null_mut());
    out
}

/// The current folder with a zero byte, into `path`; its length without that.
pub fn current_folder(path: &mut [u8]) -> Option<usize> {
    let arguments = [path.as_mut_ptr().expose_provenance(), path.len(), 0, 0];
    // SAFETY: the slice can be written.
    let len = checked(unsafe { system_call(libc::SYS_getcwd, arguments) }).ok()?;
    (path[0] == b'/').then_some(len - 1)
}

/// The number of the process's parent.
pub fn parent() -> u32 {
    // SAFETY: asks only.
    unsafe { system_call(libc::SYS_getppid, [0; 4]) as u32 }
}
