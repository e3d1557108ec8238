//! The work of a buddy heap, the same for every system: the law is a table that it looks into.
//!
//! - **BU1** No block is free beside free buddies: they are one block as soon as the last of them
//!   is freed. So what was split is whole again when all is freed: splits = merges.
//! - **BU2** Free blocks, and no others, are in the lists.

use super::lists::{Lists, plot_of};
use super::mark::{Mark, Tag};
use super::plot::{Plot, Spot};
use super::system::{Law, Part};
use crate::engine::runs::{Runs, wish};
use crate::engine::{Engine, Figures, Grant, Held, Kind, Piece};
use crate::fatal;
use crate::heap::{Fault, Growth};
use crate::os::backing::Backing;
use crate::os::{PAGE, round_down, round_up};

/// Bytes at the start of a free block that hold its links.
pub(super) const LINKS: usize = 16;

/// A buddy heap by the law of a system; blocks are multiples of `UNIT` bytes, a power of two.
#[derive(Debug)]
pub struct Yard<B, const UNIT: usize> {
    law: &'static Law,
    backing: B,
    growth: Growth,
    pub(super) runs: Runs<()>,
    lists: Lists<UNIT>,
    figures: Figures,
}

// SAFETY: the engine owns the memory that its pointers name; it may move between threads.
unsafe impl<B: Send, const UNIT: usize> Send for Yard<B, UNIT> {}

impl<B, const UNIT: usize> Yard<B, UNIT> {
    /// A heap that has taken nothing yet.
    pub const fn new(law: &'static Law, backing: B, growth: Growth) -> Self {
        Self { law, backing, growth, runs: Runs::new(()), lists: Lists::EMPTY, figures: Figures::NONE }
    }
}

impl<B: Backing, const UNIT: usize> Yard<B, UNIT> {
    /// Calls `see` with every order: the bytes of its blocks, and how many of them are free.
    pub fn each_order(&self, mut see: impl FnMut(usize, usize)) {
        for class in 0..self.law.count() {
            see(self.law.size(class) * UNIT, self.lists.of(class, &self.runs).count());
        }
    }

    /// Files the block at unit `at`, whose mark is complete but for the TAG.
    fn file(&mut self, plot: Plot<UNIT>, at: usize) {
        let mark = plot.mark(at).with_tag(Tag::Free);
        plot.set(at, mark);
        self.lists.push(mark.index(), plot.address(at), &self.runs);
        self.figures.free += self.law.size(mark.index()) * UNIT;
        self.figures.free_blocks += 1;
    }

    /// Takes the free block at unit `at` out of its list.
    fn pluck(&mut self, plot: Plot<UNIT>, at: usize) {
        let mark = plot.mark(at);
        self.lists.unlink(mark.index(), plot.address(at), &self.runs);
        plot.set(at, mark.with_tag(Tag::Used));
        self.figures.free -= self.law.size(mark.index()) * UNIT;
        self.figures.free_blocks -= 1;
    }

    /// Splits the taken block at unit `at` and files all parts but number `keep`; its unit.
    fn split(&mut self, plot: Plot<UNIT>, at: usize, keep: usize) -> usize {
        let whole = plot.mark(at);
        let mut kept = at;
        for (place, part) in self.law.parts(whole.index()).enumerate() {
            // [BM1]: the second part keeps the TYPE of the whole for the day of the merge.
            let above = [whole.above(), whole.kind(), 0][place];
            let mark = Mark::new(Tag::Used, part.kind, part.class).with_above(above);
            plot.set(at + part.offset, mark.with_fresh(whole.is_fresh()));
            if place == keep {
                kept = at + part.offset;
            } else {
                self.file(plot, at + part.offset);
            }
        }
        self.figures.splits += 1;
        kept
    }

    /// Makes the taken block at unit `at` and its buddies one, if they are all free; its unit.
    fn unite(&mut self, plot: Plot<UNIT>, at: usize) -> Option<usize> {
        let mark = plot.mark(at);
        let origin = self.law.origin(mark.index(), mark.kind())?;
        let own = self.law.parts(origin.class).nth(origin.place)?;
        let start = at - own.offset;
        let buddies = || self.law.parts(origin.class).filter(move |part| *part != own);
        if !buddies().all(|part| plot.mark(start + part.offset).is_free_of(part.class)) {
            return None;
        }
        buddies().for_each(|part| self.pluck(plot, start + part.offset));
        let second = self.law.parts(origin.class).nth(1)?;
        let kind = plot.mark(start + second.offset).above();
        let whole = Mark::new(Tag::Used, kind, origin.class).with_above(plot.mark(start).above());
        self.law.parts(origin.class).for_each(|part| plot.set(start + part.offset, Mark::INSIDE));
        plot.set(start, whole);
        self.figures.coalesces += 1;
        Some(start)
    }

    /// A free block in which `units` begin at a multiple of `align`: of each class the newest
    /// block is looked at, and a class that is large enough cannot fail. Classes that lead to
    /// the right size come first.
    fn find(&mut self, units: usize, align: usize) -> Option<(Plot<UNIT>, usize)> {
        let least = self.law.holding(units)?;
        let mut probes = 0;
        let right = self.law.sources(least);
        let wasteful = u64::MAX << least & !right;
        let found = self.lists.among(right).chain(self.lists.among(wasteful)).find(|(class, block)| {
            probes += 1;
            lead_in::<UNIT>(block.addr(), self.law.size(*class), units, align).is_some()
        });
        self.figures.probes += probes;
        let Some((plot, at)) = plot_of(&self.runs, found?.1) else {
            fatal!("corrupted free list: no run holds its head");
        };
        self.pluck(plot, at);
        Some((plot, at))
    }

    /// Splits the taken block at unit `at` as long as a part still holds `units` at `align`,
    /// towards the right size if a part leads there, and then by the smallest.
    fn narrow(&mut self, plot: Plot<UNIT>, mut at: usize, units: usize, align: usize) -> usize {
        let right = self.law.holding(units).map_or(0, |least| self.law.sources(least));
        loop {
            let fits = |part: &Part| {
                let start = plot.address(at + part.offset).addr();
                lead_in::<UNIT>(start, self.law.size(part.class), units, align).is_some()
            };
            let parts = self.law.parts(plot.mark(at).index()).enumerate();
            let fitting = parts.filter(|(_, part)| fits(part));
            let Some((place, _)) = fitting.min_by_key(|(_, part)| (right >> part.class & 1 == 0, part.class))
            else {
                return at;
            };
            at = self.split(plot, at, place);
        }
    }

    /// Takes a run in which `units` fit at a multiple of `align`.
    fn grow(&mut self, units: usize, align: usize) -> Option<()> {
        let class = self.law.holding(units.checked_add(align / UNIT - 1)?)?;
        let least = Plot::<UNIT>::bytes_for(self.law.size(class));
        let want = wish(self.growth, self.figures.footprint);
        let run = self.runs.take(&mut self.backing, least, want)?;
        let plot = Plot::<UNIT>::of(run);
        self.runs.file(run, ());
        self.figures.took(run.len);
        self.figures.metadata += run.len - plot.unit_bytes();
        for (at, class) in plot.roots(self.law) {
            plot.set(at, Mark::new(Tag::Used, 0, class).with_fresh(true));
            self.file(plot, at);
        }
        Some(())
    }

    /// Gives a run back whose roots are all free; whether it was one and the backing took it.
    fn give_back(&mut self, site: usize) -> bool {
        let run = self.runs.sites()[site].run;
        let plot = Plot::<UNIT>::of(run);
        if !plot.roots(self.law).all(|(at, class)| plot.mark(at).is_free_of(class)) {
            return false;
        }
        plot.roots(self.law).for_each(|(at, _)| self.pluck(plot, at));
        if !self.backing.release(run) {
            plot.roots(self.law).for_each(|(at, _)| self.file(plot, at));
            return false;
        }
        self.runs.strike(site);
        self.figures.gave(run.len);
        self.figures.metadata -= run.len - plot.unit_bytes();
        true
    }

    /// Drops the pages inside free blocks, the largest first and at most `spare` bytes; whether
    /// there were any.
    fn purge_all(&mut self, mut spare: usize) -> bool {
        let mut any = false;
        for class in (0..self.law.count()).rev().take_while(|class| self.law.size(*class) * UNIT >= PAGE) {
            let size = self.law.size(class) * UNIT;
            for block in self.lists.of(class, &self.runs) {
                let Some((plot, at)) = plot_of::<UNIT>(&self.runs, block) else { break };
                if size <= spare && purge(&mut self.backing, plot, at, size) {
                    spare -= size;
                    self.figures.shrinks += 1;
                    any = true;
                }
            }
        }
        any
    }

    /// Splits the used block at unit `at` as long as its first part holds `units`.
    fn shrink(&mut self, plot: Plot<UNIT>, at: usize, units: usize) {
        let first = |mark: Mark| self.law.parts(mark.index()).next();
        while first(plot.mark(at)).is_some_and(|part| self.law.size(part.class) >= units) {
            self.split(plot, at, 0);
        }
    }

    /// Whether the block at unit `at` is the first part of its parent.
    fn is_first(&self, plot: Plot<UNIT>, at: usize) -> bool {
        let mark = plot.mark(at);
        self.law.origin(mark.index(), mark.kind()).is_some_and(|origin| origin.place == 0)
    }

    /// The used block whose payload begins at unit `at`: its first unit and its units.
    fn block_of(&self, plot: Plot<UNIT>, at: usize) -> (usize, usize) {
        let start = at - plot.distance(at);
        (start, self.law.size(plot.mark(start).index()))
    }

    /// What is wrong with an address in unit `at` where no payload begins.
    fn explain(&self, plot: Plot<UNIT>, at: usize) -> Fault {
        let block = plot.block_around(at, self.law);
        if plot.mark(block).tag() == Tag::Free {
            return Fault::Freed;
        }
        Fault::Interior(plot.address(plot.payload_of(block, self.law)).addr())
    }

    fn plot_and_unit(&self, held: Held) -> (Plot<UNIT>, usize) {
        plot_of(&self.runs, held.payload).unwrap_or_else(|| fatal!("no block at {:p}", held.payload))
    }
}

/// Units before the first multiple of `align` from which `units` fit into the `size` units at
/// `start`.
#[inline]
fn lead_in<const UNIT: usize>(start: usize, size: usize, units: usize, align: usize) -> Option<usize> {
    let lead = (round_up(start, align) - start) / UNIT;
    (lead + units <= size).then_some(lead)
}

/// Drops the pages inside the free block at unit `at`; whether it was worth it.
fn purge<B: Backing, const UNIT: usize>(backing: &mut B, plot: Plot<UNIT>, at: usize, size: usize) -> bool {
    let (mark, start) = (plot.mark(at), plot.address(at));
    let (body, end) = (start.addr() + LINKS, start.addr() + size);
    let (from, to) = (round_up(body, PAGE), round_down(end, PAGE));
    if mark.is_fresh() || from >= to || !backing.purge(start.with_addr(from), to - from) {
        return false;
    }
    // SAFETY: [BU2]: the block is free, and behind its links nobody reads it.
    unsafe { start.with_addr(body).write_bytes(0, from - body) };
    // SAFETY: as above.
    unsafe { start.with_addr(to).write_bytes(0, end - to) };
    plot.set(at, mark.with_fresh(true));
    true
}

impl<B: Backing, const UNIT: usize> Engine for Yard<B, UNIT> {
    fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        let (units, align) = (len.div_ceil(UNIT).max(1), align.max(UNIT));
        let (plot, found) = match self.find(units, align) {
            Some(found) => found,
            None => {
                self.grow(units, align)?;
                self.find(units, align)?
            }
        };
        let at = self.narrow(plot, found, units, align);
        let mark = plot.mark(at);
        let size = self.law.size(mark.index());
        let lead = lead_in::<UNIT>(plot.address(at).addr(), size, units, align)?;
        plot.set(at, mark.with_fresh(false));
        if lead != 0 {
            plot.set_distance(at + lead, lead);
        }
        self.figures.metadata += lead * UNIT;
        self.figures.granted((size - lead) * UNIT);
        let dirty = if mark.is_fresh() { LINKS } else { len };
        Some(Grant::new(plot.address(at + lead), dirty.min(len)))
    }

    fn locate(&self, address: usize) -> Result<Held, Fault> {
        let site = self.runs.holding(address).ok_or(Fault::Foreign)?;
        let plot = Plot::<UNIT>::of(self.runs.sites()[site].run);
        let at = match plot.spot(address) {
            Spot::Outside => return Err(Fault::Own),
            Spot::Within(at) => return Err(self.explain(plot, at)),
            Spot::Start(at) => at,
        };
        match plot.mark(at).tag() {
            Tag::Free => Err(Fault::Freed),
            Tag::Inside => Err(self.explain(plot, at)),
            Tag::Used if plot.mark(at).is_led() => Err(self.explain(plot, at)),
            Tag::Used | Tag::Moved => {
                let (start, size) = self.block_of(plot, at);
                Ok(Held { payload: plot.address(at), len: (start + size - at) * UNIT })
            }
        }
    }

    unsafe fn release(&mut self, held: Held) {
        let (plot, payload) = self.plot_and_unit(held);
        let (mut at, size) = self.block_of(plot, payload);
        let lead = payload - at;
        if lead != 0 {
            plot.clear_distance(payload);
        }
        self.figures.metadata -= lead * UNIT;
        self.figures.returned((size - lead) * UNIT);
        while let Some(whole) = self.unite(plot, at) {
            at = whole;
        }
        self.file(plot, at);
    }

    unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
        let (plot, payload) = self.plot_and_unit(held);
        let (at, old) = self.block_of(plot, payload);
        let lead = payload - at;
        let units = len.div_ceil(UNIT).max(1) + lead;
        let size = || self.law.size(plot.mark(at).index());
        while size() < units && self.is_first(plot, at) && self.unite(plot, at).is_some() {}
        let done = size() >= units;
        self.shrink(plot, at, if done { units } else { old });
        if lead != 0 {
            // The marks of merged and of split blocks do not know that the payload was moved.
            plot.set(at, plot.mark(at).with_led(true));
        }
        self.figures.live = self.figures.live + size() * UNIT - old * UNIT;
        done
    }

    fn walk(&self, see: &mut dyn FnMut(Piece)) {
        for site in self.runs.sites() {
            let plot = Plot::<UNIT>::of(site.run);
            let (first, end) = (plot.address(0).addr(), plot.address(plot.units()).addr());
            let own = |start, size| Piece { start, size, lead: 0, kind: Kind::Own };
            if first != site.run.base.addr() {
                see(own(site.run.base.addr(), first - site.run.base.addr()));
            }
            plot.each_block(self.law, |at, mark| {
                let kind = if mark.tag() == Tag::Free { Kind::Free } else { Kind::Used };
                let lead = if mark.is_led() { plot.payload_of(at, self.law) - at } else { 0 } * UNIT;
                let size = self.law.size(mark.index()) * UNIT;
                see(Piece { start: plot.address(at).addr(), size, lead, kind });
            });
            see(own(end, site.end() - end));
        }
    }

    fn figures(&self) -> Figures {
        let largest_free = self.lists.largest().map_or(0, |class| self.law.size(class) * UNIT);
        Figures { largest_free, segments: self.runs.sites().len(), ..self.figures }
    }

    fn footprint(&self) -> usize {
        self.figures.footprint
    }

    fn live(&self) -> usize {
        self.figures.live
    }

    fn trim(&mut self, keep: usize) -> bool {
        let (before, mut spare) = (self.figures.footprint, self.figures.free.saturating_sub(keep));
        for site in (0..self.runs.sites().len()).rev() {
            let bytes = Plot::<UNIT>::of(self.runs.sites()[site].run).unit_bytes();
            if bytes <= spare && self.give_back(site) {
                spare -= bytes;
            }
        }
        self.purge_all(spare) || self.figures.footprint != before
    }
}
