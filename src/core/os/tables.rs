//! Tables of the allocator that outgrow their first place.
//!
//! They are mappings of their own: in the heap a table would stand where the heap ended when it
//! was made, and hold up the break ever after.

use super::{PAGE, call, round_up};

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

    /// Takes back what [`Tables::map`] gave for `len` bytes; null is nothing.
    pub fn unmap(&mut self, table: *mut u8, len: usize) {
        let len = round_up(len, PAGE);
        if !table.is_null() && call::unmap(table, len) {
            self.bytes -= len;
        }
    }
}
