//! Chatter: lines on stderr beside the data. One that cannot be written is lost, since nobody could be told.

use std::fmt::Arguments;
use std::io::Write;

use super::word::printable;

/// Writes a line on stderr, if that can be; whatever names are in it, it is one line.
pub fn say(line: Arguments<'_>) {
    let line = line.to_string();
    let _ = std::io::stderr().lock().write_all(format!("{}\n", printable(&line)).as_bytes());
}

/// [`say`] with the words of `format!`.
macro_rules! chat {
    ($($part:tt)*) => {
        $crate::show::chatter::say(format_args!($($part)*))
    };
}
pub(crate) use chat;
