//! The `heapmm` command.
//!
//! ```text
//!   verbs     one file for each verb: its options, what it does
//!   ├─ play      traces through engines: arena, player, score, film
//!   ├─ trace     what a program asked for: events, .rep, .hmt, mtrace, recipes
//!   ├─ program   programs: found, looked into, run under the library, their reports
//!   ├─ picture   charts and maps: SVG, and one page that needs nothing else
//!   └─ show      tables, numbers, whole files, a bar for long work
//! ```
//!
//! - **C1** Data goes to stdout, chatter to stderr.
//! - **C2** Status: 0; the child's own; 1 file or output; 2 usage; 23 a check failed; 125, 126,
//!   127 as env(1).
//! - **C3** A file is written whole or not at all.

mod fail;
mod picture;
mod play;
mod program;
mod show;
mod trace;
mod verbs;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::fail::{Fail, Verdict};
use crate::show::stream;
use crate::show::word::printable;
use verbs::Command;

fn main() -> ExitCode {
    // SAFETY: before any thread: a reader that goes away ends this process as it ends any other.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    outlive_limits();
    match command().map_or_else(answered, Command::run) {
        Ok(status) => ExitCode::from(status),
        Err(fail) => {
            fail.say();
            ExitCode::from(fail.status)
        }
    }
}

/// A file that would grow beyond its limit is an error like any other. What is caught here is not caught in a command
/// that is run, and what is ignored is.
fn outlive_limits() {
    extern "C" fn go_on(_signal: i32) {}
    let handler: extern "C" fn(i32) = go_on;
    // SAFETY: before any thread, and the handler does nothing.
    let before = unsafe { libc::signal(libc::SIGXFSZ, handler as *const () as usize) };
    if before == libc::SIG_IGN {
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    }
}

/// The command line; one that makes no sense is quoted without control characters.
fn command() -> Result<Command, clap::Error> {
    let words: Vec<OsString> = std::env::args_os().collect();
    Command::try_parse_from(&words).map_err(|error| {
        let shown = words.iter().map(|word| printable(&word.to_string_lossy()).into_owned());
        Command::try_parse_from(shown).err().unwrap_or(error)
    })
}

/// What is said instead of a verb: that the command line makes no sense, or the help that it asks for.
fn answered(error: clap::Error) -> Verdict {
    if error.use_stderr() {
        // What cannot be said is lost, as all chatter is.
        let _ = error.print();
        return Ok(Fail::USAGE);
    }
    let printed = stream::stdout().and_then(|mut out| error.print().and_then(|()| out.flush()));
    printed.map(|()| 0).map_err(|error| Fail::output(&error))
}
