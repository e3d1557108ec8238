//! dlopen without RTLD_DEEPBIND.
//!
//! A library opened with that flag binds its names to the C library before the preloaded one: it
//! would free with glibc what came from here, and the other way round. With the flag cleared the
//! program has one malloc. The call goes on by a jump, so that the loader still sees the caller,
//! whose run path it searches.

use core::ffi::{c_char, c_int, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};

/// The next `dlopen` in the order of the loader, once it is known.
#[unsafe(link_section = ".data")]
static NEXT: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Opens a library as the C library does, but never with a second malloc.
///
/// # Safety
///
/// `path` is null or a string that ends in a zero byte.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void {
    core::arch::naked_asm!(
        "and esi, {keep}",
        "mov rax, [rip + {next}]",
        "test rax, rax",
        "jnz 2f",
        "push rdi",
        "push rsi",
        "sub rsp, 8",
        "call {find}",
        "add rsp, 8",
        "pop rsi",
        "pop rdi",
        "test rax, rax",
        "jz 3f",
        "2:",
        "jmp rax",
        "3:",
        "ret",
        keep = const !libc::RTLD_DEEPBIND,
        next = sym NEXT,
        find = sym find_next,
    )
}

/// Looks the next `dlopen` up; null in a static program, which has none.
extern "C" fn find_next() -> *mut c_void {
    // SAFETY: a constant name. dlsym may allocate: no lock is held here.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"dlopen".as_ptr()) };
    NEXT.store(next, Ordering::Relaxed);
    next
}
