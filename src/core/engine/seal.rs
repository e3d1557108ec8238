//! A check value for headers that stand beside the program's bytes.

use crate::block::tag;

/// An odd constant with well mixed bits: 2^64 divided by the golden ratio (Knuth, volume 3, 6.4).
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// Binds `body` to `address` and to the key of the process.
#[inline]
pub fn seal(body: u64, address: usize) -> u32 {
    let mixed = (body ^ tag::key()).wrapping_mul(MIX) ^ (address as u64 >> 3);
    (mixed.wrapping_mul(MIX) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_one_body_at_one_address() {
        let sealed = seal(24, 0x1000);

        assert_eq!(seal(24, 0x1000), sealed);
        assert!((1..1000).all(|n| seal(24 + n, 0x1000) != sealed));
        assert!((1..1000).all(|n| seal(24, 0x1000 + 8 * n as usize) != sealed));
    }
}
