//! A coarse monotonic clock, for work that may wait.
//!
//! The call is made by its number: the C library's function is one that others put theirs before
//! (AddressSanitizer while it starts, libraries that fake the time), and some of those allocate.

/// Milliseconds since some moment in the past. Resolution is a few milliseconds. Costs a system call.
pub fn milliseconds() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let arguments = [libc::CLOCK_MONOTONIC_COARSE as usize, (&raw mut now).expose_provenance(), 0, 0];
    // SAFETY: `now` is ours to write.
    unsafe { super::thread::system_call(libc::SYS_clock_gettime, arguments) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}
