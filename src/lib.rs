//! heapmm, the malloc that explains itself: the roof with the names that C knows.
//!
//! ```text
//!   abi::stdlib   malloc, free and the rest of the glibc family
//!   abi::heapmm   heapmm_*: with pools, families and heaps all that include/heapmm.h declares
//!   abi::loader   dlopen without RTLD_DEEPBIND
//!   boot          constructor, fork, exit: the late and optional parts
//! ```
//!
//! Everything below stands in the package `heapmm-core`, which exports no symbol.

#![no_std]

mod abi;
mod boot;

use heapmm_core::allocator::Allocator;

/// The allocator of the process. It needs no initialiser: the first call may come before any
/// constructor has run.
///
/// It and all else that begins as zero stands in `.data`: a `.bss` would have the loader clear the
/// rest of the last page, one more page for every process to touch.
#[unsafe(link_section = ".data.allocator")]
static ALLOCATOR: Allocator = Allocator::new(boot::thread_ended);

#[cfg(not(test))]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    heapmm_core::os::out::die(format_args!("internal error: {info}"))
}

// Without optimisation the prebuilt core library still names the unwinder's entry, although
// nothing here unwinds. A weak, hidden stub keeps libgcc_s out of the process.
core::arch::global_asm!(
    ".weak rust_eh_personality",
    ".hidden rust_eh_personality",
    "rust_eh_personality:",
    "ud2",
);
