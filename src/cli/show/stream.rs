//! The standard streams as this process was given them.
//!
//! Rust opens all that are closed on /dev/null before `main` begins: what is written there is lost without an error.

use std::io::{self, StdoutLock};
use std::sync::atomic::{AtomicU8, Ordering};

/// The standard streams that were closed when this process began, a bit each.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Constructors run before Rust begins.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = note_closed;

extern "C" fn note_closed() {
    // SAFETY: asks only.
    let is_closed = |fd: &i32| unsafe { libc::fcntl(*fd, libc::F_GETFD) } < 0;
    CLOSED.store((0..3).filter(is_closed).map(|fd| 1 << fd).sum(), Ordering::Relaxed);
}

/// The standard streams that this process began without, a bit each.
pub fn closed() -> u8 {
    CLOSED.load(Ordering::Relaxed)
}

/// Standard output for data, if this process was given one.
pub fn stdout() -> io::Result<StdoutLock<'static>> {
    if closed() & (1 << libc::STDOUT_FILENO) != 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    Ok(io::stdout().lock())
}
