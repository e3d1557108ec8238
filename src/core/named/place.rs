//! Any policy, by name: the tagged heap with one of its indexes, or another allocator.

use crate::engine::slab::Cache;
use crate::engine::table::AnyEngine;
use crate::engine::{Engine, Figures, Grant, Held, Piece};
use crate::heap::{Fault, Growth, Heap, Shape};
use crate::os::backing::System;
use crate::policy::{AnyIndex, Policy};

/// Where the blocks of one heap are placed.
#[allow(clippy::large_enum_variant, reason = "each in a mapping of its own; a Box would need malloc")]
pub enum Place {
    /// The heap of tagged blocks.
    Tagged(Heap<System, AnyIndex>),
    /// Another allocator.
    Design(AnyEngine<System>),
}

/// The same call for either.
macro_rules! either {
    ($place:expr, $engine:ident => $call:expr) => {
        match $place {
            Place::Tagged($engine) => $call,
            Place::Design($engine) => $call,
        }
    };
}

impl Place {
    /// A heap by `policy` that has taken nothing yet.
    #[inline(never)]
    pub fn new(policy: Policy, backing: System) -> Option<Self> {
        match AnyIndex::new(policy) {
            Some(index) => Some(Self::Tagged(Heap::new(backing, index, Shape::DEFAULT))),
            None => AnyEngine::new(policy, backing, Growth::Geometric).map(Self::Design),
        }
    }

    /// Its policy.
    pub const fn policy(&self) -> Policy {
        match self {
            Self::Tagged(heap) => heap.index().policy(),
            Self::Design(engine) => engine.policy(),
        }
    }

    /// Memory.
    #[inline(never)]
    pub fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        either!(self, engine => Engine::allocate(engine, len, align))
    }

    /// The used block at `address`, or what is wrong with it.
    #[inline(never)]
    pub fn locate(&self, address: usize) -> Result<Held, Fault> {
        either!(self, engine => Engine::locate(engine, address))
    }

    /// Takes back the block at `address`.
    #[inline(never)]
    pub fn release(&mut self, address: usize) -> Result<(), Fault> {
        let held = self.locate(address)?;
        // SAFETY: [Y1](crate::engine): located just now.
        either!(self, engine => unsafe { Engine::release(engine, held) });
        Ok(())
    }

    /// Makes the block at `address` hold `len` bytes where it is; the block, and whether it does.
    #[inline(never)]
    pub fn resize(&mut self, address: usize, len: usize) -> Result<(Held, bool), Fault> {
        let held = self.locate(address)?;
        // SAFETY: [Y1](crate::engine): located just now.
        let done = either!(self, engine => unsafe { Engine::resize(engine, held, len) });
        Ok((held, done))
    }

    /// What it has done and holds.
    #[inline(never)]
    pub fn figures(&self) -> Figures {
        either!(self, engine => Engine::figures(engine))
    }

    /// Gives back what can be given back but `keep` bytes; whether any was.
    #[inline(never)]
    pub fn trim(&mut self, keep: usize) -> bool {
        match self {
            Self::Tagged(heap) => {
                let lowered = heap.trim(keep);
                heap.purge() || lowered
            }
            Self::Design(engine) => engine.trim(keep),
        }
    }

    /// Takes `bytes` from the system in one piece, for later; whether there were so many.
    #[inline(never)]
    pub fn reserve(&mut self, bytes: usize) -> bool {
        if let Self::Design(AnyEngine::FreeList(list)) = self {
            return list.reserve(bytes);
        }
        let Some(grant) = self.allocate(bytes, 16) else { return false };
        self.release(grant.payload().addr()).is_ok()
    }

    /// Calls `see` with every piece, in address order within each run of memory.
    #[inline(never)]
    pub fn walk(&self, see: &mut dyn FnMut(Piece)) {
        either!(self, engine => Engine::walk(engine, see));
    }

    /// Calls `see` with every order of a buddy heap: the bytes of its blocks, and how many are free.
    /// Whether it is one.
    pub fn each_order(&self, see: impl FnMut(usize, usize)) -> bool {
        match self {
            Self::Design(AnyEngine::BuddyBinary(buddy)) => buddy.each_order(see),
            Self::Design(AnyEngine::BuddyFibonacci(buddy)) => buddy.each_order(see),
            Self::Design(AnyEngine::BuddyWeighted(buddy)) => buddy.each_order(see),
            Self::Design(AnyEngine::BuddyTertiary(buddy)) => buddy.each_order(see),
            _ => return false,
        }
        true
    }

    /// The caches of a slab heap; none of another.
    pub fn caches(&self) -> &[Cache] {
        match self {
            Self::Design(AnyEngine::Slab(slab)) => slab.caches(),
            _ => &[],
        }
    }
}
