//! Address space for an arena: reserved at once, paid for page by page when it is touched.
//!
//! Some indexes draw their dice from addresses, so each policy's field has a place of its own: a
//! replay gives the same figures every time.

use std::ptr;

use heapmm_core::os::fake::Arena;

use crate::fail::{Fail, Verdict, plain};

/// The most that is reserved.
const MOST: usize = 1 << 40;

/// Where the first field is: between the heaps and the mappings of any process.
const FIRST: usize = 1 << 44;

/// A reserved range, given back with its value.
#[derive(Debug)]
pub struct Field {
    base: *mut u8,
    len: usize,
}

impl Field {
    /// `want` bytes at place `number`, or as many as the system grants, but at least `least`.
    pub fn new(number: usize, want: usize, least: usize) -> Verdict<Self> {
        let place = ptr::without_provenance_mut(FIRST + number * MOST);
        let mut len = want.clamp(1 << 20, MOST).next_multiple_of(1 << 20);
        loop {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            // SAFETY: a new mapping; the kernel takes another place if this one is taken.
            let base = unsafe { libc::mmap(place, len, access, flags, -1, 0) };
            if base != libc::MAP_FAILED {
                return Ok(Self { base: base.cast(), len });
            }
            let error = std::io::Error::last_os_error();
            if len / 2 < least {
                let what = format!("no address space of {least} bytes for the replay: {}", plain(&error));
                return Err(Fail::new(Fail::IO, what));
            }
            len /= 2;
        }
    }

    /// Its first address.
    pub fn start(&self) -> usize {
        self.base.addr()
    }

    /// An arena over the whole field.
    ///
    /// # Safety
    ///
    /// There is no other arena over it, and this one does not outlive it.
    pub unsafe fn arena(&self) -> Arena {
        // SAFETY: fresh pages are zero and ours alone; the caller promises the rest.
        unsafe { Arena::new(self.base, self.len) }
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        // SAFETY: our own mapping; no arena over it is alive.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}
