//! The words of a raw file as events: addresses become ids, ticks become microseconds.
//!
//! ```text
//!   word    │ malloc 0x10 │ to 0x40 │ realloc 0x10 │ 0 │ free 0x40 │ stamp │
//!   event   │ malloc #0   │         │ realloc #0   │   │ free #0   │       │
//!                                                                   ▲ now the times of those before are known
//! ```
//!
//! What cannot be matched is counted and left out: a child whose parent did not record may free what
//! its trace never saw.

use super::clock::{Clock, Stamp};
use super::raw::{Decoder, Kind as Raw, Note};
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

/// The name of the block at `address`: neighbours at multiples of sixteen bytes have names in a row.
const fn name(address: u64) -> u64 {
    address.rotate_right(4)
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
            Kind::Free => match self.slots.free(name(call.address)) {
                Some(id) => events.push(gone(id)),
                None => self.losses.unknown += 1,
            },
            Kind::Resize => match self.slots.rename(name(call.old), name(call.address)) {
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
        let (id, lost) = self.slots.allocate(name(call.address));
        let event = |kind, id, len, align_log| Event { kind, align_log, thread: call.thread, id, len, time };
        if let Some(lost) = lost {
            self.losses.unfreed += 1;
            events.push(event(Kind::Free, lost, 0, 0));
        }
        events.push(event(kind, id, call.len, call.align_log));
    }
}

/// The calls of one process on their way to events.
pub struct Collector {
    decoder: Decoder,
    /// Calls whose times are not known yet.
    untimed: Vec<Note>,
    clock: Clock,
    translator: Translator,
    /// Events that nobody has taken yet.
    pub events: Vec<Event>,
}

/// Calls that may wait for a stamp: one that writes a trace stamps far more often.
const MOST_UNTIMED: usize = 1 << 16;

/// Calls whose blocks are looked up at once.
const SOON: usize = 32;

impl Collector {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self {
            decoder: Decoder::default(),
            untimed: Vec::new(),
            clock: Clock::default(),
            translator: Translator::new(),
            events: Vec::new(),
        }
    }

    /// The next word of the file; `None` if it is none.
    pub fn take(&mut self, word: u64) -> Option<()> {
        let Some(note) = self.decoder.take(word).ok()? else { return Some(()) };
        if note.call.kind == Raw::Stamp {
            self.clock.approach(Stamp { ticks: note.ticks, nanoseconds: note.call.len as u64 });
            self.time();
        } else {
            self.untimed.push(note);
            if self.untimed.len() >= MOST_UNTIMED {
                self.time();
            }
        }
        Some(())
    }

    /// The file has no more words; what was lost of them.
    pub fn finish(&mut self) -> Losses {
        self.time();
        self.translator.losses
    }

    /// The calls that wait become events.
    fn time(&mut self) {
        // Calls that are close together share their ticks.
        let mut last = None;
        for (n, Note { call, thread, ticks }) in self.untimed.iter().copied().enumerate() {
            if n % SOON == 0 {
                let soon = self.untimed[n..].iter().take(SOON);
                self.translator.slots.expect(soon.map(|note| name(note.call.address as u64)));
            }
            let kind = match call.kind {
                Raw::Allocate | Raw::Inherited => Kind::Allocate,
                Raw::Zeroed => Kind::Zeroed,
                Raw::Aligned => Kind::Aligned,
                Raw::Resize => Kind::Resize,
                Raw::Free => Kind::Free,
                Raw::FreeNull => Kind::FreeNull,
                // The others only say something about these.
                Raw::To | Raw::Stamp | Raw::Long | Raw::Ticks | Raw::Thread => continue,
            };
            let time = match last {
                Some((same, time)) if same == ticks => time,
                _ => self.clock.micros(ticks),
            };
            last = Some((ticks, time));
            let call = Call {
                kind,
                align_log: call.align.trailing_zeros() as u8 & 31,
                thread,
                time,
                len: call.len as u64,
                address: call.moved_to as u64,
                old: call.address as u64,
            };
            self.translator.translate(&call, &mut self.events);
        }
        self.untimed.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::raw::{self, CHUNK_HEAD, Maker, WORD};
    use super::super::reader::Reader;
    use super::*;

    fn word(kind: Raw, address: usize) -> u64 {
        let mut words = Vec::new();
        raw::Call::of(kind, address, 24).each_word(|word| words.push(word));
        words[0]
    }

    /// A word of a call, or what stands before one.
    const HOLE: u64 = 0;

    fn to(address: u64) -> u64 {
        Raw::To.word(address >> 4)
    }

    fn file(chunks: &[&[u64]]) -> Vec<u8> {
        let mut file = raw::file_head(&Maker::default()).to_vec();
        for chunk in chunks {
            file.extend_from_slice(&raw::Chunk::raw(CHUNK_HEAD + size_of_val(*chunk), 0).head());
            file.extend(chunk.iter().flat_map(|word| word.to_le_bytes()));
        }
        file
    }

    fn events(bytes: &[u8]) -> (Vec<(Kind, u32)>, Losses) {
        let mut out = Vec::new();
        let losses = Reader::open(bytes).unwrap().each(&mut |events| {
            out.extend(events.iter().map(|event| (event.kind, event.id)));
            true
        });
        (out, losses.unwrap())
    }

    #[test]
    fn words_of_two_chunks_are_one_order_and_holes_are_nothing() {
        let bytes = file(&[
            &[word(Raw::Allocate, 0x10), HOLE, word(Raw::Allocate, 0x20), word(Raw::Free, 0x10), HOLE],
            &[to(0x30), word(Raw::Resize, 0x20), word(Raw::Resize, 0x30), HOLE, word(Raw::Free, 0x30)],
        ]);

        let (events, losses) = events(&bytes);

        assert_eq!(losses, Losses::default());
        let kinds = [Kind::Allocate, Kind::Allocate, Kind::Free, Kind::Resize, Kind::Resize, Kind::Free];
        assert_eq!(events, kinds.into_iter().zip([0, 1, 0, 1, 1, 1]).collect::<Vec<_>>());
    }

    #[test]
    fn what_cannot_be_matched_is_counted_and_left_out() {
        let bytes = file(&[&[
            word(Raw::Free, 0x90),
            word(Raw::Inherited, 0x10),
            word(Raw::Zeroed, 0x10),
            to(0x40),
            word(Raw::Resize, 0x70),
        ]]);

        let (events, losses) = events(&bytes);

        assert_eq!(losses, Losses { unknown: 2, unfreed: 1 });
        assert_eq!(events, [(Kind::Allocate, 0), (Kind::Free, 0), (Kind::Zeroed, 1), (Kind::Allocate, 0)]);
    }

    #[test]
    fn zeros_where_no_chunk_was_begun_are_the_end() {
        let mut bytes = file(&[&[word(Raw::Allocate, 0x10)]]);
        bytes.extend_from_slice(&[0; 5000]);

        assert_eq!(events(&bytes).0, [(Kind::Allocate, 0)]);
    }

    #[test]
    fn a_word_of_no_kind_is_an_error_with_its_place() {
        let bytes = file(&[&[word(Raw::Allocate, 0x10), 15]]);

        let broken = Reader::open(&bytes[..]).unwrap().each(&mut |_| true).unwrap_err();

        assert_eq!(broken.offset, raw::FILE_HEAD + CHUNK_HEAD + WORD);
    }

    #[test]
    fn a_raw_file_cut_off_anywhere_gives_its_whole_calls() {
        let bytes = file(&[&[word(Raw::Allocate, 0x10), word(Raw::Free, 0x10)]]);

        for cut in raw::FILE_HEAD..=bytes.len() {
            let whole = cut.saturating_sub(raw::FILE_HEAD + CHUNK_HEAD) / WORD;
            assert_eq!(events(&bytes[..cut]).0.len(), whole);
        }
    }

    #[test]
    fn times_come_from_the_stamps_around_a_call() {
        let stamp = |ticks, nanoseconds| [Raw::Ticks.word(ticks), Raw::Stamp.word(nanoseconds)];
        let call = |ticks, address| [Raw::Ticks.word(ticks), word(Raw::Allocate, address)];
        let words = [
            stamp(100, 1_000_000),
            call(150, 0x10),
            stamp(200, 2_000_000),
            call(250, 0x20),
            stamp(300, 6_000_000),
            call(350, 0x30),
        ];
        let mut collector = Collector::new();

        words.as_flattened().iter().for_each(|word| collector.take(*word).unwrap());
        collector.finish();

        let times = collector.events.iter().map(|event| event.time);
        assert_eq!(times.collect::<Vec<_>>(), [0, 2500, 6500]);
    }
}
