//! Pages of the system under a replayed heap: which a program would touch, and which it hardly uses.
//!
//! ```text
//!   page faults    │ ▓▓▓▓ │ ▓    │      │ ▓▓▓▓ │     three: a page that is touched once costs one,
//!                                                     blocks that lie in it later cost none
//!   pinned         │ used │ ·  · │ free │ used │     one: some bytes of it are used, and fewer than
//!                            ▲ 2 of 40 bytes          a tenth
//! ```
//!
//! A replay's program writes all that it asks for; headers and the engine's own tables are left out.
//! Replays give nothing back to the system, so no page costs two faults.

use heapmm_core::engine::{Engine, Kind};
use heapmm_core::os::PAGE;
use std::collections::HashMap;

/// A page with fewer used bytes, but some, is pinned.
const HARDLY: usize = PAGE / 10;

/// Pages in a word.
const WORD_PAGES: usize = 64;

/// The pages that were touched so far.
#[derive(Debug, Default)]
pub struct Touched {
    /// A bit for each page, in words by their number: mappings lie far from the heap.
    bits: HashMap<usize, u64>,
    /// Pages touched.
    pub count: u64,
    /// Bytes that the program wrote since the last look: address and length.
    log: Vec<(usize, usize)>,
}

impl Touched {
    /// Notes that the program writes `len` bytes at `address`.
    pub fn note(&mut self, address: usize, len: usize) {
        if len != 0 {
            self.log.push((address, len));
        }
    }

    /// Counts what was noted.
    pub fn settle(&mut self) {
        for (address, len) in self.log.drain(..) {
            let (from, to) = (address / PAGE, (address + len - 1) / PAGE);
            for word in from / WORD_PAGES..=to / WORD_PAGES {
                let first = from.max(word * WORD_PAGES) % WORD_PAGES;
                let last = to.min(word * WORD_PAGES + WORD_PAGES - 1) % WORD_PAGES;
                let mask = u64::MAX << first & u64::MAX >> (WORD_PAGES - 1 - last);
                let bits = self.bits.entry(word).or_default();
                self.count += u64::from((mask & !*bits).count_ones());
                *bits |= mask;
            }
        }
    }
}

/// Pages of `engine` that are pinned.
pub fn pinned(engine: &dyn Engine) -> u64 {
    let mut used: HashMap<usize, usize> = HashMap::new();
    engine.walk(&mut |piece| {
        if !matches!(piece.kind, Kind::Used | Kind::Mapped) || piece.size == 0 {
            return;
        }
        let (from, to) = (piece.start, piece.start + piece.size);
        // Pages inside of a piece are full: only its first and last matter.
        let (first, last) = (from / PAGE, (to - 1) / PAGE);
        *used.entry(first).or_default() += to.min((first + 1) * PAGE) - from;
        if last != first {
            *used.entry(last).or_default() += to - last * PAGE;
        }
    });
    used.values().filter(|bytes| **bytes < HARDLY).count() as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::play::catalogue;
    use crate::play::field::Field;
    use heapmm_core::heap::{Growth, Shape};

    #[test]
    fn a_page_counts_once_however_often_it_is_touched() {
        let mut touched = Touched::default();

        for (address, len) in [(16, 24), (48, 4000), (4096 - 8, 16), (16, 24), (8 * 4096, 0)] {
            touched.note((1 << 20) + address, len);
        }
        touched.settle();

        assert_eq!(touched.count, 2);
    }

    #[test]
    fn a_large_block_far_away_counts_all_its_pages() {
        let mut touched = Touched::default();

        touched.note((1 << 46) + 100, 1 << 30);
        touched.note((1 << 46) + (1 << 30), 100);
        touched.settle();

        assert_eq!(touched.count, (1 << 18) + 1);
    }

    #[test]
    fn a_page_with_one_small_block_is_pinned_and_a_half_full_one_is_not() {
        let field = Field::new(60, 1 << 20, 1 << 20).unwrap();
        let shape = Shape { growth: Growth::Exact, ..Shape::DEFAULT };
        // SAFETY: the only arena over the field, dropped before it.
        let mut engine = catalogue::named("implicit-first")
            .unwrap()
            .build(unsafe { field.arena() }, shape, false)
            .unwrap();
        let blocks = [24, 9000, 24, 5000, 24].map(|len| engine.allocate(len, 16).unwrap().payload());

        for large in [blocks[1], blocks[3]] {
            let held = engine.locate(large.addr()).unwrap();
            // SAFETY: located just now.
            unsafe { engine.release(held) };
        }

        assert_eq!(pinned(&*engine), 3, "small blocks in pages of their own");
        engine.allocate(2000, 16).unwrap();
        assert_eq!(pinned(&*engine), 2);
    }
}
