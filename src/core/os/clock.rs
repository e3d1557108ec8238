//! A coarse monotonic clock, for work that may wait.

/// Milliseconds since some moment in the past. Resolution is a few milliseconds; costs no system call.
pub fn milliseconds() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is ours to write.
    super::call::keeping_errno(|| unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut now) });
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}
