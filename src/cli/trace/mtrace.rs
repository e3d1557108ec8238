//! What glibc's mtrace(3) writes, as events.
//!
//! ```text
//!   = Start
//!   @ ./prog:[0x40116b] + 0x4052a0 0x64      a block            @ .. < 0x4052a0        resized from
//!   @ ./prog:[0x40117c] - 0x4052a0           a block back       @ .. > 0x405310 0x80   resized to
//!   = End
//! ```

use super::hmt::collect::{Call, Losses, Translator};
use super::rep::Broken;
use super::{Event, Kind};

/// How every such file begins.
pub const START: &[u8] = b"= Start";

/// Reads a whole text; and what could not be matched.
pub fn read(text: &[u8]) -> Result<(Vec<Event>, Losses), Broken> {
    let mut translator = Translator::new();
    let mut events = Vec::new();
    let mut from = None;
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"=") {
            continue;
        }
        let broken = |what: &str| Broken { line: at + 1, what: what.to_owned() };
        let step = step(line).ok_or_else(|| broken("not a line of mtrace"))?;
        let call = match step {
            Step::Plain(kind, address, len) => call(kind, address, len, 0),
            Step::From(old) => {
                from = Some(old);
                continue;
            }
            Step::To(address, len) => {
                let old = from.take().ok_or_else(|| broken("'>' without a '<' before it"))?;
                call(Kind::Resize, address, len, old)
            }
            Step::Failed => {
                from = None;
                continue;
            }
        };
        translator.translate(&call, &mut events);
    }
    Ok((events, translator.losses))
}

/// A line that matters.
enum Step {
    Plain(Kind, u64, u64),
    From(u64),
    To(u64, u64),
    Failed,
}

fn call(kind: Kind, address: u64, len: u64, old: u64) -> Call {
    Call { kind, align_log: 0, thread: 0, time: 0, len, address, old }
}

/// What the last words of a line say; the place before them may hold anything.
fn step(line: &[u8]) -> Option<Step> {
    let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let (last, before) = (*words.last()?, words.len().checked_sub(2)?);
    let hex = |word: &[u8]| {
        let digits = std::str::from_utf8(word.strip_prefix(b"0x")?).ok()?;
        u64::from_str_radix(digits, 16).ok()
    };
    let address = |at: usize| words.get(at).and_then(|word| hex(word));
    match words[before] {
        b"-" => return Some(Step::Plain(Kind::Free, hex(last)?, 0)),
        b"<" => return Some(Step::From(hex(last)?)),
        _ => {}
    }
    // glibc prints a size of 0 as a bare 0.
    let len = if last == b"0" { 0 } else { hex(last)? };
    match words[before.checked_sub(1)?] {
        b"+" => Some(Step::Plain(Kind::Allocate, address(before)?, len)),
        b">" => Some(Step::To(address(before)?, len)),
        b"!" => Some(Step::Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_four_kinds_of_line_are_read() {
        let text = "= Start\n@ ./a b:(main+0x1)[0x40] + 0x10 0x64\n@ a:[0x1] < 0x10\n@ a:[0x1] > 0x20 0x80\n\
            @ a:[0x2] - 0x20\n@ a:[0x2] - 0x99\n= End\n";

        let (events, losses) = read(text.as_bytes()).unwrap();

        let expected =
            [Event::of(Kind::Allocate, 0, 100), Event::of(Kind::Resize, 0, 128), Event::of(Kind::Free, 0, 0)];
        assert_eq!(events, expected);
        assert_eq!(losses.unknown, 1);
    }

    #[test]
    fn a_strange_line_is_named() {
        assert_eq!(read(b"= Start\n@ a:[0x1] + 0x10\n").unwrap_err().line, 2);
        assert_eq!(read(b"= Start\n@ a:[0x1] > 0x10 0x20\n").unwrap_err().line, 2);
        assert_eq!(read(b"= Start\n+\n").unwrap_err().line, 2);
    }
}
