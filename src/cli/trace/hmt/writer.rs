//! Packed trace files: columns, compressed, with an index at the end.

use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

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

/// Chunks that may wait for their packing.
const QUEUE: usize = 4;

/// Writes a packed file: events are gathered here, and a thread packs whole chunks of them.
pub struct Writer<W> {
    waiting: Vec<Event>,
    /// Where full chunks go; gone at the end.
    chunks: Option<SyncSender<Vec<Event>>>,
    /// The thread, until it is waited for.
    packer: Option<JoinHandle<io::Result<Packer<W>>>>,
}

/// The thread's part: what was written so far.
struct Packer<W> {
    out: W,
    offset: u64,
    events: u64,
    index: Vec<u8>,
    live: u64,
    lens: Vec<u64>,
}

impl<W: Write + Send + 'static> Writer<W> {
    /// Begins with the head.
    pub fn new(mut out: W, origin: &Origin) -> io::Result<Self> {
        let command = origin.command.as_bytes();
        out.write_all(&file_head(&Maker {
            pid: origin.pid,
            heir_of: origin.heir_of,
            start: origin.start,
            command,
        }))?;
        let (chunks, queue) = sync_channel::<Vec<Event>>(QUEUE);
        let (offset, lens) = (FILE_HEAD as u64, Vec::new());
        let mut packer = Packer { out, offset, events: 0, index: Vec::new(), live: 0, lens };
        let packer = Builder::new().name("packer".to_owned()).spawn(move || {
            queue.iter().try_for_each(|chunk| packer.pack(&chunk))?;
            Ok(packer)
        })?;
        Ok(Self { waiting: Vec::with_capacity(CHUNK), chunks: Some(chunks), packer: Some(packer) })
    }

    /// Adds events; `false` if they cannot be written, which [`Writer::finish`] tells more of.
    pub fn write(&mut self, mut events: &[Event]) -> bool {
        while !events.is_empty() {
            let (now, later) = events.split_at(events.len().min(CHUNK - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            events = later;
            if self.waiting.len() == CHUNK && !self.send(Vec::with_capacity(CHUNK)) {
                return false;
            }
        }
        true
    }

    /// Hands over what waits; whether somebody takes it.
    fn send(&mut self, next: Vec<Event>) -> bool {
        let full = std::mem::replace(&mut self.waiting, next);
        self.chunks.as_ref().is_some_and(|chunks| full.is_empty() || chunks.send(full).is_ok())
    }

    /// Writes what waits, the index and the trailer; what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.send(Vec::new());
        self.join().unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))?.finish()
    }
}

impl<W> Writer<W> {
    /// Waits for the thread, which has all that it will get.
    fn join(&mut self) -> Option<io::Result<Packer<W>>> {
        self.chunks = None;
        let packed = self.packer.take()?.join();
        Some(packed.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

impl<W> Drop for Writer<W> {
    fn drop(&mut self) {
        // What was written to goes with it, here and not in a thread that nobody waits for.
        drop(self.join());
    }
}

impl<W: Write> Packer<W> {
    fn pack(&mut self, events: &[Event]) -> io::Result<()> {
        let Some(first) = events.first() else { return Ok(()) };
        let entry = [self.offset, self.events, first.time, self.live];
        self.index.extend(entry.iter().flat_map(|word| word.to_le_bytes()));
        debug_assert_eq!(self.index.len() % ENTRY, 0);
        let plain = column::encode(events);
        let body = lz4_flex::block::compress(&plain);
        let count = events.len() as u32;
        self.out.write_all(&head(PACKED, count, &body, plain.len(), self.events))?;
        self.out.write_all(&body)?;
        self.offset += (CHUNK_HEAD + body.len()) as u64;
        self.events += u64::from(count);
        events.iter().for_each(|event| self.count(event));
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        let body = std::mem::take(&mut self.index);
        self.out.write_all(&head(INDEX, 0, &body, body.len(), self.events))?;
        self.out.write_all(&body)?;
        self.out.write_all(&self.offset.to_le_bytes())?;
        self.out.write_all(&TRAILER_MARK)?;
        self.out.flush()?;
        Ok(self.out)
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
