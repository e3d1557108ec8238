//! What heaptrack writes, as events: the file that it leaves, and the raw one of `heaptrack --raw`.
//!
//! ```text
//!   v 10400 3            version of heaptrack, version of the format
//!   c 1f                 milliseconds since the start
//!   a 40 7               the next kind of allocation: 64 bytes, from call stack 7
//!   + 0        - 0       one of kind 0 comes, one of kind 0 goes
//!   + 40 7 55d0  - 55d0  raw: bytes, call stack, address; the address goes
//! ```
//!
//! All numbers are hexadecimal. A finished file does not say which block of a kind goes: the newest
//! is taken, since most lives are short. A change of size is a block that goes and one that comes.

use std::borrow::Cow;
use std::io::Read;

use super::hmt::collect::{Call, Losses, Translator};
use super::rep::Broken;
use super::{Event, Kind};

/// How every such text begins.
const START: &[u8] = b"v ";

/// How a packed file begins, by zstd and by gzip.
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// What is said of a packed file that does not end, or has an end of another.
const CUT: &str = "cannot be unpacked: cut off, or damaged";

/// The newest version of the format that is known here.
const NEWEST: u64 = 3;

/// The text in `bytes`, unpacked if it is packed; `None` if these are no bytes of heaptrack's.
pub fn text(bytes: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Broken> {
    let broken = |what: &str| Broken { line: 1, what: what.to_owned() };
    let mut text = Vec::new();
    let read = if bytes.starts_with(&ZSTD) {
        let mut frame = ruzstd::decoding::StreamingDecoder::new(bytes).map_err(|_| broken(CUT))?;
        frame.read_to_end(&mut text)
    } else if bytes.starts_with(&GZIP) {
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text)
    } else {
        return Ok(is_ours(bytes).then_some(Cow::Borrowed(bytes)));
    };
    read.map_err(|_| broken(CUT))?;
    match is_ours(&text) {
        true => Ok(Some(Cow::Owned(text))),
        false => Err(broken("packed, but not a file of heaptrack")),
    }
}

/// Whether `bytes` begin as one of heaptrack's files does, packed or not.
pub fn is_like(bytes: &[u8]) -> bool {
    bytes.starts_with(&ZSTD) || bytes.starts_with(&GZIP) || is_ours(bytes)
}

fn is_ours(text: &[u8]) -> bool {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or(text);
    first.starts_with(START) && numbers(first).is_some_and(|words| words.len() == 2)
}

/// Reads a whole text; and what could not be matched.
pub fn read(text: &[u8]) -> Result<(Vec<Event>, Losses), Broken> {
    let mut reader = Reader { kinds: Vec::new(), time: 0, next: 1, translator: Translator::new() };
    let mut events = Vec::new();
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let matters = matches!(line.first(), Some(b'v' | b'c' | b'a' | b'+' | b'-'));
        if matters && line.get(1) == Some(&b' ') {
            let done = numbers(line).ok_or_else(|| "not a line of heaptrack".to_owned());
            done.and_then(|words| reader.line(line[0], &words, &mut events))
                .map_err(|what| Broken { line: at + 1, what })?;
        }
    }
    Ok((events, reader.translator.losses))
}

/// The numbers behind the letter of a line.
fn numbers(line: &[u8]) -> Option<Vec<u64>> {
    let words = std::str::from_utf8(line.get(2..)?).ok()?.split_ascii_whitespace();
    words.map(|word| u64::from_str_radix(word, 16).ok()).collect()
}

/// A kind of allocation: its bytes, and made-up addresses of its live blocks.
struct Stock {
    len: u64,
    live: Vec<u64>,
}

struct Reader {
    kinds: Vec<Stock>,
    time: u64,
    next: u64,
    translator: Translator,
}

impl Reader {
    fn line(&mut self, letter: u8, words: &[u64], events: &mut Vec<Event>) -> Result<(), String> {
        match (letter, words) {
            (b'v', [_, format]) if *format > NEWEST => {
                return Err(format!(
                    "version {format} of heaptrack's format; {NEWEST} is the newest known here"
                ));
            }
            (b'v', _) => {}
            (b'c', [time]) => self.time = time.saturating_mul(1000),
            (b'a', [len, _]) => self.kinds.push(Stock { len: *len, live: Vec::new() }),
            (b'+', [kind]) => {
                let (len, address) = self.come(*kind)?;
                self.call(Kind::Allocate, address, len, events);
            }
            (b'-', [word]) if self.kinds.is_empty() => self.call(Kind::Free, *word, 0, events),
            (b'-', [kind]) => {
                let address = self.stock(*kind)?.live.pop().unwrap_or(0);
                self.call(Kind::Free, address, 0, events);
            }
            (b'+', [len, _, address]) => self.call(Kind::Allocate, *address, *len, events),
            _ => return Err("not a line of heaptrack".to_owned()),
        }
        Ok(())
    }

    fn stock(&mut self, kind: u64) -> Result<&mut Stock, String> {
        let stock = usize::try_from(kind).ok().and_then(|kind| self.kinds.get_mut(kind));
        stock.ok_or_else(|| format!("kind {kind:x} of allocation was not announced"))
    }

    /// Bytes and made-up address of a new block of `kind`.
    fn come(&mut self, kind: u64) -> Result<(u64, u64), String> {
        let address = self.next;
        let stock = self.stock(kind)?;
        stock.live.push(address);
        let len = stock.len;
        self.next += 1;
        Ok((len, address))
    }

    fn call(&mut self, kind: Kind, address: u64, len: u64, events: &mut Vec<Event>) {
        let call = Call { kind, align_log: 0, thread: 0, time: self.time, len, address, old: 0 };
        self.translator.translate(&call, events);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kinds(events: &[Event]) -> Vec<(Kind, u32, u64)> {
        events.iter().map(|event| (event.kind, event.id, event.len)).collect()
    }

    #[test]
    fn a_finished_file_names_kinds_and_the_newest_of_a_kind_goes() {
        let text = b"v 10400 3\nX ./a b\nI 1000 5e\ns 3 abc\na 40 1\n+ 0\n+ 0\nc 5\na 10 2\n+ 1\n- 0\n- 0\n- 0\nR 12\n";

        let (events, losses) = read(text).unwrap();

        let (new, gone) = (Kind::Allocate, Kind::Free);
        assert_eq!(kinds(&events), [(new, 0, 64), (new, 1, 64), (new, 2, 16), (gone, 1, 0), (gone, 0, 0)]);
        assert_eq!((events[2].time, losses.unknown), (5000, 1));
    }

    #[test]
    fn a_raw_file_names_addresses() {
        let text = b"v 10400 3\nx 3 /a\nm 1 -\n+ 40 1 55d0\n+ 10 1 55f0\n- 55d0\n- 99\n";

        let (events, losses) = read(text).unwrap();

        assert_eq!(kinds(&events), [(Kind::Allocate, 0, 64), (Kind::Allocate, 1, 16), (Kind::Free, 0, 0)]);
        assert_eq!(losses.unknown, 1);
    }

    #[test]
    fn a_strange_line_a_later_version_and_other_packed_files_are_named() {
        assert_eq!(read(b"v 10400 3\n+ 0\n").unwrap_err().line, 2);
        assert_eq!(read(b"v 10400 3\na 10 1\n+ zz\n").unwrap_err().line, 3);
        assert!(read(b"v 99999 4\n").unwrap_err().what.contains("version 4"));
        assert!(text(&[&ZSTD[..], b"rubbish"].concat()).unwrap_err().what.contains("unpacked"));
        assert!(text(&[&GZIP[..], b"rubbish"].concat()).unwrap_err().what.contains("unpacked"));
        assert!(text(b"100\n2\n4\n1\n").unwrap().is_none());
        assert!(text(b"v 10400 3\n").unwrap().is_some());
    }
}
