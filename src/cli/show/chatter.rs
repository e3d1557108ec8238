//! Chatter: lines on stderr beside the data. One that cannot be written is lost, since nobody could be told.

use std::fmt::Arguments;
use std::io::Write;

/// Writes a line on stderr, if that can be.
pub fn say(line: Arguments<'_>) {
    let _ = std::io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// [`say`] with the words of `format!`.
macro_rules! chat {
    ($($part:tt)*) => {
        $crate::show::chatter::say(format_args!($($part)*))
    };
}
pub(crate) use chat;
