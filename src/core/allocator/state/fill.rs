//! `HEAPMM_FILL`: what new blocks and freed ones hold.

use super::State;
use crate::engine::{Grant, Held};
use crate::settings::Fill;
use crate::slab::class;
use crate::slab::rooms::Rooms;

/// What a new block holds, and a freed one, under `junk`.
const NEW: u8 = 0xA5;
const FREED: u8 = 0x5A;

impl State {
    /// A block handed out just now, with all of its payload written.
    #[cold]
    pub(super) fn filled(&self, rooms: &Rooms, grant: Grant) -> Option<Grant> {
        let class = rooms.at(grant.payload().addr()).class();
        let len = class.map(class::len_of).or_else(|| Some(self.locate(grant.payload()).ok()?.len))?;
        // SAFETY: all of its payload is ours to write.
        unsafe { grant.payload().write_bytes(self.new_byte(), len) };
        let dirty = if self.settings.fill == Fill::Zero { 0 } else { len };
        Some(Grant::new(grant.payload(), dirty))
    }

    /// Writes what the block at `payload`, which had `len` bytes, got more of without a copy.
    #[cold]
    pub(super) fn fill_behind(&self, len: usize, payload: *mut u8) {
        let Ok(now) = self.locate(payload) else { return };
        let more = now.len.saturating_sub(len);
        // SAFETY: the end of its payload, which the program has not got yet.
        unsafe { payload.wrapping_add(now.len - more).write_bytes(self.new_byte(), more) };
    }

    fn new_byte(&self) -> u8 {
        if self.settings.fill == Fill::Zero { 0 } else { NEW }
    }

    /// Spoils what a block that is given up holds.
    pub(super) fn spoil(&self, held: Held) {
        if self.settings.fill == Fill::Junk {
            // SAFETY: the block is used and its owner gives it up.
            unsafe { held.payload.write_bytes(FREED, held.len) };
        }
    }
}
