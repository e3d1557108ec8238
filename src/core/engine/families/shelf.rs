//! An array that grows, in pages of the engine's own heap.
//!
//! ```text
//!   │ item │ item │ item │ room ...   │      full: a span of twice the length, and a copy
//!   ▲ start             ▲ count       ▲ room for
//! ```
//!
//! - **FH1** Items `0..count` are written, and the span has room for `capacity` of them.

use core::ptr;

use crate::engine::pages::{Pages, Span};
use crate::os::PAGE;
use crate::os::backing::Backing;

/// The owner's word of its spans.
pub const SHELF: u16 = u16::MAX;

/// Items in a row.
#[derive(Clone, Copy, Debug)]
pub struct Shelf<T> {
    span: Option<Span>,
    start: *mut T,
    count: usize,
}

impl<T: Copy> Shelf<T> {
    /// No item, no memory.
    pub const EMPTY: Self = Self { span: None, start: ptr::null_mut(), count: 0 };

    /// Items.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Bytes of its span.
    pub fn bytes(&self) -> usize {
        self.span.map_or(0, |span| span.pages * PAGE)
    }

    /// Makes room for `wanted` items in all; whether memory sufficed.
    pub fn reserve<B: Backing>(&mut self, pages: &mut Pages<B>, wanted: usize) -> bool {
        let room = self.bytes() / size_of::<T>();
        if wanted <= room {
            return true;
        }
        let count = (wanted.max(2 * room) * size_of::<T>()).div_ceil(PAGE);
        let Some(span) = pages.take(count, PAGE) else { return false };
        pages.mark(span, SHELF);
        let start = span.start.cast::<T>();
        if let Some(old) = self.span {
            // SAFETY: [FH1]: both spans hold `count` items, and the new one is nobody else's.
            unsafe { ptr::copy_nonoverlapping(self.start, start, self.count) };
            pages.give(old);
        }
        (self.span, self.start) = (Some(span), start);
        true
    }

    /// Gives the memory of an array without items back.
    pub fn clear<B>(&mut self, pages: &mut Pages<B>) {
        if let Some(span) = self.span.take() {
            pages.give(span);
        }
        *self = Self::EMPTY;
    }

    /// The items.
    pub fn items(&self) -> &[T] {
        if self.span.is_none() {
            return &[];
        }
        // SAFETY: [FH1]
        unsafe { core::slice::from_raw_parts(self.start, self.count) }
    }

    /// The items, to change them.
    pub fn items_mut(&mut self) -> &mut [T] {
        if self.span.is_none() {
            return &mut [];
        }
        // SAFETY: [FH1]
        unsafe { core::slice::from_raw_parts_mut(self.start, self.count) }
    }

    /// Adds `item`, for which [`Self::reserve`] has made room.
    pub fn push(&mut self, item: T) {
        assert!((self.count + 1) * size_of::<T>() <= self.bytes(), "[FH1]");
        // SAFETY: [FH1]: there is room behind the last item.
        unsafe { self.start.wrapping_add(self.count).write(item) };
        self.count += 1;
    }

    /// Takes the last item off.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.items().last().copied()?;
        self.count -= 1;
        Some(last)
    }
}
