//! The first part of an LZ4 block as a block of its own.
//!
//! ```text
//!   block      sequence │ sequence │ ... │ last sequence: literals only
//!   sequence   token │ literals' length, more of it │ literals │ offset, 2 │ match's length, more of it
//!   token      literals' length, 4 bits │ match's length - 4, 4 bits
//! ```
//!
//! A length of 15 goes on in bytes that are added to it, up to the first one that is not 255. Source: the
//! description of the block format that comes with LZ4.

/// The length for which a token has no more room.
const FULL: usize = 15;

/// The shortest match.
const LEAST_MATCH: usize = 4;

/// A block that is read.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Option<usize> {
        let byte = self.bytes.get(self.at)?;
        self.at += 1;
        Some(usize::from(*byte))
    }

    /// As much of the next `len` bytes as is there.
    fn up_to(&mut self, len: usize) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let there = &rest[..len.min(rest.len())];
        self.at += there.len();
        there
    }

    /// A length of which the token says `len`.
    fn length(&mut self, mut len: usize) -> Option<usize> {
        let mut goes_on = len == FULL;
        while goes_on {
            let byte = self.byte()?;
            len += byte;
            goes_on = byte == 255;
        }
        Some(len)
    }
}

/// A block that unpacks to all that `cut`, the first part of one, says, and the bytes that it unpacks to.
pub fn mend(cut: &[u8]) -> (Vec<u8>, usize) {
    let mut cursor = Cursor { bytes: cut, at: 0 };
    // The sequences that are whole, what they unpack to, and the literals of the one that is not.
    let (mut whole, mut len) = (0, 0);
    let mut literals: &[u8] = &[];
    while let Some(token) = cursor.byte() {
        let Some(wanted) = cursor.length(token >> 4) else { break };
        literals = cursor.up_to(wanted);
        if literals.len() < wanted || cursor.up_to(2).len() < 2 {
            break;
        }
        let Some(matched) = cursor.length(token & FULL) else { break };
        (whole, len) = (cursor.at, len + wanted + matched + LEAST_MATCH);
        literals = &[];
    }
    let mut block = cut[..whole].to_vec();
    end(&mut block, literals);
    (block, len + literals.len())
}

/// Appends a last sequence, without which a block does not end.
fn end(block: &mut Vec<u8>, literals: &[u8]) {
    block.push((literals.len().min(FULL) << 4) as u8);
    if let Some(mut more) = literals.len().checked_sub(FULL) {
        while more >= 255 {
            block.push(255);
            more -= 255;
        }
        block.push(more as u8);
    }
    block.extend_from_slice(literals);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use lz4_flex::block::{compress, decompress};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_prefix_unpacks_to_a_prefix(pieces in vec((any::<u8>(), 1..700usize, 1..9usize), 0..12)) {
            let text: Vec<u8> = pieces
                .iter()
                .flat_map(|&(first, len, step)| (0..len).map(move |n| first.wrapping_add((n * n / step) as u8)))
                .collect();
            let packed = compress(&text);
            let mut before = 0;

            for cut in 0..=packed.len() {
                let (block, len) = mend(&packed[..cut]);
                let back = decompress(&block, len).unwrap();
                prop_assert!(back.len() == len && len >= before && back[..] == text[..len]);
                before = len;
            }
            prop_assert_eq!(before, text.len());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..300)) {
            let (block, len) = mend(&bytes);

            prop_assert!(len <= 255 * bytes.len().max(1) + bytes.len());
            let _ = decompress(&block, len);
        }
    }
}
