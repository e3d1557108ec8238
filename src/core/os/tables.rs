//! Tables of the allocator that outgrow their first place.
//!
//! They are mappings of their own: in the heap a table would stand where the heap ended when it
//! was made, and hold up the break ever after.

use super::{PAGE, call, round_down, round_up};

/// How many bytes of tables are mapped.
#[derive(Debug)]
pub struct Tables {
    bytes: usize,
}

impl Tables {
    /// None.
    pub const EMPTY: Self = Self { bytes: 0 };

    /// Bytes mapped.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// At least `len` zeroed bytes.
    pub fn map(&mut self, len: usize) -> Option<*mut u8> {
        let len = round_up(len, PAGE);
        let table = call::map(core::ptr::null_mut(), len)?;
        self.bytes += len;
        Some(table)
    }

    /// Makes the table at `table`, of `old` bytes, `len` bytes long, wherever it may stand then; what is new is zeroed.
    /// Null is a table of no bytes.
    pub fn widen(&mut self, table: *mut u8, old: usize, len: usize) -> Option<*mut u8> {
        if table.is_null() {
            return self.map(len);
        }
        let (old, len) = (round_up(old, PAGE), round_up(len, PAGE));
        let wider = call::remap(table, old, len, true).or_else(|| copied(table, old, len))?;
        self.bytes += len - old;
        Some(wider)
    }

    /// Takes back what [`Tables::map`] gave for `len` bytes; null is nothing.
    pub fn unmap(&mut self, table: *mut u8, len: usize) {
        let len = round_up(len, PAGE);
        if !table.is_null() && call::unmap(table, len) {
            self.bytes -= len;
        }
    }
}

/// The same by a new mapping, where the system does not move the old one.
#[cold]
fn copied(table: *mut u8, old: usize, len: usize) -> Option<*mut u8> {
    let wider = call::map(core::ptr::null_mut(), len)?;
    // SAFETY: the new table is longer than the old one.
    unsafe { wider.copy_from_nonoverlapping(table, old) };
    call::unmap(table, old);
    Some(wider)
}

/// Gives the whole pages in `[at, at + len)` of a table back, which read zero from then on.
pub fn clear(at: *mut u8, len: usize) {
    let (from, to) = (round_up(at.addr(), PAGE), round_down(at.addr() + len, PAGE));
    if from < to {
        call::drop_pages(at.with_addr(from), to - from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_what_it_holds_when_it_grows_and_loses_what_is_cleared() {
        let mut tables = Tables::EMPTY;
        let short = tables.widen(core::ptr::null_mut(), 0, 2 * PAGE).unwrap();
        // SAFETY: within the table.
        unsafe { short.write_bytes(7, 2 * PAGE) };

        let table = tables.widen(short, 2 * PAGE, 64 * PAGE).unwrap();
        assert_eq!(tables.bytes(), 64 * PAGE);
        clear(table.wrapping_add(100), 2 * PAGE - 100);

        // SAFETY: as above.
        let bytes = unsafe { core::slice::from_raw_parts(table, 64 * PAGE) };
        assert!(bytes[..PAGE].iter().all(|byte| *byte == 7), "a part of a page stays");
        assert!(bytes[PAGE..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_table_grows_where_the_system_does_not_move_it() {
        let mut tables = Tables::EMPTY;
        let short = tables.map(2 * PAGE).unwrap();
        // SAFETY: within the table.
        unsafe { short.write_bytes(7, 2 * PAGE) };
        // What is two mappings for the system is not moved as one.
        // SAFETY: the second page is only read from now on.
        assert_eq!(unsafe { libc::mprotect(short.wrapping_add(PAGE).cast(), PAGE, libc::PROT_READ) }, 0);

        let table = tables.widen(short, 2 * PAGE, 8 * PAGE).unwrap();

        // SAFETY: as above.
        let bytes = unsafe { core::slice::from_raw_parts(table, 8 * PAGE) };
        assert!(bytes[..2 * PAGE].iter().all(|byte| *byte == 7));
        assert!(bytes[2 * PAGE..].iter().all(|byte| *byte == 0));
        assert_eq!(tables.bytes(), 8 * PAGE);
    }
}
