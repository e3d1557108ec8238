//! Raw chunks of several threads, merged into one order; addresses become ids.
//!
//! ```text
//!   chunk A   3 4 7 │                heap of chunks by
//!   chunk B   5 6 8 │  ───────────►  their next number  ───►  3 4 5 6 7 8  ───►  ids
//! ```
//!
//! A trace may begin in the middle of a process (a child inherits blocks) and a call may be lost:
//! what cannot be matched is counted and left out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Deref;

use super::raw::{RAW, RECORD};
use super::reader::Reader;
use super::{Broken, number};
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
    let chunks: Vec<_> =
        reader.chunks().iter().filter(|chunk| chunk.kind == RAW && chunk.events > 0).collect();
    // Chunks by the number of their next record, with the place of that record.
    let mut heap: BinaryHeap<Reverse<(u64, usize, usize)>> =
        chunks.iter().enumerate().map(|(at, chunk)| Reverse((chunk.first, at, 0))).collect();
    let mut translator = Translator::new();
    let mut events = Vec::with_capacity(BATCH + 2);
    while let Some(Reverse((_, at, mut place))) = heap.pop() {
        let chunk = chunks[at];
        let body = reader.body(chunk);
        let limit = heap.peek().map_or(u64::MAX, |Reverse((number, ..))| *number);
        while place < chunk.events {
            let offset = place * RECORD;
            if number(body, offset + 8, 8).is_some_and(|number| number > limit) {
                break;
            }
            let damaged = || Broken::new(chunk.offset + super::raw::CHUNK_HEAD + offset, "not a record");
            translator.translate(&call(body, offset).ok_or_else(damaged)?, &mut events);
            place += 1;
            if events.len() >= BATCH {
                if !see(&events) {
                    return Ok(translator.losses);
                }
                events.clear();
            }
        }
        if place < chunk.events {
            let next = number(body, place * RECORD + 8, 8).unwrap_or(u64::MAX);
            heap.push(Reverse((next, at, place)));
        }
    }
    if !events.is_empty() {
        see(&events);
    }
    Ok(translator.losses)
}

/// The record at `offset` of a chunk's body.
fn call(body: &[u8], offset: usize) -> Option<Call> {
    let word = |at| number(body, offset + at, 8);
    let kind = Kind::of(*body.get(offset)?)?;
    let align_log = *body.get(offset + 1)?;
    Some(Call {
        kind,
        align_log: if align_log < 32 { align_log } else { return None },
        thread: number(body, offset + 4, 4)? as u32,
        time: word(16)? / 1000,
        len: word(24)?,
        address: word(32)?,
        old: word(40)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::raw::{self, Record};
    use super::*;

    fn record(kind: raw::Kind, number: u64, address: u64, old: u64) -> Record {
        Record { kind, align_log: 0, thread: 1, number, time: 1000 * number, len: 24, address, old }
    }

    fn file(chunks: &[&[Record]]) -> Vec<u8> {
        let mut file = raw::file_head(7, 0, b"test").to_vec();
        let mut buffer = [0; 4096];
        for chunk in chunks {
            let mut writer = raw::Writer::new(&mut buffer).unwrap();
            chunk.iter().for_each(|record| assert!(writer.record(record, |_| false)));
            writer.flush(|bytes| {
                file.extend_from_slice(bytes);
                true
            });
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
    fn chunks_of_two_threads_are_merged_by_number() {
        let bytes = file(&[
            &[record(raw::Kind::Allocate, 2, 0x20, 0), record(raw::Kind::Free, 5, 0x10, 0)],
            &[record(raw::Kind::Allocate, 1, 0x10, 0), record(raw::Kind::Resize, 6, 0x30, 0x20)],
        ]);

        let (events, losses) = events(&bytes);

        assert_eq!(losses, Losses::default());
        assert_eq!(events, [(Kind::Allocate, 0), (Kind::Allocate, 1), (Kind::Free, 0), (Kind::Resize, 1)]);
    }

    #[test]
    fn what_cannot_be_matched_is_counted_and_left_out() {
        let bytes = file(&[&[
            record(raw::Kind::Free, 0, 0x99, 0),
            record(raw::Kind::Allocate, 1, 0x10, 0),
            record(raw::Kind::Zeroed, 2, 0x10, 0),
            record(raw::Kind::Resize, 3, 0x40, 0x77),
        ]]);

        let (events, losses) = events(&bytes);

        assert_eq!(losses, Losses { unknown: 2, unfreed: 1 });
        assert_eq!(events, [(Kind::Allocate, 0), (Kind::Free, 0), (Kind::Zeroed, 1), (Kind::Allocate, 0)]);
    }

    #[test]
    fn a_raw_file_cut_off_anywhere_gives_its_whole_records() {
        let bytes = file(&[&[record(raw::Kind::Allocate, 0, 0x10, 0), record(raw::Kind::Free, 1, 0x10, 0)]]);

        for cut in raw::FILE_HEAD..=bytes.len() {
            let records = cut.saturating_sub(raw::FILE_HEAD + raw::CHUNK_HEAD) / RECORD;
            assert_eq!(events(&bytes[..cut]).0.len(), records);
        }
    }
}
