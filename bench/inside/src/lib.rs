//! The ground on which the parts of heapmm are measured: memory without an operating system, and
//! a harness that is done in seconds.
//!
//! ```text
//!   tag        seal and open the word before a block
//!   index      a heap of tagged blocks: place and release, with each index
//!   slab       objects from spans and back
//!   magazine   one thread's bin; whole magazines through the depot
//!   rooms      from an address to what lives there
//! ```

use std::alloc::{Layout, alloc_zeroed};
use std::time::Duration;

use criterion::Criterion;
use heapmm_core::os::fake::Arena;

/// Zeroed memory at a multiple of `align` that stays for as long as the process.
pub fn memory(len: usize, align: usize) -> *mut u8 {
    let layout = Layout::from_size_align(len, align).expect("an alignment is a power of two");
    // SAFETY: nobody asks for nothing.
    let memory = unsafe { alloc_zeroed(layout) };
    assert!(!memory.is_null(), "memory is out");
    memory
}

/// A break of `cap` bytes that begins at a multiple of `align`.
pub fn arena(cap: usize, align: usize) -> Arena {
    // SAFETY: zeroed, aligned, nobody else's, and never given back.
    unsafe { Arena::new(memory(cap, align), cap) }
}

/// Short spans of time: a part is small, and its figure steady after a second.
pub fn quick() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
}
