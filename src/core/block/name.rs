//! Boundary-tagged blocks: the smallest thing that the heap can name.
//!
//! ```text
//!      header                    payload                    (free only) footer
//!   ├────────────┼────────────────────────────────────────┼────────────┤
//!   │    tag     │  links (free) or the program's bytes   │    tag     │
//!   ├────────────┼────────────────────────────────────────┼────────────┤
//!   ▲ Block      ▲ payload(), 16-aligned                               ▲ next()
//! ```
//!
//! - **B1** A `Block` addresses a live header inside one segment, or that of a mapped block.
//! - **B2** Size is a multiple of 16, and `block + size` is again a header of the same segment.
//! - **B3** A free block carries the same size in its last word, and the header behind it says so
//!   by a clear `PREV_USED`.
//! - **B4** Whoever holds `&mut Heap` alone writes headers, links and footers.

use super::tag::{PREV_USED, Tag, USED};
use super::{SMALLEST, WORD};
use crate::fatal;

/// A name for a block: copyable, compares by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block(*mut u8);

/// A free block that no index knows yet. Losing one loses memory.
#[must_use = "a free block that is not filed is lost"]
#[derive(Debug)]
pub struct Free(Block);

impl Block {
    /// The block whose header stands at `header`.
    #[inline]
    pub const fn at(header: *mut u8) -> Self {
        Self(header)
    }

    /// The block whose payload begins at `payload`.
    #[inline]
    pub const fn of_payload(payload: *mut u8) -> Self {
        Self(payload.wrapping_sub(WORD))
    }

    /// Where the header stands.
    #[inline]
    pub const fn header(self) -> *mut u8 {
        self.0
    }

    /// The address of the header.
    #[inline]
    pub fn addr(self) -> usize {
        self.0.addr()
    }

    /// Where the payload begins.
    #[inline]
    pub const fn payload(self) -> *mut u8 {
        self.0.wrapping_add(WORD)
    }

    /// The tag, or `None` if the header is damaged.
    ///
    /// # Safety
    ///
    /// Eight bytes at the header are readable.
    #[inline]
    pub unsafe fn try_tag(self) -> Option<Tag> {
        // SAFETY: the caller's promise.
        let word = unsafe { self.0.cast::<u64>().read() };
        Tag::open(word, self.addr())
    }

    /// The tag. A damaged one ends the process.
    ///
    /// # Safety
    ///
    /// [B1](self)
    #[inline]
    pub unsafe fn tag(self) -> Tag {
        // SAFETY: [B1]
        let Some(tag) = (unsafe { self.try_tag() }) else {
            fatal!("corrupted block at {:p}: its header was overwritten", self.payload())
        };
        tag
    }

    /// Writes the tag.
    ///
    /// # Safety
    ///
    /// [B1](self) and [B4](self)
    #[inline]
    pub unsafe fn set_tag(self, tag: Tag) {
        // SAFETY: [B1]
        unsafe { self.0.cast::<u64>().write(tag.sealed(self.addr())) };
    }

    /// Bytes of the block, header included.
    ///
    /// # Safety
    ///
    /// [B1](self)
    #[inline]
    pub unsafe fn size(self) -> usize {
        // SAFETY: [B1]
        unsafe { self.tag() }.size()
    }

    /// Bytes that the program may use.
    ///
    /// # Safety
    ///
    /// [B1](self), and the block is used.
    #[inline]
    pub unsafe fn len(self) -> usize {
        // SAFETY: [B1]
        unsafe { self.size() - WORD }
    }

    /// The block `size` bytes further on.
    #[inline]
    pub const fn offset(self, size: usize) -> Self {
        Self(self.0.wrapping_add(size))
    }

    /// The block that follows.
    ///
    /// # Safety
    ///
    /// [B1](self), and `self` is not the epilogue.
    #[inline]
    pub unsafe fn next(self) -> Self {
        // SAFETY: [B1]; [B2] makes the sum a header.
        self.offset(unsafe { self.size() })
    }

    /// The free block before this one. A footer that does not match its header ends the process.
    ///
    /// # Safety
    ///
    /// [B1](self), and this block's tag says that the one before is free; `floor` is the address
    /// of the first block of the segment.
    pub unsafe fn previous(self, floor: usize) -> Self {
        let at = self.0.wrapping_sub(WORD);
        // SAFETY: [B3]: a free block ends in its footer.
        let word = unsafe { at.cast::<u64>().read() };
        let Some(footer) = Tag::open(word, at.addr()) else {
            fatal!("corrupted block before {:p}: its footer was overwritten", self.payload())
        };
        let before = Self(self.0.wrapping_sub(footer.size()));
        if before.addr() < floor || footer.size() < SMALLEST {
            fatal!("corrupted block before {:p}: its footer points outside", self.payload());
        }
        // SAFETY: the footer's seal and bounds hold: [B3] puts a header there.
        let tag = unsafe { before.tag() };
        if tag.is_used() || tag.size() != footer.size() {
            fatal!("corrupted block at {:p}: header and footer differ", before.payload());
        }
        before
    }

    /// Word `n` of the payload of a free block: a link of an index.
    ///
    /// # Safety
    ///
    /// [B1](self), the block is free, and `n < 2`.
    #[inline]
    pub unsafe fn link(self, n: usize) -> *mut *mut u8 {
        self.payload().cast::<*mut u8>().wrapping_add(n)
    }

    /// Marks `[self, self + size)` free: header, footer, and the bit in the header behind.
    ///
    /// # Safety
    ///
    /// [B1](self), [B2](self) and [B4](self) hold for `size`, and nobody uses the bytes.
    pub unsafe fn make_free(self, size: usize, bits: u64) -> Free {
        let tag = Tag::new(size, bits & !USED);
        // SAFETY: [B1]
        unsafe { self.set_tag(tag) };
        let footer = Self(self.0.wrapping_add(size - WORD));
        // SAFETY: [B3]: the last word of a free block is its footer.
        unsafe { footer.set_tag(tag) };
        let next = self.offset(size);
        // SAFETY: [B2]
        let after = unsafe { next.tag() };
        // SAFETY: [B4]
        unsafe { next.set_tag(after.without(PREV_USED)) };
        Free(self)
    }

    /// Marks `[self, self + size)` used, with `bits`, and says so in the header behind.
    ///
    /// # Safety
    ///
    /// [B1](self), [B2](self) and [B4](self) hold for `size`.
    pub unsafe fn make_used(self, size: usize, bits: u64) {
        // SAFETY: [B1]
        unsafe { self.set_tag(Tag::new(size, bits | USED)) };
        let next = self.offset(size);
        // SAFETY: [B2]
        let after = unsafe { next.tag() };
        // SAFETY: [B4]
        unsafe { next.set_tag(after.with(PREV_USED)) };
    }
}

impl Free {
    /// Says that `block` is free and filed nowhere.
    ///
    /// # Safety
    ///
    /// It is so: an index has just removed it.
    #[inline]
    pub const unsafe fn unfiled(block: Block) -> Self {
        Self(block)
    }

    /// The block's name.
    #[inline]
    pub const fn block(&self) -> Block {
        self.0
    }

    /// Gives up the claim: the block is filed now, or no longer free.
    #[inline]
    pub const fn settle(self) -> Block {
        self.0
    }
}
