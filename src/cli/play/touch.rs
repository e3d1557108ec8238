//! Pages of the system under a replayed heap: which a program would touch, and which it hardly uses.
//!
//! ```text
//!   page faults    │ ▓▓▓▓ │ ▓    │      │ ▓▓▓▓ │     three: a page that is touched once costs one,
//!                                                     blocks that lie in it later cost none
//!   pinned         │ used │ ·  · │ free │ used │     one: some bytes of it are used, and fewer than
//!                            ▲ 2 of 40 bytes          a tenth
//! ```
//!
//! A replay's program writes all that it asks for; the engine's own tables are left out. Replays give
//! nothing back to the system, so no page costs two faults.

use heapmm_core::block::WORD;
use heapmm_core::engine::{Engine, Kind};
use heapmm_core::os::PAGE;
use std::collections::HashMap;

/// A page with fewer used bytes, but some, is pinned.
const HARDLY: usize = PAGE / 10;

/// The pages that were touched so far.
#[derive(Debug)]
pub struct Touched {
    start: usize,
    /// A bit for each page.
    bits: Vec<u64>,
    /// Pages touched.
    pub count: u64,
    /// Blocks handed out since the last look: address and bytes.
    log: Vec<(usize, usize)>,
}

impl Touched {
    /// None yet of a heap whose memory begins at `start`.
    pub const fn new(start: usize) -> Self {
        Self { start, bits: Vec::new(), count: 0, log: Vec::new() }
    }

    /// Notes that the program writes `len` bytes at `payload`, and the engine the word before them.
    pub fn note(&mut self, payload: usize, len: usize) {
        self.log.push((payload, len));
    }

    /// Counts what was noted.
    pub fn settle(&mut self) {
        let mut log = std::mem::take(&mut self.log);
        for (payload, len) in log.drain(..) {
            let from = payload.saturating_sub(WORD + self.start) / PAGE;
            let to = (payload + len.max(1) - 1).saturating_sub(self.start) / PAGE;
            (from..=to).for_each(|page| self.touch(page));
        }
        self.log = log;
    }

    fn touch(&mut self, page: usize) {
        let (word, bit) = (page / 64, 1 << (page % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        if self.bits[word] & bit == 0 {
            self.bits[word] |= bit;
            self.count += 1;
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
        let mut touched = Touched::new(1 << 20);

        for (offset, len) in [(16, 24), (48, 4000), (4096 - 8, 16), (16, 24), (8 * 4096, 0)] {
            touched.note((1 << 20) + offset, len);
        }
        touched.settle();

        assert_eq!(touched.count, 4, "the first two, the eighth with the header of the last block");
    }

    #[test]
    fn a_page_with_one_small_block_is_pinned_and_a_half_full_one_is_not() {
        let field = Field::new(60, 1 << 20, 1 << 20).unwrap();
        let shape = Shape { growth: Growth::Exact, ..Shape::DEFAULT };
        // SAFETY: the only arena over the field, dropped before it.
        let mut engine =
            catalogue::named("implicit-first").unwrap().build(unsafe { field.arena() }, shape).unwrap();
        let blocks = [24, 9000, 24, 5000, 24].map(|len| engine.allocate(len, 16).unwrap().payload);

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
