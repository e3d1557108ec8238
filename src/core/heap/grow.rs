//! Growing: what no free block could serve comes from the end of the newest segment.
//!
//! ```text
//!   │ ... │ free │E│ tail        │          have = free, missing = need - have
//!         ├──── need ────┤E│ tail │          from the tail first, then from the backing
//! ```

use super::place::lead_of;
use super::{Growth, Heap, Placed};
use crate::block::segment::OVERHEAD;
use crate::block::tag::{PREV_USED, Tag, USED};
use crate::block::{ALIGN, Block, SMALLEST, Segment, WORD};
use crate::os::backing::{Backing, HUGE_PAGE, Run};
use crate::os::{PAGE, round_up};
use crate::policy::FreeIndex;

/// Least and most that a geometric growth asks for. What is not touched costs nothing but a smaller
/// break, and each growth is a system call with the allocator's lock held, for which the kernel
/// stops the page faults of all threads.
const LEAST_GROWTH: usize = 64 << 10;
const MOST_GROWTH: usize = 4 << 20;
/// The least where several threads wait for it, but for a heap of less than sixteen times as much: there it is a
/// sixteenth.
const LEAST_SHARED_GROWTH: usize = 256 << 10;
/// The largest block, in bytes, that will be filled if it is a slab: aligned to its own size.
const LONGEST_DENSE: usize = 64 << 10;
/// The largest other one beside threads that wait for each other's page faults; else a page.
const LONGEST_SHARED: usize = 16 << 10;

/// The end of a segment: the free bytes before the epilogue, if any.
struct Brink {
    segment: Segment,
    start: Block,
    have: usize,
}

impl<B: Backing, I: FreeIndex> Heap<B, I> {
    /// A block of `need` bytes at the end of the heap.
    pub(super) fn extend(&mut self, need: usize) -> Option<Placed> {
        self.extend_aligned(need, ALIGN)
    }

    /// A block of `need` bytes at the end of the heap, its payload at a multiple of `align`.
    pub(super) fn extend_aligned(&mut self, need: usize, align: usize) -> Option<Placed> {
        // Each turn either suffices or has added memory; a strange backing is given up.
        for _ in 0..4 {
            let Some(brink) = self.brink() else {
                self.found(OVERHEAD.checked_add(need)?.checked_add(align)?)?;
                continue;
            };
            let lead = lead_of(brink.start, align);
            let total = need.checked_add(lead)?;
            if brink.have >= total {
                let free = self.index.remove(brink.start, &self.segments);
                return Some(self.place_aligned(free, need, align));
            }
            let missing = total - brink.have;
            let tail = brink.segment.tail();
            if tail >= missing {
                return Some(self.carve(&brink, lead, need));
            }
            let room = if align > ALIGN { align } else { 0 };
            let whole = OVERHEAD.checked_add(need)?.checked_add(room)?;
            self.stretch(brink.segment, missing - tail, whole)?;
            let longest = match self.tending.has_company {
                _ if align == need => LONGEST_DENSE,
                true => LONGEST_SHARED,
                false => PAGE,
            };
            if need <= longest {
                self.expect_growth(brink.segment, tail);
            }
        }
        None
    }

    /// Grows the used `block`, which ends at the epilogue or at the free block before it, to
    /// `need` bytes; whether memory sufficed.
    pub(super) fn extend_in_place(&mut self, block: Block, need: usize) -> bool {
        // SAFETY: [B1]
        let tag = unsafe { block.tag() };
        let end = block.offset(tag.size());
        let ends = |b: &Brink| if b.have == 0 { b.segment.epilogue() == end } else { b.start == end };
        let Some(brink) = self.brink().filter(ends) else { return false };
        let missing = need - tag.size() - brink.have;
        let tail = brink.segment.tail();
        if tail < missing && self.stretch(brink.segment, missing - tail, 0).is_none() {
            return false;
        }
        if self.segments.newest() != Some(brink.segment) || brink.segment.tail() < missing {
            return false;
        }
        self.take_brink(&brink);
        // SAFETY: [S3]: the tail has room for it.
        unsafe { brink.segment.set_epilogue(block.offset(need), PREV_USED) };
        // SAFETY: [B4]
        unsafe { block.set_tag(tag.resized(need).classless()) };
        // The rover of next fit may have stood on the old epilogue, which is payload now.
        self.index.placed(block.offset(need));
        true
    }

    /// The end of the newest segment.
    fn brink(&self) -> Option<Brink> {
        let segment = self.segments.newest()?;
        let epilogue = segment.epilogue();
        // SAFETY: [S2]
        if unsafe { epilogue.tag() }.has(PREV_USED) {
            return Some(Brink { segment, start: epilogue, have: 0 });
        }
        // SAFETY: [B3]
        let start = unsafe { epilogue.previous(segment.first().addr()) };
        Some(Brink { segment, start, have: epilogue.addr() - start.addr() })
    }

    /// Takes the free block before the epilogue, if there is one, out of the index.
    fn take_brink(&mut self, brink: &Brink) {
        if brink.have != 0 {
            let block = self.index.remove(brink.start, &self.segments).settle();
            // SAFETY: [B1]
            let tag = unsafe { block.tag() };
            self.uncount_free(tag);
        }
    }

    /// Makes a block of the free bytes before the epilogue and of the tail.
    fn carve(&mut self, brink: &Brink, lead: usize, need: usize) -> Placed {
        let (start, have) = (brink.start, brink.have);
        // SAFETY: [B1]: a free block or the epilogue.
        let before = unsafe { start.tag() }.only(PREV_USED);
        self.take_brink(brink);
        // SAFETY: [S3]: the caller has made sure of the tail.
        unsafe { brink.segment.set_epilogue(start.offset(lead + need), PREV_USED) };
        let block = start.offset(lead);
        let ahead = if lead == 0 { before } else { PREV_USED };
        // SAFETY: [B1], [B4]
        unsafe { block.set_tag(Tag::new(need, ahead | USED)) };
        if lead != 0 {
            self.leave(start, lead, before);
        }
        // What was free, and the old epilogue's word behind it, may hold anything.
        let soiled = if have == 0 { WORD } else { have + WORD };
        let payload = lead + WORD;
        Placed::new(block, soiled.saturating_sub(payload).min(need - WORD))
    }

    /// Adds at least `least` bytes to the tail of `segment`; or `whole`, if that is more, as a new
    /// segment: there the block gets nothing from what was free before.
    fn stretch(&mut self, segment: Segment, least: usize, whole: usize) -> Option<()> {
        let mut run = self.ask(segment.end(), least)?;
        if run.base == segment.end() {
            // SAFETY: [K1]: the new bytes are fresh and ours.
            unsafe { segment.set_end(run.base.wrapping_add(run.len)) };
            self.segments.widen(segment);
            return Some(());
        }
        if run.len < whole && self.backing.release(run) {
            self.counts.footprint -= run.len;
            run = self.ask(core::ptr::null_mut(), whole)?;
        }
        self.seal_off(segment);
        self.adopt(run)
    }

    /// The first segment.
    fn found(&mut self, least: usize) -> Option<()> {
        let least = if self.shape.growth == Growth::Exact { OVERHEAD } else { least };
        let run = self.ask(core::ptr::null_mut(), least)?;
        self.adopt(run)
    }

    fn ask(&mut self, end: *mut u8, least: usize) -> Option<Run> {
        let run = match self.shape.growth {
            Growth::Exact => self.backing.grow(end, least, least)?,
            Growth::Geometric => self.ask_ahead(end, least)?,
        };
        self.counts.grows += 1;
        self.counts.footprint += run.len;
        self.counts.peak_footprint = self.counts.peak_footprint.max(self.counts.footprint);
        Some(run)
    }

    /// A run for `least` bytes and those to come.
    fn ask_ahead(&mut self, end: *mut u8, least: usize) -> Option<Run> {
        let footprint = self.counts.footprint;
        let shared = if self.tending.has_company { LEAST_SHARED_GROWTH.min(footprint / 16) } else { 0 };
        let step = (footprint / 128).max(shared).clamp(LEAST_GROWTH, MOST_GROWTH);
        let want = least.max(step);
        let want = round_up(end.addr().checked_add(want)?, self.unit_of_growth()) - end.addr();
        self.backing.grow(end, least, want)
    }

    /// What a growth ends at a multiple of: a large heap grows by huge pages where more of it is in use than ever, and
    /// nearly all; later, and most of all, where several threads free, who may be about to free much. One that grows
    /// though it is not, since nothing free fits, is to grow by little.
    fn unit_of_growth(&mut self) -> usize {
        let footprint = self.counts.footprint;
        let in_use = self.counts.used_bytes.saturating_sub(self.tending.resting);
        let (large, most_free) = if self.tending.has_company {
            let large = self.shape.huge.saturating_mul(2);
            (large, (large / 8).max(footprint / 16))
        } else {
            (self.shape.huge, footprint / 8)
        };
        let is_full = in_use + most_free >= footprint;
        if footprint < large || !is_full || in_use < self.tending.filled + HUGE_PAGE / 2 {
            return PAGE;
        }
        self.tending.filled = in_use;
        HUGE_PAGE
    }

    /// Blocks that will fill what `segment` has got behind its old `tail` have made a large heap grow: huge pages suit
    /// them. Of larger ones a program may touch little.
    fn expect_growth(&mut self, segment: Segment, tail: usize) {
        if self.counts.footprint >= self.shape.huge && self.segments.newest() == Some(segment) {
            let new = segment.tail() - tail.min(segment.tail());
            self.backing.thicken(segment.end().wrapping_sub(new), new);
            self.tending.is_thick = true;
        }
    }

    fn adopt(&mut self, run: Run) -> Option<()> {
        if run.len < OVERHEAD + SMALLEST && self.shape.growth == Growth::Geometric {
            self.counts.footprint -= run.len;
            self.backing.release(run);
            return None;
        }
        // SAFETY: [K1]
        let segment = unsafe { Segment::found(run) };
        self.counts.segments += 1;
        self.segments.push(segment);
        Some(())
    }

    /// Makes the tail of a segment that will not grow again an ordinary free block.
    fn seal_off(&mut self, segment: Segment) {
        let size = crate::os::round_down(segment.tail(), ALIGN);
        if size < SMALLEST {
            return;
        }
        let block = segment.epilogue();
        // SAFETY: [S2]
        let before = unsafe { block.tag() }.only(PREV_USED);
        // SAFETY: [S3]: the tail has room for a block and the epilogue behind it.
        unsafe { segment.set_epilogue(block.offset(size), 0) };
        self.file(block, Tag::new(size, before));
    }
}

#[cfg(test)]
mod tests {
    use crate::heap::draw::arena;
    use crate::heap::{Heap, Request, Shape};
    use crate::os::backing::HUGE_PAGE;
    use crate::policy::AnyIndex;

    /// What a heap of 8 MiB, which is large from `huge` bytes on, takes more, the most at a time, for another 8 MiB; as
    /// many bytes rest after so many of them.
    fn steps_of_a_large_heap(huge: usize, has_company: bool, resting: impl Fn(usize) -> usize) -> usize {
        let shape = Shape { huge, ..Shape::DEFAULT };
        let mut heap = Heap::new(arena(64 << 20), AnyIndex::EMPTY, shape);
        if has_company {
            heap.expect_company();
        }
        let mut place = |resting: usize| {
            let before = heap.counts().footprint;
            heap.note_resting(resting);
            heap.allocate(Request::of(10_000)).unwrap();
            heap.counts().footprint - before
        };
        let large = (8 << 20) / 10_000;
        (0..large).for_each(|_| _ = place(0));

        let steps = (0..large).map(|n| place(resting(n * 10_000)));
        // What was in use before may still bring a large step.
        steps.skip(large / 2).max().unwrap()
    }

    /// Growths of a heap up to 8 MiB.
    fn growths(has_company: bool) -> u64 {
        let mut heap = Heap::new(arena(64 << 20), AnyIndex::EMPTY, Shape::DEFAULT);
        if has_company {
            heap.expect_company();
        }
        (0..(8 << 20) / 10_000).for_each(|_| _ = heap.allocate(Request::of(10_000)).unwrap());
        heap.counts().grows
    }

    /// The lock is held for each, and the kernel stops the page faults of all threads.
    #[test]
    fn a_heap_of_several_threads_grows_less_than_half_as_often() {
        let (alone, in_company) = (growths(false), growths(true));

        assert!(in_company < alone / 2, "{alone} {in_company}");
    }

    #[test]
    fn a_large_heap_grows_by_huge_pages_where_more_is_in_use_than_ever() {
        let filling = steps_of_a_large_heap(1 << 20, false, |_| 0);
        let creeping = steps_of_a_large_heap(1 << 20, false, |more| more);
        let sparse = steps_of_a_large_heap(1 << 20, false, |_| 3 << 20);

        assert!(filling > HUGE_PAGE * 9 / 10 && filling <= HUGE_PAGE, "{filling}");
        assert!(creeping < 256 << 10, "{creeping}");
        assert!(sparse < 256 << 10, "{sparse}");
    }

    /// What one of them has freed, another one does not find so soon.
    #[test]
    fn a_large_heap_of_several_threads_is_full_later_than_that_of_one() {
        let steps = |huge, has_company, resting| steps_of_a_large_heap(huge, has_company, |_: usize| resting);

        let is_huge = |huge: usize, has_company, resting| {
            let step = steps(huge << 20, has_company, resting);
            assert!(step > HUGE_PAGE * 9 / 10 || step <= 512 << 10, "{step}");
            step > 512 << 10
        };
        // At last the heaps have 16 MiB, of which an eighth is 2 MiB and a sixteenth 1 MiB.
        assert!(is_huge(1, false, 1_200_000) && !is_huge(1, true, 1_200_000));
        assert!(is_huge(1, true, 600_000));
        // Not before it is twice as large; as much may rest then as with one that has just become large.
        assert!(is_huge(10, false, 0) && !is_huge(10, true, 0));
        assert!(is_huge(7, true, 1_500_000) && !is_huge(7, true, 1_900_000));
    }

    #[test]
    fn what_large_blocks_make_the_heap_grow_by_may_not_be_filled() {
        let thick = |has_company, len: usize| {
            let shape = Shape { huge: 1 << 20, ..Shape::DEFAULT };
            let mut heap = Heap::new(arena(64 << 20), AnyIndex::EMPTY, shape);
            heap.tending.has_company = has_company;
            (0..(16 << 20) / len).for_each(|_| _ = heap.allocate(Request::of(len)).unwrap());
            heap.backing.thick
        };

        assert!(thick(false, 4_000) > 12 << 20);
        assert_eq!(thick(false, 8_000), 0);
        assert!(thick(true, 16_000) > 12 << 20);
        assert_eq!(thick(true, 17_000), 0);
    }
}
