//! Families: what the structures of an application hold, kind by kind.
//!
//! ```text
//!   register("struct emp", 52)      HEAPMM_NEW(struct emp)      HEAPMM_DELETE(p)
//!           └──────────► one heap of families, behind one lock ◄────────┘
//! ```

use core::ptr;
use core::sync::atomic::Ordering;

use super::{Hall, Name, Named, Trouble};
use crate::engine::Engine;
use crate::engine::families::{Families, FamilyFigures, FamilyId, NAME};
use crate::heap::Growth;
use crate::os::backing::System;

/// The figures of one family without its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FamilyTotals {
    /// Bytes of one structure.
    pub len: usize,
    /// Blocks in its VM pages.
    pub blocks: usize,
    /// Of these, free ones.
    pub free_blocks: usize,
    /// Of these, ones in use.
    pub used_blocks: usize,
    /// Bytes in use by the application.
    pub used_bytes: usize,
    /// VM pages.
    pub pages: usize,
    /// Their bytes.
    pub page_bytes: usize,
    /// Bytes that the manager uses.
    pub manager_bytes: usize,
}

impl FamilyTotals {
    /// The totals of one family.
    pub const fn of(figures: &FamilyFigures<'_>) -> Self {
        Self {
            len: figures.len,
            blocks: figures.blocks,
            free_blocks: figures.free_blocks,
            used_blocks: figures.used_blocks,
            used_bytes: figures.used_bytes,
            pages: figures.pages,
            page_bytes: figures.page_bytes,
            manager_bytes: figures.manager_bytes,
        }
    }
}

impl FamilyTotals {
    /// Adds those of another family.
    pub(super) const fn add(&mut self, other: &Self) {
        self.blocks += other.blocks;
        self.free_blocks += other.free_blocks;
        self.used_blocks += other.used_blocks;
        self.used_bytes += other.used_bytes;
        self.pages += other.pages;
        self.page_bytes += other.page_bytes;
    }
}

/// Whether `name` can be the name of a family.
const fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.len() <= NAME
}

/// What the families are called together.
pub(super) const COMMON_NAME: &[u8] = b"the families";

/// What is wrong with a pointer to a structure.
fn fault(fault: crate::heap::Fault) -> Trouble {
    Trouble::Fault(fault, Name::of(COMMON_NAME))
}

impl Hall {
    /// The handle of the families, made at the first call.
    fn court(&self) -> Result<*mut u8, Trouble> {
        let known = self.court.load(Ordering::Acquire);
        if !known.is_null() {
            return Ok(known);
        }
        let made = self.families.add(|backing| Some(Families::new(backing, Growth::Geometric)))?;
        match self.court.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(made),
            Err(first) => self.families.remove(made, |_| Ok(())).map(|()| first),
        }
    }
}

impl Named {
    /// Lets `act` have the families.
    pub(super) fn families<R>(&self, act: impl FnOnce(&mut Families<System>) -> R) -> Result<R, Trouble> {
        let hall = self.hall()?;
        hall.families.with(hall.court()?, act)
    }

    /// Makes the family of structures of `len` bytes called `name`, if there is none yet; `Invalid`
    /// if there is one of another length, or the name is empty or longer than 80 bytes.
    pub fn family_register(&self, name: &[u8], len: usize) -> Result<(), Trouble> {
        self.families(|heap| id_of(heap, name, len))?.map(|_| ())
    }

    /// Zeroed memory for `count` structures in a row, at a multiple of `align`, a power of two. A
    /// family that was not registered is.
    pub fn family_allocate(
        &self,
        name: &[u8],
        len: usize,
        align: usize,
        count: usize,
    ) -> Result<*mut u8, Trouble> {
        let grant = self.families(|heap| {
            let id = id_of(heap, name, len)?;
            heap.allocate_in(id, count, align).ok_or(Trouble::Memory)
        })??;
        // SAFETY: allocated just now, of at least `dirty` bytes, and nobody else's.
        unsafe { grant.payload().write_bytes(0, grant.dirty) };
        Ok(grant.payload())
    }

    /// Takes back the structures at `payload`.
    pub fn family_free(&self, payload: *mut u8) -> Result<(), Trouble> {
        self.families(|heap| {
            let held = heap.locate(payload.addr()).map_err(fault)?;
            // SAFETY: [Y1](crate::engine): located just now.
            unsafe { heap.release(held) };
            Ok(())
        })?
    }

    /// The figures of the family called `name`; `Invalid` if there is none.
    pub fn family_totals(&self, name: &[u8]) -> Result<FamilyTotals, Trouble> {
        self.families(|heap| {
            let id = heap.named(name).ok_or(Trouble::Invalid)?;
            heap.family(id).map(|figures| FamilyTotals::of(&figures)).ok_or(Trouble::Invalid)
        })?
    }

    /// Gives free pages back to the system; whether there were any.
    pub fn family_trim(&self) -> Result<bool, Trouble> {
        self.families(|heap| heap.trim(0))
    }
}

/// The family called `name`, registered if need be.
fn id_of(heap: &mut Families<System>, name: &[u8], len: usize) -> Result<FamilyId, Trouble> {
    if !is_name(name) || len == 0 || len > isize::MAX as usize {
        return Err(Trouble::Invalid);
    }
    if let Some(id) = heap.named(name) {
        let same = heap.family(id).is_some_and(|family| family.len == len);
        return same.then_some(id).ok_or(Trouble::Invalid);
    }
    heap.register(name, len).ok_or(Trouble::Memory)
}
