//! How a trace's bytes are spread over the sizes that it asks for.
//!
//! ```text
//!   steps    16 32 48 64 │ 80 96 112 128 │ 144 …       at most eight in a doubling
//!   bytes     ▂  ▁  ·  ▇ │  ·  ▁   ·   · │  ▃
//!   classes  ──────── 64 │ ───────── 128 │ ─ 144 ─      parted so that each has its share
//! ```

use std::collections::BTreeMap;

/// Bytes that go with a block beside its payload, about.
const OVER: u64 = 16;

/// The smallest step.
const LEAST: u64 = 16;

/// Bytes asked for, by the step that a block of their size falls into.
#[derive(Clone, Debug, Default)]
pub struct Spread(BTreeMap<u64, u64>);

impl Spread {
    /// Adds a request of `len` bytes.
    pub fn add(&mut self, len: u64) {
        let bytes = self.0.entry(step_of(len.saturating_add(OVER))).or_default();
        *bytes = bytes.saturating_add(len.max(1));
    }

    /// Upper ends of at most `most` classes of block sizes with about equal shares of the bytes; the
    /// last class, of what is larger, has none.
    pub fn ends(&self, most: usize) -> Vec<usize> {
        let all: u64 = self.0.values().fold(0, |sum, bytes| sum.saturating_add(*bytes));
        let (mut ends, mut sum) = (Vec::new(), 0u64);
        let last = self.0.keys().next_back();
        let few = self.0.len() <= most;
        for (step, bytes) in &self.0 {
            sum = sum.saturating_add(*bytes);
            let full = u128::from(sum) * (most as u128) / u128::from(all.max(1));
            if (few || full as usize > ends.len()) && Some(step) != last {
                ends.push(usize::try_from(*step).unwrap_or(usize::MAX));
            }
        }
        ends.truncate(most.saturating_sub(1));
        ends
    }
}

/// The upper end of the step of `size`.
fn step_of(size: u64) -> u64 {
    let width = (1 << size.saturating_sub(1).max(1).ilog2() >> 3).max(LEAST);
    size.checked_next_multiple_of(width).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(requests: impl Iterator<Item = u64>) -> Vec<usize> {
        let mut spread = Spread::default();
        requests.for_each(|len| spread.add(len));
        spread.ends(8)
    }

    #[test]
    fn few_sizes_get_a_class_each() {
        let none: [usize; 0] = [];

        assert_eq!(ends((0..2000).flat_map(|_| [64, 448, 512])), [80, 480]);
        assert_eq!(ends(std::iter::repeat_n(100, 9)), none);
        assert_eq!(ends(std::iter::empty()), none);
    }

    #[test]
    fn many_sizes_get_classes_of_equal_shares() {
        let even = ends(1..=32_768);

        assert_eq!(even.len(), 7);
        assert!(even[0] > 8000 && even.is_sorted(), "{even:?}");
    }

    #[test]
    fn eight_steps_part_a_large_doubling() {
        let sizes = [1, 16, 17, 65, 80, 81, 129, 160, 1025, 1152];

        assert_eq!(sizes.map(step_of), [16, 16, 32, 80, 80, 96, 144, 160, 1152, 1152]);
        assert_eq!(step_of(u64::MAX), u64::MAX);
    }
}
