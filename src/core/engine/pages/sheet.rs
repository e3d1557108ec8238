//! One run of a page heap: cards of 64 bytes first, then a page for each of them; the cards are
//! for more pages than there are at first, so that the run can be lengthened.
//!
//! ```text
//!   ├──────┼──────┼─ … ─┼──────┼──────┼──────┼──────┼─ … ─┼──────┤
//!   │ card │ card │ spare cards│ lead │ page │ page │     │ rest │  ◄─ grows here
//!   ├──────┼──────┼─ … ─┼──────┼──────┼──────┼──────┼─ … ─┼──────┤
//!   ▲ base: `room` cards              ▲ first, a page's start
//! ```
//!
//! - **PS1** Pages and cards lie inside the run, and the run is the engine's alone. A fresh run
//!   is zero, so that every card is valid from the start.
//! - **PS2** The first card of a span, and the last of a free one, say so; all others are `Inside`.

use core::ptr;

use crate::engine::runs::{Runs, Site};
use crate::os::{PAGE, round_up};

/// Words of one bit for each 16 bytes of a page.
pub const WORDS: usize = PAGE / 16 / 64;

/// What a card stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// A page inside a span, or its last.
    Inside = 0,
    /// First page of a free span.
    Free = 1,
    /// Last page of a free span that has more than one.
    Last = 2,
    /// First page of a span in somebody's hands.
    Taken = 3,
}

/// What is known about a page.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Card {
    /// The next span of the list that this one is in.
    pub next: *mut Card,
    /// The one before.
    pub previous: *mut Card,
    /// At either end of a span: its pages. Inside one that was charted: pages before this one.
    pub span: u32,
    /// What the card stands for.
    pub role: Role,
    /// Whether the pages of a free span are zero.
    pub fresh: bool,
    /// The owner's word: size class or family.
    pub owner: u16,
    /// Objects in use.
    pub used: u32,
    /// Objects that were handed out at some time: those behind are fresh.
    pub begun: u32,
    /// Which objects are in use.
    pub bits: [u64; WORDS],
}

const _: () = assert!(size_of::<Card>() == 64);

/// A run laid out.
#[derive(Clone, Copy, Debug)]
pub struct Sheet {
    base: *mut u8,
    first: *mut u8,
    pages: usize,
    room: usize,
}

impl Sheet {
    /// Bytes of a run with `room` cards that holds `pages`, wherever it begins.
    pub const fn bytes_for(pages: usize, room: usize) -> usize {
        room * size_of::<Card>() + (PAGE - 16) + pages * PAGE
    }

    /// Most cards in a run of `len` bytes whose pages all have one.
    pub const fn room_in(len: usize) -> usize {
        len / (PAGE + size_of::<Card>())
    }

    /// How the run at `site` is laid out; its note is the number of its cards.
    #[inline]
    pub fn of(site: &Site<usize>) -> Self {
        let Site { run, note: room } = *site;
        let head = round_up(run.base.addr() + room * size_of::<Card>(), PAGE) - run.base.addr();
        let pages = (run.len.saturating_sub(head) / PAGE).min(room);
        Self { base: run.base, first: run.base.wrapping_add(head), pages, room }
    }

    /// The first byte of its run.
    pub const fn base(&self) -> *mut u8 {
        self.base
    }

    /// Its pages.
    pub const fn pages(&self) -> usize {
        self.pages
    }

    /// Pages that it could have more.
    pub const fn spare(&self) -> usize {
        self.room - self.pages
    }

    /// Bytes of its pages.
    pub const fn page_bytes(&self) -> usize {
        self.pages * PAGE
    }

    /// Where page `at` begins.
    #[inline]
    pub fn address(&self, at: usize) -> *mut u8 {
        self.first.wrapping_add(at * PAGE)
    }

    /// The page that holds `address`, which lies in the run.
    #[inline]
    pub fn page_of(&self, address: usize) -> Option<usize> {
        let at = address.wrapping_sub(self.first.addr()) / PAGE;
        (at < self.pages).then_some(at)
    }

    /// The card of page `at`.
    #[inline]
    pub fn card(&self, at: usize) -> *mut Card {
        assert!(at < self.pages, "[PS1]");
        self.base.cast::<Card>().wrapping_add(at)
    }
}

/// The sheet that `card` belongs to, and its page.
pub fn sheet_of(runs: &Runs<usize>, card: *mut Card) -> Option<(Sheet, usize)> {
    let sheet = Sheet::of(&runs.sites()[runs.holding(card.addr())?]);
    let offset = card.addr() - sheet.base.addr();
    Some((sheet, offset / size_of::<Card>())).filter(|(sheet, at)| *at < sheet.pages)
}

/// What `card` says.
///
/// # Safety
///
/// `card` came from [`Sheet::card`] of a run that the engine still has ([PS1](self)).
#[inline]
pub unsafe fn read(card: *mut Card) -> Card {
    // SAFETY: [PS1]: the caller's promise.
    unsafe { card.read() }
}

/// Changes `card`.
///
/// # Safety
///
/// As for [`read`].
#[inline]
pub unsafe fn change(card: *mut Card, with: impl FnOnce(&mut Card)) {
    // SAFETY: [PS1]: the caller's promise; no other reference to a card lives.
    with(unsafe { &mut *card });
}

/// A doubly linked list of spans, by their first cards.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    /// The first of them, or null.
    pub head: *mut Card,
}

impl Spans {
    /// No span.
    pub const EMPTY: Self = Self { head: ptr::null_mut() };

    /// Puts `card` in front.
    pub fn push(&mut self, card: *mut Card) {
        let next = self.head;
        // SAFETY: [PS1]: lists hold first cards of spans.
        unsafe { change(card, |card| (card.next, card.previous) = (next, ptr::null_mut())) };
        if !next.is_null() {
            // SAFETY: [PS1]: as above.
            unsafe { change(next, |next| next.previous = card) };
        }
        self.head = card;
    }

    /// Takes `card`, a member, out.
    pub fn unlink(&mut self, card: *mut Card) {
        // SAFETY: [PS1]: lists hold first cards of spans.
        let Card { next, previous, .. } = unsafe { read(card) };
        if previous.is_null() {
            self.head = next;
        } else {
            // SAFETY: [PS1]: as above.
            unsafe { change(previous, |previous| previous.next = next) };
        }
        if !next.is_null() {
            // SAFETY: [PS1]: as above.
            unsafe { change(next, |next| next.previous = previous) };
        }
    }

    /// Whether no span is in the list.
    pub fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// The members, from the head.
    pub fn iter(&self) -> impl Iterator<Item = *mut Card> + use<> {
        let mut at = self.head;
        core::iter::from_fn(move || {
            let card = (!at.is_null()).then_some(at)?;
            // SAFETY: [PS1]: lists hold first cards of spans.
            at = unsafe { read(card) }.next;
            Some(card)
        })
    }
}
