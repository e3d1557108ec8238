//! Where a report or a trace goes: a pattern, made into a path.
//!
//! ```text
//!   %p process   %c command   %n first free number   %t seconds since 1970
//! ```

use core::fmt::Write;

use super::report::Process;
use crate::os::file;
use crate::os::out::Text;

/// A path with its zero byte.
pub type Path = Text<512>;

/// How the folders begin in which the command lets files be written for itself: no names for people.
pub const PRIVATE: &str = ".heapmm.";

/// Whether `path` lies in such a folder.
pub fn is_private(path: &[u8]) -> bool {
    path.rsplit(|byte| *byte == b'/').nth(1).is_some_and(|folder| folder.starts_with(PRIVATE.as_bytes()))
}

/// Whether `pattern` asks for a number that is free.
pub fn is_numbered(pattern: &[u8]) -> bool {
    pattern.windows(2).any(|pair| pair == b"%n")
}

/// `pattern` with its escapes replaced, and a zero byte.
pub fn expand(pattern: &[u8], process: Process<'_>, sequence: u32) -> Path {
    let mut path = Path::new();
    let mut rest = pattern;
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            path.push(&[*byte]);
            continue;
        }
        let [escape, after @ ..] = rest else { break };
        rest = after;
        let _ = match escape {
            b'p' => write!(path, "{}", process.pid),
            b'n' => write!(path, "{sequence}"),
            b't' => write!(path, "{}", file::seconds()),
            b'c' => {
                process.command.iter().for_each(|b| path.push(&[if *b == b'/' { b'_' } else { *b }]));
                Ok(())
            }
            other => {
                path.push(&[*other]);
                Ok(())
            }
        };
    }
    path.push(&[0]);
    path
}
