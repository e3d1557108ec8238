//! The mappings of the process, as the system lists them, and which of their pages hold anything.
//!
//! ```text
//!   /proc/self/maps      start-end rwxp offset device inode   name
//!   /proc/self/pagemap   a word for each page:  │63 present│62 swapped│61 of a file│ ...
//! ```
//!
//! - **RG1** A page of a private mapping holds what the process wrote only if it is there and is no
//!   page of a file: nothing else can hold an address that this process came by.

use super::thread::system_call;
use super::{PAGE, file};

/// One mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// Whether it can be read.
    pub is_readable: bool,
    /// Whether it can be written.
    pub is_writable: bool,
    /// Whether what is written there is seen by others.
    pub is_shared: bool,
    /// Whether it is the stack that the process began with.
    pub is_stack: bool,
    /// Whether reading it may do something: memory of a device, or of the kernel.
    pub is_device: bool,
}

/// Bytes of a line that are looked at: all but the end of a long name.
const HEAD: usize = 128;

/// Bytes that are read at a time.
const PIECE: usize = 2048;

/// Calls `see` with every mapping, lowest first; whether the system lists them.
pub fn each(see: &mut dyn FnMut(Region)) -> bool {
    let Some(fd) = file::open_to_read(c"/proc/self/maps") else { return false };
    let (mut line, mut len) = ([0; HEAD], 0);
    let mut piece = [0; PIECE];
    let mut any = false;
    while let Some(got) = file::read(fd, &mut piece).filter(|got| *got > 0) {
        for byte in piece.iter().take(got) {
            if *byte != b'\n' {
                if let Some(place) = line.get_mut(len) {
                    (*place, len) = (*byte, len + 1);
                }
                continue;
            }
            if let Some(region) = line.get(..len).and_then(Region::of) {
                any = true;
                see(region);
            }
            len = 0;
        }
    }
    file::close(fd);
    any
}

impl Region {
    /// The mapping that a line tells of.
    fn of(line: &[u8]) -> Option<Self> {
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let mut bounds = words.next()?.split(|byte| *byte == b'-');
        let (start, end) = (hexadecimal(bounds.next()?)?, hexadecimal(bounds.next()?)?);
        let access = words.next()?;
        let name = words.nth(3).unwrap_or_default();
        let is_memory = [&b"/dev/zero"[..], b"/dev/shm/"].iter().any(|known| name.starts_with(known));
        Some(Self {
            start,
            end,
            is_readable: access.first() == Some(&b'r'),
            is_writable: access.get(1) == Some(&b'w'),
            is_shared: access.get(3) == Some(&b's'),
            is_stack: name == b"[stack]",
            is_device: name.starts_with(b"/dev/") && !is_memory || name.starts_with(b"[v"),
        })
    }
}

fn hexadecimal(text: &[u8]) -> Option<usize> {
    let text = core::str::from_utf8(text).ok()?;
    usize::from_str_radix(text, 16).ok()
}

/// The list of pages, open.
#[derive(Debug)]
pub struct Pages {
    fd: i32,
}

/// Words of the list that are read at a time.
const WORDS: usize = 256;

const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_FILE: u64 = 1 << 61;
/// Nobody may touch the page, although its mapping can be read.
const GUARD: u64 = 1 << 58;

impl Pages {
    /// The list of this process; `None` where the system keeps it to itself.
    pub fn open() -> Option<Self> {
        let this = file::open_to_read(c"/proc/self/pagemap").map(|fd| Self { fd })?;
        let here = (&raw const this).addr() / PAGE;
        (this.read(here, &mut [0]) == 1).then_some(this)
    }

    /// Calls `see` with the pages of `[from, to)` that hold something, runs of them at a time. Of
    /// memory that is not shared, these are the pages that the process wrote ([RG1](self)).
    pub fn each_run(&self, from: usize, to: usize, is_shared: bool, mut see: impl FnMut(usize, usize)) {
        let wanted = |word: u64| {
            word & (PRESENT | SWAPPED) != 0 && word & GUARD == 0 && (is_shared || word & OF_FILE == 0)
        };
        let (mut page, last) = (from / PAGE, to.div_ceil(PAGE));
        let mut begun = None;
        let mut end_run = |begun: &mut Option<usize>, at: usize| {
            if let Some(start) = begun.take() {
                see(from.max(start * PAGE), to.min(at * PAGE));
            }
        };
        while page < last {
            let mut words = [0; WORDS];
            let count = (last - page).min(WORDS);
            let got = self.read(page, words.get_mut(..count).unwrap_or_default());
            for (n, word) in words.into_iter().take(count).enumerate() {
                // What the list does not tell is taken for pages that hold something.
                if n >= got || wanted(word) {
                    begun = begun.or(Some(page + n));
                } else {
                    end_run(&mut begun, page + n);
                }
            }
            page += count;
        }
        end_run(&mut begun, last);
    }

    /// Reads the words of the pages from `page` on; how many there were.
    fn read(&self, page: usize, words: &mut [u64]) -> usize {
        let at = words.as_mut_ptr().expose_provenance();
        let arguments = [self.fd as usize, at, size_of_val(words), page * 8];
        // SAFETY: the slice can be written.
        let got = unsafe { system_call(libc::SYS_pread64, arguments) };
        usize::try_from(got).unwrap_or(0) / 8
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        file::close(self.fd);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::call;
    use std::vec::Vec;

    #[test]
    fn a_line_of_the_list_is_understood() {
        let line = b"7f2a00000000-7f2a00021000 rw-p 00000000 00:00 0                          [stack]";

        let region = Region::of(line).unwrap();

        assert_eq!((region.start, region.end), (0x7f2a_0000_0000, 0x7f2a_0002_1000));
        assert!(region.is_readable && region.is_writable && region.is_stack);
        assert!(!region.is_shared && !region.is_device);
        assert!(Region::of(b"1000-2000 rw-s 0 00:06 4 /dev/nvidia0").unwrap().is_device);
        assert!(!Region::of(b"1000-2000 rw-s 0 00:01 4 /dev/zero (deleted)").unwrap().is_device);
    }

    #[test]
    fn the_list_has_this_stack_and_this_code() {
        let here = 7;
        let (stack, code) = ((&raw const here).addr(), Region::of as *const () as usize);
        let (mut of_stack, mut of_code) = (None, None);

        assert!(each(&mut |region| {
            let holds = |address| region.start <= address && address < region.end;
            of_stack = of_stack.or(holds(stack).then_some(region));
            of_code = of_code.or(holds(code).then_some(region));
        }));

        assert!(of_stack.is_some_and(|region| region.is_readable && region.is_writable));
        assert!(of_code.is_some_and(|region| region.is_readable && !region.is_writable));
    }

    #[test]
    fn only_pages_that_were_written_hold_something() {
        let base = call::map(core::ptr::null_mut(), 600 * PAGE).unwrap();
        for page in [3, 4, 5, 300, 599] {
            // SAFETY: mapped just now.
            unsafe { base.wrapping_add(page * PAGE).write(1) };
        }
        let mut runs = Vec::new();

        let pages = Pages::open().unwrap();
        pages.each_run(base.addr(), base.addr() + 600 * PAGE, false, |from, to| {
            runs.push(((from - base.addr()) / PAGE, (to - base.addr()) / PAGE));
        });

        call::unmap(base, 600 * PAGE);
        assert_eq!(runs, [(3, 6), (300, 301), (599, 600)]);
    }
}
