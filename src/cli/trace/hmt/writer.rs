//! Packed trace files: columns, compressed, with an index at the end.

use std::io::{self, Write};

use super::raw::{CHUNK_HEAD, Chunk, FILE_HEAD, Maker, checksum, file_head};
use super::{ENTRY, INDEX, PACKED, TRAILER_MARK, column};
use crate::trace::{Event, Kind};

/// Events of one chunk.
const CHUNK: usize = 1 << 16;

/// Who made the trace.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The process, or 0.
    pub pid: u32,
    /// The parent whose blocks the process found when it was forked, or 0.
    pub heir_of: u32,
    /// Nanoseconds after 1970 at which it began, or 0.
    pub start: u64,
    /// The name of its command.
    pub command: String,
}

/// Writes a packed file event by event.
pub struct Writer<W> {
    out: W,
    waiting: Vec<Event>,
    offset: u64,
    events: u64,
    index: Vec<u8>,
    live: u64,
    lens: Vec<u64>,
}

impl<W: Write> Writer<W> {
    /// Begins with the head.
    pub fn new(mut out: W, origin: &Origin) -> io::Result<Self> {
        let command = origin.command.as_bytes();
        out.write_all(&file_head(&Maker {
            pid: origin.pid,
            heir_of: origin.heir_of,
            start: origin.start,
            command,
        }))?;
        Ok(Self {
            out,
            waiting: Vec::with_capacity(CHUNK),
            offset: FILE_HEAD as u64,
            events: 0,
            index: Vec::new(),
            live: 0,
            lens: Vec::new(),
        })
    }

    /// Adds an event.
    pub fn write(&mut self, event: Event) -> io::Result<()> {
        if self.waiting.len() == CHUNK {
            self.flush()?;
        }
        self.waiting.push(event);
        Ok(())
    }

    /// Writes what waits, the index and the trailer; what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        let place = self.offset;
        let body = std::mem::take(&mut self.index);
        self.out.write_all(&head(INDEX, 0, &body, body.len(), self.events))?;
        self.out.write_all(&body)?;
        self.out.write_all(&place.to_le_bytes())?;
        self.out.write_all(&TRAILER_MARK)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(first) = self.waiting.first() else { return Ok(()) };
        let entry = [self.offset, self.events, first.time, self.live];
        self.index.extend(entry.iter().flat_map(|word| word.to_le_bytes()));
        debug_assert_eq!(self.index.len() % ENTRY, 0);
        let plain = column::encode(&self.waiting);
        let body = lz4_flex::block::compress(&plain);
        let count = self.waiting.len() as u32;
        self.out.write_all(&head(PACKED, count, &body, plain.len(), self.events))?;
        self.out.write_all(&body)?;
        self.offset += (CHUNK_HEAD + body.len()) as u64;
        self.events += u64::from(count);
        let waiting = std::mem::take(&mut self.waiting);
        waiting.iter().for_each(|event| self.count(event));
        self.waiting = waiting;
        self.waiting.clear();
        Ok(())
    }

    /// Keeps the sum of the live bytes for the index.
    fn count(&mut self, event: &Event) {
        if event.kind == Kind::FreeNull {
            return;
        }
        let id = event.id as usize;
        if self.lens.len() <= id {
            self.lens.resize(id + 1, 0);
        }
        self.live = self.live.wrapping_sub(self.lens[id]).wrapping_add(event.len);
        self.lens[id] = event.len;
    }
}

/// The head of a chunk whose `body` has `unpacked` bytes before it is packed.
fn head(kind: u16, events: u32, body: &[u8], unpacked: usize, first: u64) -> [u8; CHUNK_HEAD] {
    let (stored, unpacked) = (body.len() as u32, unpacked as u32);
    Chunk { kind, events, stored, unpacked, sum: checksum(body), first }.head()
}
