//! Size classes: `2^LOG` evenly spaced ones in each doubling.
//!
//! ```text
//!   LOG = 2:   16 32 48 64 │ 80 96 112 128 │ 160 192 224 256 │ 320 …
//! ```
//!
//! - **SZ1** `size(class(len)) >= len`, and no smaller class is large enough.

/// The largest size of an object; what is larger gets pages of its own.
pub const LARGEST: usize = 8 << 10;

/// Classes for `LOG`.
pub const fn count(log: u32) -> usize {
    class(LARGEST, log) + 1
}

/// The class that holds `len` bytes, at most [`LARGEST`].
#[inline]
pub const fn class(len: usize, log: u32) -> usize {
    let last = if len == 0 { 0 } else { len - 1 };
    if last < 16 << log {
        return last / 16;
    }
    let octave = last.ilog2() - log;
    ((octave as usize - 4) << log) + (last >> octave)
}

/// Bytes of an object of `class`.
#[inline]
pub const fn size(class: usize, log: u32) -> usize {
    let steps = 1 << log;
    let octave = (class >> log).saturating_sub(1);
    (class - octave * steps + 1) << (octave + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_in_the_smallest_class_that_holds_it() {
        for log in [2, 3] {
            for len in 1..=LARGEST {
                let class = class(len, log);

                assert!(size(class, log) >= len, "[SZ1] {len}");
                assert!(class == 0 || size(class - 1, log) < len, "[SZ1] {len}");
            }
        }
    }

    #[test]
    fn a_doubling_has_four_or_eight_classes() {
        let sizes = |log| (0..20).map(move |class| size(class, log)).collect::<std::vec::Vec<_>>();

        assert_eq!(sizes(2)[..12], [16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256]);
        assert_eq!(sizes(3)[6..20], [112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384]);
        assert_eq!((size(count(2) - 1, 2), size(count(3) - 1, 3)), (LARGEST, LARGEST));
    }
}
