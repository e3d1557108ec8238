//! The events of one chunk as groups of columns of small numbers, each column for itself.
//!
//! ```text
//!   chunk     group, group, ...           small ones first: what is cut off is readable to its last group
//!   group     varints: events, bytes of threads, ids, lens and times; then the columns
//!   kinds     one byte an event: kind | log align << 3
//!   threads   runs: thread, length
//!   ids       distance to the id that a reader would guess
//!   lens      bytes wanted, for kinds that want any
//!   times     microseconds since the event before; the first one since the start
//! ```
//!
//! Numbers are varints: seven bits a byte, the low ones first; distances are zigzag.
//!
//! - **N1** The guess for a new block is the id that was freed last in this chunk and not taken
//!   since, else one more than the largest id seen in it; for any other event the id before.

use crate::trace::{Event, Kind};

/// Columns of a group beside the kinds.
const COLUMNS: usize = 4;

/// Events of the first group and of the largest. A group has at most a quarter of what stands before it.
const FIRST_GROUP: usize = 16;
const LARGEST_GROUP: usize = 512;

/// The events of a group behind `before` others of its chunk.
fn group_len(before: usize) -> usize {
    (before / 4).clamp(FIRST_GROUP, LARGEST_GROUP)
}

/// Appends `n` as a varint.
fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Bytes that are read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(n);
            }
        }
        None
    }

    fn len(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }
}

fn zigzag(distance: i64) -> u64 {
    ((distance << 1) ^ (distance >> 63)).cast_unsigned()
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -(n & 1).cast_signed()
}

/// What a reader would guess ([N1](self)).
#[derive(Default)]
struct Guess {
    freed: Vec<u32>,
    largest: Option<u32>,
    last: u32,
}

impl Guess {
    fn of(&self, kind: Kind) -> u32 {
        if !kind.allocates() {
            return self.last;
        }
        let fresh = || self.largest.map_or(0, |id| id.wrapping_add(1));
        self.freed.last().copied().unwrap_or_else(fresh)
    }

    fn learn(&mut self, kind: Kind, id: u32) {
        if kind.allocates() && self.freed.last() == Some(&id) {
            self.freed.pop();
        }
        if kind == Kind::Free {
            self.freed.push(id);
        }
        self.largest = self.largest.max(Some(id));
        self.last = id;
    }
}

/// The body of a chunk that holds `events`.
pub fn encode(mut events: &[Event]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut guess = Guess::default();
    let (mut now, mut before) = (0, 0);
    while !events.is_empty() {
        let (group, rest) = events.split_at(group_len(before).min(events.len()));
        encode_group(group, &mut guess, &mut now, &mut out);
        before += group.len();
        events = rest;
    }
    out
}

fn encode_group(events: &[Event], guess: &mut Guess, now: &mut u64, out: &mut Vec<u8>) {
    let mut columns: [Vec<u8>; COLUMNS] = Default::default();
    let [threads, ids, lens, times] = &mut columns;
    for event in events {
        put(times, event.time.saturating_sub(*now));
        *now = event.time.max(*now);
        if event.kind != Kind::FreeNull {
            put(ids, zigzag(i64::from(event.id) - i64::from(guess.of(event.kind))));
            guess.learn(event.kind, event.id);
        }
        if event.kind.has_len() {
            put(lens, event.len);
        }
    }
    for run in events.chunk_by(|a, b| a.thread == b.thread) {
        put(threads, u64::from(run[0].thread));
        put(threads, run.len() as u64);
    }
    put(out, events.len() as u64);
    columns.iter().for_each(|column| put(out, column.len() as u64));
    out.extend(events.iter().map(|event| event.kind as u8 | event.align_log << 3));
    columns.iter().for_each(|column| out.extend_from_slice(column));
}

/// Appends to `events` those of the whole groups of `body`, a chunk's or the first part of it; `None` if
/// the body is no such thing.
pub fn decode(body: &[u8], events: &mut Vec<Event>) -> Option<()> {
    let mut rest = Cursor(body);
    let mut guess = Guess::default();
    let mut now = 0;
    while let Some((count, columns)) = take_group(&mut rest) {
        decode_group(count, columns, &mut guess, &mut now, events)?;
    }
    Some(())
}

/// The next group that is whole: its kinds and its columns.
fn take_group<'a>(body: &mut Cursor<'a>) -> Option<(&'a [u8], [Cursor<'a>; COLUMNS])> {
    let count = body.len()?;
    let mut lens = [0; COLUMNS];
    for len in &mut lens {
        *len = body.len()?;
    }
    let kinds = body.bytes(count)?;
    let mut columns = [const { Cursor(&[]) }; COLUMNS];
    for (column, len) in columns.iter_mut().zip(lens) {
        column.0 = body.bytes(len)?;
    }
    Some((kinds, columns))
}

fn decode_group(
    kinds: &[u8],
    mut columns: [Cursor<'_>; COLUMNS],
    guess: &mut Guess,
    now: &mut u64,
    events: &mut Vec<Event>,
) -> Option<()> {
    let [threads, ids, lens, times] = &mut columns;
    let (mut run, mut thread) = (0, 0);
    for byte in kinds {
        let kind = Kind::of(byte & 7)?;
        *now = now.checked_add(times.varint()?)?;
        while run == 0 {
            thread = u32::try_from(threads.varint()?).ok()?;
            run = threads.varint()?;
        }
        run -= 1;
        let mut id = 0;
        if kind != Kind::FreeNull {
            let distance = unzigzag(ids.varint()?);
            id = u32::try_from(i64::from(guess.of(kind)).checked_add(distance)?).ok()?;
            guess.learn(kind, id);
        }
        let len = if kind.has_len() { lens.varint()? } else { 0 };
        events.push(Event { kind, align_log: byte >> 3, thread, id, len, time: *now });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn any_event() -> impl Strategy<Value = Event> {
        (1..=6u8, 0..32u8, 0..4u32, any::<u32>(), any::<u64>()).prop_map(
            |(kind, align_log, thread, id, len)| {
                let kind = Kind::of(kind).unwrap();
                let id = if kind == Kind::FreeNull { 0 } else { id };
                Event { kind, align_log, thread, id, len: if kind.has_len() { len } else { 0 }, time: 0 }
            },
        )
    }

    proptest! {
        #[test]
        fn events_come_back_as_they_went(mut events in vec(any_event(), 0..200), steps in vec(0..1u64 << 40, 200)) {
            let mut now = 0;
            for (event, step) in events.iter_mut().zip(steps) {
                now += step;
                event.time = now;
            }

            let mut back = Vec::new();
            decode(&encode(&events), &mut back).unwrap();

            prop_assert_eq!(back, events);
        }

        #[test]
        fn every_prefix_gives_its_whole_groups(events in vec(any_event(), 0..200)) {
            let body = encode(&events);
            let mut before = 0;

            for cut in 0..=body.len() {
                let mut back = Vec::new();
                decode(&body[..cut], &mut back).unwrap();
                prop_assert!(back.len() >= before && back[..] == events[..back.len()]);
                before = back.len();
            }
            prop_assert_eq!(before, events.len());
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes, &mut Vec::new());
        }
    }
}
