//! The environment of the process, read without an allocation and before any constructor ran.
//!
//! ```text
//!   __libc_stack_end ─► │ argc │ argv ... │ 0 │ envp ... │ 0 │
//! ```
//!
//! `environ` is the truth once libc has started. A call of malloc that comes before that (from
//! another library's early code) finds it null; the block that the kernel left on the stack says
//! the same.

use core::ffi::{CStr, c_char};
use core::ptr;

unsafe extern "C" {
    static environ: *const *const c_char;
}

#[cfg(not(test))]
core::arch::global_asm!(
    ".pushsection .data.rel.ro,\"aw\"",
    ".p2align 3",
    ".weak __libc_stack_end",
    ".hidden heapmm_stack_end",
    ".globl heapmm_stack_end",
    "heapmm_stack_end:",
    ".quad __libc_stack_end",
    ".popsection",
);

#[cfg(not(test))]
unsafe extern "C" {
    /// The address of ld.so's variable, or null where there is none.
    static heapmm_stack_end: *const *const usize;
}

/// How the names of our variables begin.
const PREFIX: &[u8] = b"HEAPMM_";

/// Our variables as `NAME=value` without their prefix, in their order.
pub fn settings() -> impl Iterator<Item = &'static [u8]> {
    let mut at = environment();
    core::iter::from_fn(move || {
        while !at.is_null() {
            // SAFETY: the environment is an array of strings that ends in null.
            let text = unsafe { at.read() };
            if text.is_null() {
                return None;
            }
            at = at.wrapping_add(1);
            if let Some(rest) = without_prefix(text) {
                // SAFETY: as above.
                return Some(unsafe { CStr::from_ptr(rest) }.to_bytes());
            }
        }
        None
    })
}

/// Where ld.so begins; 0 in a program that has none.
pub fn loader() -> usize {
    auxiliary(libc::AT_BASE)
}

/// Where the code begins that the system lends; 0 if it lends none.
pub fn lent_code() -> usize {
    auxiliary(libc::AT_SYSINFO_EHDR)
}

/// The text behind the prefix. Byte by byte: most processes have no such variable, and the
/// functions of the C library for it would cost them a page each.
fn without_prefix(text: *const c_char) -> Option<*const c_char> {
    for (n, wanted) in PREFIX.iter().enumerate() {
        // SAFETY: the bytes before were no zero bytes, so the string goes on.
        if unsafe { text.wrapping_add(n).read() } != wanted.cast_signed() {
            return None;
        }
    }
    Some(text.wrapping_add(PREFIX.len()))
}

fn environment() -> *const *const c_char {
    // SAFETY: a word of libc's that is there from the start.
    let now = unsafe { (&raw const environ).read() };
    if now.is_null() { from_stack() } else { now }
}

#[cfg(not(test))]
fn from_stack() -> *const *const c_char {
    // SAFETY: our own word, filled in by the dynamic linker.
    let place = unsafe { (&raw const heapmm_stack_end).read() };
    if place.is_null() {
        return ptr::null();
    }
    // SAFETY: ld.so's variable.
    let stack = unsafe { place.read() };
    if stack.is_null() {
        return ptr::null();
    }
    // SAFETY: the kernel puts argc there, then argc + 1 words, then the environment.
    let argc = unsafe { stack.read() };
    stack.wrapping_add(argc + 2).cast()
}

#[cfg(test)]
fn from_stack() -> *const *const c_char {
    ptr::null()
}

/// The kernel's word of this `kind`, or 0. It is not read from the stack: what ld.so takes out of the
/// environment of a set-user-ID program leaves a gap before it, and a static program has no ld.so to
/// say where the stack begins.
fn auxiliary(kind: u64) -> usize {
    // SAFETY: reads the auxiliary vector.
    super::call::keeping_errno(|| unsafe { libc::getauxval(kind) }) as usize
}

/// Whether the process runs with more rights than its user: settings must not be believed then.
pub fn is_secure() -> bool {
    auxiliary(libc::AT_SECURE) != 0
}

/// Eight bytes that the kernel drew for this process.
pub fn random() -> u64 {
    let at = auxiliary(libc::AT_RANDOM);
    if at == 0 {
        return 0;
    }
    // The first eight bytes guard stacks; the second eight guard pointers; their sum is ours.
    let words: *const u64 = ptr::with_exposed_provenance(at);
    // SAFETY: the kernel put sixteen bytes there.
    let first = unsafe { words.read_unaligned() };
    // SAFETY: as above.
    let second = unsafe { words.wrapping_add(1).read_unaligned() };
    first.rotate_left(17) ^ second
}
