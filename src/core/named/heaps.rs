//! Heaps with a name and a policy each.
//!
//! ```text
//!   create ─► place ─► blocks by the heap's own policy, in mappings of the heap's own
//!   destroy ─► all mappings at once, whatever is in them
//! ```

use super::place::Place;
use super::{Name, Named, Trouble};
use crate::block::ALIGN;
use crate::engine::{Figures, Grant, Kind};
use crate::heap::Fault;
use crate::os::scroll::Scroll;
use crate::policy::Policy;

/// One heap.
pub struct NamedHeap {
    pub(super) name: Name,
    pub(super) place: Place,
}

impl NamedHeap {
    const fn fault(&self, fault: Fault) -> Trouble {
        Trouble::Fault(fault, self.name)
    }
}

impl Named {
    /// A new heap by the policy called `policy`: its handle.
    pub fn heap_create(&self, name: &[u8], policy: &[u8]) -> Result<*mut u8, Trouble> {
        let policy = Policy::named(policy).ok_or(Trouble::Invalid)?;
        let name = Name::of(name);
        self.hall()?.heaps.add(|backing| Some(NamedHeap { name, place: Place::new(policy, backing)? }))
    }

    /// Lets `act` have the heap.
    fn heap<R>(&self, heap: *const u8, act: impl FnOnce(&mut NamedHeap) -> R) -> Result<R, Trouble> {
        self.visit().ok_or(Trouble::Gone)?.heaps.with(heap, act)
    }

    /// `len` bytes of `heap` at a multiple of `align`, a power of two.
    pub fn heap_allocate(&self, heap: *const u8, len: usize, align: usize) -> Result<Grant, Trouble> {
        self.heap(heap, |heap| heap.place.allocate(len, align.max(ALIGN)))?.ok_or(Trouble::Memory)
    }

    /// Makes the block at `payload` hold `len` bytes; it may move.
    pub fn heap_resize(&self, heap: *const u8, payload: *mut u8, len: usize) -> Result<*mut u8, Trouble> {
        self.heap(heap, |heap| {
            let (held, done) = heap.place.resize(payload.addr(), len).map_err(|fault| heap.fault(fault))?;
            if done {
                return Ok(held.payload);
            }
            let new = heap.place.allocate(len, ALIGN).ok_or(Trouble::Memory)?.payload();
            // SAFETY: both are blocks of the heap, which has its lock; the new one is the larger one.
            unsafe { new.copy_from_nonoverlapping(held.payload, held.len.min(len)) };
            heap.place.release(payload.addr()).map_err(|fault| heap.fault(fault))?;
            Ok(new)
        })?
    }

    /// Takes back the block at `payload`.
    pub fn heap_free(&self, heap: *const u8, payload: *mut u8) -> Result<(), Trouble> {
        self.heap(heap, |heap| heap.place.release(payload.addr()).map_err(|fault| heap.fault(fault)))?
    }

    /// Bytes that the program may use at `payload`.
    pub fn heap_usable(&self, heap: *const u8, payload: *mut u8) -> Result<usize, Trouble> {
        self.heap(heap, |heap| match heap.place.locate(payload.addr()) {
            Ok(held) => Ok(held.len),
            Err(fault) => Err(heap.fault(fault)),
        })?
    }

    /// Takes `bytes` from the system at once.
    pub fn heap_reserve(&self, heap: *const u8, bytes: usize) -> Result<(), Trouble> {
        self.heap(heap, |heap| heap.place.reserve(bytes))?.then_some(()).ok_or(Trouble::Memory)
    }

    /// Gives back what can be given back but `keep` bytes; whether any was.
    pub fn heap_trim(&self, heap: *const u8, keep: usize) -> Result<bool, Trouble> {
        self.heap(heap, |heap| heap.place.trim(keep))
    }

    /// What the heap has done and holds.
    pub fn heap_figures(&self, heap: *const u8) -> Result<Figures, Trouble> {
        self.heap(heap, |heap| heap.place.figures())
    }

    /// Calls `see` with every piece until it says no. It sees the heap as it was when the walk
    /// began, and may do with it what it wants ([NA1](super)).
    pub fn heap_walk(
        &self,
        heap: *const u8,
        see: &mut dyn FnMut(*mut u8, usize, Kind) -> bool,
    ) -> Result<(), Trouble> {
        let mut seen = Scroll::new();
        self.heap(heap, |heap| {
            heap.place.walk(&mut |piece| {
                for word in [piece.payload(), piece.len(), piece.kind as usize] {
                    seen.push(&word.to_ne_bytes());
                }
            });
        })?;
        let bytes = seen.bytes().ok_or(Trouble::Memory)?;
        let (words, _) = bytes.as_chunks::<{ size_of::<usize>() }>();
        let mut words = words.iter().map(|word| usize::from_ne_bytes(*word));
        while let (Some(payload), Some(len), Some(kind)) = (words.next(), words.next(), words.next()) {
            let kinds = [Kind::Used, Kind::Mapped, Kind::Free, Kind::Own];
            let kind = kinds.into_iter().find(|known| *known as usize == kind).unwrap_or(Kind::Own);
            if !see(core::ptr::with_exposed_provenance_mut(payload), len, kind) {
                break;
            }
        }
        Ok(())
    }

    /// Gives back all memory of `heap`; its blocks and its handle mean nothing any more.
    pub fn heap_destroy(&self, heap: *const u8) -> Result<(), Trouble> {
        let hall = self.visit().ok_or(Trouble::Gone)?;
        hall.heaps.remove(heap, |_| Ok(()))
    }
}
