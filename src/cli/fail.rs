//! Why a verb ends early: one line for stderr, and the status of the process.

use std::fmt::Display;
use std::io;
use std::path::Path;

use crate::show::chatter::chat;

/// A failed verb.
#[derive(Debug)]
pub struct Fail {
    /// The status that the process ends with.
    pub status: u8,
    /// What is wrong, in a line; empty if everything was said already.
    pub line: String,
}

/// What a verb gives: the status of the process, or why it ended early.
pub type Verdict<T = u8> = Result<T, Fail>;

impl Fail {
    /// Input or output failed, or a file is broken.
    pub const IO: u8 = 1;
    /// The command line makes no sense.
    pub const USAGE: u8 = 2;
    /// A check found what it looked for.
    pub const FAILED_CHECK: u8 = 23;
    /// The command itself could not do its part.
    pub const OWN: u8 = 125;
    /// The program is there but cannot be run.
    pub const NOT_EXECUTABLE: u8 = 126;
    /// There is no such program.
    pub const NOT_FOUND: u8 = 127;

    /// A failure with `status`.
    pub fn new(status: u8, line: impl Into<String>) -> Self {
        Self { status, line: line.into() }
    }

    /// A wrong command line.
    pub fn usage(line: impl Into<String>) -> Self {
        Self::new(Self::USAGE, line)
    }

    /// A file that cannot be read or written.
    pub fn io(path: &Path, error: &io::Error) -> Self {
        Self::new(Self::IO, format!("{}: {}", path.display(), plain(error)))
    }

    /// A file whose content is wrong; `place` says where.
    pub fn content(path: &Path, place: impl Display, what: impl Display) -> Self {
        Self::new(Self::IO, format!("{}: {place}: {what}", path.display()))
    }

    /// Says on stderr what is wrong.
    pub fn say(&self) {
        if !self.line.is_empty() {
            chat!("heapmm: {}", self.line);
        }
    }

    /// Standard output that cannot be written.
    pub fn output(error: &io::Error) -> Self {
        Self::new(Self::IO, format!("standard output: {}", plain(error)))
    }
}

/// The status after all of `rest`, what was left to do when the work was done: its own `status` stays, each
/// failure is said, and the first makes the status of what went well.
pub fn after(status: u8, rest: impl IntoIterator<Item = Verdict<()>>) -> u8 {
    rest.into_iter().filter_map(Result::err).fold(status, |status, fail| {
        fail.say();
        if status == 0 { fail.status } else { status }
    })
}

/// The words of the system without Rust's number behind them.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}
