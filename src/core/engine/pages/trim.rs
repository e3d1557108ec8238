//! Giving pages back: whole runs to the backing, and the contents of free spans.

use super::sheet::{Sheet, change};
use super::{BINS, Pages};
use crate::os::PAGE;
use crate::os::backing::Backing;

impl<B: Backing> Pages<B> {
    /// Gives back whole runs, and drops the contents of free spans, but `keep` bytes; whether
    /// there was anything.
    pub fn trim(&mut self, keep: usize) -> bool {
        let (before, mut spare) = (self.figures.footprint, self.figures.free.saturating_sub(keep));
        for site in (0..self.runs.sites().len()).rev() {
            let bytes = Sheet::of(&self.runs.sites()[site]).page_bytes();
            if bytes <= spare && self.give_back(site) {
                spare -= bytes;
            }
        }
        self.purge(spare) || self.figures.footprint != before
    }

    /// Gives a run back that is one free span; whether it was one and the backing took it.
    fn give_back(&mut self, site: usize) -> bool {
        let run = self.runs.sites()[site].run;
        let sheet = Sheet::of(&self.runs.sites()[site]);
        if Self::free_at(sheet, 0).unwrap_or(0) != sheet.pages() {
            return false;
        }
        // The cards lie in the run: they cannot be read when it is gone.
        let free = (sheet.pages() != 0).then(|| self.pluck(sheet, 0));
        if !self.backing.release(run) {
            free.into_iter().for_each(|(pages, fresh)| self.file(sheet, 0, pages, fresh));
            return false;
        }
        self.runs.strike(site);
        self.figures.gave(run.len);
        self.figures.metadata -= run.len - sheet.page_bytes();
        true
    }

    /// A span is dropped whole, if half of it may go: runs grow, and one span may be all there is.
    fn purge(&mut self, mut spare: usize) -> bool {
        let mut any = false;
        for bin in (0..BINS).rev() {
            for card in self.bins[bin].iter() {
                let span = self.span_of(card);
                let bytes = span.pages * PAGE;
                if !span.fresh && bytes / 2 <= spare && self.backing.purge(span.start, bytes) {
                    // SAFETY: [PG2]
                    unsafe { change(card, |card| card.fresh = true) };
                    spare = spare.saturating_sub(bytes);
                    self.figures.shrinks += 1;
                    any = true;
                }
            }
        }
        any
    }
}
