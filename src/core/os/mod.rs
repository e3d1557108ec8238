//! Floor 0: everything that heapmm asks of the operating system.
//!
//! ```text
//!   backing   where heap memory comes from: Backing, System (sbrk, then mmap), Mapped
//!   fake      Arena and Flaky: the same for tests and for the replayer
//!   call      the system calls themselves, each one counted
//!   lock      one futex lock that knows its owner
//!   frame     a place on a stack, and whether it is gone
//!   turn      a lock that is given back by a plain store
//!   tables    mappings for tables that outgrow their first place
//!   lot       the mappings of one heap beside the process heap
//!   desk      a mapping that is cut into the tables of a task
//!   crew      the other threads, stopped for a while
//!   glass     memory that may vanish while it is read
//!   regions   the mappings of the process, and their pages
//!   thread    who runs: the thread pointer (the only file that knows the processor)
//!   clock     a coarse monotonic clock
//!   refusal   why the system refuses a call
//!   window    a file that is written through mappings
//!   out       lines of text without an allocation; the end of the process
//!   scroll    text of any length
//! ```
//!
//! - **O1** No function here changes `errno`, but the one that says that memory is out.
//! - **O2** No function here allocates.

pub mod backing;
pub mod call;
pub mod clock;
pub mod crew;
pub mod desk;
pub mod environment;
pub mod fake;
pub mod file;
pub mod frame;
pub mod glass;
pub mod lent;
pub mod lock;
pub mod lot;
pub mod out;
pub mod refusal;
pub mod regions;
pub mod scroll;
pub mod tables;
pub mod thread;
pub mod turn;
pub mod window;

/// Bytes of one page. The x86-64 base page; other sizes are multiples of it.
pub const PAGE: usize = 4096;

/// `n` rounded up to a multiple of `unit`, a power of two.
#[inline]
pub const fn round_up(n: usize, unit: usize) -> usize {
    (n + unit - 1) & !(unit - 1)
}

/// `n` rounded down to a multiple of `unit`, a power of two.
#[inline]
pub const fn round_down(n: usize, unit: usize) -> usize {
    n & !(unit - 1)
}
