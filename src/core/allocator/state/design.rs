//! A process whose policy is a design: its engine serves what the heap of tagged blocks would.
//!
//! ```text
//!   malloc ─► engine ─ none ─► a mapping of its own
//!   free   ─► a mapping? unmap it │ engine
//!   idle   ─► `HEAPMM_PURGE` later: what nobody wanted in that time goes back
//! ```
//!
//! No thread keeps anything then, no granule has a room and the tagged heap stays empty, so that
//! every call ends here, with the lock held.
//!
//! - **A6** A design is built once, in a mapping that is never given back.

use super::{Grant, State};
use crate::block::Block;
use crate::engine::table::AnyEngine;
use crate::engine::{Engine, Held, Kind};
use crate::heap::Growth;
use crate::os::backing::System;
use crate::os::clock::{Told, Watch};
use crate::os::tables::Tables;
use crate::policy::Policy;
use crate::settings::Settings;

/// Bytes beside the program's below which no sweep is worth its time.
const LEAST_IDLE: usize = 256 << 10;

/// Fewest bytes of a block: above, all that clears or marks one counts on them.
const LEAST: usize = 16;

/// An engine in service.
#[derive(Debug)]
pub struct Design {
    engine: AnyEngine<System>,
    /// When the last sweep was, and the fewest bytes that were idle since.
    swept: u64,
    least_idle: usize,
    watch: Watch,
}

impl Design {
    /// The engine of `policy`, in memory of its own; `None` if the policy is no design, or memory
    /// is out.
    ///
    /// Cold, and a function of its own: what it needs on the stack, no other process should touch.
    #[cold]
    #[inline(never)]
    pub fn build(policy: Policy, backing: System, tables: &mut Tables) -> Option<&'static mut Self> {
        let engine = AnyEngine::new(policy, backing, Growth::Geometric)?;
        let place = tables.map(size_of::<Self>())?.cast::<Self>();
        // SAFETY: [A6]: a new mapping, large enough and at a page's start.
        unsafe { place.write(Self { engine, swept: 0, least_idle: 0, watch: Watch::NEVER }) };
        // SAFETY: [A6]: written just now, and nobody else's.
        Some(unsafe { &mut *place })
    }

    /// The engine.
    pub const fn engine(&self) -> &AnyEngine<System> {
        &self.engine
    }

    /// The engine, for calls that change what is live.
    pub const fn engine_mut(&mut self) -> &mut AnyEngine<System> {
        &mut self.engine
    }

    /// `len` bytes at a multiple of `align`.
    pub fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        let grant = self.engine.allocate(len.max(LEAST), align);
        self.least_idle = self.least_idle.min(self.idle());
        grant
    }

    /// Makes a block hold `len` bytes where it is; whether that was possible.
    ///
    /// # Safety
    ///
    /// As for [`Engine::resize`].
    pub unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
        // SAFETY: [Y1]: the caller's promise.
        let fits = unsafe { self.engine.resize(held, len.max(LEAST)) };
        self.least_idle = self.least_idle.min(self.idle());
        fits
    }

    fn idle(&self) -> usize {
        self.engine.footprint() - self.engine.live()
    }

    /// Now and then gives back what nobody wanted since the last time.
    pub fn look_after(&mut self, settings: &Settings, told: Told) {
        if settings.purge != 0 && self.idle() > LEAST_IDLE && told.is_due(&mut self.watch) {
            self.tend(told.milliseconds(), settings);
        }
    }

    fn tend(&mut self, now: u64, settings: &Settings) {
        if now.wrapping_sub(self.swept) < settings.purge {
            return;
        }
        if self.least_idle > LEAST_IDLE {
            // What went out and came back in that time will be wanted again.
            self.engine.trim(settings.shape.keep + self.idle().saturating_sub(self.least_idle));
        }
        (self.swept, self.least_idle) = (now, self.idle());
    }
}

impl State {
    /// The policy in force: what the settings want, unless there was no memory for it.
    pub fn policy(&self) -> Policy {
        self.engine().map_or(self.heap.index().policy(), AnyEngine::policy)
    }

    /// The engine, if the policy is a design.
    pub fn engine(&self) -> Option<&AnyEngine<System>> {
        self.design.as_deref().map(Design::engine)
    }

    /// The first byte of the engine itself, and one past its last; 0 and 0 without one.
    pub(in crate::allocator) fn design_bounds(&self) -> (usize, usize) {
        self.design.as_deref().map_or((0, 0), |design| {
            let start = core::ptr::from_ref(design).addr();
            (start, start + size_of::<Design>())
        })
    }

    /// The size class of a located block, if it may rest in a cache.
    pub(in crate::allocator) fn class_of(&self, held: Held) -> Option<usize> {
        if self.design.is_some() {
            return None;
        }
        // SAFETY: located: a tagged or a mapped block.
        unsafe { Block::of_payload(held.payload).tag() }.class()
    }

    /// Takes back a block of the engine, and looks after it then: the block may be the last that
    /// keeps memory from going back.
    pub(super) fn release_to_engine(&mut self, held: Held) {
        let Some(design) = &mut self.design else { return };
        // SAFETY: [Y1]: the caller has located it.
        unsafe { design.engine.release(held) };
        design.look_after(&self.settings, self.told);
    }

    /// Calls `see` with every piece of the engine's memory.
    pub(super) fn walk_engine(&self, see: &mut dyn FnMut(*mut u8, usize, Kind)) {
        let Some(engine) = self.engine() else { return };
        engine.walk(&mut |piece| {
            see(core::ptr::with_exposed_provenance_mut(piece.payload()), piece.len(), piece.kind);
        });
    }
}
