//! A raw file that its process still writes to, read as it grows.
//!
//! ```text
//!   file   │ head │ window, whole │ window: words │ words │ 0 0 0 0 │
//!                                                 ▲ at            └ to come, or never to be written
//! ```
//!
//! - **E1** While the process runs, reading stops at a word of 0: a signal handler may stand between the
//!   calls before and behind it. A window's last words, fewer than a call may need, are never written
//!   when the next window is there.
//! - **E2** Once the process has ended, what is 0 will stay so, and is skipped.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::collect::{Collector, Losses};
use super::raw::{CHUNK_HEAD, CHUNK_MARK, FILE_HEAD, MOST_WORDS, RAW, WORD};
use super::reader::head;
use super::writer::Origin;
use crate::trace::Event;

/// Bytes that are read at once.
const PIECE: usize = 1 << 16;

/// A reader of such a file.
pub struct Follower {
    file: File,
    /// Who writes it.
    pub origin: Origin,
    /// The next byte that was not read, and the end of the window around it.
    at: u64,
    end: u64,
    collector: Collector,
}

/// The file cannot be read on: the system refuses, or it is no raw trace.
#[derive(Debug)]
pub struct Stop;

impl Follower {
    /// The file at `path`; `None` before its head is there.
    pub fn open(path: &Path) -> Result<Option<Self>, Stop> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|_| Stop)?,
        };
        let mut bytes = [0; FILE_HEAD];
        // The head is written into the window when that is there.
        if read(&file, 0, &mut bytes)? < FILE_HEAD || bytes[..8] == [0; 8] {
            return Ok(None);
        }
        let (origin, start) = head(&bytes).map_err(|_| Stop)?;
        let start = start as u64;
        Ok(Some(Self { file, origin, at: start, end: start, collector: Collector::new() }))
    }

    /// Hands over the events that have come since; the process `has_ended`, or not. Whether there were any.
    pub fn advance(&mut self, has_ended: bool, see: &mut dyn FnMut(&[Event]) -> bool) -> Result<bool, Stop> {
        let mut any = false;
        let mut piece = vec![0; PIECE];
        while self.at < self.end || self.enter_window()? {
            let len = PIECE.min((self.end - self.at) as usize);
            let len = read(&self.file, self.at, &mut piece[..len])? / WORD * WORD;
            let taken = self.take(&piece[..len], has_ended)?;
            self.at += taken as u64;
            if !self.collector.events.is_empty() {
                any = true;
                let goes_on = see(&self.collector.events);
                self.collector.events.clear();
                if !goes_on {
                    break;
                }
            }
            if taken < len && !self.skip_end()? || len == 0 {
                break;
            }
        }
        Ok(any)
    }

    /// The last events, and what was lost.
    pub fn finish(mut self, see: &mut dyn FnMut(&[Event]) -> bool) -> Losses {
        let losses = self.collector.finish();
        if !self.collector.events.is_empty() {
            see(&self.collector.events);
        }
        losses
    }

    /// Collects the words of `piece` up to one that may still be written; how many bytes those are.
    fn take(&mut self, piece: &[u8], has_ended: bool) -> Result<usize, Stop> {
        for (n, word) in piece.as_chunks::<WORD>().0.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            if word == 0 && !has_ended {
                return Ok(n * WORD);
            }
            self.collector.take(word).ok_or(Stop)?;
        }
        Ok(piece.len())
    }

    /// Goes behind the last words of a window that has a successor ([E1](self)).
    fn skip_end(&mut self) -> Result<bool, Stop> {
        let is_end = self.end - self.at < (MOST_WORDS * WORD) as u64;
        let at = self.at;
        self.at = self.end;
        if is_end && self.enter_window()? {
            return Ok(true);
        }
        self.at = at;
        Ok(false)
    }

    /// Enters the window that begins here, if it has begun.
    fn enter_window(&mut self) -> Result<bool, Stop> {
        let mut head = [0; CHUNK_HEAD];
        if read(&self.file, self.at, &mut head)? < CHUNK_HEAD || head[..16] == [0; 16] {
            return Ok(false);
        }
        let stored = super::number(&head, 12, 4).unwrap_or_default();
        if head[..4] != CHUNK_MARK || head[4] != RAW as u8 {
            return Err(Stop);
        }
        self.at += CHUNK_HEAD as u64;
        self.end = self.at + stored;
        Ok(true)
    }
}

/// Reads from `at` on into `bytes`; how many there were.
fn read(file: &File, at: u64, bytes: &mut [u8]) -> Result<usize, Stop> {
    let mut got = 0;
    while got < bytes.len() {
        match file.read_at(&mut bytes[got..], at + got as u64) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Stop),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::raw::{Call, Chunk, Kind, Maker, file_head};
    use super::*;
    use crate::program::scratch::Scratch;

    /// A raw file that a test lets grow.
    struct Growing {
        folder: Scratch,
        bytes: Vec<u8>,
    }

    const WORDS: usize = 12;
    const WINDOW: usize = CHUNK_HEAD + WORDS * WORD;

    impl Growing {
        fn new() -> Self {
            Self { folder: Scratch::new().unwrap(), bytes: Vec::new() }
        }

        fn follower(&self) -> Option<Follower> {
            let path = self.folder.path().join("raw");
            std::fs::write(&path, &self.bytes).unwrap();
            Follower::open(&path).unwrap()
        }

        fn begin(&mut self) {
            self.bytes.extend(file_head(&Maker { pid: 7, ..Maker::default() }));
        }

        fn window(&mut self) {
            self.bytes.extend(Chunk::raw(WINDOW, 0).head());
            self.bytes.extend([0; WORDS * WORD]);
        }

        /// Writes calls as words `from` to `to` of window `window`.
        fn calls(&mut self, window: usize, words: std::ops::Range<usize>) {
            for n in words {
                let at = FILE_HEAD + window * WINDOW + CHUNK_HEAD + n * WORD;
                let call = Call::of(Kind::Allocate, (window * WORDS + n + 1) << 4, 24);
                let word = call.word().unwrap().to_le_bytes();
                self.bytes[at..at + WORD].copy_from_slice(&word);
            }
        }

        /// A file in which a call of the first window was not written.
        fn with_a_hole() -> Self {
            let mut this = Self::new();
            this.begin();
            this.window();
            this.calls(0, 0..2);
            this.calls(0, 3..5);
            this.window();
            this.calls(1, 0..1);
            this
        }

        /// The ids of the events that come when the file has grown.
        fn advance(&self, follower: &mut Follower, has_ended: bool) -> Vec<u32> {
            std::fs::write(self.folder.path().join("raw"), &self.bytes).unwrap();
            let mut ids = Vec::new();
            follower.advance(has_ended, &mut |_| true).unwrap();
            follower.collector.finish();
            ids.extend(follower.collector.events.drain(..).map(|event| event.id));
            ids
        }
    }

    #[test]
    fn nothing_is_followed_before_its_head_is_there() {
        let mut file = Growing::new();
        assert!(file.follower().is_none());
        file.bytes.resize(4096, 0);
        assert!(file.follower().is_none());

        file.bytes.clear();
        file.begin();

        assert_eq!(file.follower().unwrap().origin.pid, 7);
    }

    #[test]
    fn calls_come_once_each_as_they_are_written() {
        let mut file = Growing::new();
        file.begin();
        let mut follower = file.follower().unwrap();
        assert!(file.advance(&mut follower, false).is_empty());

        file.window();
        file.calls(0, 0..3);
        assert_eq!(file.advance(&mut follower, false), [0, 1, 2]);
        assert!(file.advance(&mut follower, false).is_empty());
        file.calls(0, 3..9);
        assert_eq!(file.advance(&mut follower, false), Vec::from_iter(3..9));
        file.window();
        file.calls(1, 0..12);
        assert_eq!(file.advance(&mut follower, false), Vec::from_iter(9..21));
        assert!(file.advance(&mut follower, true).is_empty());
    }

    #[test]
    fn a_call_that_a_handler_interrupted_is_waited_for() {
        let mut file = Growing::with_a_hole();
        let mut follower = file.follower().unwrap();

        assert_eq!(file.advance(&mut follower, false), [0, 1]);
        file.calls(0, 2..3);
        assert_eq!(file.advance(&mut follower, false), [2, 3, 4]);
    }

    #[test]
    fn what_was_never_written_is_skipped_at_the_end() {
        let file = Growing::with_a_hole();
        let mut follower = file.follower().unwrap();

        assert_eq!(file.advance(&mut follower, true), Vec::from_iter(0..5));
    }

    #[test]
    fn what_is_no_raw_trace_stops_it() {
        let mut file = Growing::new();
        file.begin();
        file.bytes.extend([9; WINDOW]);

        assert!(file.follower().unwrap().advance(false, &mut |_| true).is_err());
    }
}
