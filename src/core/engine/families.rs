//! Families: memory by kinds of structures, with statistics for each kind.
//!
//! ```text
//!   register("emp_t", 52) ─► family ─► VM page ─► VM page ─► …        (doubly linked)
//!                               │        │ meta │ data │ meta │ data │ …
//!                               └─► queue of free blocks, the largest first
//!
//!   allocate_in(family, 3) ─► largest free block ─► split          else a new VM page
//!   release ─► merge with free neighbours ─► queue                  or, empty, the page goes
//! ```
//!
//! Worst fit, as the first of the project's source texts builds it: the block that is taken is
//! always the head of a priority queue, so that what is left over stays useful. Requests that
//! name no family go to one of those by size. A VM page is 8 KiB, or as long as one large request.
//!
//! - **FA1** A taken span is a VM page of the family that its owner's word numbers, or a shelf.
//! - **FA2** The queue of a family has room for all blocks of the family: freeing needs no memory.

mod family;
mod frame;
mod queue;
mod shelf;

#[cfg(test)]
mod tests;

use self::family::Family;
pub use self::family::{FamilyFigures, NAME};
use self::frame::{Frame, GRANULE, Meta};
use self::shelf::{SHELF, Shelf};
use super::pages::{Pages, Span};
use super::{Engine, Figures, Grant, Held, Kind, Piece};
use crate::fatal;
use crate::heap::{Fault, Growth};
use crate::os::PAGE;
use crate::os::backing::Backing;

/// OS pages of a VM page.
const VM_PAGE: usize = 2;

/// Bytes of a meta block.
pub const META: usize = GRANULE;

/// Families by size: their names, and the most bytes of a request.
const BY_SIZE: [(&[u8], usize); 9] = [
    (b"up to 32", 32),
    (b"up to 64", 64),
    (b"up to 128", 128),
    (b"up to 256", 256),
    (b"up to 512", 512),
    (b"up to 1024", 1024),
    (b"up to 2048", 2048),
    (b"up to 4096", 4096),
    (b"larger", usize::MAX),
];

/// A family's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyId(u16);

/// A heap of families.
#[derive(Debug)]
pub struct Families<B> {
    pages: Pages<B>,
    families: Shelf<Family>,
    /// Live bytes, blocks, calls, splits, merges and probes of families.
    figures: Figures,
}

// SAFETY: the engine owns the memory that its pointers name; it may move between threads.
unsafe impl<B: Send> Send for Families<B> {}

impl<B> Families<B> {
    /// A heap that has taken nothing yet.
    pub const fn new(backing: B, growth: Growth) -> Self {
        Self { pages: Pages::new(backing, growth), families: Shelf::EMPTY, figures: Figures::NONE }
    }

    /// The figures of a family.
    pub fn family(&self, id: FamilyId) -> Option<FamilyFigures<'_>> {
        self.families.items().get(usize::from(id.0)).map(Family::figures)
    }

    /// The registered families.
    pub fn registered(&self) -> impl Iterator<Item = (FamilyId, FamilyFigures<'_>)> {
        let all = self.families.items().iter().enumerate().skip(BY_SIZE.len());
        all.map(|(number, family)| (FamilyId(number as u16), family.figures()))
    }

    /// The family called `name`.
    pub fn named(&self, name: &[u8]) -> Option<FamilyId> {
        let own =
            self.families.items().iter().skip(BY_SIZE.len()).position(|family| family.is_named(name))?;
        Some(FamilyId((BY_SIZE.len() + own) as u16))
    }

    /// Calls `see` with every block of a family: address of its data, their bytes, whether it
    /// is free.
    pub fn each_block(&self, id: FamilyId, mut see: impl FnMut(usize, usize, bool)) {
        let Some(family) = self.families.items().get(usize::from(id.0)) else { return };
        for card in family.pages.iter() {
            let frame = Frame::of(self.pages.span_of(card));
            for meta in frame.blocks().flatten() {
                see(frame.address(meta.at + 1).addr(), meta.len(), meta.slot.is_some());
            }
        }
    }

    fn at(&mut self, family: usize) -> &mut Family {
        &mut self.families.items_mut()[family]
    }

    /// Files the free block `meta` of `family`, which is not written yet.
    fn file(&mut self, family: usize, frame: Frame, meta: Meta) {
        let meta = Meta { slot: Some(0), ..meta };
        frame.write(meta);
        self.at(family).queue.push(frame, meta);
    }

    /// The meta block at granule `at`, which must be there.
    fn meta(frame: Frame, at: u32) -> Meta {
        frame.meta(at).unwrap_or_else(|| fatal!("corrupted block at {:p}", frame.address(at + 1)))
    }

    /// Lets the block at granule `at`, unless that is the end, know the one before it.
    fn lead_back(frame: Frame, at: u32, previous: u32) {
        if at < frame.granules() {
            frame.write(Meta { previous, ..Self::meta(frame, at) });
        }
    }

    /// Makes `meta`, which is in no queue, a used block of `size` granules behind `lead`; what
    /// is too much becomes free.
    fn cut(&mut self, family: usize, frame: Frame, meta: Meta, lead: u32, size: u32) -> Meta {
        let Meta { at, mut previous, next, .. } = meta;
        let start = at + lead;
        if lead != 0 {
            self.file(family, frame, Meta { next: start, ..meta });
            self.figures.splits += 1;
            previous = at;
        }
        let rest = start + 1 + size;
        // A rest without data would be a meta block and nothing else.
        let end = if rest + 1 < next { rest } else { next };
        let used = Meta { at: start, previous, next: end, slot: None };
        frame.write(used);
        if end != next {
            self.file(family, frame, Meta { at: rest, previous: start, next, slot: None });
            self.figures.splits += 1;
        }
        Self::lead_back(frame, next, if end == next { start } else { rest });
        used
    }

    /// Makes `meta` one block with the free ones beside it; they leave the queue.
    fn merge(&mut self, family: usize, frame: Frame, meta: Meta) -> Meta {
        let mut whole = meta;
        if meta.next < frame.granules() {
            let next = Self::meta(frame, meta.next);
            if next.slot.is_some() {
                self.at(family).queue.remove(frame, next);
                whole.next = next.next;
                self.figures.coalesces += 1;
            }
        }
        if meta.at > 0 {
            let previous = Self::meta(frame, meta.previous);
            if previous.slot.is_some() {
                self.at(family).queue.remove(frame, previous);
                frame.wipe(meta.at);
                (whole.at, whole.previous) = (previous.at, previous.previous);
                self.figures.coalesces += 1;
            }
        }
        whole
    }

    /// Takes an empty VM page out of its family.
    fn dismiss(&mut self, family: usize, span: Span) {
        Frame::of(span).wipe(0);
        let owner = self.at(family);
        owner.pages.unlink(span.card);
        owner.page_count -= 1;
        owner.page_bytes -= span.pages * PAGE;
        if owner.page_count == 0 {
            let queue = &mut self.families.items_mut()[family].queue;
            queue.clear(&mut self.pages);
        }
        self.pages.give(span);
    }

    /// What is wrong with `address` in the VM page `frame`.
    fn explain(frame: Frame, address: usize) -> Fault {
        for found in frame.blocks() {
            let payload = |at: u32| frame.address(at + 1).addr();
            match found {
                Err(at) if payload(at) == address => return Fault::Smashed,
                Err(at) => return Fault::Overrun(payload(at)),
                Ok(meta) if address >= frame.address(meta.next).addr() => {}
                Ok(meta) if meta.slot.is_some() => return Fault::Freed,
                Ok(meta) => return Fault::Interior(payload(meta.at)),
            }
        }
        Fault::Own
    }

    /// The page, its frame and the meta block of the used block at `payload`, which was located.
    fn find(&self, payload: *mut u8) -> (Span, Frame, Meta) {
        let Ok(span) = self.pages.around(payload.addr()) else { fatal!("no block at {payload:p}") };
        let frame = Frame::of(span);
        (span, frame, Self::meta(frame, frame.granule_of(payload.addr()) - 1))
    }
}

impl<B: Backing> Families<B> {
    /// The families by size must be there before any other.
    fn found(&mut self) -> Option<()> {
        if self.families.count() == 0 {
            self.families.reserve(&mut self.pages, BY_SIZE.len()).then_some(())?;
            BY_SIZE.iter().for_each(|(name, len)| self.families.push(Family::new(name, *len)));
        }
        Some(())
    }

    /// The family of structures of `len` bytes called `name`, a new one if there is none;
    /// `None` if the name is taken by another length, or memory or numbers are out.
    pub fn register(&mut self, name: &[u8], len: usize) -> Option<FamilyId> {
        self.found()?;
        if let Some(FamilyId(number)) = self.named(name) {
            return (self.families.items()[usize::from(number)].len == len).then_some(FamilyId(number));
        }
        let number = self.families.count();
        if len == 0 || number >= usize::from(SHELF) || !self.families.reserve(&mut self.pages, number + 1) {
            return None;
        }
        self.families.push(Family::new(name, len));
        Some(FamilyId(number as u16))
    }

    /// Memory for `count` structures of a family in a row, at a multiple of `align`, a power of two.
    pub fn allocate_in(&mut self, id: FamilyId, count: usize, align: usize) -> Option<Grant> {
        let family = self.families.items().get(usize::from(id.0))?;
        let len = family.len.checked_mul(count)?;
        self.place(usize::from(id.0), len, align)
    }

    fn place(&mut self, family: usize, len: usize, align: usize) -> Option<Grant> {
        let size = u32::try_from(len.div_ceil(GRANULE).max(1)).ok().filter(|size| *size < 1 << 30)?;
        let align = align.max(GRANULE);
        // [FA2]: a new page and both sides of a cut are at most three blocks more.
        let owner = &mut self.families.items_mut()[family];
        let wanted = owner.used_blocks + owner.queue.count() + 3;
        owner.queue.reserve(&mut self.pages, wanted).then_some(())?;
        let (frame, meta, fresh) = match self.largest(family, size, align) {
            Some((frame, meta)) => (frame, meta, false),
            None => self.add_page(family, size, align)?,
        };
        let lead = frame.lead_in(meta, align) as u32;
        let used = self.cut(family, frame, meta, lead, size);
        let owner = self.at(family);
        owner.used_blocks += 1;
        owner.used_bytes += used.len();
        self.figures.granted(used.len());
        Some(Grant::new(frame.address(used.at + 1), if fresh { 0 } else { len }))
    }

    /// The largest free block of `family`, out of the queue, if `size` granules fit into it.
    fn largest(&mut self, family: usize, size: u32, align: usize) -> Option<(Frame, Meta)> {
        let entry = self.at(family).queue.first()?;
        self.figures.probes += 1;
        let meta = Self::meta(entry.frame, entry.at);
        let fits = entry.frame.lead_in(meta, align) + size as usize <= meta.size() as usize;
        fits.then(|| self.at(family).queue.remove(entry.frame, meta))?;
        Some((entry.frame, meta))
    }

    /// A new VM page of `family` as one block, and whether it is zero.
    fn add_page(&mut self, family: usize, size: u32, align: usize) -> Option<(Frame, Meta, bool)> {
        // A lead of one granule is too short for a block: it may become one alignment longer.
        let slack = if align > GRANULE { align.checked_mul(2)? } else { 0 };
        let bytes = ((size as usize + 1) * GRANULE).checked_add(slack)?;
        let count = bytes.div_ceil(PAGE).max(VM_PAGE);
        // Granules are counted in 32 bits.
        u32::try_from(count * (PAGE / GRANULE)).ok()?;
        let span = self.pages.take(count, PAGE)?;
        self.pages.mark(span, family as u16);
        self.pages.chart(span);
        let owner = self.at(family);
        owner.pages.push(span.card);
        owner.page_count += 1;
        owner.page_bytes += count * PAGE;
        let frame = Frame::of(span);
        Some((frame, Meta { at: 0, previous: 0, next: frame.granules(), slot: None }, span.fresh))
    }
}

impl<B: Backing> Engine for Families<B> {
    fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        self.found()?;
        let family = BY_SIZE.iter().position(|(_, most)| len <= *most)?;
        self.place(family, len, align)
    }

    fn locate(&self, address: usize) -> Result<Held, Fault> {
        let span = self.pages.around(address)?;
        if span.owner == SHELF {
            return Err(Fault::Own);
        }
        let frame = Frame::of(span);
        let at = frame.granule_of(address);
        let found = if address.is_multiple_of(GRANULE) && at > 0 { frame.meta(at - 1) } else { None };
        let Some(meta) = found.filter(|meta| meta.slot.is_none()) else {
            return Err(Self::explain(frame, address));
        };
        for beside in [meta.previous, meta.next] {
            if beside < frame.granules() && frame.meta(beside).is_none() {
                return Err(Fault::Overrun(frame.address(beside + 1).addr()));
            }
        }
        Ok(Held { payload: frame.address(at), len: meta.len() })
    }

    unsafe fn release(&mut self, held: Held) {
        let (span, frame, meta) = self.find(held.payload);
        let family = usize::from(span.owner);
        let owner = self.at(family);
        owner.used_blocks -= 1;
        owner.used_bytes -= held.len;
        self.figures.returned(held.len);
        let whole = self.merge(family, frame, meta);
        if whole.at == 0 && whole.next == frame.granules() {
            self.dismiss(family, span);
        } else {
            self.file(family, frame, whole);
            Self::lead_back(frame, whole.next, whole.at);
        }
    }

    unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
        let (span, frame, meta) = self.find(held.payload);
        let family = usize::from(span.owner);
        let Ok(size) = u32::try_from(len.div_ceil(GRANULE).max(1)) else { return false };
        let mut whole = meta;
        let next = frame.meta(meta.next.min(frame.granules() - 1)).filter(|next| next.at == meta.next);
        if let Some(free) = next.filter(|next| next.slot.is_some()) {
            whole.next = free.next;
            if size <= whole.size() {
                self.at(family).queue.remove(frame, free);
                self.figures.coalesces += 1;
            }
        }
        if size > whole.size() {
            return false;
        }
        let owner = &mut self.families.items_mut()[family];
        let wanted = owner.used_blocks + owner.queue.count() + 1;
        // [FA2]: without room for the rest the block keeps it.
        let keep = if owner.queue.reserve(&mut self.pages, wanted) { size } else { whole.size() };
        let used = self.cut(family, frame, whole, 0, keep);
        let owner = self.at(family);
        owner.used_bytes = owner.used_bytes + used.len() - held.len;
        self.figures.live = self.figures.live + used.len() - held.len;
        true
    }

    fn walk(&self, see: &mut dyn FnMut(Piece)) {
        self.pages.each(|span, taken| {
            let (start, size) = (span.start.addr(), span.pages * PAGE);
            if !taken || span.owner == SHELF {
                let kind = if taken { Kind::Own } else { Kind::Free };
                return see(Piece { start, size, lead: 0, kind });
            }
            let frame = Frame::of(span);
            for meta in frame.blocks().flatten() {
                let (start, size) = (frame.address(meta.at).addr(), meta.len() + GRANULE);
                let kind = if meta.slot.is_some() { Kind::Free } else { Kind::Used };
                see(Piece { start, size, lead: GRANULE, kind });
            }
        });
        self.pages.each_own(|start, size| see(Piece { start, size, lead: 0, kind: Kind::Own }));
    }

    fn figures(&self) -> Figures {
        let pages = self.pages.figures();
        let mut all = Figures {
            footprint: pages.footprint,
            peak_footprint: pages.peak_footprint,
            free: pages.free,
            free_blocks: pages.free_blocks,
            largest_free: self.pages.largest_free(),
            segments: self.pages.segments(),
            grows: pages.grows,
            shrinks: pages.shrinks,
            metadata: pages.metadata + self.families.bytes(),
            tags: self.figures.used_blocks * GRANULE,
            splits: pages.splits + self.figures.splits,
            coalesces: pages.coalesces + self.figures.coalesces,
            probes: pages.probes + self.figures.probes,
            ..self.figures
        };
        for family in self.families.items() {
            all.metadata += family.queue.bytes();
            all.free += family.page_bytes - family.used_bytes - family.used_blocks * GRANULE;
            all.free_blocks += family.queue.count();
            let largest = family.queue.first().map_or(0, |entry| entry.size as usize * GRANULE);
            all.largest_free = all.largest_free.max(largest);
        }
        all
    }

    fn footprint(&self) -> usize {
        self.pages.figures().footprint
    }

    fn live(&self) -> usize {
        self.figures.live
    }

    fn trim(&mut self, keep: usize) -> bool {
        // A request that failed may have left a queue to a family without a page.
        let (mut idle, pages) = (true, &mut self.pages);
        for family in self.families.items_mut() {
            match family.page_count {
                0 => family.queue.clear(pages),
                _ => idle = false,
            }
        }
        if idle && self.families.count() == BY_SIZE.len() {
            self.families.clear(pages);
        }
        self.pages.trim(keep)
    }
}
