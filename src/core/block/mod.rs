//! Floor 1: names for bytes.
//!
//! ```text
//!   tag       one word before every block: size, bits, and a seal
//!   block     a name for a block: next, previous, payload, footer
//!   segment   a contiguous run of blocks, from prologue to epilogue
//!   walk      all blocks of all segments, in address order within each
//! ```

pub mod name;
pub mod segment;
pub mod tag;
pub mod walk;

pub use name::{Block, Free};
pub use segment::{Segment, Segments};
pub use tag::Tag;

/// Alignment of every block and of every payload: bytes.
pub const ALIGN: usize = 16;

/// Bytes of a header, and of a footer.
pub const WORD: usize = 8;

/// Size of the smallest block: header, two links, footer.
pub const SMALLEST: usize = 32;

/// Largest size that a tag can hold, exclusive.
pub const LIMIT: usize = 1 << 41;

/// The size of the block that serves a request of `len` bytes; `None` if no tag could say it.
#[inline]
pub const fn need_of(len: usize) -> Option<usize> {
    if len >= LIMIT - SMALLEST {
        return None;
    }
    let size = crate::os::round_up(len + WORD, ALIGN);
    Some(if size < SMALLEST { SMALLEST } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_four_bytes_need_thirty_two() {
        assert_eq!(need_of(24), Some(32));
        assert_eq!(need_of(0), Some(32));
        assert_eq!(need_of(25), Some(48));
        assert_eq!(need_of(usize::MAX), None);
    }
}
