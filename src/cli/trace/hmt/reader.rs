//! Any trace file, whole or cut off at any byte.
//!
//! - **R1** No content makes the reader panic, and none makes it ask for memory out of proportion
//!   to the file.
//! - **R2** A chunk that is cut off ends the trace: of a raw one the whole words count, of a packed
//!   one the whole groups. A chunk that is damaged is an error with its offset.

use std::ops::Deref;

use super::collect::{Collector, Losses};
use super::raw::{CHUNK_HEAD, CHUNK_MARK, FILE_HEAD, RAW, VERSION, WORD, checksum};
use super::writer::Origin;
use super::{Broken, INDEX, MAGIC, PACKED, TRAILER, TRAILER_MARK, column, lz4, number};
use crate::trace::Event;

/// One chunk of a file.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// Where its head is.
    pub offset: usize,
    /// What its body is.
    pub kind: u16,
    /// Its events; of a raw one its words, and of one that is cut off those that are whole.
    pub events: usize,
    /// Bytes of its body that are there.
    pub stored: usize,
    /// Bytes of its body once unpacked.
    pub unpacked: usize,
    /// Whether the file ends within it.
    pub cut: bool,
}

/// A trace file.
#[derive(Debug)]
pub struct Reader<B> {
    bytes: B,
    /// Who made it.
    pub origin: Origin,
    chunks: Vec<Chunk>,
    /// Whether the trailer stands at its end.
    whole: bool,
}

/// Events that are handed over at once.
const BATCH: usize = 1 << 14;

/// LZ4 cannot pack better than this.
const MOST_RATIO: usize = 256;

impl<B: Deref<Target = [u8]>> Reader<B> {
    /// Reads the heads of the file and of its chunks.
    pub fn open(bytes: B) -> Result<Self, Broken> {
        let (origin, head) = head(&bytes)?;
        let (chunks, whole) = scan(&bytes, head)?;
        Ok(Self { bytes, origin, chunks, whole })
    }

    /// The body of `chunk` as the file has it.
    pub fn body(&self, chunk: &Chunk) -> &[u8] {
        let start = chunk.offset + CHUNK_HEAD;
        &self.bytes[start..start + chunk.stored]
    }

    /// The words of a raw file, those that were never written among them, with their places in the file.
    fn words(&self) -> impl Iterator<Item = (usize, u64)> {
        let raw = self.chunks.iter().filter(|chunk| chunk.kind == RAW);
        raw.flat_map(|chunk| {
            let (words, _) = self.body(chunk).as_chunks::<WORD>();
            let places = words.iter().take(chunk.events).enumerate();
            places.map(|(at, word)| (chunk.offset + CHUNK_HEAD + at * WORD, u64::from_le_bytes(*word)))
        })
    }

    /// Hands the events of a raw file to `see`.
    fn collect(&self, see: &mut dyn FnMut(&[Event]) -> bool) -> Result<Losses, Broken> {
        let mut collector = Collector::new();
        for (offset, word) in self.words() {
            collector.take(word).ok_or_else(|| Broken::new(offset, "not a word of a call"))?;
            if collector.events.len() >= BATCH {
                if !see(&collector.events) {
                    return Ok(collector.finish());
                }
                collector.events.clear();
            }
        }
        let losses = collector.finish();
        if !collector.events.is_empty() {
            see(&collector.events);
        }
        Ok(losses)
    }

    /// Whether the file holds words as the library wrote them.
    pub fn is_raw(&self) -> bool {
        self.chunks.iter().any(|chunk| chunk.kind == RAW)
    }

    /// What a reader should know about a file that is not whole.
    pub fn note(&self) -> Option<String> {
        let events: usize = match self.is_raw() {
            false if self.whole => return None,
            false => self.chunks.iter().map(|chunk| chunk.events).sum(),
            true => self.chunks.last().filter(|chunk| chunk.cut).and_then(|_| self.count())?,
        };
        Some(format!("cut off: {events} events are readable"))
    }

    /// The events of the file, if all of them are sound.
    fn count(&self) -> Option<usize> {
        let mut sum = 0;
        let counted = self.each(&mut |events| {
            sum += events.len();
            true
        });
        counted.ok().map(|_| sum)
    }

    /// Hands all events to `see` in order, a chunk at a time, until it says `false`; what was lost.
    pub fn each(&self, see: &mut dyn FnMut(&[Event]) -> bool) -> Result<Losses, Broken> {
        if self.is_raw() {
            return self.collect(see);
        }
        for chunk in &self.chunks {
            let events = unpack(self.body(chunk), chunk);
            let events = events.ok_or_else(|| Broken::new(chunk.offset, "a damaged chunk"))?;
            if !see(&events) {
                break;
            }
        }
        Ok(Losses::default())
    }
}

/// Who made the file that begins with `bytes`, and where its first chunk begins.
pub fn head(bytes: &[u8]) -> Result<(Origin, usize), Broken> {
    if !bytes.starts_with(&MAGIC) {
        return Err(Broken::new(0, "not a heapmm trace"));
    }
    if bytes.len() < FILE_HEAD {
        return Err(Broken::new(bytes.len(), "the file ends within its head"));
    }
    let field = |at, len| number(bytes, at, len).unwrap_or_default();
    if field(8, 4) != u64::from(VERSION) {
        let what = format!("version {} of the format; this command reads {VERSION}", field(8, 4));
        return Err(Broken::new(8, what));
    }
    let head = field(12, 4) as usize;
    if head < FILE_HEAD || head > bytes.len() {
        return Err(Broken::new(12, format!("a head of {head} bytes")));
    }
    let name = bytes[32..48].split(|byte| *byte == 0).next().unwrap_or_default();
    let origin = Origin {
        pid: field(16, 4) as u32,
        heir_of: field(20, 4) as u32,
        start: field(24, 8),
        command: String::from_utf8_lossy(name).into_owned(),
    };
    Ok((origin, head))
}

/// The events of the packed `chunk`, whose body this is; `None` if it is damaged.
fn unpack(body: &[u8], chunk: &Chunk) -> Option<Vec<Event>> {
    let mut events = Vec::new();
    if chunk.cut {
        let (block, len) = lz4::mend(body);
        let plain = lz4_flex::block::decompress(&block, len).ok()?;
        column::decode(&plain, &mut events)?;
        return Some(events);
    }
    let plain = lz4_flex::block::decompress(body, chunk.unpacked).ok()?;
    column::decode(&plain, &mut events)?;
    (events.len() == chunk.events).then_some(events)
}

/// The chunks from `at` on, and whether the trailer follows them.
fn scan(bytes: &[u8], mut at: usize) -> Result<(Vec<Chunk>, bool), Broken> {
    let mut chunks = Vec::new();
    while let Some(head) = bytes.get(at..at + CHUNK_HEAD) {
        if head.iter().all(|byte| *byte == 0) {
            // The file was lengthened for a chunk that nobody could begin.
            break;
        }
        if head[..4] != CHUNK_MARK {
            return Err(Broken::new(at, "no chunk begins here"));
        }
        let field = |place, len| number(head, place, len).unwrap_or_default() as usize;
        let stored = field(12, 4);
        let body = &bytes[at + CHUNK_HEAD..];
        let cut = body.len() < stored;
        let mut chunk = Chunk {
            offset: at,
            kind: field(4, 2) as u16,
            events: field(8, 4),
            stored: stored.min(body.len()),
            unpacked: field(16, 4),
            cut,
        };
        // What a process was still writing to has no checksum.
        if !cut && chunk.kind != RAW && checksum(&body[..stored]) != field(20, 4) as u32 {
            return Err(Broken::new(at, "a damaged chunk"));
        }
        at += CHUNK_HEAD + chunk.stored;
        match chunk.kind {
            RAW => {
                chunk.events = chunk.events.min(chunk.stored / WORD);
                chunks.push(chunk);
            }
            PACKED if cut => {
                chunk.events = unpack(body, &chunk).map_or(0, |events| events.len());
                chunks.push(chunk);
                break;
            }
            PACKED if chunk.unpacked / MOST_RATIO <= stored && chunk.events <= chunk.unpacked => {
                chunks.push(chunk)
            }
            PACKED => return Err(Broken::new(chunk.offset, "a damaged chunk")),
            INDEX if !cut => {
                let trailer = bytes.get(at..at + TRAILER);
                return Ok((chunks, trailer.is_some_and(|trailer| trailer[8..] == TRAILER_MARK)));
            }
            // Kinds that a later version adds, and an index that is cut off.
            _ => {}
        }
    }
    Ok((chunks, false))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::writer::Writer;
    use super::*;
    use crate::trace::recipe::{self, Load, Name};
    use proptest::prelude::*;
    use std::sync::LazyLock;

    fn events() -> Vec<Event> {
        recipe::events(Name::Random, 3, Load { rounds: 0, live: 0, largest: 0 })
    }

    /// Seventy thousand events make two chunks.
    static PACKED_FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut writer = Writer::new(Vec::new(), &Origin::default()).unwrap();
        for event in events().iter().cycle().take(70_000) {
            assert!(writer.write(&[*event]));
        }
        writer.finish().unwrap()
    });

    fn count(bytes: &[u8]) -> Result<usize, Broken> {
        let mut sum = 0;
        Reader::open(bytes)?.each(&mut |events| {
            sum += events.len();
            true
        })?;
        Ok(sum)
    }

    #[test]
    fn a_whole_file_gives_back_what_was_written() {
        let bytes = &*PACKED_FILE;
        let reader = Reader::open(&bytes[..]).unwrap();

        let mut back = Vec::new();
        reader
            .each(&mut |events| {
                back.extend_from_slice(events);
                true
            })
            .unwrap();

        assert!(reader.note().is_none());
        assert!(back.into_iter().eq(events().into_iter().cycle().take(70_000)));
        assert!(bytes.len() < 4 * 70_000, "{} bytes", bytes.len());
    }

    #[test]
    fn every_prefix_is_readable_up_to_its_last_whole_group() {
        let bytes = &*PACKED_FILE;
        let second = Reader::open(&bytes[..]).unwrap().chunks[1].offset;
        let mut before = 0;

        for cut in (FILE_HEAD..bytes.len()).step_by(97) {
            let got = count(&bytes[..cut]).unwrap();
            assert!(got >= before && (cut < second || got >= 1 << 16), "{cut}: {got}");
            before = got;
            let note = Reader::open(&bytes[..cut]).unwrap().note();
            assert_eq!(note, Some(format!("cut off: {got} events are readable")));
        }
        assert_eq!(before, 70_000);
        for cut in 0..FILE_HEAD {
            assert!(Reader::open(&bytes[..cut]).is_err());
        }
    }

    /// Of a file that is cut off, at least this part of its share of the events is readable.
    #[track_caller]
    fn holds_its_share(events: usize, least: f64) {
        let mut writer = Writer::new(Vec::new(), &Origin::default()).unwrap();
        recipe::events(Name::Random, 3, Load { rounds: 0, live: 0, largest: 0 })
            .iter()
            .cycle()
            .take(events)
            .for_each(|event| assert!(writer.write(&[*event])));
        let bytes = writer.finish().unwrap();
        let body = Reader::open(&bytes[..]).unwrap().chunks[0];
        for part in [0.3, 0.5, 0.7, 0.9] {
            let cut = body.offset + CHUNK_HEAD + (body.stored as f64 * part) as usize;
            let got = count(&bytes[..cut]).unwrap();
            assert!(got as f64 >= least * part * events as f64, "{part} of {events}: {got}");
        }
    }

    #[test]
    fn a_short_trace_that_is_cut_off_keeps_most_of_what_is_there() {
        holds_its_share(200, 0.5);
        holds_its_share(5000, 0.7);
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_noticed_or_harmless(at in 64..2000usize, bit in 0..8u8) {
            let mut bytes = PACKED_FILE.clone();
            bytes[at] ^= 1 << bit;

            let _ = count(&bytes);
        }

        #[test]
        fn no_prefix_makes_the_reader_panic(cut in 0..100_000usize) {
            let bytes = &*PACKED_FILE;

            let _ = count(&bytes[..cut.min(bytes.len())]);
        }
    }
}
