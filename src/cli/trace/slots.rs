//! Names of blocks as a source has them (addresses, ids), made into dense ids.
//!
//! - **L1** The id of a block that was freed last is given out first: ids stay small, and a reader
//!   can guess the next one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Which block has which id.
#[derive(Debug)]
pub struct Slots {
    live: HashMap<u64, u32, BuildHasherDefault<Mix>>,
    spare: Vec<u32>,
    next: u32,
}

impl Slots {
    /// No block yet.
    pub fn new() -> Self {
        Self { live: HashMap::default(), spare: Vec::new(), next: 0 }
    }

    /// A new block called `name`; its id, and the id of the block that had the name until now.
    pub fn allocate(&mut self, name: u64) -> (u32, Option<u32>) {
        let id = self.spare.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        let lost = self.live.insert(name, id);
        self.spare.extend(lost);
        (id, lost)
    }

    /// The block called `name` moves and is called `new`; its id, and the id that `new` had.
    pub fn rename(&mut self, name: u64, new: u64) -> Option<(u32, Option<u32>)> {
        let id = self.live.remove(&name)?;
        let lost = self.live.insert(new, id);
        self.spare.extend(lost);
        Some((id, lost))
    }

    /// The block called `name` goes; its id, if there is one.
    pub fn free(&mut self, name: u64) -> Option<u32> {
        let id = self.live.remove(&name)?;
        self.spare.push(id);
        Some(id)
    }
}

/// One multiplication: addresses differ in their middle bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_freed_last_is_given_out_first() {
        let mut slots = Slots::new();
        let ids = [0x10, 0x20, 0x30].map(|name| slots.allocate(name).0);

        slots.free(0x10);
        slots.free(0x30);

        assert_eq!(ids, [0, 1, 2]);
        assert_eq!(slots.allocate(0x40), (2, None));
        assert_eq!(slots.free(0x10), None);
        assert_eq!(slots.rename(0x20, 0x50), Some((1, None)));
        assert_eq!(slots.free(0x50), Some(1));
    }

    #[test]
    fn a_name_that_comes_twice_loses_its_first_block() {
        let mut slots = Slots::new();
        slots.allocate(0x10);

        assert_eq!(slots.allocate(0x10), (1, Some(0)));
        assert_eq!(slots.free(0x10), Some(1));
    }
}
