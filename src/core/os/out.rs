//! Lines of text without an allocation, and the end of the process.

use core::ffi::CStr;
use core::fmt::{self, Write};

use super::refusal::{Refusal, checked};
use super::thread::system_call;
use super::window::undisturbed;

/// Text under construction, on the stack. What does not fit into `N` bytes is cut off.
pub struct Text<const N: usize> {
    text: [u8; N],
    len: usize,
}

/// A line of a message.
pub type Line = Text<512>;

impl<const N: usize> Text<N> {
    /// No text yet.
    pub const fn new() -> Self {
        Self { text: [0; N], len: 0 }
    }

    /// Adds bytes that need not be UTF-8.
    pub fn push(&mut self, bytes: &[u8]) {
        self.len += fill(&mut self.text[self.len..], bytes);
    }

    /// The text as a path; `None` if it was too long to keep its zero byte.
    #[inline(never)]
    pub fn as_path(&self) -> Option<&CStr> {
        CStr::from_bytes_until_nul(self.bytes()).ok()
    }

    /// The bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

/// Copies as many `bytes` as there is room for; how many.
#[inline(never)]
fn fill(room: &mut [u8], bytes: &[u8]) -> usize {
    let pairs = room.iter_mut().zip(bytes);
    pairs.map(|(place, byte)| *place = *byte).count()
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }

    fn write_char(&mut self, character: char) -> fmt::Result {
        let (bytes, len) = utf8(character);
        self.push(&bytes[..len]);
        Ok(())
    }
}

/// The bytes of `character`, and how many they are: one function for texts of all lengths.
#[inline(never)]
fn utf8(character: char) -> ([u8; 4], usize) {
    let mut bytes = [0; 4];
    let len = character.encode_utf8(&mut bytes).len();
    (bytes, len)
}

/// Bytes from outside as a part of a line: not too long, and nothing in them that ends it.
pub struct Excerpt<'a>(pub &'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Most characters that are shown.
        const MOST: usize = 256;
        let mut rest = core::str::from_utf8(self.0).unwrap_or("?").chars();
        for letter in rest.by_ref().take(MOST) {
            f.write_char(if letter.is_control() { '?' } else { letter })?;
        }
        if rest.next().is_some() { f.write_str("...") } else { Ok(()) }
    }
}

/// Writes all of `bytes` to `fd` with `write(2)`; gives up at the first error that is not EINTR.
pub fn write_all(fd: i32, bytes: &[u8]) -> bool {
    try_write(fd, bytes).is_ok()
}

/// The same; the error that it gave up at. A file that may not grow further and a pipe that nobody reads do not end the
/// process, and a thread that is to be cancelled goes on.
pub fn try_write(fd: i32, bytes: &[u8]) -> Result<(), Refusal> {
    undisturbed(|| write_until_refused(fd, bytes))
}

fn write_until_refused(fd: i32, mut bytes: &[u8]) -> Result<(), Refusal> {
    while !bytes.is_empty() {
        let arguments = [fd as usize, bytes.as_ptr().expose_provenance(), bytes.len(), 0];
        // SAFETY: the slice is readable for its length.
        match checked(unsafe { system_call(libc::SYS_write, arguments) }) {
            Ok(wrote) => bytes = &bytes[wrote..],
            Err(libc::EINTR) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(())
}

/// One line on stderr: `heapmm: ` and the message.
pub fn complain(message: fmt::Arguments<'_>) {
    complain_to(2, message);
}

/// The same to `fd`.
pub fn complain_to(fd: i32, message: fmt::Arguments<'_>) {
    let mut line = Line::new();
    let _ = line.write_str("heapmm: ");
    let _ = line.write_fmt(message);
    line.len = line.len.min(line.text.len() - 1);
    let _ = line.write_str("\n");
    write_all(fd, line.bytes());
}

/// Ends the process with `status` at once: nothing else runs.
pub fn leave(status: i32) -> ! {
    // SAFETY: _exit returns to nobody.
    unsafe { libc::_exit(status) }
}

/// Ends the process with SIGABRT after one line. Tests see a panic instead.
#[cold]
#[inline(never)]
pub fn die(message: fmt::Arguments<'_>) -> ! {
    #[cfg(test)]
    panic!("{message}");
    #[cfg(not(test))]
    abort_with(message)
}

#[cfg(not(test))]
fn abort_with(message: fmt::Arguments<'_>) -> ! {
    complain(message);
    // SAFETY: abort returns to nobody.
    unsafe { libc::abort() }
}

/// The heap is damaged or the program broke a rule: one line, then abort.
#[macro_export]
macro_rules! fatal {
    ($($part:tt)*) => { $crate::os::out::die(format_args!($($part)*)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(std::format!("{}", Excerpt("a\nb\x1b é".as_bytes())), "a?b? é");
        assert_eq!(std::format!("{}", Excerpt(&[b'x'; 257])), "x".repeat(256) + "...");
        assert_eq!(std::format!("{}", Excerpt(b"\xff")), "?");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_not_lost() {
        let mut line = Line::new();

        for _ in 0..100 {
            line.write_str("0123456789").unwrap();
        }

        assert_eq!(line.bytes().len(), 512);
        assert!(line.bytes().starts_with(b"0123456789"));
    }
}
