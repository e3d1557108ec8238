//! The state of a process that is played again: settings and memory come from the player.
//!
//! ```text
//!   settle:  environment, break, the system's clock      ┐
//!   played:  what it is told, a lot, the trace's clock   ┴─► ready
//! ```

use super::State;
use super::design::Design;
use super::mapped::LEAST_THRESHOLD;
use crate::heap::Heap;
use crate::os::backing::System;
use crate::os::clock::Told;
use crate::os::lot::Lot;
use crate::policy::AnyIndex;
use crate::settings::Settings;

impl State {
    /// A state with `settings` that draws on `lot`; `None` if memory for a design is out.
    ///
    /// # Safety
    ///
    /// [K3](crate::os::backing) holds for the lot as long as the state is used.
    pub(in crate::allocator) unsafe fn played(settings: &Settings, lot: *mut Lot) -> Option<Self> {
        // SAFETY: the caller's promise.
        let backing = || unsafe { System::drawing_on(lot) };
        let index = AnyIndex::new(settings.policy).unwrap_or(AnyIndex::EMPTY);
        let heap = Heap::new(backing(), index, settings.shape);
        let mut this = Self {
            heap,
            settings: *settings,
            threshold: LEAST_THRESHOLD,
            ready: true,
            told: Told::at(0),
            ..Self::new()
        };
        if !settings.policy.is_tagged() {
            this.design = Some(Design::build(settings.policy, backing(), &mut this.tables)?);
        }
        this.caching = this.may_cache();
        this.adjust(|_| {});
        Some(this)
    }

    /// Says what time it is, in milliseconds since the process began.
    pub(in crate::allocator) const fn tell(&mut self, milliseconds: u64) {
        self.told = Told::at(milliseconds);
    }

    /// Gives mapped blocks back: nobody uses any of them any more.
    pub(in crate::allocator) fn unmap_all(&mut self) {
        loop {
            let Some(block) = self.maps.iter().next() else { break };
            self.release_mapped(block);
        }
    }
}
