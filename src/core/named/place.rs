//! Any policy, by name: the tagged heap with one of its indexes, or another allocator.

use crate::engine::slab::Cache;
use crate::engine::table::{AnyEngine, Design};
use crate::engine::{Engine, Figures, Grant, Held, Kind, Piece};
use crate::heap::{Fault, Growth, Heap, Shape};
use crate::os::backing::System;
use crate::policy::{AnyIndex, Policy};

/// A policy that a heap can have.
#[derive(Clone, Copy, Debug)]
pub enum Choice {
    /// The heap of tagged blocks with an index.
    Tagged(Policy),
    /// Another allocator of the literature.
    Design(Design),
}

impl Choice {
    /// The policy called `name`.
    pub fn named(name: &[u8]) -> Option<Self> {
        Policy::named(name).map(Self::Tagged).or_else(|| Design::named(name).map(Self::Design))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tagged(policy) => policy.row().name,
            Self::Design(design) => design.row().name,
        }
    }
}

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

/// A piece of a heap as the program sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The first byte that the program may use, or could.
    pub payload: usize,
    /// Bytes from there.
    pub len: usize,
    /// What it is.
    pub kind: Kind,
}

impl Place {
    /// A heap by `choice` that has taken nothing yet.
    #[inline(never)]
    pub fn new(choice: Choice, backing: System) -> Self {
        match choice {
            Choice::Tagged(policy) => Self::Tagged(Heap::new(backing, AnyIndex::new(policy), Shape::DEFAULT)),
            Choice::Design(design) => Self::Design(AnyEngine::new(design, backing, Growth::Geometric)),
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
        self.release(grant.payload.addr()).is_ok()
    }

    /// Calls `see` with every piece, in address order within each run of memory.
    #[inline(never)]
    pub fn walk(&self, mut see: impl FnMut(Seen)) {
        let head = self.head();
        let mut show = |Piece { start, size, kind, .. }| {
            see(match kind {
                Kind::Own => Seen { payload: start, len: size, kind },
                Kind::Used | Kind::Mapped => self.seen(start + head, size - head, kind),
                Kind::Free => Seen { payload: start + head, len: size - head, kind },
            })
        };
        either!(self, engine => Engine::walk(engine, &mut show));
    }

    /// A used block whose payload begins at `at`, or behind it if the block is aligned.
    #[inline(never)]
    fn seen(&self, at: usize, len: usize, kind: Kind) -> Seen {
        let held = match self.locate(at) {
            Err(Fault::Interior(payload)) => self.locate(payload),
            found => found,
        };
        let Ok(Held { payload, len }) = held else { return Seen { payload: at, len, kind } };
        Seen { payload: payload.addr(), len, kind }
    }

    /// Bytes before a payload.
    const fn head(&self) -> usize {
        match self {
            Self::Tagged(_) | Self::Design(AnyEngine::FreeList(_)) => 8,
            Self::Design(AnyEngine::Families(_)) => 16,
            Self::Design(_) => 0,
        }
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
