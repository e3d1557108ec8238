//! The events of one chunk as columns of small numbers, each column for itself.
//!
//! ```text
//!   lengths   five u32: bytes of the columns that follow
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

/// Columns of a chunk.
const COLUMNS: usize = 5;

/// Bytes of the lengths before them.
const LENGTHS: usize = 4 * COLUMNS;

/// Appends `n` as a varint.
fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// A column that is read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
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
pub fn encode(events: &[Event]) -> Vec<u8> {
    let mut columns: [Vec<u8>; COLUMNS] = Default::default();
    let [kinds, threads, ids, lens, times] = &mut columns;
    let mut guess = Guess::default();
    let mut now = 0;
    for event in events {
        kinds.push(event.kind as u8 | event.align_log << 3);
        put(times, event.time.saturating_sub(now));
        now = event.time.max(now);
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
    let lengths = columns.iter().flat_map(|column| (column.len() as u32).to_le_bytes());
    lengths.chain(columns.iter().flatten().copied()).collect()
}

/// The `count` events of a chunk's body into `events`; `None` if the body is no such thing.
pub fn decode(body: &[u8], count: usize, events: &mut Vec<Event>) -> Option<()> {
    let mut rest = body.get(LENGTHS..)?;
    let mut columns = [const { Cursor(&[]) }; COLUMNS];
    for (at, column) in columns.iter_mut().enumerate() {
        let len = super::number(body, 4 * at, 4)? as usize;
        column.0 = rest.get(..len)?;
        rest = &rest[len..];
    }
    let [kinds, threads, ids, lens, times] = &mut columns;
    if kinds.0.len() != count {
        return None;
    }
    let mut guess = Guess::default();
    let (mut now, mut run, mut thread) = (0u64, 0, 0);
    for _ in 0..count {
        let byte = kinds.byte()?;
        let kind = Kind::of(byte & 7)?;
        now = now.checked_add(times.varint()?)?;
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
        events.push(Event { kind, align_log: byte >> 3, thread, id, len, time: now });
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
            decode(&encode(&events), events.len(), &mut back).unwrap();

            prop_assert_eq!(back, events);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in vec(any::<u8>(), 0..300), count in 0..300usize) {
            let _ = decode(&bytes, count, &mut Vec::new());
        }
    }
}
