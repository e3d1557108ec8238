//! Any trace file, whole or cut off at any byte.
//!
//! - **R1** No content makes the reader panic, and none makes it ask for memory out of proportion
//!   to the file.
//! - **R2** A chunk that is cut off ends the trace: of a raw one the whole slots count, of a packed
//!   one nothing. A chunk that is damaged is an error with its offset.

use std::ops::Deref;

use super::collect::Losses;
use super::raw::{CHUNK_HEAD, CHUNK_MARK, FILE_HEAD, RAW, SLOT, VERSION, checksum};
use super::writer::Origin;
use super::{Broken, INDEX, MAGIC, PACKED, TRAILER, TRAILER_MARK, collect, column, number};
use crate::trace::Event;

/// One chunk of a file.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// Where its head is.
    pub offset: usize,
    /// What its body is.
    pub kind: u16,
    /// Its events; of a raw one that is cut off, those that are whole.
    pub events: usize,
    /// Bytes of its body that are there.
    pub stored: usize,
    /// Bytes of its body once unpacked.
    pub unpacked: usize,
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

/// LZ4 cannot pack better than this.
const MOST_RATIO: usize = 256;

impl<B: Deref<Target = [u8]>> Reader<B> {
    /// Reads the heads of the file and of its chunks.
    pub fn open(bytes: B) -> Result<Self, Broken> {
        if !bytes.starts_with(&MAGIC) {
            return Err(Broken::new(0, "not a heapmm trace"));
        }
        if bytes.len() < FILE_HEAD {
            return Err(Broken::new(bytes.len(), "the file ends within its head"));
        }
        let field = |at, len| number(&bytes, at, len).unwrap_or_default();
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
        let (chunks, whole) = scan(&bytes, head)?;
        Ok(Self { bytes, origin, chunks, whole })
    }

    /// The body of `chunk` as the file has it.
    pub fn body(&self, chunk: &Chunk) -> &[u8] {
        let start = chunk.offset + CHUNK_HEAD;
        &self.bytes[start..start + chunk.stored]
    }

    /// The slots of a raw file that were filled, in their order, with their places in the file.
    pub fn slots(&self) -> impl Iterator<Item = (usize, &[u8; SLOT])> {
        let raw = self.chunks.iter().filter(|chunk| chunk.kind == RAW);
        raw.flat_map(|chunk| {
            let (slots, _) = self.body(chunk).as_chunks::<SLOT>();
            let places = slots.iter().take(chunk.events).enumerate();
            let placed = places.map(|(at, slot)| (chunk.offset + CHUNK_HEAD + at * SLOT, slot));
            placed.filter(|(_, slot)| slot[0] != 0)
        })
    }

    /// Whether the file holds slots as the library wrote them.
    pub fn is_raw(&self) -> bool {
        self.chunks.iter().any(|chunk| chunk.kind == RAW)
    }

    /// What a reader should know about a file that is not whole.
    pub fn note(&self) -> Option<String> {
        if self.whole || self.is_raw() {
            return None;
        }
        let events: usize = self.chunks.iter().map(|chunk| chunk.events).sum();
        Some(format!("cut off: {events} events are readable"))
    }

    /// Hands all events to `see` in order, a chunk at a time, until it says `false`; what was lost.
    pub fn each(&self, see: &mut dyn FnMut(&[Event]) -> bool) -> Result<Losses, Broken> {
        if self.is_raw() {
            return collect::each(self, see);
        }
        let mut events = Vec::new();
        for chunk in &self.chunks {
            let damaged = || Broken::new(chunk.offset, "a damaged chunk");
            let plain =
                lz4_flex::block::decompress(self.body(chunk), chunk.unpacked).map_err(|_| damaged())?;
            events.clear();
            column::decode(&plain, chunk.events, &mut events).ok_or_else(damaged)?;
            if !see(&events) {
                break;
            }
        }
        Ok(Losses::default())
    }
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
        };
        // What a process was still writing to has no checksum.
        if !cut && chunk.kind != RAW && checksum(&body[..stored]) != field(20, 4) as u32 {
            return Err(Broken::new(at, "a damaged chunk"));
        }
        at += CHUNK_HEAD + chunk.stored;
        match chunk.kind {
            RAW => {
                chunk.events = chunk.events.min(chunk.stored / SLOT);
                chunks.push(chunk);
            }
            PACKED if cut => break,
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
    fn every_prefix_is_readable_up_to_its_last_whole_chunk() {
        let bytes = &*PACKED_FILE;
        let second = Reader::open(&bytes[..]).unwrap().chunks[1].offset;

        for cut in (FILE_HEAD..bytes.len()).step_by(997) {
            let expected = if cut < second { 0 } else { 1 << 16 };
            let got = count(&bytes[..cut]).unwrap();
            assert!(got == expected || got == 70_000, "{cut}: {got}");
        }
        for cut in 0..FILE_HEAD {
            assert!(Reader::open(&bytes[..cut]).is_err());
        }
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
