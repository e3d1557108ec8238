//! The leak check of the process: what is the allocator's own, and what is looked at.

use super::Allocator;
use crate::observe::leak::{self, Leaks, Obstacle, Site};
use crate::os::thread;

impl Allocator {
    /// Looks for blocks that nothing leads to. `sp` is this thread's stack pointer, as
    /// [`thread::spill`] tells it.
    pub fn leaks(&self, sp: usize) -> Result<Leaks, Obstacle> {
        let mut state = self.enter().ok_or(Obstacle::Inside)?;
        state.settle_bins();
        let here = core::ptr::from_ref(self).addr();
        let first = thread::main().addr();
        let own = [
            (here, here + size_of::<Self>()),
            (first, first + thread::MAIN_BYTES),
            state.maps().table(),
            state.design_bounds(),
            self.recorder().map_or((0, 0), |recorder| recorder.window()),
        ];
        leak::check(&state, &self.rooms, &Site { own: &own, sp })
    }
}
