//! `heapmm_leak_*`: what nothing leads to any more.

#![allow(non_camel_case_types, reason = "these are C's names")]

use core::ffi::{c_int, c_void};

use errno::{Errno, set_errno};
use heapmm_core::observe::leak::{self, Leaks, Obstacle};
use heapmm_core::os::out::{self, Text};
use heapmm_core::os::thread;

use super::named::{fill, size_of_caller};
use crate::{ALLOCATOR, boot};

/// What a leak check found. A block counts with the bytes that the program may use, as
/// `malloc_usable_size` tells them. The four sorts together are all blocks that the program holds.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct heapmm_leaks_t {
    /// `sizeof` of this structure, set by the caller: a newer library fills what an older caller knows.
    pub size: usize,
    /// Definitely lost: no address of them is left. Bytes.
    pub definite_bytes: usize,
    /// Number of such blocks.
    pub definite_blocks: usize,
    /// Indirectly lost: only lost blocks lead there. Bytes.
    pub indirect_bytes: usize,
    /// Number of such blocks.
    pub indirect_blocks: usize,
    /// Possibly lost: only addresses inside of them are left, not those of their first bytes. Bytes.
    pub possible_bytes: usize,
    /// Number of such blocks.
    pub possible_blocks: usize,
    /// Still reachable. Bytes.
    pub reachable_bytes: usize,
    /// Number of such blocks.
    pub reachable_blocks: usize,
}

/// Looks for blocks that nothing leads to, and fills `leaks`, whose `size` the caller has set; 0, or -1
/// with EINVAL, ENOMEM, EDEADLK in a signal handler that interrupted malloc, or EIO where
/// /proc/self/maps cannot be read.
///
/// Whatever could be the address of a block is taken for one, in all memory of the process but free
/// blocks, and on the stack from the caller's frame on. Blocks of heaps, pools and families are not
/// looked for; what they hold counts.
///
/// # Safety
///
/// `leaks` is NULL or can be written for `leaks->size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapmm_leak_check(leaks: *mut heapmm_leaks_t) -> c_int {
    let mut call = Call { leaks, fd: -1, result: -1 };
    thread::spill(check_from, (&raw mut call).cast());
    call.result
}

/// Looks for blocks that nothing leads to, and writes to `fd` how many bytes and blocks are lost and
/// still reachable, and the largest groups of equal lost blocks. 0, or -1 with errno as for
/// [`heapmm_leak_check`], or that of write(2).
#[unsafe(no_mangle)]
pub extern "C" fn heapmm_leak_table(fd: c_int) -> c_int {
    let mut call = Call { leaks: core::ptr::null_mut(), fd, result: -1 };
    thread::spill(write_from, (&raw mut call).cast());
    call.result
}

/// One of the two calls.
struct Call {
    leaks: *mut heapmm_leaks_t,
    fd: c_int,
    result: c_int,
}

extern "C" fn check_from(call: *mut c_void, sp: usize) {
    // SAFETY: the frame of the function above, which waits.
    let call = unsafe { &mut *call.cast::<Call>() };
    // SAFETY: the promise of who called it.
    let Some(size) = (unsafe { size_of_caller(call.leaks) }) else { return };
    let Some(found) = found(sp) else { return };
    let [definite, indirect, possible, reachable] = found.counts;
    let full = heapmm_leaks_t {
        size: size.min(size_of::<heapmm_leaks_t>()),
        definite_bytes: definite.bytes,
        definite_blocks: definite.blocks,
        indirect_bytes: indirect.bytes,
        indirect_blocks: indirect.blocks,
        possible_bytes: possible.bytes,
        possible_blocks: possible.blocks,
        reachable_bytes: reachable.bytes,
        reachable_blocks: reachable.blocks,
    };
    // SAFETY: as above.
    unsafe { fill(call.leaks, &full, size) };
    call.result = 0;
}

extern "C" fn write_from(call: *mut c_void, sp: usize) {
    // SAFETY: as in `check_from`.
    let call = unsafe { &mut *call.cast::<Call>() };
    let Some(found) = found(sp) else { return };
    let (mut page, mut name) = (Text::<4096>::new(), [0; 16]);
    let _ = leak::text(&mut page, boot::process(&mut name), &found);
    match out::try_write(call.fd, page.bytes()) {
        Ok(()) => call.result = 0,
        Err(code) => set_errno(Errno(code)),
    }
}

/// What the check finds, or `None` with errno.
fn found(sp: usize) -> Option<Leaks> {
    let code = |obstacle| match obstacle {
        Obstacle::Inside => libc::EDEADLK,
        Obstacle::Memory | Obstacle::Torn => libc::ENOMEM,
        Obstacle::Unlisted => libc::EIO,
    };
    ALLOCATOR.leaks(sp).map_err(|obstacle| set_errno(Errno(code(obstacle)))).ok()
}
