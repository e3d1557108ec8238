//! What a leak check knows of the heap: tracts of memory, and a dot for every sixteen bytes of them.
//!
//! ```text
//!   tracts  ├──── heap ────┤   ├─ one mapped block ─┤  ├─ mute ─┤       in the order of addresses
//!   dots    ···S L S··L ···    S                                       a byte for each unit of 16
//!   coarse  ▪   ▪      ▫                                               whether 256 dots have any mark
//! ```
//!
//! A block begins at a unit marked `S` and ends with the one marked `L`. A mapped block has one dot, of
//! whatever length it is. In a mute tract nobody looks for addresses, and none lead there.
//!
//! - **TR1** Tracts are sorted and do not overlap; `first` is the number of a tract's first dot.
//! - **TR2** `coarse[n]` is not 0 if one of the dots `n * 256 ..` begins or ends a block.

use crate::block::{ALIGN, WORD};
use crate::os::{round_down, round_up};

/// A block begins here.
pub const START: u8 = 1;
/// A block ends here.
pub const LAST: u8 = 2;
/// The block is still to be looked into.
pub const PENDING: u8 = 4;
/// Of the block's last sixteen bytes only the first eight are its own: a header comes behind.
pub const HALF: u8 = 64;

/// What a dot says of the block's place, and not of its state.
const PLACE: u8 = START | LAST | HALF;

/// Where the state of a block stands in its first dot.
const SHIFT: u32 = 3;

/// Dots that one coarse mark stands for.
pub const COARSE: usize = 256;

/// What is known of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Nothing led there yet.
    Unseen = 0,
    /// Only an address inside of it was found, or it hangs on such a block.
    Possible = 1,
    /// Its address was found.
    Reachable = 2,
    /// Its address was found in a lost block.
    Indirect = 3,
    /// It is lost, and no lost block leads there.
    Definite = 4,
}

/// What a tract is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Blocks, and what lies between them.
    Blocks,
    /// A block of its own.
    Single,
    /// The allocator's own.
    Mute,
}

/// A run of memory.
#[derive(Clone, Copy, Debug)]
pub struct Tract {
    /// Its first byte, a multiple of 16.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// The number of its first dot ([TR1](self)).
    pub first: usize,
    /// What it is.
    pub nature: Nature,
}

impl Tract {
    /// Bytes `[start, end)`; the dots are numbered later.
    pub const fn new(start: usize, end: usize, nature: Nature) -> Self {
        let start = if matches!(nature, Nature::Blocks) { round_down(start, ALIGN) } else { start };
        Self { start, end, first: 0, nature }
    }

    /// Dots that it needs.
    pub const fn dots(&self) -> usize {
        match self.nature {
            Nature::Blocks => round_up(self.end - self.start, ALIGN) / ALIGN,
            Nature::Single => 1,
            Nature::Mute => 0,
        }
    }
}

/// Sorts by start: a heap, whose root is taken again and again (Williams 1964). The sort of the core
/// library is ten times as much code.
fn sort(tracts: &mut [Tract]) {
    let start = |tracts: &[Tract], n: usize| tracts.get(n).map_or(0, |tract| tract.start);
    let sink = |tracts: &mut [Tract], mut at: usize, len: usize| loop {
        let child = 2 * at + 1;
        if child >= len {
            return;
        }
        let right = child + 1 < len && start(tracts, child + 1) > start(tracts, child);
        let larger = child + usize::from(right);
        if start(tracts, at) >= start(tracts, larger) {
            return;
        }
        tracts.swap(at, larger);
        at = larger;
    };
    for at in (0..tracts.len() / 2).rev() {
        sink(tracts, at, tracts.len());
    }
    for len in (1..tracts.len()).rev() {
        tracts.swap(0, len);
        sink(tracts, 0, len);
    }
}

/// All tracts with their dots.
pub struct Land<'a> {
    tracts: &'a mut [Tract],
    count: usize,
    dots: &'a mut [u8],
    coarse: &'a mut [u8],
    /// The tract that was found last.
    recent: usize,
}

impl<'a> Land<'a> {
    /// No tract yet; room for as many as the slices hold. All dots are 0.
    pub const fn new(tracts: &'a mut [Tract], dots: &'a mut [u8], coarse: &'a mut [u8]) -> Self {
        Self { tracts, count: 0, dots, coarse, recent: 0 }
    }

    /// Adds a tract; it is left out where there is no room.
    pub fn add(&mut self, tract: Tract) {
        if let Some(place) = self.tracts.get_mut(self.count).filter(|_| tract.start < tract.end) {
            *place = tract;
            self.count += 1;
        }
    }

    /// Sorts the tracts and numbers the dots ([TR1](self)).
    pub fn settle(&mut self) {
        let tracts = self.tracts.get_mut(..self.count).unwrap_or_default();
        sort(tracts);
        let mut first = 0;
        for tract in tracts {
            tract.first = first;
            first += tract.dots();
        }
    }

    /// What is known of the sixteen bytes with this number.
    #[inline]
    fn dot(&self, number: usize) -> u8 {
        self.dots.get(number).copied().unwrap_or(0)
    }

    /// All tracts.
    pub fn tracts(&self) -> &[Tract] {
        self.tracts.get(..self.count).unwrap_or_default()
    }

    /// The number of dots.
    pub const fn dots(&self) -> usize {
        self.dots.len()
    }

    /// The lowest and the highest address that may be one of a block.
    pub fn bounds(&self) -> (usize, usize) {
        let held = || self.tracts().iter().filter(|tract| tract.nature != Nature::Mute);
        (held().next().map_or(0, |tract| tract.start), held().next_back().map_or(0, |tract| tract.end))
    }

    /// The tract that holds `address`.
    #[inline]
    fn tract_at(&mut self, address: usize) -> Option<Tract> {
        let holds = |tract: &Tract| tract.start <= address && address < tract.end;
        if let Some(tract) = self.tracts().get(self.recent).filter(|tract| holds(tract)) {
            return Some(*tract);
        }
        let at = self.tracts().partition_point(|tract| tract.start <= address).checked_sub(1)?;
        self.recent = at;
        self.tracts().get(at).copied().filter(holds)
    }

    /// Whether `address` lies in a tract: what stands there is no root.
    pub fn is_covered(&mut self, address: usize) -> bool {
        self.tract_at(address).is_some()
    }

    /// Whether a tract begins at `address`.
    pub fn is_edge(&mut self, address: usize) -> bool {
        self.tract_at(address).is_some_and(|tract| tract.start == address && tract.nature == Nature::Blocks)
    }

    /// Notes the block of `len` bytes at `address`.
    pub fn note(&mut self, address: usize, len: usize) {
        let Some(tract) = self.tract_at(address) else { return };
        if tract.nature != Nature::Blocks {
            self.mark(tract.first, START | LAST);
            return;
        }
        let first = tract.first + (address - tract.start) / ALIGN;
        let last = tract.first + (address - tract.start + len.max(1) - 1) / ALIGN;
        let half = if (1..=WORD).contains(&(len % ALIGN)) { HALF } else { 0 };
        self.mark(first, START);
        self.mark(last, LAST | half);
    }

    fn mark(&mut self, dot: usize, bits: u8) {
        if let Some(place) = self.dots.get_mut(dot) {
            *place |= bits;
        }
        if let Some(mark) = self.coarse.get_mut(dot / COARSE) {
            *mark = 1;
        }
    }

    /// The dot of the block that `address` leads to, and whether it is the block's own address.
    #[inline]
    pub fn block_at(&mut self, address: usize) -> Option<(usize, bool)> {
        let tract = self.tract_at(address)?;
        match tract.nature {
            Nature::Mute => None,
            Nature::Single => (self.dot(tract.first) != 0).then_some((tract.first, address == tract.start)),
            Nature::Blocks => {
                let dot = tract.first + (address - tract.start) / ALIGN;
                if self.dot(dot) & HALF != 0 && address % ALIGN >= WORD {
                    return None;
                }
                if self.dot(dot) & START != 0 {
                    return Some((dot, address.is_multiple_of(ALIGN)));
                }
                let before = self.marked_before(dot, tract.first)?;
                (self.dot(before) & (START | LAST) == START).then_some((before, false))
            }
        }
    }

    /// The nearest dot below `dot`, but not below `least`, that begins or ends a block.
    fn marked_before(&self, dot: usize, least: usize) -> Option<usize> {
        let is_marked = |bits: &u8| *bits & (START | LAST) != 0;
        let search =
            |from: usize, to: usize| Some(from + self.dots.get(from..to)?.iter().rposition(is_marked)?);
        let page = dot / COARSE;
        if let Some(found) = search(least.max(page * COARSE), dot) {
            return Some(found);
        }
        let pages = self.coarse.get(least / COARSE..page)?;
        let full = least / COARSE + pages.iter().rposition(|mark| *mark != 0)?;
        // The tract may begin within that page of dots: what stands before it is another tract's.
        search(least.max(full * COARSE), (full + 1) * COARSE)
    }

    /// The first dot from `dot` on, below `end`, that begins or ends a block.
    fn marked_from(&self, dot: usize, end: usize) -> Option<usize> {
        let is_marked = |bits: &u8| *bits & (START | LAST) != 0;
        let search =
            |from: usize, to: usize| Some(from + self.dots.get(from..to)?.iter().position(is_marked)?);
        let next = round_up(dot + 1, COARSE);
        if let Some(found) = search(dot, end.min(next)) {
            return Some(found);
        }
        if next >= end {
            return None;
        }
        let pages = self.coarse.get(next / COARSE..end.div_ceil(COARSE))?;
        let full = next / COARSE + pages.iter().position(|mark| *mark != 0)?;
        search(full * COARSE, end.min((full + 1) * COARSE))
    }

    /// The first block whose dot is `dot` or higher.
    pub fn block_from(&self, mut dot: usize) -> Option<usize> {
        loop {
            dot = self.marked_from(dot, self.dots.len())?;
            if self.dot(dot) & START != 0 {
                return Some(dot);
            }
            dot += 1;
        }
    }

    /// Where the block at `dot` begins and ends, in whole words.
    pub fn extent(&self, dot: usize) -> Option<(usize, usize)> {
        let at = self.tracts().partition_point(|tract| tract.first <= dot).checked_sub(1)?;
        // Mute tracts have no dot: they stand before the one that has theirs.
        let tract = *self.tracts().get(at)?;
        if tract.nature == Nature::Single {
            return Some((tract.start, tract.end));
        }
        let (number, end) = (dot - tract.first, tract.first + tract.dots());
        let is_short = self.dot(dot) & LAST != 0;
        let last = if is_short { dot } else { self.marked_from(dot + 1, end)? };
        let half = if self.dot(last) & HALF != 0 { WORD } else { 0 };
        let past = tract.start + (last - tract.first + 1) * ALIGN - half;
        Some((tract.start + number * ALIGN, past.min(tract.end)))
    }

    /// The state of the block at `dot`.
    #[inline]
    pub fn state(&self, dot: usize) -> State {
        match (self.dot(dot) & !PLACE) >> SHIFT {
            0 => State::Unseen,
            1 => State::Possible,
            2 => State::Reachable,
            3 => State::Indirect,
            _ => State::Definite,
        }
    }

    /// Sets the state of the block at `dot`, and whether it is still to be looked into.
    #[inline]
    pub fn set(&mut self, dot: usize, state: State, is_pending: bool) {
        let pending = if is_pending { PENDING } else { 0 };
        let bits = self.dot(dot) & PLACE;
        if let Some(place) = self.dots.get_mut(dot) {
            *place = bits | pending | (state as u8) << SHIFT;
        }
    }

    /// Whether the block at `dot` is still to be looked into.
    pub fn is_pending(&self, dot: usize) -> bool {
        self.dot(dot) & PENDING != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    /// Two tracts of 4 KiB and 1 MiB, a mapped block, and a mute tract between.
    fn with_land<T>(run: impl FnOnce(&mut Land<'_>) -> T) -> T {
        let tracts = [
            Tract::new(0x90_0000, 0x90_0000 + 77_777, Nature::Single),
            Tract::new(0x10_0000, 0x20_0000, Nature::Blocks),
            Tract::new(0x08_0000, 0x09_0000, Nature::Mute),
            Tract::new(0x01_0000, 0x01_1000, Nature::Blocks),
        ];
        let dots: usize = tracts.iter().map(Tract::dots).sum();
        let mut room = vec![Tract::new(0, 0, Nature::Mute); 4];
        let (mut fine, mut coarse) = (vec![0; dots], vec![0; dots.div_ceil(COARSE)]);
        let mut land = Land::new(&mut room, &mut fine, &mut coarse);
        tracts.into_iter().for_each(|tract| land.add(tract));
        land.settle();
        run(&mut land)
    }

    const BLOCKS: [(usize, usize); 6] = [
        (0x01_0010, 16),
        (0x01_0030, 24),
        (0x01_0FF0, 16),
        (0x10_0000, 0x4_0008),
        (0x1A_0010, 100),
        (0x90_0000, 77_777),
    ];

    #[test]
    fn every_address_leads_to_the_block_that_holds_it() {
        with_land(|land| {
            BLOCKS.iter().for_each(|(at, len)| land.note(*at, *len));

            for (at, len) in BLOCKS {
                let found = land.block_at(at);
                assert!(found.is_some_and(|(_, is_start)| is_start), "{at:#x}");
                for inside in [1, 8, len / 2, len - 1].map(|offset| at + offset) {
                    assert_eq!(land.block_at(inside).map(|(dot, _)| dot), found.map(|(dot, _)| dot));
                    assert!(land.block_at(inside).is_some_and(|(_, is_start)| !is_start), "{inside:#x}");
                }
            }
            for nowhere in [
                0, 0x01_0000, 0x01_0020, 0x01_0048, 0x14_0008, 0x01_0060, 0x01_1000, 0x08_0010, 0x19_0000,
                0x1F_FFFF,
            ] {
                assert_eq!(land.block_at(nowhere), None, "{nowhere:#x}");
            }
        });
    }

    #[test]
    fn blocks_are_met_in_the_order_of_addresses_with_their_extent() {
        with_land(|land| {
            BLOCKS.iter().for_each(|(at, len)| land.note(*at, *len));
            let mut met = Vec::new();

            let mut dot = 0;
            while let Some(found) = land.block_from(dot) {
                met.push(land.extent(found).unwrap());
                dot = found + 1;
            }

            let whole = |(at, len): (usize, usize)| (at, at + round_up(len, WORD));
            let mut expected: Vec<_> = BLOCKS.into_iter().map(whole).collect();
            expected[5].1 = 0x90_0000 + 77_777;
            assert_eq!(met, expected);
        });
    }

    #[test]
    fn a_state_keeps_what_the_dot_says_of_the_block() {
        with_land(|land| {
            land.note(0x01_0010, 16);
            let (dot, _) = land.block_at(0x01_0010).unwrap();

            for state in [State::Possible, State::Reachable, State::Indirect, State::Definite, State::Unseen]
            {
                land.set(dot, state, true);
                assert_eq!((land.state(dot), land.is_pending(dot)), (state, true));
                land.set(dot, state, false);
                assert_eq!((land.state(dot), land.is_pending(dot)), (state, false));
            }

            assert_eq!(land.extent(dot), Some((0x01_0010, 0x01_0020)));
        });
    }
}
