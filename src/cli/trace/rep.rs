//! The classroom format `.rep`: text that every malloc lab reads.
//!
//! ```text
//!   20000      suggested heap size      a 0 512     allocate id 0, 512 bytes
//!   2          number of ids            r 0 640     resize id 0
//!   4          number of operations     f 0         free id 0
//!   1          weight                   f -1        free NULL
//! ```

use std::io::{self, Write};
use std::path::Path;

use super::{Event, Kind};
use crate::fail::Fail;

/// Why a text is no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl Broken {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }

    /// The failure of a verb that wanted to read `path`.
    pub fn at(self, path: &Path) -> Fail {
        Fail::content(path, format_args!("line {}", self.line), self.what)
    }
}

/// The four numbers before the operations.
struct Head {
    ids: u64,
    ops: u64,
    /// The line of the number of ids, and of the number of operations.
    lines: [usize; 2],
}

/// Reads a whole text; what it asks for makes sense afterwards.
pub fn read(text: &[u8]) -> Result<Vec<Event>, Broken> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    let mut lines = lines.map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.is_empty());
    let mut last = 1;
    let mut number = |what: &str| {
        let Some((at, line)) = lines.next() else {
            return Err(Broken::new(last, format!("the file ends before the {what}")));
        };
        last = at;
        let value = whole(line).ok_or_else(|| {
            if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
                return Broken::new(at, "no text; this is neither a .rep nor a .hmt trace");
            }
            match excess(line) {
                Some(excess) => Broken::new(at, format!("'{}' as the {what}: {excess}", shown(line))),
                None => {
                    Broken::new(at, format!("'{}' should be the {what}; is this a .rep trace?", shown(line)))
                }
            }
        });
        value.map(|value| (at, value))
    };
    number("suggested heap size")?;
    let (ids_line, ids) = number("number of ids")?;
    let (ops_line, ops) = number("number of operations")?;
    number("weight")?;
    let head = Head { ids, ops, lines: [ids_line, ops_line] };
    let mut events = Vec::with_capacity(ops.min(text.len() as u64 / 4) as usize);
    let mut places = Vec::with_capacity(events.capacity());
    for (at, line) in lines {
        let event = operation(line).map_err(|why| Broken::new(at, format!("'{}': {why}", shown(line))))?;
        events.push(event);
        places.push(at);
    }
    check(&head, &mut events, &places)?;
    Ok(events)
}

/// A line of the file for a message.
fn shown(line: &[u8]) -> String {
    const MOST: usize = 40;
    let text: String = String::from_utf8_lossy(&line[..line.len().min(MOST)]).into_owned();
    let text: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if line.len() > MOST { text + "..." } else { text }
}

fn whole(word: &[u8]) -> Option<u64> {
    if word.is_empty() || word.len() > 19 {
        return None;
    }
    word.iter().try_fold(0u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

/// What is wrong with a word of digits that is no number here.
fn excess(word: &[u8]) -> Option<&'static str> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then_some(if digits.len() < word.len() { "a negative number" } else { TOO_LARGE })
}

const TOO_LARGE: &str = "a number that is too large";

const FORM: &str = "an operation is 'a id size', 'r id size' or 'f id'";

/// The operation of a line, or what is wrong with it.
fn operation(line: &[u8]) -> Result<Event, &'static str> {
    let number = |word| whole(word).ok_or_else(|| excess(word).unwrap_or(FORM));
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let kind = match words.next() {
        Some(b"a") => Kind::Allocate,
        Some(b"r") => Kind::Resize,
        Some(b"f") => Kind::Free,
        _ => return Err(FORM),
    };
    let id = words.next().ok_or(FORM)?;
    let event = if kind == Kind::Free && id == b"-1" {
        Event::of(Kind::FreeNull, 0, 0)
    } else {
        let id = u32::try_from(number(id)?).map_err(|_| TOO_LARGE)?;
        let len = if kind == Kind::Free { 0 } else { number(words.next().ok_or(FORM)?)? };
        Event::of(kind, id, len)
    };
    if words.next().is_none() { Ok(event) } else { Err(FORM) }
}

/// Whether the events keep to the header and to each other. Ids are numbered anew, in the order in
/// which they come up. `r` of an id that is not live is `realloc(NULL, n)`.
fn check(head: &Head, events: &mut [Event], places: &[usize]) -> Result<(), Broken> {
    let count = events.len() as u64;
    if head.ops != count {
        let what = format!("{} operations are promised, {count} follow", head.ops);
        return Err(Broken::new(head.lines[1], what));
    }
    if head.ids > count {
        let what = format!("{} ids are promised, but only {count} operations", head.ids);
        return Err(Broken::new(head.lines[0], what));
    }
    let mut known: Vec<Known> = vec![Known::default(); head.ids as usize];
    let mut next = 0;
    for (event, at) in events.iter_mut().zip(places) {
        if event.kind == Kind::FreeNull {
            continue;
        }
        let Some(known) = known.get_mut(event.id as usize) else {
            let what = format!("id {} is not below the {} ids that the header promises", event.id, head.ids);
            return Err(Broken::new(*at, what));
        };
        match event.kind {
            Kind::Free if !known.live => {
                return Err(Broken::new(*at, format!("id {} is not allocated", event.id)));
            }
            Kind::Allocate if known.live => {
                return Err(Broken::new(*at, format!("id {} is allocated already", event.id)));
            }
            kind => known.live = kind != Kind::Free,
        }
        event.id = *known.name.get_or_insert_with(|| {
            next += 1;
            next - 1
        });
    }
    Ok(())
}

/// What is known of an id of the text.
#[derive(Clone, Debug, Default)]
struct Known {
    live: bool,
    name: Option<u32>,
}

/// The four numbers before the operations of a text that is written.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Most bytes live at once: the suggested heap size is twice that.
    pub peak: u64,
    /// Allocations, each with an id of its own.
    pub ids: u64,
    /// Operations.
    pub ops: u64,
}

/// Writes a text event by event.
pub struct Writer<W> {
    out: W,
    /// The id in the text of each id of the trace.
    names: Vec<u32>,
    next: u32,
}

impl<W: Write> Writer<W> {
    /// Begins with the head.
    pub fn new(mut out: W, summary: Summary) -> io::Result<Self> {
        writeln!(out, "{}\n{}\n{}\n1", summary.peak.saturating_mul(2), summary.ids, summary.ops)?;
        Ok(Self { out, names: Vec::new(), next: 0 })
    }

    /// Writes some events. Blocks of zeros and aligned ones become plain ones.
    pub fn write(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            let id = event.id as usize;
            if event.kind.allocates() {
                if self.names.len() <= id {
                    self.names.resize(id + 1, 0);
                }
                self.names[id] = self.next;
                self.next += 1;
            }
            let name = self.names.get(id).copied().unwrap_or_default();
            match event.kind {
                Kind::FreeNull => writeln!(self.out, "f -1")?,
                Kind::Free => writeln!(self.out, "f {name}")?,
                Kind::Resize => writeln!(self.out, "r {name} {}", event.len)?,
                Kind::Allocate | Kind::Zeroed | Kind::Aligned => {
                    writeln!(self.out, "a {name} {}", event.len)?
                }
            }
        }
        Ok(())
    }

    /// What was written to.
    #[cfg(test)]
    pub fn into_inner(self) -> W {
        self.out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const SMALL: &str = "20000\n2\n5\n1\na 0 512\na 1 128\nr 0 640\nf 1\nf -1\n";

    #[test]
    fn a_small_trace_is_read_and_written_as_it_was() {
        let events = read(SMALL.as_bytes()).unwrap();

        let mut writer = Writer::new(Vec::new(), Summary { peak: 10_000, ids: 2, ops: 5 }).unwrap();
        writer.write(&events).unwrap();

        assert_eq!(String::from_utf8(writer.into_inner()).unwrap(), SMALL);
    }

    #[test]
    fn every_mistake_has_its_line() {
        let complaint = |text: &str| read(text.as_bytes()).unwrap_err();

        assert_eq!(complaint("").line, 1);
        assert_eq!(complaint("1\n2\n").line, 2);
        assert_eq!(complaint("1\nx\n1\n1\n").line, 2);
        assert_eq!(complaint("1\n1\n2\n1\na 0 1\nq 0\n").line, 6);
        assert_eq!(complaint("1\n1\n2\n1\na 0 1\nf 1\n").line, 6);
        assert_eq!(complaint("1\n1\n2\n1\na 0 1\n").line, 3);
        assert_eq!(complaint("1\n1\n3\n1\na 0 1\nf 0\nf 0\n").what, "id 0 is not allocated");
        assert_eq!(complaint("1\n1\n2\n1\na 0 1\na 0 1\n").what, "id 0 is allocated already");
        assert_eq!(complaint("1\n9\n2\n1\na 0 1\nf 0\n").line, 2);
    }

    #[test]
    fn a_number_that_is_too_large_or_negative_is_called_so() {
        let huge = "9".repeat(20);
        let complaint = |text: String| read(text.as_bytes()).unwrap_err().what;

        assert_eq!(complaint("-5\n1\n1\n1\n".into()), "'-5' as the suggested heap size: a negative number");
        assert_eq!(
            complaint(format!("1\n{huge}\n1\n1\n")),
            format!("'{huge}' as the number of ids: {TOO_LARGE}")
        );
        assert_eq!(complaint("1\n1\n1\n1\na 0 -5\n".into()), "'a 0 -5': a negative number");
        for operation in [format!("a 0 {huge}"), "a 4294967296 1".into(), format!("f {huge}")] {
            let text = format!("1\n1\n1\n1\n{operation}\n");
            assert_eq!(complaint(text), format!("'{operation}': {TOO_LARGE}"));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[0-9afr \n-]{0,200}") {
            let _ = read(text.as_bytes());
        }

        #[test]
        fn no_prefix_makes_the_reader_panic(cut in 0..SMALL.len()) {
            prop_assert!(read(&SMALL.as_bytes()[..cut]).is_err() || cut + 1 == SMALL.len());
        }
    }
}
