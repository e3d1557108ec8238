//! Whose block an address is: for messages about pointers that went to the wrong function.

use super::families::COMMON_NAME;
use super::{Name, Named};
use crate::engine::Engine;
use crate::heap::Fault;

/// A heap, a pool or the families, by name, and the function that takes their blocks back.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// The name.
    pub name: Name,
    /// The function.
    pub taker: &'static str,
}

impl Named {
    /// Whose memory `address` lies in. What is busy just now is not asked: whoever has a message to
    /// write may hold a lock that its holder waits for.
    #[cold]
    #[inline(never)]
    pub fn owner(&self, address: usize) -> Option<Owner> {
        let hall = self.visit()?;
        let is_known = |fault: Option<Fault>| fault != Some(Fault::Foreign);
        let of_heap =
            || hall.heaps.find(|heap| is_known(heap.place.locate(address).err()).then_some(heap.name));
        let of_pool = || hall.pools.find(|body| body.holds(address).then(|| Name::of(body.pool.name())));
        let of_family =
            || hall.families.find(|heap| is_known(heap.locate(address).err()).then(|| Name::of(COMMON_NAME)));
        let owner = |taker| move |name| Owner { name, taker };
        let heap = of_heap().map(owner("heapmm_heap_free"));
        let pool = || of_pool().map(owner("heapmm_pool_free"));
        heap.or_else(pool).or_else(|| of_family().map(owner("HEAPMM_DELETE")))
    }
}
