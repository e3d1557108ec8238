//! The slabs under malloc, counted class by class.

use super::Allocator;
use crate::slab::class::SLAB_CLASSES;

/// The slabs of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Slabs.
    pub slabs: usize,
    /// Their objects in the hands of the program or of caches.
    pub used: usize,
    /// Of these, objects that rest in caches.
    pub resting: usize,
}

impl Allocator {
    /// The slabs of all classes; `None` in a signal handler that interrupted the allocator. Other
    /// threads may be moving objects just now.
    pub fn census(&self) -> Option<[Count; SLAB_CLASSES]> {
        let state = self.enter()?;
        let mut counts = [Count::default(); SLAB_CLASSES];
        state.spans().each(&self.rooms, |class, used| {
            if let Some(count) = counts.get_mut(class) {
                count.slabs += 1;
                count.used += used;
            }
        });
        // Blocks of the heap rest in the same caches.
        let is_object = |object: *mut u8| self.rooms.at(object.addr()).class().is_some();
        let mut rest = |class: usize, object: *mut u8| {
            if let Some(count) = counts.get_mut(class).filter(|_| is_object(object)) {
                count.resting += 1;
            }
        };
        state.threads().each_cached(&mut rest);
        self.depot.each_cached(&mut rest);
        Some(counts)
    }
}
