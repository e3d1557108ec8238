//! One run of a buddy heap: the units first, their marks behind.
//!
//! ```text
//!   run.base                                                            run.base + run.len
//!   ├──────┼──────────────┼──────┼───┼─┼──────────────────────────────────┼──────┤
//!   │ lead │  root block  │ root │ … │ │ one mark of two bytes for a unit │ rest │
//!   ├──────┼──────────────┼──────┼───┼─┼──────────────────────────────────┼──────┤
//!          ▲ base, a multiple of UNIT    ▲ base + units * UNIT
//! ```
//!
//! A run of any length serves: its units are dealt out to root blocks, the largest first.
//!
//! - **BP1** Units and marks lie inside the run, and the run is the engine's alone. A fresh run
//!   is zero, so that every mark is valid from the start.
//! - **BP2** Following the marks from unit 0, one block after another, leads to `units`.

use super::mark::{Mark, Tag};
use super::system::Law;
use crate::os::backing::Run;
use crate::os::round_up;

/// Bytes of a mark.
const MARK: usize = size_of::<Mark>();

/// A run laid out.
#[derive(Clone, Copy, Debug)]
pub struct Plot<const UNIT: usize> {
    base: *mut u8,
    units: usize,
}

/// Where an address points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The first byte of this unit.
    Start(usize),
    /// Another byte of this unit.
    Within(usize),
    /// No unit: the marks, or what is left over.
    Outside,
}

impl<const UNIT: usize> Plot<UNIT> {
    /// Bytes of a run that holds `units` for certain, wherever it begins.
    pub const fn bytes_for(units: usize) -> usize {
        units * (UNIT + MARK) + (UNIT - 16)
    }

    /// How `run` is laid out.
    #[inline]
    pub fn of(run: Run) -> Self {
        const { assert!(UNIT.is_power_of_two() && UNIT >= 32, "a free block holds two links") };
        let lead = round_up(run.base.addr(), UNIT) - run.base.addr();
        Self { base: run.base.wrapping_add(lead), units: run.len.saturating_sub(lead) / (UNIT + MARK) }
    }

    /// Its units.
    pub const fn units(&self) -> usize {
        self.units
    }

    /// Bytes of its units.
    pub const fn unit_bytes(&self) -> usize {
        self.units * UNIT
    }

    /// Where unit `at` begins.
    #[inline]
    pub fn address(&self, at: usize) -> *mut u8 {
        self.base.wrapping_add(at * UNIT)
    }

    /// Where `address`, which lies in the run, points to.
    #[inline]
    pub fn spot(&self, address: usize) -> Spot {
        let offset = address.wrapping_sub(self.base.addr());
        if offset >= self.unit_bytes() {
            Spot::Outside
        } else if offset.is_multiple_of(UNIT) {
            Spot::Start(offset / UNIT)
        } else {
            Spot::Within(offset / UNIT)
        }
    }

    #[inline]
    fn slot(&self, at: usize) -> *mut Mark {
        assert!(at < self.units, "[BP2]");
        self.base.wrapping_add(self.unit_bytes()).cast::<Mark>().wrapping_add(at)
    }

    /// The mark of unit `at`.
    #[inline]
    pub fn mark(&self, at: usize) -> Mark {
        let slot = self.slot(at);
        // SAFETY: [BP1]: the slot of a unit is a mark inside the run, and even.
        unsafe { slot.read() }
    }

    /// Sets the mark of unit `at`.
    #[inline]
    pub fn set(&self, at: usize, mark: Mark) {
        let slot = self.slot(at);
        // SAFETY: [BP1]
        unsafe { slot.write(mark) };
    }

    /// The root blocks as unit and class, the largest first.
    pub fn roots(&self, law: &'static Law) -> impl Iterator<Item = (usize, usize)> + use<UNIT> {
        let (mut at, units) = (0, self.units);
        core::iter::from_fn(move || {
            let class = (at < units).then(|| law.within(units - at))?;
            let root = (at, class);
            at += law.size(class);
            Some(root)
        })
    }

    /// Where the block that holds unit `wanted` begins: down from its root, part by part.
    pub fn block_around(&self, wanted: usize, law: &'static Law) -> usize {
        let holds = |at: usize, class: usize| (at..at + law.size(class)).contains(&wanted);
        let Some((mut at, mut class)) = self.roots(law).find(|(at, class)| holds(*at, *class)) else {
            return wanted;
        };
        while self.mark(at).index() != class {
            let inner = law.parts(class).find(|part| holds(at + part.offset, part.class));
            let Some(part) = inner else { break };
            (at, class) = (at + part.offset, part.class);
        }
        at
    }

    /// Where the payload of the used block at unit `at` begins, also if it was moved.
    pub fn payload_of(&self, at: usize, law: &'static Law) -> usize {
        let units = at..at + law.size(self.mark(at).index());
        units.clone().find(|unit| self.mark(*unit).tag() == Tag::Moved).unwrap_or(units.start)
    }

    /// How far before its payload at unit `at` a block begins.
    #[inline]
    pub fn distance(&self, at: usize) -> usize {
        let mark = self.mark(at);
        match mark.tag() {
            Tag::Moved if mark.is_far() => mark.distance(self.mark(at - 1)),
            Tag::Moved => mark.distance(Mark::INSIDE),
            _ => 0,
        }
    }

    /// Notes that the payload of a block begins `distance` units behind it, at unit `at`.
    pub fn set_distance(&self, at: usize, distance: usize) {
        let start = at - distance;
        self.set(start, self.mark(start).with_led(true));
        let (here, before) = Mark::moved(distance);
        self.set(at, here);
        if let Some(before) = before {
            self.set(at - 1, before);
        }
    }

    /// Forgets what [`Self::set_distance`] noted.
    pub fn clear_distance(&self, at: usize) {
        let start = at - self.distance(at);
        self.set(start, self.mark(start).with_led(false));
        if self.mark(at).is_far() {
            self.set(at - 1, Mark::INSIDE);
        }
        self.set(at, Mark::INSIDE);
    }

    /// Calls `see` with unit and mark of every block.
    pub fn each_block(&self, law: &'static Law, mut see: impl FnMut(usize, Mark)) {
        let mut at = 0;
        while at < self.units {
            let mark = self.mark(at);
            see(at, mark);
            at += law.size(mark.index());
        }
    }
}
