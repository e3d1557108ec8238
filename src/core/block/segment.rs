//! A contiguous run of blocks with one root pointer.
//!
//! ```text
//!   base                                                       epilogue           end
//!   ├───────┬──────────┬───────────────┬──────────┬─────┬────────┬──┬──────────────┤
//!   │ (pad) │ prologue │ next epilogue │ block    │ ... │ block  │E │ tail: fresh  │
//!   │       │ tag      │ end           │          │     │        │  │ zero bytes   │
//!   ├───────┼──────────┼───────────────┼──────────┼─────┼────────┼──┼──────────────┤
//!    8 bytes  8 bytes    24 bytes       ▲ first()                8 bytes
//! ```
//!
//! - **S1** The prologue is a used block of 32 bytes that holds the segment's own three words.
//! - **S2** From `first` a walk by sizes reaches the epilogue, a used tag of size 0.
//! - **S3** What lies between the epilogue and `end`, the tail, is zero and was never handed out
//!   since it came from the backing.

use core::ptr;

use super::tag::{OWN, PREV_USED, Tag, USED};
use super::{ALIGN, Block, WORD};
use crate::os::backing::Run;

/// Bytes before the first block.
const HEAD: usize = 40;

/// Bytes of a segment that can hold no block: head and epilogue.
pub const OVERHEAD: usize = HEAD + WORD;

/// One segment, named by its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment(*mut Words);

/// The segment's words, at its base.
#[repr(C)]
struct Words {
    pad: usize,
    prologue: u64,
    next: *mut Words,
    epilogue: *mut u8,
    end: *mut u8,
}

impl Segment {
    /// Makes a segment of a fresh run; the epilogue follows the prologue at once.
    ///
    /// # Safety
    ///
    /// The run is zero, 16-aligned, at least [`OVERHEAD`] long, and the caller's alone.
    pub unsafe fn found(run: Run) -> Self {
        let this = Self(run.base.cast());
        let prologue = Block::at(run.base.wrapping_add(WORD));
        // SAFETY: the run is the caller's to write.
        unsafe { prologue.set_tag(Tag::new(HEAD - WORD, USED | PREV_USED | OWN)) };
        // SAFETY: as above.
        unsafe { (*this.0).end = run.base.wrapping_add(run.len) };
        // SAFETY: as above; the first block's place is in the run.
        unsafe { this.set_epilogue(Block::at(run.base.wrapping_add(HEAD)), PREV_USED) };
        this
    }

    /// First byte.
    #[inline]
    pub fn base(self) -> *mut u8 {
        self.0.cast()
    }

    /// One past the last byte.
    #[inline]
    pub fn end(self) -> *mut u8 {
        // SAFETY: [S1]
        unsafe { (*self.0).end }
    }

    /// Bytes from base to end.
    #[inline]
    pub fn len(self) -> usize {
        self.end().addr() - self.base().addr()
    }

    /// A segment is never empty; this says whether it holds no block.
    pub fn is_empty(self) -> bool {
        self.first() == self.epilogue()
    }

    /// The first block, or the epilogue.
    #[inline]
    pub fn first(self) -> Block {
        Block::at(self.base().wrapping_add(HEAD))
    }

    /// The mark behind the last block.
    #[inline]
    pub fn epilogue(self) -> Block {
        // SAFETY: [S1]
        Block::at(unsafe { (*self.0).epilogue })
    }

    /// Fresh bytes behind the epilogue ([S3](self)).
    #[inline]
    pub fn tail(self) -> usize {
        self.end().addr() - self.epilogue().addr() - WORD
    }

    /// Whether `addr` lies in a place where a block's header may stand.
    #[inline]
    pub fn holds(self, addr: usize) -> bool {
        addr >= self.first().addr() && addr < self.epilogue().addr() && addr % ALIGN == WORD
    }

    /// The same address with this segment's right to it.
    #[inline]
    pub fn block_at(self, addr: usize) -> Block {
        Block::at(self.base().with_addr(addr))
    }

    /// Writes the epilogue at `at`.
    ///
    /// # Safety
    ///
    /// `at` is the end of the last block, eight bytes there lie in the segment.
    pub unsafe fn set_epilogue(self, at: Block, bits: u64) {
        // SAFETY: the caller's promise.
        unsafe { at.set_tag(Tag::new(0, USED | OWN | bits)) };
        // SAFETY: [S1]
        unsafe { (*self.0).epilogue = at.header() };
    }

    /// Moves the end: the backing grew or shrank.
    ///
    /// # Safety
    ///
    /// [S3](self) holds for the new end.
    pub unsafe fn set_end(self, end: *mut u8) {
        // SAFETY: [S1]
        unsafe { (*self.0).end = end };
    }

    /// The segment as the backing gave it.
    pub fn run(self) -> Run {
        Run { base: self.base(), len: self.len() }
    }
}

/// All segments of one heap, newest first; the newest is the one that grows.
#[derive(Debug)]
pub struct Segments {
    newest: *mut Words,
    /// The lowest base and the highest end that any segment ever had; 0 and 0 before the first.
    bounds: (usize, usize),
}

impl Segments {
    /// No segment.
    pub const EMPTY: Self = Self { newest: ptr::null_mut(), bounds: (0, 0) };

    /// The segment that grows.
    #[inline]
    pub fn newest(&self) -> Option<Segment> {
        (!self.newest.is_null()).then_some(Segment(self.newest))
    }

    /// All, newest first.
    pub fn iter(&self) -> impl Iterator<Item = Segment> + use<> {
        let mut at = self.newest;
        core::iter::from_fn(move || {
            let this = (!at.is_null()).then_some(Segment(at))?;
            // SAFETY: [S1]: a segment in the list is alive.
            at = unsafe { (*at).next };
            Some(this)
        })
    }

    /// All, oldest first: the order in which the literal policies walk.
    pub fn oldest_first(&self) -> impl Iterator<Item = Segment> + use<'_> {
        let mut behind: Option<Segment> = None;
        core::iter::from_fn(move || {
            let this = self.iter().take_while(|s| Some(*s) != behind).last()?;
            behind = Some(this);
            Some(this)
        })
    }

    /// Adds `segment`, which becomes the one that grows.
    pub fn push(&mut self, segment: Segment) {
        // SAFETY: [S1]
        unsafe { (*segment.0).next = self.newest };
        self.newest = segment.0;
        self.widen(segment);
    }

    /// Notes that `segment` has a new end.
    pub fn widen(&mut self, segment: Segment) {
        let (base, end) = (segment.base().addr(), segment.end().addr());
        self.bounds =
            if self.bounds.1 == 0 { (base, end) } else { (self.bounds.0.min(base), self.bounds.1.max(end)) };
    }

    /// Takes `segment` out of the list.
    pub fn remove(&mut self, segment: Segment) {
        // SAFETY: [S1]
        let after = unsafe { (*segment.0).next };
        if self.newest == segment.0 {
            self.newest = after;
            return;
        }
        for before in self.iter() {
            // SAFETY: [S1]
            if unsafe { (*before.0).next } == segment.0 {
                // SAFETY: [S1]
                unsafe { (*before.0).next = after };
                return;
            }
        }
    }

    /// The segment in which a header may stand at `addr`.
    #[inline]
    pub fn holding(&self, addr: usize) -> Option<Segment> {
        self.iter().find(|s| s.holds(addr))
    }

    /// Whether `addr` may be a block's header, by bounds alone: what a link must satisfy before
    /// it is followed.
    #[inline]
    pub fn may_hold(&self, addr: usize) -> bool {
        addr >= self.bounds.0 && addr < self.bounds.1 && addr % ALIGN == WORD
    }
}
