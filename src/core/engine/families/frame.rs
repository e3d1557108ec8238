//! One VM page of a family: meta blocks in address order, each with its data behind it.
//!
//! ```text
//!   ├──────┬─────────────┬──────┬─────────────┬──────┬──────────────────────────┤
//!   │ meta │    data     │ meta │    data     │ meta │          data            │
//!   ├──────┴─────────────┴──────┴─────────────┴──────┴──────────────────────────┤
//!   ▲ 0        previous ◄──┘ └──► next                                 granules ▲
//! ```
//!
//! Everything is counted in granules of 16 bytes from the start of the page: a meta block is
//! one granule.
//!
//! - **FF1** Granules `0..granules` lie inside the span, which is the family's alone.
//! - **FF2** `next` of a block is where the following one begins, or the end; and `previous` of
//!   that one leads back. No two free blocks are neighbours.
//! - **FF3** A granule with the seal of a used block is one: when it becomes data, it is wiped.

use super::super::pages::Span;
use super::super::seal::seal;
use crate::os::{PAGE, round_up};

/// Bytes of a granule, and of a meta block.
pub const GRANULE: usize = 16;

/// In place of a slot: the block is used.
const USED: u32 = u32::MAX;

/// Told apart in the seal: a free block.
const FREE: u64 = 1 << 63;

#[derive(Clone, Copy)]
#[repr(C)]
struct Words {
    previous: u32,
    next: u32,
    slot: u32,
    seal: u32,
}

/// A meta block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its granule.
    pub at: u32,
    /// Granule of the block before; of no meaning at granule 0.
    pub previous: u32,
    /// Granule of the block behind, or the end of the page.
    pub next: u32,
    /// Where it stands in the queue of free blocks; `None` if it is used.
    pub slot: Option<u32>,
}

impl Meta {
    /// Granules of data.
    pub const fn size(&self) -> u32 {
        self.next - self.at - 1
    }

    /// Bytes of data.
    pub const fn len(&self) -> usize {
        self.size() as usize * GRANULE
    }
}

/// A VM page.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    start: *mut u8,
    granules: u32,
}

impl Frame {
    /// The page that `span` is.
    pub const fn of(span: Span) -> Self {
        Self { start: span.start, granules: (span.pages * (PAGE / GRANULE)) as u32 }
    }

    /// Granules of the page.
    pub const fn granules(&self) -> u32 {
        self.granules
    }

    /// Where granule `at` begins.
    #[inline]
    pub const fn address(&self, at: u32) -> *mut u8 {
        self.start.wrapping_add(at as usize * GRANULE)
    }

    /// The granule that `address`, which lies in the page, belongs to.
    #[inline]
    pub fn granule_of(&self, address: usize) -> u32 {
        ((address - self.start.addr()) / GRANULE) as u32
    }

    fn slot(&self, at: u32) -> *mut Words {
        assert!(at < self.granules, "[FF1]");
        self.address(at).cast()
    }

    fn seal_of(&self, at: u32, words: Words) -> u32 {
        let free = if words.slot == USED { 0 } else { FREE };
        let body = u64::from(words.previous) | u64::from(words.next) << 32;
        seal(body ^ free, self.address(at).addr())
    }

    /// The meta block at granule `at`, if one is there and whole.
    #[inline]
    pub fn meta(&self, at: u32) -> Option<Meta> {
        let slot = self.slot(at);
        // SAFETY: [FF1]: 16 readable bytes; any bits are four numbers.
        let words = unsafe { slot.read() };
        let Words { previous, next, slot, seal } = words;
        let sound = seal == self.seal_of(at, words) && next > at && next <= self.granules;
        sound.then_some(Meta { at, previous, next, slot: (slot != USED).then_some(slot) })
    }

    /// Writes a meta block.
    pub fn write(&self, meta: Meta) {
        let Meta { at, previous, next, slot } = meta;
        let words = Words { previous, next, slot: slot.unwrap_or(USED), seal: 0 };
        let seal = self.seal_of(at, words);
        // SAFETY: [FF1]: the callers name granules of meta blocks only.
        unsafe { self.slot(at).write(Words { seal, ..words }) };
    }

    /// Makes the meta block at granule `at` data ([FF3](self)).
    pub fn wipe(&self, at: u32) {
        // SAFETY: [FF1]: the callers name granules of meta blocks only.
        unsafe { self.slot(at).write(Words { previous: 0, next: 0, slot: 0, seal: 0 }) };
    }

    /// The meta blocks, ascending, up to the first that is not whole: that one as an error.
    pub fn blocks(&self) -> impl Iterator<Item = Result<Meta, u32>> + use<> {
        let (frame, mut at) = (*self, 0);
        core::iter::from_fn(move || {
            if at >= frame.granules {
                return None;
            }
            let found = frame.meta(at).ok_or(at);
            at = found.map_or(frame.granules, |meta| meta.next);
            Some(found)
        })
    }

    /// Granules before the meta block of a used block, cut out of the free `meta`, whose data
    /// begin at a multiple of `align`: none, or enough for a free block.
    pub fn lead_in(&self, meta: Meta, align: usize) -> usize {
        let data = self.address(meta.at + 1).addr();
        let lead = (round_up(data, align) - data) / GRANULE;
        if lead == 1 { lead + align / GRANULE } else { lead }
    }
}
