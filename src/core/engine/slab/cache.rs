//! A cache: slabs of equal objects, and which of them are partial, full, empty.
//!
//! ```text
//!   slab:   │ object │ object │ object │ object │ object │ object │        12 KiB, six of 2 KiB
//!   cards:    bits 1 0 1 1 0 0    used 3    begun 4                        one bit an object
//!
//!   allocate: partial ──► empty ──► new slab
//! ```
//!
//! Nothing is written into an object that is free: its bit and its slab's counts lie out of
//! band. So objects stay as their user left them, and an overrun breaks no link. After Bonwick,
//! "The Slab Allocator: An Object-Caching Kernel Memory Allocator" (1994).
//!
//! - **SC1** A slab is in the list of its state: empty (no bit), full (all bits), partial.
//! - **SC2** Objects from number `begun` on have never been handed out.

use crate::engine::pages::sheet::{Card, Spans, WORDS, change, read};
use crate::engine::pages::{Pages, Span};
use crate::os::PAGE;
use crate::os::backing::Backing;

/// Fewest small objects in a slab.
const FEWEST: usize = 6;

/// Most pages of a slab of small objects.
const MOST_PAGES: usize = 64;

/// How a slab is filled with objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of an object, a multiple of 16.
    pub size: usize,
    /// Pages of a slab.
    pub pages: usize,
    /// Objects in a slab.
    pub objects: usize,
}

impl Layout {
    /// Slabs for objects of `size` bytes: the fewest pages that hold six of them, or one that is
    /// larger than a page or two, and leave at most a sixteenth over.
    pub const fn of(size: usize) -> Self {
        let size = if size == 0 { 1 } else { size };
        let fewest = if size <= 2 * PAGE { FEWEST } else { 1 };
        let mut pages = (fewest * size).div_ceil(PAGE);
        while pages < MOST_PAGES && pages * PAGE % size * 16 > pages * PAGE {
            pages += 1;
        }
        Self { size, pages, objects: pages * PAGE / size }
    }

    /// The number of the object around the byte at `offset` of a slab, and how far into it that is.
    pub const fn place_of(&self, offset: usize) -> (usize, usize) {
        let size = if self.size == 0 { 1 } else { self.size };
        (offset / size, offset % size)
    }

    /// Bytes of a slab that no object uses.
    pub const fn over(&self) -> usize {
        self.pages * PAGE - self.objects * self.size
    }
}

/// An object handed out.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// Its first byte.
    pub payload: *mut u8,
    /// Whether it was never handed out before.
    pub new: bool,
    /// Whether it is zero.
    pub fresh: bool,
}

/// Where in a slab an address points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    /// Number of the object.
    pub number: usize,
    /// Bytes behind its start.
    pub offset: usize,
    /// Whether the object is in use.
    pub used: bool,
}

/// Equal objects.
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    layout: Layout,
    owner: u16,
    partial: Spans,
    full: Spans,
    empty: Spans,
    slabs: usize,
    used: usize,
}

impl Cache {
    /// A cache of objects of `size` bytes without a slab; its slabs carry the word `owner`.
    pub const fn new(size: usize, owner: u16) -> Self {
        Self {
            layout: Layout::of(size),
            owner,
            partial: Spans::EMPTY,
            full: Spans::EMPTY,
            empty: Spans::EMPTY,
            slabs: 0,
            used: 0,
        }
    }

    /// How its slabs are filled.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its slabs.
    pub const fn slabs(&self) -> usize {
        self.slabs
    }

    /// Its objects in use.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Its objects, in use or not.
    pub const fn objects(&self) -> usize {
        self.slabs * self.layout.objects
    }

    /// Its slabs without an object in use.
    pub fn empty_slabs(&self) -> usize {
        self.empty.iter().count()
    }

    /// Adds a slab of `span`. No bit of its cards is set: an empty slab leaves none behind.
    pub fn adopt<B>(&mut self, pages: &Pages<B>, span: Span) {
        pages.chart(span);
        pages.mark(span, self.owner);
        self.empty.push(span.card);
        self.slabs += 1;
    }

    /// An object from a partial slab, else from an empty one.
    pub fn take<B>(&mut self, pages: &Pages<B>) -> Option<Object> {
        let from_empty = self.partial.is_empty();
        let list = if from_empty { &mut self.empty } else { &mut self.partial };
        let slab = (!list.head.is_null()).then_some(list.head)?;
        let number = first_clear(slab);
        flip(slab, number);
        // SAFETY: [PS1]: a member of a list.
        let card = unsafe { read(slab) };
        let new = number as u32 >= card.begun;
        let (used, begun) = (card.used + 1, card.begun.max(number as u32 + 1));
        // SAFETY: [PS1]: as above.
        unsafe { change(slab, |card| (card.used, card.begun) = (used, begun)) };
        if used as usize == self.layout.objects || from_empty {
            list.unlink(slab);
            let full = used as usize == self.layout.objects;
            if full { &mut self.full } else { &mut self.partial }.push(slab);
        }
        self.used += 1;
        let payload = pages.span_of(slab).start.wrapping_add(number * self.layout.size);
        Some(Object { payload, new, fresh: new && card.fresh })
    }

    /// What `address`, in the slab `span`, points to; `None` behind the last object.
    pub fn aim(&self, span: Span, address: usize) -> Option<Aim> {
        let (number, offset) = self.layout.place_of(address - span.start.addr());
        (number < self.layout.objects).then(|| Aim { number, offset, used: is_set(span.card, number) })
    }

    /// Takes object `number` of the slab `span`, which is in use, back.
    pub fn put(&mut self, span: Span, number: usize) {
        let slab = span.card;
        flip(slab, number);
        // SAFETY: [PS1]: the caller's span is a slab of this cache.
        let Card { used, .. } = unsafe { read(slab) };
        // SAFETY: [PS1]: as above.
        unsafe { change(slab, |card| card.used = used - 1) };
        if used as usize == self.layout.objects {
            self.full.unlink(slab);
            if used == 1 { &mut self.empty } else { &mut self.partial }.push(slab);
        } else if used == 1 {
            self.partial.unlink(slab);
            self.empty.push(slab);
        }
        self.used -= 1;
    }

    /// Takes an empty slab out of the cache.
    pub fn dismiss<B>(&mut self, pages: &Pages<B>) -> Option<Span> {
        let slab = (!self.empty.is_empty()).then_some(self.empty.head)?;
        self.empty.unlink(slab);
        self.slabs -= 1;
        Some(pages.span_of(slab))
    }

    /// Objects of the slab `span` that were handed out at some time.
    pub fn begun(span: Span) -> usize {
        // SAFETY: [PS1]: the caller's span is a slab.
        unsafe { read(span.card) }.begun as usize
    }

    /// Gives all empty slabs back to `pages`; how many.
    pub fn reap<B: Backing>(&mut self, pages: &mut Pages<B>) -> usize {
        let mut count = 0;
        while let Some(span) = self.dismiss(pages) {
            pages.give(span);
            count += 1;
        }
        count
    }
}

/// The card and the word in it with the bit of object `number`.
const fn place(slab: *mut Card, number: usize) -> (*mut Card, usize) {
    (slab.wrapping_add(number / 64 / WORDS), number / 64 % WORDS)
}

fn is_set(slab: *mut Card, number: usize) -> bool {
    let (card, word) = place(slab, number);
    // SAFETY: [PS1]: a slab has as many cards as pages, each with a bit for every 16 bytes.
    unsafe { read(card) }.bits[word] >> (number % 64) & 1 != 0
}

fn flip(slab: *mut Card, number: usize) {
    let (card, word) = place(slab, number);
    // SAFETY: [PS1]: as in `is_set`.
    unsafe { change(card, |card| card.bits[word] ^= 1 << (number % 64)) };
}

/// The first object that is not in use, in a slab that has one.
fn first_clear(slab: *mut Card) -> usize {
    let mut number = 0;
    loop {
        let (card, word) = place(slab, number);
        // SAFETY: [PS1]: as in `is_set`: the caller knows of a bit that ends the search.
        let ones = unsafe { read(card) }.bits[word].trailing_ones() as usize;
        if ones < 64 {
            return number + ones;
        }
        number += 64;
    }
}
