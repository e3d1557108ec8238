//! The system calls that heapmm makes, counted.
//!
//! - **C1** Every call goes through [`counted`], so that the statistics know all of them.
//! - **C2** `errno` is what it was before, whatever the outcome ([O1](super)).

use core::sync::atomic::{AtomicU64, Ordering};

use super::thread;

macro_rules! calls {
    ($($variant:ident $name:literal,)*) => {
        /// A system call that heapmm may make.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Call {
            $(#[doc = concat!("`", $name, "(2)`")] $variant,)*
        }

        /// The names, in the order of [`Call`].
        pub const NAMES: &[&str] = &[$($name,)*];
    };
}

calls! {
    Brk "brk",
    Mmap "mmap",
    Munmap "munmap",
    Mremap "mremap",
    Madvise "madvise",
    Futex "futex",
}

// Beside the allocator's own words, not on a page of zeros that a process would touch for it alone.
#[unsafe(link_section = ".data")]
static COUNTS: [AtomicU64; NAMES.len()] = [const { AtomicU64::new(0) }; NAMES.len()];

/// How often `call` was made by this process.
pub fn count(call: Call) -> u64 {
    COUNTS[call as usize].load(Ordering::Relaxed)
}

/// How often the call of row `row` of [`NAMES`] was made.
pub fn count_of_row(row: usize) -> u64 {
    COUNTS[row].load(Ordering::Relaxed)
}

/// Counts one `call`, runs it and puts `errno` back.
#[inline]
fn counted<T>(call: Call, run: impl FnOnce() -> T) -> T {
    COUNTS[call as usize].fetch_add(1, Ordering::Relaxed);
    keeping_errno(run)
}

/// The null pointer of a request that cannot be served, with `errno` set to ENOMEM: the one
/// function here that changes it.
#[cold]
pub fn out_of_memory() -> *mut u8 {
    errno::set_errno(errno::Errno(libc::ENOMEM));
    core::ptr::null_mut()
}

/// Runs `run` and puts `errno` back.
#[inline]
pub fn keeping_errno<T>(run: impl FnOnce() -> T) -> T {
    let before = errno::errno();
    let out = run();
    errno::set_errno(before);
    out
}

unsafe extern "C" {
    /// The break as the C library knows it; null before anybody asked.
    static mut __curbrk: *mut u8;
}

/// Moves the program break to `to`; whether the kernel did.
///
/// The library's own sbrk takes an error that a filter makes for an address and believes it. So
/// the call is made here, and the library is told only what is true.
pub fn set_break(to: *mut u8) -> bool {
    // SAFETY: what the break moves over is the caller's matter.
    let now = counted(Call::Brk, || unsafe { thread::system_call(libc::SYS_brk, [to.addr(), 0, 0, 0]) })
        .cast_unsigned();
    if now != to.addr() {
        return false;
    }
    // SAFETY: a word of the C library's; foreign callers of sbrk race as they always did.
    unsafe { __curbrk = to };
    true
}

/// The current program break, as the C library knows it; null if there is none.
pub fn current_break() -> *mut u8 {
    // SAFETY: as in `set_break`.
    let now = unsafe { __curbrk };
    if !now.is_null() {
        return now;
    }
    // SAFETY: asking for an impossible break changes nothing and says where it stands.
    let now = counted(Call::Brk, || unsafe { thread::system_call(libc::SYS_brk, [0; 4]) });
    if now <= 0 {
        return core::ptr::null_mut();
    }
    let now = core::ptr::with_exposed_provenance_mut(now.cast_unsigned());
    // SAFETY: as in `set_break`.
    unsafe { __curbrk = now };
    now
}

/// A new private mapping of `len` bytes, zero-filled; at `hint` exactly if that is not null.
pub fn map(hint: *mut u8, len: usize) -> Option<*mut u8> {
    let exact = if hint.is_null() { 0 } else { libc::MAP_FIXED_NOREPLACE };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | exact;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: MAP_FIXED_NOREPLACE never replaces; without a hint the kernel chooses.
    let got = counted(Call::Mmap, || unsafe { libc::mmap(hint.cast(), len, access, flags, -1, 0) });
    if got == libc::MAP_FAILED {
        return None;
    }
    if !hint.is_null() && got.cast() != hint {
        // A kernel older than 4.17 takes the hint for a wish.
        unmap(got.cast(), len);
        return None;
    }
    Some(got.cast())
}

/// Whether a limit is set to the data or to the address space of the process, or the system does not say.
pub fn is_limited() -> bool {
    [libc::RLIMIT_DATA, libc::RLIMIT_AS].into_iter().any(|limit| {
        let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: writes to `now`, which is ours.
        let is_said = keeping_errno(|| unsafe { libc::getrlimit(limit, &raw mut now) }) == 0;
        !is_said || now.rlim_cur != libc::RLIM_INFINITY
    })
}

/// Removes the mapping `[at, at + len)`; whether the kernel did.
pub fn unmap(at: *mut u8, len: usize) -> bool {
    // SAFETY: the caller owns the range; all callers pass what `map` gave or a part of it.
    counted(Call::Munmap, || unsafe { libc::munmap(at.cast(), len) }) == 0
}

/// Resizes the mapping at `at`, moving it if `may_move`; its new place.
pub fn remap(at: *mut u8, old: usize, new: usize, may_move: bool) -> Option<*mut u8> {
    let flags = if may_move { libc::MREMAP_MAYMOVE } else { 0 };
    // SAFETY: as for `unmap`.
    let got = counted(Call::Mremap, || unsafe { libc::mremap(at.cast(), old, new, flags) });
    (got != libc::MAP_FAILED).then_some(got.cast())
}

/// Drops the contents of the pages in `[at, at + len)`: they read zero afterwards.
pub fn drop_pages(at: *mut u8, len: usize) -> bool {
    advise(at, len, libc::MADV_DONTNEED)
}

/// Asks for huge pages in `[at, at + len)`.
pub fn thicken_pages(at: *mut u8, len: usize) -> bool {
    advise(at, len, libc::MADV_HUGEPAGE)
}

/// Wants none in `[at, at + len)`.
pub fn thin_pages(at: *mut u8, len: usize) -> bool {
    advise(at, len, libc::MADV_NOHUGEPAGE)
}

/// `madvise(2)` on memory that the caller owns.
fn advise(at: *mut u8, len: usize, advice: i32) -> bool {
    // SAFETY: the caller owns the pages; no advice used here touches what lies beside them.
    counted(Call::Madvise, || unsafe { libc::madvise(at.cast(), len, advice) }) == 0
}

/// Lets another thread run.
pub fn give_way() {
    // SAFETY: the call changes nothing.
    unsafe { thread::system_call(libc::SYS_sched_yield, [0; 4]) };
}

/// Sleeps for some fifty microseconds.
pub fn doze() {
    let some = libc::timespec { tv_sec: 0, tv_nsec: 50_000 };
    // SAFETY: reads a value of ours.
    unsafe { thread::system_call(libc::SYS_nanosleep, [(&raw const some).expose_provenance(), 0, 0, 0]) };
}

/// Sleeps while `word` is `value`, of which the system looks at the lower half; may return early.
pub fn futex_wait(word: *const usize, value: usize) {
    let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel only reads the word.
    counted(Call::Futex, || unsafe {
        thread::system_call(libc::SYS_futex, [word.addr(), op as usize, value, 0])
    });
}

/// Wakes one thread that sleeps on `word`.
pub fn futex_wake(word: *const usize) {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the address is a name only.
    counted(Call::Futex, || unsafe {
        thread::system_call(libc::SYS_futex, [word.addr(), op as usize, 1, 0])
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_call_is_counted_and_keeps_errno() {
        errno::set_errno(errno::Errno(77));
        let before = count(Call::Mmap);

        let got = map(core::ptr::null_mut(), 1 << 60);

        assert_eq!(got, None);
        assert!(count(Call::Mmap) > before);
        assert_eq!(errno::errno(), errno::Errno(77));
    }
}
