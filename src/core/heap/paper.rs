//! A heap on paper: sizes in a list, no memory. The naive twin of the real heap, in any format.
//!
//! ```text
//!   cells   │ 0: 48 used │ 48: 112 free, stamp 7 │ 160: 32 used │        by place, without a gap
//!   book    4-byte header and footer, steps of 8, grows by 4096 or what is asked for
//!   e64     8-byte header, steps of 16, grows by what is missing: the real heap's
//! ```

use std::vec::Vec;

use super::oracle::Step;
use crate::block::segment::OVERHEAD;
use crate::os::round_up;
use crate::policy::Policy;

/// How a heap lays its blocks out.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Bytes of a block that no program may use.
    pub over: usize,
    /// Sizes are multiples of it.
    pub step: usize,
    /// The smallest block of a request, and the smallest rest that is split off.
    pub smallest: usize,
    pub rest: usize,
    /// Bytes around all blocks.
    pub around: usize,
    /// Least growth; 0: by what the free block at the end lacks.
    pub chunk: usize,
}

/// The format of the textbook: Bryant and O'Hallaron, Computer Systems, 9.9.
pub const BOOK: Format = Format { over: 8, step: 8, smallest: 16, rest: 16, around: 16, chunk: 4096 };

/// The format of this project.
pub const E64: Format = Format { over: 8, step: 16, smallest: 32, rest: 32, around: OVERHEAD, chunk: 0 };

#[derive(Clone, Copy, Debug)]
struct Cell {
    at: usize,
    size: usize,
    free: bool,
    /// When it became free: LIFO lists have the latest in front.
    stamp: u64,
}

/// A heap on paper.
#[derive(Debug)]
pub struct Paper {
    format: Format,
    policy: Policy,
    cells: Vec<Cell>,
    rover: usize,
    stamps: u64,
    held: Vec<(usize, usize)>,
    payload: usize,
    peak: usize,
}

impl Paper {
    /// A heap that has `start` bytes of blocks at the beginning.
    pub fn new(format: Format, policy: Policy, start: usize) -> Self {
        let cells = if start == 0 {
            Vec::new()
        } else {
            std::vec![Cell { at: 0, size: start, free: true, stamp: 0 }]
        };
        Self { format, policy, cells, rover: 0, stamps: 0, held: Vec::new(), payload: 0, peak: 0 }
    }

    /// Bytes of all blocks.
    pub fn end(&self) -> usize {
        self.cells.last().map_or(0, |cell| cell.at + cell.size)
    }

    /// The sizes of all blocks in their order.
    pub fn sizes(&self) -> Vec<usize> {
        self.cells.iter().map(|cell| cell.size).collect()
    }

    fn need(&self, len: usize) -> usize {
        round_up(len + self.format.over, self.format.step).max(self.format.smallest)
    }

    /// Places `len` bytes; where the block begins.
    pub fn allocate(&mut self, len: usize) -> usize {
        let need = self.need(len);
        let index = self.choose(need).unwrap_or_else(|| self.extend(need));
        let Cell { at, size, .. } = self.cells[index];
        self.cells[index].free = false;
        if size - need >= self.format.rest {
            self.cells[index].size = need;
            self.stamps += 1;
            let rest = Cell { at: at + need, size: size - need, free: true, stamp: self.stamps };
            self.cells.insert(index + 1, rest);
        }
        self.rover = at + self.cells[index].size;
        at
    }

    fn choose(&self, need: usize) -> Option<usize> {
        let fits = |index: &usize| self.cells[*index].free && self.cells[*index].size >= need;
        let all = || (0..self.cells.len()).filter(fits);
        let ahead = |index: &usize| self.cells[*index].at >= self.rover;
        match self.policy {
            Policy::ImplicitFirst => all().next(),
            Policy::ImplicitNext => all().find(ahead).or_else(|| all().next()),
            Policy::ImplicitBest => all().min_by_key(|index| self.cells[*index].size),
            Policy::ImplicitWorst => all().min_by_key(|index| usize::MAX - self.cells[*index].size),
            _ => all().max_by_key(|index| self.cells[*index].stamp),
        }
    }

    /// Makes the heap longer; the cell at its end, which is large enough.
    fn extend(&mut self, need: usize) -> usize {
        let have = self.cells.last().filter(|cell| cell.free).map_or(0, |cell| cell.size);
        let more = if self.format.chunk == 0 { need - have } else { need.max(self.format.chunk) };
        self.stamps += 1;
        let new = Cell { at: self.end(), size: more, free: true, stamp: self.stamps };
        self.cells.push(new);
        self.merge(self.cells.len() - 1)
    }

    /// Frees the block at `at`.
    pub fn free(&mut self, at: usize) {
        let index = self.cells.partition_point(|cell| cell.at < at);
        self.stamps += 1;
        (self.cells[index].free, self.cells[index].stamp) = (true, self.stamps);
        self.merge(index);
    }

    /// Makes the free cell `index` one with its free neighbours; where it is then.
    fn merge(&mut self, index: usize) -> usize {
        let (mut first, mut last) = (index, index);
        if self.cells.get(index + 1).is_some_and(|cell| cell.free) {
            last += 1;
        }
        if index > 0 && self.cells[index - 1].free {
            first -= 1;
        }
        let (at, stamp) = (self.cells[first].at, self.cells[index].stamp);
        let size = self.cells[first..=last].iter().map(|cell| cell.size).sum();
        self.cells.splice(first..=last, [Cell { at, size, free: true, stamp }]);
        if (at..at + size).contains(&self.rover) {
            self.rover = at;
        }
        first
    }

    /// Plays `steps`, a change of size as a new block and the old one back; utilisation in per cent.
    pub fn play(&mut self, steps: &[Step]) -> f64 {
        let mut end = self.end();
        for step in steps {
            match *step {
                Step::Allocate(id, len) => self.hold(id, len),
                Step::Resize(id, len) => {
                    let old = self.held[id];
                    self.payload -= old.1;
                    self.hold(id, len);
                    self.free(old.0);
                }
                Step::Free(id) => {
                    self.payload -= self.held[id].1;
                    self.free(self.held[id].0);
                }
            }
            end = end.max(self.end());
        }
        100.0 * self.peak as f64 / (end + self.format.around) as f64
    }

    fn hold(&mut self, id: usize, len: usize) {
        let at = self.allocate(len);
        if self.held.len() <= id {
            self.held.resize(id + 1, (0, 0));
        }
        self.held[id] = (at, len);
        self.payload += len;
        self.peak = self.peak.max(self.payload);
    }
}
