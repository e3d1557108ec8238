//! Packed trace files: columns, compressed, with an index at the end.

use std::io::{self, Write};

use super::raw::{CHUNK_HEAD, FILE_HEAD, chunk_head, file_head};
use super::{ENTRY, INDEX, PACKED, TRAILER_MARK, column};
use crate::trace::{Event, Kind};

/// Events of one chunk.
const CHUNK: usize = 1 << 16;

/// Who made the trace.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The process, or 0.
    pub pid: u32,
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
        out.write_all(&file_head(origin.pid, origin.start, origin.command.as_bytes()))?;
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
        self.out.write_all(&chunk_head(INDEX, 0, &body, body.len() as u32, self.events))?;
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
        self.out.write_all(&chunk_head(PACKED, count, &body, plain.len() as u32, self.events))?;
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
