//! More pages: a run that has cards to spare is lengthened, else a new one begins.
//!
//! ```text
//!   ├ cards ┼ pages ┼ pages of today ┤     adjacent, and there are cards: the last span goes on
//!   ├ cards ┼ pages ┤ stranger ├ cards ┼ pages ┤     a run of its own
//! ```
//!
//! A span that ends where the last run ends grows with it: that is how a large block is resized
//! without a move.

use super::sheet::{Card, Sheet, change};
use super::{Pages, Span};
use crate::engine::runs::wish;
use crate::os::backing::{Backing, Run};
use crate::os::{PAGE, round_up};

impl<B: Backing> Pages<B> {
    /// `pages` at a multiple of `align`, from the backing if nothing free fits.
    pub fn take(&mut self, pages: usize, align: usize) -> Option<Span> {
        let mut span = self.take_free(pages, align);
        // What was to lengthen a run may lie elsewhere, after a stranger's move of the break, and
        // be too short.
        for _ in 0..2 {
            if span.is_none() {
                let slack = (align / PAGE).saturating_sub(1);
                self.grow(pages.checked_add(slack)?)?;
                span = self.take_free(pages, align);
            }
        }
        span
    }

    /// Makes a taken span `pages` long where it is; whether that was possible.
    pub fn resize(&mut self, span: Span, pages: usize) -> bool {
        let (mut sheet, at) = self.place_of(span.card);
        if pages < span.pages {
            self.give_pages(sheet, at + pages, span.pages - pages);
        } else if pages > span.pages {
            let (end, more) = (at + span.pages, pages - span.pages);
            let free = Self::free_at(sheet, end).unwrap_or(0);
            if free < more {
                if end + free != sheet.pages() || self.lengthen(sheet, more - free).is_none() {
                    return false;
                }
                sheet = self.place_of(span.card).0;
            }
            let (free, fresh) = self.pluck(sheet, end);
            if free > more {
                self.file(sheet, end + more, free - more, fresh);
            }
        }
        // SAFETY: [PS1]
        unsafe { change(span.card, |card| card.span = pages as u32) };
        true
    }

    /// So many pages more that `pages` are free in one piece, unless the backing gives less.
    fn grow(&mut self, pages: usize) -> Option<()> {
        u32::try_from(pages).ok()?;
        if let Some(sheet) = self.last() {
            let free = Self::free_before(sheet, sheet.pages()).map_or(0, |at| sheet.pages() - at);
            if self.adjacent && pages - free <= sheet.spare() {
                return self.lengthen(sheet, pages - free).or_else(|| self.begin(pages));
            }
        }
        self.begin(pages)
    }

    /// The run that was taken last.
    fn last(&self) -> Option<Sheet> {
        let site = self.runs.holding(self.runs.end().addr().checked_sub(1)?)?;
        Some(Sheet::of(&self.runs.sites()[site]))
    }

    /// `more` pages at the end of the run of `sheet`, if that is the last run and has the cards.
    /// What the backing gives elsewhere becomes a run of its own.
    fn lengthen(&mut self, sheet: Sheet, more: usize) -> Option<()> {
        let end = self.runs.end();
        let site = self.runs.holding(end.addr().checked_sub(1)?)?;
        let is_last = self.runs.sites()[site].run.base == sheet.base();
        if !self.adjacent || !is_last || more > sheet.spare() {
            return None;
        }
        let wish = wish(self.growth, self.figures.footprint) / PAGE;
        let most = sheet.address(sheet.pages()).wrapping_add(sheet.spare() * PAGE);
        let least = sheet.address(sheet.pages() + more).addr() - end.addr();
        let want = (wish * PAGE).min(most.addr() - end.addr());
        let run = self.runs.take(&mut self.backing, least, want)?;
        self.figures.took(run.len);
        if run.base != end {
            self.adjacent = false;
            self.file_run(run, Sheet::room_in(run.len));
            return None;
        }
        self.runs.resize(site, self.runs.sites()[site].run.len + run.len);
        let grown = Sheet::of(&self.runs.sites()[site]);
        let gained = grown.pages() - sheet.pages();
        self.figures.metadata += run.len;
        self.figures.metadata -= gained * PAGE;
        let (mut first, mut count, mut fresh) = (sheet.pages(), gained, true);
        if let Some(before) = Self::free_before(grown, first) {
            let (pages, zero) = self.pluck(grown, before);
            (first, count, fresh) = (before, count + pages, zero);
        }
        self.file(grown, first, count, fresh);
        Some(())
    }

    /// A new run with `pages` pages or more, and cards for twice what there will be.
    fn begin(&mut self, pages: usize) -> Option<()> {
        let had = self.figures.footprint / PAGE;
        let room = round_up(pages.checked_add(had)?.checked_mul(2)?, PAGE / size_of::<Card>());
        let end = self.runs.end();
        let least = round_up(Sheet::bytes_for(pages, room), PAGE);
        let want = round_up(wish(self.growth, self.figures.footprint), PAGE);
        let run = self.runs.take(&mut self.backing, least, want)?;
        self.adjacent = end.is_null() || run.base == end;
        self.figures.took(run.len);
        self.file_run(run, room);
        Some(())
    }

    /// Files a run that begins with `room` cards, its pages as one free span.
    fn file_run(&mut self, run: Run, room: usize) {
        let site = self.runs.file(run, room);
        let sheet = Sheet::of(&self.runs.sites()[site]);
        self.figures.metadata += run.len - sheet.page_bytes();
        if sheet.pages() != 0 {
            self.file(sheet, 0, sheet.pages(), true);
        }
    }
}
