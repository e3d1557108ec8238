//! Why the system refuses a call, as a number and in words.

use super::out::{self, Excerpt};

/// An error as the kernel numbers it.
pub type Refusal = i32;

/// There is no such file.
pub const NO_FILE: Refusal = libc::EBADF;
/// The name is taken.
pub const IN_USE: Refusal = libc::EEXIST;
/// The name is too long.
pub const TOO_LONG: Refusal = libc::ENAMETOOLONG;
/// Nothing can be written there from the beginning on.
pub const NOT_A_FILE: Refusal = libc::ENODEV;
/// It is a folder.
pub const FOLDER: Refusal = libc::EISDIR;

/// What a system call that was made by its number has returned.
pub fn checked(result: isize) -> Result<usize, Refusal> {
    usize::try_from(result).map_err(|_| -(result as i32))
}

macro_rules! refusals {
    ($($name:ident $words:literal;)*) => {
        /// Those that have words of their own.
        const NUMBERS: &[u8] = &[$(libc::$name as u8,)*];

        /// The words, a line each: a row for each would have a pointer that the loader must adjust, and a
        /// match a table of jumps.
        const WORDS: &str = concat!($($words, "\n",)*);
    };
}

refusals! {
    ENOSPC "no space left on the device";
    EDQUOT "the quota is used up";
    EFBIG "the file may not grow further";
    ENOENT "no such folder";
    ENOTDIR "a part of the path is no folder";
    EISDIR "it is a folder";
    ENODEV "it is a device or a pipe";
    ENXIO "nobody reads from it";
    EACCES "not permitted";
    EPERM "not permitted";
    EROFS "the file system is read-only";
    EEXIST "the file is there already";
    ENAMETOOLONG "the name is too long";
    EMFILE "too many open files";
    ENFILE "too many open files";
    ENOMEM "out of memory";
    EBADF "the program has closed it";
}

/// What a refusal means, in words.
#[cold]
#[inline(never)]
pub fn words(refusal: Refusal) -> &'static str {
    let lines = WORDS.as_bytes().split(|byte| *byte == b'\n');
    let known = lines.zip(NUMBERS).find(|(_, number)| Refusal::from(**number) == refusal);
    known.and_then(|(line, _)| core::str::from_utf8(line).ok()).unwrap_or("the system refuses")
}

/// One line to `fd`: `what` cannot be written at `path`.
pub fn complain(fd: i32, what: &str, path: &[u8], refusal: Refusal) {
    let (path, why) = (Excerpt(path), words(refusal));
    out::complain_to(
        fd,
        format_args!("cannot write the {what}{path}: {why}; the program runs on without it"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_the_words_of_its_row() {
        assert_eq!(words(libc::ENOSPC), "no space left on the device");
        assert_eq!(words(FOLDER), "it is a folder");
        assert_eq!(words(libc::EBADF), "the program has closed it");
        assert_eq!(words(libc::EIO), "the system refuses");
        assert_eq!(NUMBERS.len(), WORDS.lines().count());
    }
}
