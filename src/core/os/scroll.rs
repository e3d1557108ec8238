//! Text of any length without an allocation: a mapping that grows.
//!
//! What is told about a structure behind a lock is written here first and shown when the lock is
//! given back: whoever reads it may be slow, or may call again.
//!
//! - **SB1** `len <= cap`, and the mapping has `cap` bytes; none while `cap` is 0.

use core::fmt;
use core::ptr;

use super::{PAGE, call, round_up};

/// Text under construction.
#[derive(Debug)]
pub struct Scroll {
    start: *mut u8,
    len: usize,
    cap: usize,
    torn: bool,
}

impl Scroll {
    /// No text yet.
    pub const fn new() -> Self {
        Self { start: ptr::null_mut(), len: 0, cap: 0, torn: false }
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.torn || !self.reserve(bytes.len()) {
            self.torn = true;
            return;
        }
        // SAFETY: [SB1]: there is room for the bytes, which lie elsewhere.
        unsafe { self.start.wrapping_add(self.len).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        self.len += bytes.len();
    }

    /// Bytes so far.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// All bytes; `None` if memory did not suffice for them.
    pub fn bytes(&self) -> Option<&[u8]> {
        if self.torn || self.cap == 0 {
            return (!self.torn).then_some(&[]);
        }
        // SAFETY: [SB1]
        Some(unsafe { core::slice::from_raw_parts(self.start, self.len) })
    }

    fn reserve(&mut self, more: usize) -> bool {
        let wanted = self.len + more;
        if wanted <= self.cap {
            return true;
        }
        let cap = round_up(wanted.max(2 * self.cap), PAGE);
        let grown = match self.cap {
            0 => call::map(ptr::null_mut(), cap),
            old => call::remap(self.start, old, cap, true),
        };
        let Some(start) = grown else { return false };
        (self.start, self.cap) = (start, cap);
        true
    }
}

impl Default for Scroll {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scroll {
    fn drop(&mut self) {
        if self.cap != 0 {
            call::unmap(self.start, self.cap);
        }
    }
}

impl fmt::Write for Scroll {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        if self.torn { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use core::fmt::Write;

    use super::*;

    #[test]
    fn a_long_text_is_kept_whole() {
        let mut scroll = Scroll::new();
        assert_eq!(scroll.bytes(), Some(&[][..]));

        for number in 0..20_000 {
            writeln!(scroll, "{number:07}").unwrap();
        }

        let bytes = scroll.bytes().unwrap();
        assert_eq!(bytes.len(), 160_000);
        assert_eq!(&bytes[8 * 12_345..][..7], b"0012345");
    }
}
