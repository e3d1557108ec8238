//! The slots of a raw file as events: addresses become ids, ticks become microseconds.
//!
//! ```text
//!   slot   │ malloc 0x10 │ realloc 0x10 │ moved 0x40 │ hole │ free 0x40 │
//!   event  │ malloc #0   │ realloc #0                │      │ free #0   │
//! ```
//!
//! What cannot be matched is counted and left out: a child whose parent did not record may free what
//! its trace never saw.

use std::ops::Deref;

use super::Broken;
use super::clock::Clock;
use super::raw::{Kind as Raw, SLOT, Slot};
use super::reader::Reader;
use crate::trace::slots::Slots;
use crate::trace::{Event, Kind};

/// What could not be matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Frees of blocks that the trace never saw.
    pub unknown: u64,
    /// Blocks whose address was handed out again without a free between.
    pub unfreed: u64,
}

impl Losses {
    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self { unknown: self.unknown + other.unknown, unfreed: self.unfreed + other.unfreed }
    }
}

/// Addresses of one process on their way to ids.
pub struct Translator {
    slots: Slots,
    /// The first event's time, in microseconds.
    begin: Option<u64>,
    /// What could not be matched so far.
    pub losses: Losses,
}

/// A call in terms of addresses.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// What it wanted.
    pub kind: Kind,
    /// As in [`Event`].
    pub align_log: u8,
    /// As in [`Event`].
    pub thread: u32,
    /// Microseconds on any clock that does not run backwards.
    pub time: u64,
    /// Bytes wanted.
    pub len: u64,
    /// The block: the new one, or the one freed.
    pub address: u64,
    /// Where a resized block was.
    pub old: u64,
}

impl Translator {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self { slots: Slots::new(), begin: None, losses: Losses::default() }
    }

    /// Appends the events that `call` stands for: usually one.
    pub fn translate(&mut self, call: &Call, events: &mut Vec<Event>) {
        let time = call.time.saturating_sub(*self.begin.get_or_insert(call.time));
        let event =
            |kind, id, len| Event { kind, align_log: call.align_log, thread: call.thread, id, len, time };
        let gone = |id| Event { align_log: 0, ..event(Kind::Free, id, 0) };
        match call.kind {
            Kind::FreeNull => events.push(event(Kind::FreeNull, 0, 0)),
            Kind::Free => match self.slots.free(call.address) {
                Some(id) => events.push(gone(id)),
                None => self.losses.unknown += 1,
            },
            Kind::Resize => match self.slots.rename(call.old, call.address) {
                Some((id, lost)) => {
                    events.extend(lost.map(gone));
                    self.losses.unfreed += u64::from(lost.is_some());
                    events.push(event(Kind::Resize, id, call.len));
                }
                None => {
                    self.losses.unknown += 1;
                    self.allocate(Kind::Allocate, call, time, events);
                }
            },
            kind => self.allocate(kind, call, time, events),
        }
    }

    fn allocate(&mut self, kind: Kind, call: &Call, time: u64, events: &mut Vec<Event>) {
        let (id, lost) = self.slots.allocate(call.address);
        let event = |kind, id, len, align_log| Event { kind, align_log, thread: call.thread, id, len, time };
        if let Some(lost) = lost {
            self.losses.unfreed += 1;
            events.push(event(Kind::Free, lost, 0, 0));
        }
        events.push(event(kind, id, call.len, call.align_log));
    }
}

/// Events that are handed over at once.
const BATCH: usize = 1 << 14;

/// Hands the events of a raw file to `see` in order until it says `false`; what was lost.
pub fn each<B: Deref<Target = [u8]>>(
    reader: &Reader<B>,
    see: &mut dyn FnMut(&[Event]) -> bool,
) -> Result<Losses, Broken> {
    let stamps = reader.slots().filter(|(_, bytes)| bytes[0] == Raw::Stamp as u8);
    let mut clock = Clock::of(stamps.filter_map(|(_, bytes)| Slot::of(bytes)));
    let mut translator = Translator::new();
    let mut events = Vec::with_capacity(BATCH + 2);
    let mut slots = reader.slots().peekable();
    while let Some((offset, bytes)) = slots.next() {
        let slot = Slot::of(bytes).filter(|slot| slot.align_log < 32);
        let slot = slot.ok_or_else(|| Broken::new(offset, "not a slot"))?;
        let kind = match slot.kind {
            // A move behind no realloc: the process was killed between the two.
            Raw::Stamp | Raw::Moved => continue,
            Raw::Allocate | Raw::Inherited => Kind::Allocate,
            Raw::Zeroed => Kind::Zeroed,
            Raw::Aligned => Kind::Aligned,
            Raw::Resize => Kind::Resize,
            Raw::Free => Kind::Free,
            Raw::FreeNull => Kind::FreeNull,
        };
        let moves = |(_, next): &(usize, &[u8; SLOT])| next[0] == Raw::Moved as u8;
        let moved = if kind == Kind::Resize { slots.next_if(moves) } else { None };
        let moved = moved.and_then(|(_, next)| Slot::of(next));
        let call = Call {
            kind,
            align_log: slot.align_log,
            thread: slot.thread,
            time: clock.micros(slot.ticks),
            len: slot.len,
            address: moved.map_or(slot.address, |moved| moved.address),
            old: slot.address,
        };
        translator.translate(&call, &mut events);
        if events.len() >= BATCH {
            if !see(&events) {
                return Ok(translator.losses);
            }
            events.clear();
        }
    }
    if !events.is_empty() {
        see(&events);
    }
    Ok(translator.losses)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::raw::{self, CHUNK_HEAD, Maker};
    use super::*;

    fn slot(kind: Raw, address: u64) -> [u8; SLOT] {
        Slot { kind, align_log: 0, thread: 1, ticks: 0, len: 24, address }.bytes()
    }

    const HOLE: [u8; SLOT] = [0; SLOT];

    fn file(chunks: &[&[[u8; SLOT]]]) -> Vec<u8> {
        let mut file = raw::file_head(&Maker::default()).to_vec();
        for chunk in chunks {
            file.extend_from_slice(&raw::Chunk::raw(CHUNK_HEAD + size_of_val(*chunk), 0).head());
            file.extend(chunk.iter().flatten());
        }
        file
    }

    fn events(bytes: &[u8]) -> (Vec<(Kind, u32)>, Losses) {
        let mut out = Vec::new();
        let losses = each(&Reader::open(bytes).unwrap(), &mut |events| {
            out.extend(events.iter().map(|event| (event.kind, event.id)));
            true
        });
        (out, losses.unwrap())
    }

    #[test]
    fn slots_of_two_chunks_are_one_order_and_holes_are_nothing() {
        let bytes = file(&[
            &[slot(Raw::Allocate, 0x10), HOLE, slot(Raw::Allocate, 0x20), slot(Raw::Free, 0x10), HOLE],
            &[
                slot(Raw::Resize, 0x20),
                slot(Raw::Moved, 0x30),
                slot(Raw::Resize, 0x30),
                HOLE,
                slot(Raw::Free, 0x30),
            ],
        ]);

        let (events, losses) = events(&bytes);

        assert_eq!(losses, Losses::default());
        let kinds = [Kind::Allocate, Kind::Allocate, Kind::Free, Kind::Resize, Kind::Resize, Kind::Free];
        assert_eq!(events, kinds.into_iter().zip([0, 1, 0, 1, 1, 1]).collect::<Vec<_>>());
    }

    #[test]
    fn what_cannot_be_matched_is_counted_and_left_out() {
        let bytes = file(&[&[
            slot(Raw::Free, 0x99),
            slot(Raw::Inherited, 0x10),
            slot(Raw::Zeroed, 0x10),
            slot(Raw::Resize, 0x77),
            slot(Raw::Moved, 0x40),
        ]]);

        let (events, losses) = events(&bytes);

        assert_eq!(losses, Losses { unknown: 2, unfreed: 1 });
        assert_eq!(events, [(Kind::Allocate, 0), (Kind::Free, 0), (Kind::Zeroed, 1), (Kind::Allocate, 0)]);
    }

    #[test]
    fn zeros_where_no_chunk_was_begun_are_the_end() {
        let mut bytes = file(&[&[slot(Raw::Allocate, 0x10)]]);
        bytes.extend_from_slice(&[0; 5000]);

        assert_eq!(events(&bytes).0, [(Kind::Allocate, 0)]);
    }

    #[test]
    fn a_raw_file_cut_off_anywhere_gives_its_whole_slots() {
        let bytes = file(&[&[slot(Raw::Allocate, 0x10), slot(Raw::Free, 0x10)]]);

        for cut in raw::FILE_HEAD..=bytes.len() {
            let whole = cut.saturating_sub(raw::FILE_HEAD + CHUNK_HEAD) / SLOT;
            assert_eq!(events(&bytes[..cut]).0.len(), whole);
        }
    }
}
