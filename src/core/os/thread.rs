//! Who runs. All that heapmm knows about a processor stands in this file.
//!
//! To bring heapmm to another architecture, give it a `pointer()`: a word that differs
//! between any two live threads and costs one instruction.

/// The running thread's pointer: never 0, unique among live threads, kept by the child of a fork.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub fn pointer() -> usize {
    let word: usize;
    // SAFETY: the System V ABI keeps the thread control block's own address at fs:0.
    unsafe {
        core::arch::asm!("mov {}, fs:0", out(reg) word, options(nostack, preserves_flags, readonly));
    }
    word
}

/// The running thread's pointer: never 0, unique among live threads, kept by the child of a fork.
#[inline(always)]
#[cfg(target_arch = "aarch64")]
pub fn pointer() -> usize {
    let word: usize;
    // SAFETY: the thread pointer register is readable in user mode.
    unsafe {
        core::arch::asm!("mrs {}, tpidr_el0", out(reg) word, options(nostack, preserves_flags, nomem));
    }
    word
}
