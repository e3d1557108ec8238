//! The mark phase: what addresses lead to, block by block.
//!
//! ```text
//!   roots ─ start ──► reachable ─ start ──► reachable
//!     │                   └────── inside ─► possible ─ any ─► possible
//!     └──── inside ──► possible
//!   nothing ──────────► definite ── any ──► indirect ─ any ─► indirect
//! ```
//!
//! Every block is looked into once. The stack has a bound: what does not fit is pending in its dot,
//! and found again by going through the dots.
//!
//! - **MA1** A pending block has a state and was not looked into; any other with a state was, or is on
//!   the stack.

use core::ptr;

use super::tract::{Land, State};
use crate::block::WORD;
use crate::os::regions::Pages;

/// A block at least so long is read where pages hold something: most of it may never have been touched.
const LONG: usize = 256 << 10;

/// A range of the heap that cannot be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hole {
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// What an address means just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Found in a root, or in a block that a root leads to.
    Roots,
    /// Found in a block that may be lost.
    Possible,
    /// Found in a block that is lost, of those that hang on the block at this dot.
    Lost(usize),
}

/// The mark phase under way.
pub struct Marker<'a> {
    land: Land<'a>,
    stack: &'a mut [usize],
    depth: usize,
    /// Whether a block did not fit on the stack.
    is_spilt: bool,
    phase: Phase,
    /// Whether addresses at which a tract begins count.
    are_edges_good: bool,
    low: usize,
    span: usize,
    holes: &'a [Hole],
    pages: Option<&'a Pages>,
}

impl<'a> Marker<'a> {
    /// A mark phase over the blocks of `land`, of which `holes`, sorted, cannot be read.
    pub fn new(land: Land<'a>, stack: &'a mut [usize], holes: &'a [Hole], pages: Option<&'a Pages>) -> Self {
        let (low, high) = land.bounds();
        let (depth, is_spilt, phase, are_edges_good) = (0, false, Phase::Roots, true);
        Self { land, stack, depth, is_spilt, phase, are_edges_good, low, span: high - low, holes, pages }
    }

    /// The blocks with their states.
    pub const fn land(&mut self) -> &mut Land<'a> {
        &mut self.land
    }

    /// Reads the root `[from, to)`, but for what is the heap's own.
    ///
    /// # Safety
    ///
    /// It can be read.
    pub unsafe fn read_root(&mut self, mut from: usize, to: usize) {
        while from < to {
            let at = self.land.tracts().partition_point(|tract| tract.end <= from);
            let next = self.land.tracts().get(at).map_or((to, to), |tract| (tract.start, tract.end));
            let stop = next.0.clamp(from, to);
            // SAFETY: the caller's promise.
            unsafe { self.read(from, stop) };
            self.drain();
            from = stop.max(next.1.min(to));
        }
    }

    /// The same for a root at `at` that was copied to `words`.
    pub fn take_root(&mut self, at: usize, words: &[usize]) {
        for (n, word) in words.iter().enumerate() {
            let is_own = self.land.is_covered(at + n * WORD);
            if !is_own {
                self.meet(*word);
            }
        }
        self.drain();
    }

    /// Takes what stands in `words`, the registers of a thread.
    pub fn take(&mut self, words: &[usize]) {
        words.iter().for_each(|word| self.meet(*word));
        self.drain();
    }

    /// Takes `address`, one in use by a thread, for the address of the block that holds it.
    pub fn hold(&mut self, address: usize) {
        if let Some((dot, _)) = self.land.block_at(address) {
            self.reach(dot, true);
            self.drain();
        }
    }

    /// All roots were read: decides about the others. Blocks that only an inner address leads to are
    /// possible, and what they lead to. Of the rest each one in turn is lost, and what it leads to.
    pub fn finish(&mut self) {
        self.settle(State::Reachable);
        self.phase = Phase::Possible;
        self.is_spilt = true;
        self.settle(State::Possible);
        let mut next = 0;
        while let Some(dot) = self.land.block_from(next) {
            next = dot + 1;
            if self.land.state(dot) == State::Unseen {
                self.phase = Phase::Lost(dot);
                self.land.set(dot, State::Definite, false);
                self.look_into(dot);
                self.settle(State::Indirect);
            }
        }
    }

    /// Says whether addresses at which a tract begins count in the roots that come now.
    pub const fn trust_edges(&mut self, are_good: bool) {
        self.are_edges_good = are_good;
    }

    /// What was found at a word.
    #[inline]
    fn meet(&mut self, word: usize) {
        if word.wrapping_sub(self.low) >= self.span || !self.are_edges_good && self.land.is_edge(word) {
            return;
        }
        if let Some((dot, is_start)) = self.land.block_at(word) {
            self.reach(dot, is_start);
        }
    }

    fn reach(&mut self, dot: usize, is_start: bool) {
        let known = self.land.state(dot);
        match self.phase {
            Phase::Roots if is_start => {
                if matches!(known, State::Unseen | State::Possible) {
                    self.push(dot, State::Reachable);
                }
            }
            Phase::Roots => {
                if known == State::Unseen {
                    self.land.set(dot, State::Possible, true);
                }
            }
            Phase::Possible => {
                if known == State::Unseen {
                    self.push(dot, State::Possible);
                }
            }
            Phase::Lost(leader) => match known {
                State::Unseen => self.push(dot, State::Indirect),
                State::Definite if dot != leader => self.land.set(dot, State::Indirect, false),
                _ => {}
            },
        }
    }

    /// Gives the block at `dot` its state; it is looked into later ([MA1](self)).
    fn push(&mut self, dot: usize, state: State) {
        let place = self.stack.get_mut(self.depth);
        self.land.set(dot, state, place.is_none());
        match place {
            Some(place) => (*place, self.depth) = (dot, self.depth + 1),
            None => self.is_spilt = true,
        }
    }

    fn drain(&mut self) {
        while let Some(depth) = self.depth.checked_sub(1) {
            self.depth = depth;
            self.look_into(self.stack.get(depth).copied().unwrap_or(0));
        }
    }

    /// Looks into all blocks on the stack, and into those of `state` that are pending.
    fn settle(&mut self, state: State) {
        self.drain();
        while core::mem::take(&mut self.is_spilt) {
            let mut next = 0;
            while let Some(dot) = self.land.block_from(next) {
                next = dot + 1;
                if self.land.is_pending(dot) && self.land.state(dot) == state {
                    self.land.set(dot, state, false);
                    self.look_into(dot);
                    self.drain();
                }
            }
        }
    }

    /// Reads the block at `dot`, as far as it can be read.
    fn look_into(&mut self, dot: usize) {
        let Some((mut from, to)) = self.land.extent(dot) else { return };
        let mut at = self.holes.partition_point(|hole| hole.end <= from);
        while from < to {
            let hole = self.holes.get(at).copied().unwrap_or(Hole { start: to, end: to });
            self.read_block(from, hole.start.clamp(from, to));
            from = hole.end.clamp(from, to).max(hole.start.min(to));
            at += 1;
        }
    }

    fn read_block(&mut self, from: usize, to: usize) {
        match self.pages.filter(|_| to - from >= LONG) {
            Some(pages) => pages.each_run(from, to, false, |from, to| {
                // SAFETY: part of a block of the heap, and not of a hole.
                unsafe { self.read(from, to) };
            }),
            // SAFETY: as above.
            None => unsafe { self.read(from, to) },
        }
    }

    /// Reads the whole words of `[from, to)`. Others may be writing there: any value will do.
    ///
    /// # Safety
    ///
    /// The range can be read.
    unsafe fn read(&mut self, from: usize, to: usize) {
        let mut at = from.next_multiple_of(WORD);
        while at + WORD <= to {
            let word = ptr::with_exposed_provenance::<usize>(at);
            // SAFETY: the caller's promise; words are aligned.
            let word = unsafe { word.read_volatile() };
            self.meet(word);
            at += WORD;
        }
    }
}
