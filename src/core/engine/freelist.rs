//! The free list of the textbooks: nodes `{size, next}` in the free memory itself.
//!
//! ```text
//!   first ──► {size, next} ──► {size, next} ──► NIL       ascending, per run of memory
//!
//!   allocate ─► first node that is large enough; the rest stays in the list
//!   release  ─► back in its place, one with the neighbours that are free
//! ```
//!
//! A node is eight bytes, so a heap of 4096 bytes begins as one free node of 4088. A used block
//! keeps the eight bytes as its header: size, and a seal by which it is known. Searching is
//! linear, as in the text: after Arpaci-Dusseau and Arpaci-Dusseau, "Operating Systems: Three
//! Easy Pieces", chapter 17, and Kernighan and Ritchie, "The C Programming Language", 8.7.
//!
//! - **FL1** Every granule of every strip belongs to one free node or one used block.

mod strip;

#[cfg(test)]
mod tests;

use self::strip::{GRANULE, NIL, Note, Strip};
use super::runs::Runs;
use super::{Engine, Figures, Grant, Held, Kind, Piece};
use crate::fatal;
use crate::heap::{Fault, Growth};
use crate::os::backing::Backing;
use crate::os::{PAGE, round_up};

/// Least that a geometric growth asks for.
const LEAST_GROWTH: usize = 64 << 10;

/// A heap with one free list for each run of memory.
#[derive(Debug)]
pub struct FreeList<B> {
    backing: B,
    growth: Growth,
    runs: Runs<Note>,
    figures: Figures,
}

// SAFETY: the engine owns the memory that its pointers name; it may move between threads.
unsafe impl<B: Send> Send for FreeList<B> {}

/// Granules of payload for `len` bytes: an odd number, so that the next header is in place.
fn granules_for(len: usize) -> Option<u32> {
    let granules = len.div_ceil(GRANULE).max(1) | 1;
    u32::try_from(granules).ok().filter(|granules| *granules < NIL / 2)
}

impl<B> FreeList<B> {
    /// A heap that has taken nothing yet.
    pub const fn new(backing: B, growth: Growth) -> Self {
        Self { backing, growth, runs: Runs::new(Note::BLANK), figures: Figures::NONE }
    }

    /// Calls `see` with the size of every free node, in bytes without the node itself.
    pub fn nodes(&self, mut see: impl FnMut(usize)) {
        for strip in self.runs.sites() {
            strip.chain().for_each(|(_, node)| see(node.size as usize * GRANULE));
        }
    }

    fn strip(&self, site: usize) -> &Strip {
        &self.runs.sites()[site]
    }

    fn strip_mut(&mut self, site: usize) -> &mut Strip {
        &mut self.runs.sites_mut()[site]
    }

    /// The strip and the header of the used block at `payload`.
    fn find(&self, payload: *mut u8) -> (usize, u32) {
        let Some(site) = self.runs.holding(payload.addr()) else { fatal!("no block at {payload:p}") };
        (site, self.strip(site).granule_of(payload.addr()) - 1)
    }

    /// Makes `size` granules behind granule `at` of strip `site` free.
    fn insert(&mut self, site: usize, at: u32, size: u32) {
        let merged = self.strip_mut(site).insert(at, size);
        self.figures.free += (size as usize + 1) * GRANULE;
        self.figures.free_blocks += 1;
        self.figures.free_blocks -= merged as usize;
        self.figures.coalesces += u64::from(merged);
    }

    /// Gives the used block at granule `at` of strip `site` just `size` granules of payload; it
    /// has `old` and the rest becomes free.
    fn shorten(&mut self, site: usize, at: u32, old: u32, size: u32) {
        self.strip_mut(site).set_header(at, size);
        if old > size {
            self.insert(site, at + 1 + size, old - size - 1);
            self.figures.splits += 1;
        }
    }

    /// What is wrong with `address` in `strip`: a walk from its first block.
    fn explain(strip: &Strip, address: usize) -> Fault {
        let (mut at, mut chain) = (0, strip.chain().peekable());
        while at < strip.granules() {
            let payload = strip.address(at).addr() + GRANULE;
            let free = chain.next_if(|(node, _)| *node == at);
            if free.is_none() && !strip.is_header(at) {
                return if payload == address { Fault::Smashed } else { Fault::Overrun(payload) };
            }
            at += 1 + strip.node(at).size;
            if address < strip.address(at).addr() {
                return if free.is_some() { Fault::Freed } else { Fault::Interior(payload) };
            }
        }
        Fault::Own
    }
}

impl<B: Backing> FreeList<B> {
    /// Takes `bytes` at once, as the heap of the text does from mmap; whether there was so much.
    pub fn reserve(&mut self, bytes: usize) -> bool {
        self.extend(round_up(bytes, 16), bytes).is_some()
    }

    /// The strip that ends where growth is adjacent, and the free bytes at its end.
    fn brink(&self) -> Option<(usize, usize)> {
        let site = self.runs.holding(self.runs.end().addr().checked_sub(1)?)?;
        let free = self.strip(site).last().map_or(0, |(_, size)| size as usize + 1);
        Some((site, free * GRANULE))
    }

    /// Free bytes where growth is adjacent.
    fn have(&self) -> usize {
        self.brink().map_or(0, |(_, have)| have)
    }

    /// Takes `least` bytes, or more as the settings say.
    fn grow(&mut self, least: usize) -> Option<()> {
        let least = round_up(least.max(16), 16);
        let want = match self.growth {
            Growth::Exact => least,
            Growth::Geometric => (self.figures.footprint / 8).max(LEAST_GROWTH),
        };
        self.extend(least, want)
    }

    /// Takes `least` bytes, or `want`, as one more free node or a longer last one.
    fn extend(&mut self, least: usize, want: usize) -> Option<()> {
        let (site, end) = (self.brink().map(|(site, _)| site), self.runs.end());
        let run = self.runs.take(&mut self.backing, least, want)?;
        self.figures.took(run.len);
        let adjacent = site.filter(|site| {
            let strip = self.strip(*site);
            run.base == end && (strip.run.len + run.len) / GRANULE < NIL as usize
        });
        let (site, at) = match adjacent {
            Some(site) => {
                let strip = self.strip(site);
                let (at, len) = (strip.granules(), strip.run.len + run.len);
                self.runs.resize(site, len);
                (site, at)
            }
            None => (self.runs.file(run, Note::BLANK), 0),
        };
        let strip = self.strip_mut(site);
        let size = strip.granules() - at - 1;
        strip.note.high = strip.note.high.max(at + 1);
        self.figures.metadata += run.len - (size as usize + 1) * GRANULE;
        self.insert(site, at, size);
        Some(())
    }

    /// The first fit in the first strip that has one.
    fn place(&mut self, size: u32, align: usize) -> Option<Grant> {
        let sites = self.runs.sites_mut();
        let probes = &mut self.figures.probes;
        let (strip, fit) = sites.iter_mut().find_map(|strip| {
            let fit = strip.find(size, align, probes)?;
            Some((strip, fit))
        })?;
        let high = strip.note.high;
        let (header, nodes) = strip.place(fit, size);
        let payload = strip.address(header + 1);
        self.figures.splits += u64::from(nodes >= 0) + u64::from(nodes > 0);
        self.figures.free_blocks = self.figures.free_blocks.wrapping_add_signed(nodes as isize);
        self.figures.free -= (size as usize + 1) * GRANULE;
        self.figures.tags += GRANULE;
        self.figures.granted(size as usize * GRANULE);
        Some(Grant::new(payload, high.saturating_sub(header + 1) as usize * GRANULE))
    }

    /// Makes the used block at granule `at` grow into the free node behind it; whether it has
    /// `size` granules of payload then.
    fn stretch(&mut self, site: usize, at: u32, size: u32) -> bool {
        let strip = self.strip_mut(site);
        let old = strip.node(at).size;
        let Some(free) = strip.free_at(at + 1 + old).filter(|free| old + 1 + free >= size) else {
            return false;
        };
        strip.remove(at + 1 + old);
        strip.note.high = strip.note.high.max((at + size + 2).min(strip.granules()));
        self.figures.free -= (free as usize + 1) * GRANULE;
        self.figures.free_blocks -= 1;
        self.shorten(site, at, old + 1 + free, size);
        true
    }

    /// Whether granule `end` of strip `site`, or the free node there, is where the heap grows.
    fn is_at_brink(&self, site: usize, end: u32) -> bool {
        let strip = self.strip(site);
        let reaches = end == strip.granules() || strip.last().is_some_and(|(at, _)| at == end);
        reaches && self.brink().is_some_and(|(brink, _)| brink == site)
    }

    /// Gives strip `site` back, or what its last node has to spare beside `keep` bytes.
    fn trim_strip(&mut self, site: usize, keep: usize) -> bool {
        let strip = self.strip(site);
        let (run, Some((at, size))) = (strip.run, strip.last()) else { return false };
        let (len, bytes) = (run.len, (size as usize + 1) * GRANULE);
        let end = run.base.addr() + len;
        let from = round_up(strip.address(at + 1).addr().saturating_add(keep).min(end), PAGE);
        let unusable = len - strip.granules() as usize * GRANULE;
        if at == 0 && keep == 0 && self.backing.release(run) {
            self.runs.strike(site);
            self.figures.free -= bytes;
            self.figures.free_blocks -= 1;
            self.figures.metadata -= unusable;
            self.figures.gave(len);
            return true;
        }
        if unusable != 0 || from >= end || !self.backing.shrink(run.base.with_addr(from), end - from) {
            return false;
        }
        let gone = end - from;
        self.strip_mut(site).cut(at, (gone / GRANULE) as u32);
        self.runs.resize(site, len - gone);
        let strip = self.strip_mut(site);
        strip.note.high = strip.note.high.min(strip.granules());
        self.figures.free -= gone;
        self.figures.gave(gone);
        true
    }
}

impl<B: Backing> Engine for FreeList<B> {
    fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        let (size, align) = (granules_for(len)?, align.max(16));
        let total = (size as usize + 2) * GRANULE + if align > 16 { align } else { 0 };
        let mut grant = self.place(size, align);
        // What the last node lacks may turn out not to be adjacent: then all of it is needed.
        for have in [self.have(), 0] {
            if grant.is_none() {
                self.grow(total.saturating_sub(have))?;
                grant = self.place(size, align);
            }
        }
        grant.map(|grant| Grant { dirty: grant.dirty.min(len), ..grant })
    }

    fn locate(&self, address: usize) -> Result<Held, Fault> {
        let site = self.runs.holding(address).ok_or(Fault::Foreign)?;
        let strip = self.strip(site);
        let at = strip.granule_of(address);
        if !address.is_multiple_of(16) || at == 0 || at >= strip.granules() || !strip.is_header(at - 1) {
            return Err(Self::explain(strip, address));
        }
        Ok(Held { payload: strip.address(at), len: strip.node(at - 1).size as usize * GRANULE })
    }

    unsafe fn release(&mut self, held: Held) {
        let (site, at) = self.find(held.payload);
        self.figures.returned(held.len);
        self.figures.tags -= GRANULE;
        self.insert(site, at, (held.len / GRANULE) as u32);
    }

    unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
        let (site, at) = self.find(held.payload);
        let (Some(size), old) = (granules_for(len), (held.len / GRANULE) as u32) else { return false };
        if size <= old {
            self.shorten(site, at, old, size);
        } else if !self.stretch(site, at, size) {
            let lacking = ((size - old) as usize * GRANULE).saturating_sub(self.have());
            let grown = self.is_at_brink(site, at + 1 + old) && self.grow(lacking).is_some();
            if !grown || !self.stretch(self.find(held.payload).0, at, size) {
                return false;
            }
        }
        self.figures.live = self.figures.live + size as usize * GRANULE - held.len;
        true
    }

    fn walk(&self, see: &mut dyn FnMut(Piece)) {
        for strip in self.runs.sites() {
            let (mut at, mut chain) = (0, strip.chain().peekable());
            while at < strip.granules() {
                let free = chain.next_if(|(node, _)| *node == at).is_some();
                if !free && !strip.is_header(at) {
                    // It was overwritten: nothing is known about what lies behind.
                    break;
                }
                let size = 1 + strip.node(at).size;
                let kind = if free { Kind::Free } else { Kind::Used };
                let (start, bytes) = (strip.address(at).addr(), size as usize * GRANULE);
                see(Piece { start, size: bytes, lead: GRANULE, kind });
                at += size;
            }
            let end = strip.address(at).addr();
            if end != strip.end() {
                see(Piece { start: end, size: strip.end() - end, lead: 0, kind: Kind::Own });
            }
        }
    }

    fn figures(&self) -> Figures {
        let mut largest_free = 0;
        self.nodes(|size| largest_free = largest_free.max(size));
        Figures { largest_free, segments: self.runs.sites().len(), ..self.figures }
    }

    fn footprint(&self) -> usize {
        self.figures.footprint
    }

    fn live(&self) -> usize {
        self.figures.live
    }

    fn trim(&mut self, keep: usize) -> bool {
        let mut any = false;
        for site in (0..self.runs.sites().len()).rev() {
            any |= self.trim_strip(site, keep);
        }
        any
    }
}
