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
        let (byte, dirty) = if self.settings.fill == Fill::Zero { (0, 0) } else { (NEW, len) };
        // SAFETY: all of its payload is ours to write.
        unsafe { grant.payload().write_bytes(byte, len) };
        Some(Grant::new(grant.payload(), dirty))
    }

    /// Spoils what a block that is given up holds.
    pub(super) fn spoil(&self, held: Held) {
        if self.settings.fill == Fill::Junk {
            // SAFETY: the block is used and its owner gives it up.
            unsafe { held.payload.write_bytes(FREED, held.len) };
        }
    }
}
