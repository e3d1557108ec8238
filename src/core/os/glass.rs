//! Memory of the process that may vanish while it is read: the kernel copies it, and says where it ends.

use super::PAGE;
use super::file;
use super::thread::system_call;

/// Words of a copy.
const WORDS: usize = PAGE / 8;

/// The memory of the process as a file.
#[derive(Debug)]
pub struct Glass {
    fd: i32,
}

impl Glass {
    /// `None` where the system keeps it to itself.
    pub fn open() -> Option<Self> {
        file::open_to_read(c"/proc/self/mem").map(|fd| Self { fd })
    }

    /// Calls `see` with the words of every page of `[from, to)` that is there, and their address.
    pub fn each_piece(&self, from: usize, to: usize, mut see: impl FnMut(usize, &[usize])) {
        let mut words = [0; WORDS];
        let mut at = from.next_multiple_of(8);
        while at < to {
            let next = ((at / PAGE + 1) * PAGE).min(to);
            let place = words.as_mut_ptr().expose_provenance();
            // SAFETY: the array is ours to write, and a page long.
            let got = unsafe { system_call(libc::SYS_pread64, [self.fd as usize, place, next - at, at]) };
            see(at, words.get(..usize::try_from(got).unwrap_or(0) / 8).unwrap_or_default());
            at = next;
        }
    }
}

impl Drop for Glass {
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
    fn what_is_gone_is_left_out() {
        let base = call::map(core::ptr::null_mut(), 3 * PAGE).unwrap();
        for page in [0, 2] {
            // SAFETY: mapped just now.
            unsafe { base.wrapping_add(page * PAGE).cast::<usize>().write(page + 7) };
        }
        assert!(call::unmap(base.wrapping_add(PAGE), PAGE));
        let mut met = Vec::new();

        let glass = Glass::open().unwrap();
        glass.each_piece(base.addr(), base.addr() + 3 * PAGE, |at, words| {
            met.push(((at - base.addr()) / PAGE, words.len(), words.first().copied()));
        });

        call::unmap(base, PAGE);
        call::unmap(base.wrapping_add(2 * PAGE), PAGE);
        assert_eq!(met, [(0, WORDS, Some(7)), (1, 0, None), (2, WORDS, Some(9))]);
    }
}
