//! Mapped blocks that went back, as far as they are remembered: where one was there is nothing to look at when it
//! is freed again.
//!
//! ```text
//!   munmap, mremap ─► │ address │ address │ … 32 of them, the oldest is forgotten
//! ```
//!
//! - **GO1** Who asks has asked [`super::maps::Maps`] before: an address that was given out again is a live block.

use super::Fault;

/// How many are remembered.
const MOST: usize = 32;

/// The addresses of the last mapped blocks that went back.
#[derive(Debug)]
pub struct Gone {
    addresses: [usize; MOST],
    next: usize,
}

impl Gone {
    /// None yet.
    pub const NONE: Self = Self { addresses: [0; MOST], next: 0 };

    /// Remembers that the block at `address` went back.
    #[cold]
    #[inline(never)]
    pub fn note(&mut self, address: usize) {
        self.addresses[self.next % MOST] = address;
        self.next += 1;
    }

    /// Why nothing can be freed at `address`, where no block of ours is ([GO1](self)).
    #[cold]
    #[inline(never)]
    pub fn fault(&self, address: usize) -> Fault {
        if self.addresses.contains(&address) { Fault::Freed } else { Fault::Foreign }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_known_and_others_are_strangers() {
        let mut gone = Gone::NONE;

        (1..=MOST + 1).for_each(|n| gone.note(n * 16));

        assert_eq!(gone.fault(16), Fault::Foreign);
        assert_eq!(gone.fault(32), Fault::Freed);
        assert_eq!(gone.fault((MOST + 1) * 16), Fault::Freed);
        assert_eq!(gone.fault(1), Fault::Foreign);
    }
}
