//! A roll: all heaps or all pools of the process, found again by their handles.
//!
//! ```text
//!   chunks ──► page │ next │ cell │ cell │ cell │ … 63 │ ──► page │ next │ cell │ …
//!                              ▼ a handle                  a cell: lock, estate or null
//!                            estate: │ body │ lot │        a mapping of its own
//!                                            ▼
//!                                     runs of memory       mappings that the body grows by
//! ```
//!
//! - **RO1** A cell of this roll holds estates of `T` and no other, each complete.
//! - **RO2** A body draws on the lot of its estate, and nobody else does: both end together.

use core::marker::PhantomData;
use core::ptr;

use super::Trouble;
use super::cells::{Cells, Slot};
use crate::os::backing::System;
use crate::os::lot::{self, Lot};
use crate::os::{PAGE, round_up};

/// What a cell names, and where that gets its memory.
struct Estate<T> {
    body: T,
    lot: Lot,
}

impl<T> Estate<T> {
    /// Bytes of its mapping.
    const BYTES: usize = round_up(size_of::<Self>(), PAGE);

    /// Makes one in a mapping of its own.
    fn found(make: impl FnOnce(System) -> Option<T>) -> Option<*mut Self> {
        let this = lot::map(ptr::null_mut(), Self::BYTES)?.cast::<Self>();
        // SAFETY: mapped just now, and large enough.
        let lot = unsafe { &raw mut (*this).lot };
        // SAFETY: [RO2], [K3](crate::os::backing)
        let backing = unsafe { System::drawing_on(lot) };
        let Some(body) = make(backing) else {
            lot::unmap(this.cast(), Self::BYTES);
            return None;
        };
        // Each in its place: the whole of it would stand on the stack once more.
        // SAFETY: as above.
        let place = unsafe { &raw mut (*this).body };
        // SAFETY: as above.
        unsafe { place.write(body) };
        // SAFETY: as above.
        unsafe { lot.write(Lot::EMPTY) };
        Some(this)
    }

    /// Gives all its memory back; nobody may use `this` any more.
    fn end(this: *mut Self) {
        // SAFETY: [RO2]: the body is not used any more, so that the lot is the caller's.
        unsafe { (*this).lot.clear() };
        lot::unmap(this.cast(), Self::BYTES);
    }
}

/// The body of an estate in the hands of the cell's holder.
fn body_of<T>(slot: &mut Slot) -> Option<&mut T> {
    let estate = slot.estate.cast::<Estate<T>>();
    // SAFETY: [RO1], [CE2](super::cells): the holder of the slot has the estate to himself.
    (!estate.is_null()).then(|| unsafe { &mut (*estate).body })
}

/// All things of one kind.
pub struct Roll<T> {
    pub cells: Cells,
    kind: PhantomData<fn() -> T>,
}

impl<T: Send> Roll<T> {
    /// Nobody on it.
    pub const EMPTY: Self = Self { cells: Cells::EMPTY, kind: PhantomData };

    /// Makes one; `make` gets the backing that it is to draw on, of which it must take nothing yet.
    /// Its handle.
    pub fn add(&self, make: impl FnOnce(System) -> Option<T>) -> Result<*mut u8, Trouble> {
        let estate = Estate::found(make).ok_or(Trouble::Memory)?;
        self.cells.fill(estate.cast()).inspect_err(|_| Estate::end(estate))
    }

    /// Lets `act` have what `handle` names.
    pub fn with<R>(&self, handle: *const u8, act: impl FnOnce(&mut T) -> R) -> Result<R, Trouble> {
        let mut slot = self.cells.enter(handle)?;
        body_of(&mut slot).map(act).ok_or(Trouble::Gone)
    }

    /// Lets `see` have each of them in turn.
    pub fn each(&self, mut see: impl FnMut(&mut T)) {
        self.cells.slots().for_each(|mut slot| body_of(&mut slot).into_iter().for_each(&mut see));
    }

    /// The first answer of one that nobody is in.
    pub fn find<R>(&self, mut ask: impl FnMut(&mut T) -> Option<R>) -> Option<R> {
        self.cells.idle_slots().find_map(|mut slot| body_of(&mut slot).and_then(&mut ask))
    }

    /// Takes what `handle` names off the roll, if `may` agrees, and gives all its memory back.
    pub fn remove(
        &self,
        handle: *const u8,
        may: impl FnOnce(&mut T) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut slot = self.cells.enter(handle)?;
        may(body_of(&mut slot).ok_or(Trouble::Gone)?)?;
        let estate = core::mem::replace(&mut slot.estate, ptr::null_mut());
        drop(slot);
        Estate::<T>::end(estate.cast());
        Ok(())
    }
}
