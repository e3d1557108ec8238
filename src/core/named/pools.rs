//! Pools: named caches of equal objects that stay constructed between uses.
//!
//! ```text
//!   alloc ─► [lock: partial, empty or new slab ─► object] ─► constructor, if the object is new
//!   free  ─► [lock: the object is back, as it is]
//!   shrink ─► [lock: an empty slab leaves] ─► destructors ─► [lock: its pages go back] ─► …
//! ```

use super::{Name, Named, Trouble};
use crate::block::ALIGN;
use crate::engine::pages::Pages;
use crate::engine::slab::pool::{Hooks, Pool, PoolFigures, Taken};
use crate::heap::{Fault, Growth};
use crate::os::backing::System;

/// One pool and its pages.
pub struct NamedPool {
    pub(super) pool: Pool,
    pages: Pages<System>,
    /// Slabs whose objects are being destroyed.
    leaving: usize,
}

impl NamedPool {
    /// Whether `address` lies in its memory.
    pub(super) fn holds(&self, address: usize) -> bool {
        !matches!(self.pages.around(address), Err(Fault::Foreign))
    }

    /// Whether nothing of it is in use.
    const fn idle(&self) -> Result<(), Trouble> {
        if self.pool.figures().used + self.leaving == 0 { Ok(()) } else { Err(Trouble::InUse) }
    }
}

/// What is known of one pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolTotals {
    /// Its own figures.
    pub figures: PoolFigures,
    /// Bytes taken from the system.
    pub footprint: usize,
}

impl Named {
    /// A new pool of objects of `len` bytes at multiples of `align`, a power of two up to a page,
    /// or 0 for 16: its handle.
    pub fn pool_create(
        &self,
        name: &[u8],
        len: usize,
        align: usize,
        hooks: Hooks,
    ) -> Result<*mut u8, Trouble> {
        let align = if align == 0 { ALIGN } else { align };
        let pool = Pool::new(0, name, len, align, hooks).ok_or(Trouble::Invalid)?;
        let pages = |backing| Pages::new(backing, Growth::Geometric);
        self.hall()?.pools.add(|backing| Some(NamedPool { pool, pages: pages(backing), leaving: 0 }))
    }

    /// Lets `act` have the pool.
    fn pool<R>(&self, pool: *const u8, act: impl FnOnce(&mut NamedPool) -> R) -> Result<R, Trouble> {
        self.visit().ok_or(Trouble::Gone)?.pools.with(pool, act)
    }

    /// An object of `pool`, constructed.
    pub fn pool_allocate(&self, pool: *const u8) -> Result<*mut u8, Trouble> {
        let (taken, hooks, len) = self.pool(pool, |NamedPool { pool, pages, .. }| {
            (pool.take(pages), pool.hooks(), pool.figures().len)
        })?;
        let Taken { object, is_new } = taken.ok_or(Trouble::Memory)?;
        if is_new {
            // SAFETY: taken just now from the pool with these hooks.
            unsafe { hooks.construct(object, len) };
        }
        Ok(object)
    }

    /// Takes the object back, as it is.
    pub fn pool_free(&self, pool: *const u8, object: *mut u8) -> Result<(), Trouble> {
        self.pool(pool, |NamedPool { pool, pages, .. }| {
            let freed = pool.free(pages, object.addr());
            freed.map_err(|fault| Trouble::Fault(fault, Name::of(pool.name())))
        })?
    }

    /// Destroys the objects of all empty slabs and gives their memory back; bytes given back.
    pub fn pool_shrink(&self, pool: *const u8) -> Result<usize, Trouble> {
        let before = self.pool(pool, |body| body.pages.figures().footprint)?;
        loop {
            let (slab, hooks) = self.pool(pool, |body| {
                let slab = body.pool.dismiss(&body.pages);
                body.leaving += usize::from(slab.is_some());
                (slab, body.pool.hooks())
            })?;
            let Some(slab) = slab else { break };
            // SAFETY: dismissed just now by the pool with these hooks.
            unsafe { hooks.destroy(&slab) };
            self.pool(pool, |body| {
                Pool::give(&mut body.pages, slab);
                body.leaving -= 1;
            })?;
        }
        self.pool(pool, |body| {
            body.pages.trim(0);
            before.saturating_sub(body.pages.figures().footprint)
        })
    }

    /// What the pool holds and has done.
    pub fn pool_totals(&self, pool: *const u8) -> Result<PoolTotals, Trouble> {
        self.pool(pool, |body| PoolTotals {
            figures: body.pool.figures(),
            footprint: body.pages.figures().footprint,
        })
    }

    /// Destroys all objects and gives back all memory; `InUse` and nothing is done if the program
    /// holds an object.
    pub fn pool_destroy(&self, pool: *const u8) -> Result<(), Trouble> {
        self.pool(pool, |body| body.idle())??;
        self.pool_shrink(pool)?;
        let hall = self.visit().ok_or(Trouble::Gone)?;
        hall.pools.remove(pool, |body| match body.pool.figures().slabs {
            0 => body.idle(),
            _ => Err(Trouble::InUse),
        })
    }
}
