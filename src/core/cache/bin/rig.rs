//! A bin to try things with.

use std::boxed::Box;
use std::vec::Vec;

use super::Bin;
use crate::cache::Magazine;
use crate::slab::mark;

pub const OBJECTS: usize = 40;
pub const SLOTS: usize = 24;

/// What is before a magazine, as in a block of the heap, the magazine and its objects.
#[repr(C)]
pub struct Rig {
    tag: [usize; 2],
    magazine: Magazine,
    slots: [*mut u8; SLOTS],
    objects: [[u64; 2]; OBJECTS],
}

impl Rig {
    /// A bin in which the first `stock` objects rest, and the objects.
    pub fn with(stock: usize) -> (Box<Self>, Bin, Vec<*mut u8>) {
        let magazine = Magazine { next: core::ptr::null_mut(), count: 0, cap: SLOTS as u32 };
        let slots = [core::ptr::null_mut(); SLOTS];
        let mut rig = Box::new(Self { tag: [0; 2], magazine, slots, objects: [[0; 2]; OBJECTS] });
        let objects: Vec<*mut u8> =
            rig.objects.iter_mut().map(|object| core::ptr::from_mut(object).cast()).collect();
        let bin = Bin::empty();
        bin.load(&raw mut rig.magazine);
        for object in &objects[..stock] {
            // SAFETY: an object has sixteen bytes.
            unsafe { mark::set(*object) };
            bin.push(*object);
        }
        (rig, bin, objects)
    }
}

impl Bin {
    /// What malloc does.
    pub fn take(&self) -> Option<*mut u8> {
        let object = self.pop()?;
        // SAFETY: an object has sixteen bytes.
        assert!(unsafe { mark::is_set(object) });
        // SAFETY: as above.
        unsafe { mark::clear(object) };
        Some(object)
    }
}
