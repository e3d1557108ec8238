//! A heap of pages: what slabs and families are cut from.
//!
//! ```text
//!   take ─► bin of that many pages, or the next bin that has a span ─► split
//!   give ─► one with the free spans on both sides
//!
//!   bins:   1  2  3 … 32 │ 33..64 │ 65..128 │ …      filled: one bit for each
//! ```
//!
//! All knowledge about pages is out of band, in their cards, so that a span of three pages has
//! room for six objects of 2 KiB. Buddies are found as in Knuth's boundary tags: the cards at
//! both ends of a free span say how long it is.
//!
//! - **PG1** No two free spans are neighbours.
//! - **PG2** Free spans, and no others, are in the bins.

mod grow;
pub(super) mod sheet;
mod trim;

#[cfg(test)]
mod tests;

use self::sheet::{Card, Role, Sheet, Spans, change, read, sheet_of};
use super::Figures;
use super::runs::Runs;
use crate::fatal;
use crate::heap::{Fault, Growth};
use crate::os::{PAGE, round_up};

/// Bins: for 1 to 32 pages, then one for each doubling.
const BINS: usize = 64;
const EXACT: usize = 32;

/// The bin of spans of `pages`.
const fn bin_of(pages: usize) -> usize {
    let bin = if pages <= EXACT { pages - 1 } else { EXACT - 5 + (pages - 1).ilog2() as usize };
    if bin < BINS { bin } else { BINS - 1 }
}

/// A span in the caller's hands.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Its first card.
    pub card: *mut Card,
    /// Its first byte, at a page's start.
    pub start: *mut u8,
    /// Its pages.
    pub pages: usize,
    /// Whether all of it was zero when it was taken.
    pub fresh: bool,
    /// The owner's word.
    pub owner: u16,
}

/// A heap of pages.
#[derive(Debug)]
pub struct Pages<B> {
    backing: B,
    growth: Growth,
    /// The runs, each with the number of its cards.
    runs: Runs<usize>,
    /// Whether the last growth began where the one before ended.
    adjacent: bool,
    bins: [Spans; BINS],
    filled: u64,
    /// Footprint, free bytes and blocks, cards as metadata, splits and merges.
    figures: Figures,
}

// SAFETY: the engine owns the memory that its pointers name; it may move between threads.
unsafe impl<B: Send> Send for Pages<B> {}

impl<B> Pages<B> {
    /// A heap that has taken nothing yet.
    pub const fn new(backing: B, growth: Growth) -> Self {
        Self {
            backing,
            growth,
            runs: Runs::new(0),
            adjacent: true,
            bins: [Spans::EMPTY; BINS],
            filled: 0,
            figures: Figures::NONE,
        }
    }

    /// What it holds: free spans, cards.
    pub const fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Runs of memory from the backing.
    pub fn segments(&self) -> usize {
        self.runs.sites().len()
    }

    /// Bytes of the largest free span.
    pub fn largest_free(&self) -> usize {
        let Some(bin) = self.filled.checked_ilog2() else { return 0 };
        // SAFETY: [PG2]
        let pages = self.bins[bin as usize].iter().map(|card| unsafe { read(card) }.span);
        pages.max().map_or(0, |pages| pages as usize * PAGE)
    }

    /// The span that holds `address`, if somebody has taken it.
    pub fn around(&self, address: usize) -> Result<Span, Fault> {
        let site = self.runs.holding(address).ok_or(Fault::Foreign)?;
        let sheet = Sheet::of(&self.runs.sites()[site]);
        let page = sheet.page_of(address).ok_or(Fault::Own)?;
        // SAFETY: [PS1]
        let card = |at| unsafe { read(sheet.card(at)) };
        let near = page.wrapping_sub(card(page).span as usize);
        let is_head = |at: usize| {
            let card = card(at);
            card.role == Role::Taken && page - at < card.span as usize
        };
        if card(page).role == Role::Inside && near < page && is_head(near) {
            return Ok(self.span_at(sheet, near));
        }
        let head = (0..=page).rev().find(|at| !matches!(card(*at).role, Role::Inside | Role::Last));
        match head.filter(|at| is_head(*at)) {
            Some(head) => Ok(self.span_at(sheet, head)),
            None => Err(Fault::Freed),
        }
    }

    fn span_at(&self, sheet: Sheet, at: usize) -> Span {
        let card = sheet.card(at);
        // SAFETY: [PS1]
        let Card { span, fresh, owner, .. } = unsafe { read(card) };
        Span { card, start: sheet.address(at), pages: span as usize, fresh, owner }
    }

    /// The taken span whose first card is `card`.
    pub fn span_of(&self, card: *mut Card) -> Span {
        let (sheet, at) = self.place_of(card);
        self.span_at(sheet, at)
    }

    fn place_of(&self, card: *mut Card) -> (Sheet, usize) {
        sheet_of(&self.runs, card).unwrap_or_else(|| fatal!("corrupted page table: no card at {card:p}"))
    }

    /// Writes the owner's word of `span`.
    pub fn mark(&self, span: Span, owner: u16) {
        // SAFETY: [PS1]: the span is the caller's, and with it its cards.
        unsafe { change(span.card, |card| card.owner = owner) };
    }

    /// Lets every page of `span` know where its first page is.
    pub fn chart(&self, span: Span) {
        for at in 1..span.pages {
            // SAFETY: [PS1]: the span is the caller's, and with it its cards.
            unsafe { change(span.card.wrapping_add(at), |card| card.span = at as u32) };
        }
    }

    /// Calls `see` with every span: taken or not.
    pub fn each(&self, mut see: impl FnMut(Span, bool)) {
        for site in self.runs.sites() {
            let (sheet, mut at) = (Sheet::of(site), 0);
            while at < sheet.pages() {
                let span = self.span_at(sheet, at);
                // SAFETY: [PS1]
                see(span, unsafe { read(span.card) }.role == Role::Taken);
                at += span.pages;
            }
        }
    }

    /// Calls `see` with start and size of all bytes that are no pages.
    pub fn each_own(&self, mut see: impl FnMut(usize, usize)) {
        for site in self.runs.sites() {
            let sheet = Sheet::of(site);
            let (start, first) = (site.run.base.addr(), sheet.address(0).addr());
            let end = first + sheet.page_bytes();
            if first > start {
                see(start, first - start);
            }
            if site.end() > end {
                see(end, site.end() - end);
            }
        }
    }

    /// Files the pages `at..at + pages` as a free span.
    fn file(&mut self, sheet: Sheet, at: usize, pages: usize, fresh: bool) {
        let (first, last) = (sheet.card(at), sheet.card(at + pages - 1));
        let span = pages as u32;
        // SAFETY: [PS1]
        unsafe { change(last, |card| (card.role, card.span) = (Role::Last, span)) };
        // SAFETY: [PS1]
        unsafe { change(first, |card| (card.role, card.span, card.fresh) = (Role::Free, span, fresh)) };
        let bin = bin_of(pages);
        self.bins[bin].push(first);
        self.filled |= 1 << bin;
        self.figures.free += pages * PAGE;
        self.figures.free_blocks += 1;
    }

    /// Takes the free span at page `at` out of its bin; its pages, and whether they are zero.
    fn pluck(&mut self, sheet: Sheet, at: usize) -> (usize, bool) {
        let first = sheet.card(at);
        // SAFETY: [PG2]
        let Card { span, fresh, .. } = unsafe { read(first) };
        let pages = span as usize;
        let bin = bin_of(pages);
        self.bins[bin].unlink(first);
        if self.bins[bin].is_empty() {
            self.filled &= !(1 << bin);
        }
        // SAFETY: [PS1]
        unsafe { change(sheet.card(at + pages - 1), |card| card.role = Role::Inside) };
        // SAFETY: [PS1]
        unsafe { change(first, |card| card.role = Role::Inside) };
        self.figures.free -= pages * PAGE;
        self.figures.free_blocks -= 1;
        (pages, fresh)
    }

    /// The free span that begins at page `at`, if one does: its pages.
    fn free_at(sheet: Sheet, at: usize) -> Option<usize> {
        if at >= sheet.pages() {
            return None;
        }
        // SAFETY: [PS1]
        let card = unsafe { read(sheet.card(at)) };
        (card.role == Role::Free).then_some(card.span as usize)
    }

    /// The first page of the free span that ends before page `at`, if one does.
    fn free_before(sheet: Sheet, at: usize) -> Option<usize> {
        // SAFETY: [PS1]
        let card = unsafe { read(sheet.card(at.checked_sub(1)?)) };
        match card.role {
            Role::Free => Some(at - 1),
            Role::Last => Some(at - card.span as usize),
            Role::Inside | Role::Taken => None,
        }
    }

    /// A free span in which `pages` begin at a multiple of `align`, and their first page.
    fn find(&mut self, pages: usize, align: usize) -> Option<(Sheet, usize, usize)> {
        let mut left = self.filled & (u64::MAX << bin_of(pages));
        while left != 0 {
            for card in self.bins[left.trailing_zeros() as usize].iter() {
                self.figures.probes += 1;
                let (sheet, at) = self.place_of(card);
                let start = sheet.address(at).addr();
                let lead = (round_up(start, align) - start) / PAGE;
                // SAFETY: [PG2]
                if lead + pages <= unsafe { read(card) }.span as usize {
                    return Some((sheet, at, at + lead));
                }
            }
            left &= left - 1;
        }
        None
    }

    /// `pages` at a multiple of `align` from what is free already.
    pub fn take_free(&mut self, pages: usize, align: usize) -> Option<Span> {
        let (sheet, at, start) = self.find(pages, align.max(PAGE))?;
        let (found, fresh) = self.pluck(sheet, at);
        let (lead, rest) = (start - at, at + found - start - pages);
        if lead != 0 {
            self.file(sheet, at, lead, fresh);
        }
        if rest != 0 {
            self.file(sheet, start + pages, rest, fresh);
        }
        self.figures.splits += u64::from(lead != 0) + u64::from(rest != 0);
        let card = sheet.card(start);
        let taken = Card { span: pages as u32, role: Role::Taken, fresh, ..BLANK };
        // SAFETY: [PS1]: the span is out of its bin.
        unsafe { card.write(taken) };
        Some(self.span_at(sheet, start))
    }

    /// Gives a taken span back.
    pub fn give(&mut self, span: Span) {
        let (sheet, at) = self.place_of(span.card);
        self.give_pages(sheet, at, span.pages);
    }

    fn give_pages(&mut self, sheet: Sheet, at: usize, pages: usize) {
        // SAFETY: [PS1]
        unsafe { change(sheet.card(at), |card| card.role = Role::Inside) };
        let (mut first, mut count) = (at, pages);
        if Self::free_at(sheet, at + pages).is_some() {
            count += self.pluck(sheet, at + pages).0;
            self.figures.coalesces += 1;
        }
        if let Some(before) = Self::free_before(sheet, at) {
            count += self.pluck(sheet, before).0;
            first = before;
            self.figures.coalesces += 1;
        }
        self.file(sheet, first, count, false);
    }
}

/// The card of a page of which nothing is known.
const BLANK: Card = Card {
    next: core::ptr::null_mut(),
    previous: core::ptr::null_mut(),
    span: 0,
    role: Role::Inside,
    fresh: false,
    owner: 0,
    used: 0,
    begun: 0,
    bits: [0; sheet::WORDS],
};
