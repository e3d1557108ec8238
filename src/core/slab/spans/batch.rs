//! Objects that come back together and lie near each other: what changes with them changes once.

use super::objects::{BITS, WORDS};
use crate::slab::rooms::{GRANULE, number_of};

/// Where an object is noted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The word of its slab's set, counted through all granules of the address space.
    word: usize,
    bit: u64,
}

impl Place {
    /// That of the object of `class` which begins at `address`.
    #[inline(always)]
    pub(super) fn of(class: usize, address: usize) -> Self {
        let number = number_of(class, address);
        Self { word: address / GRANULE * WORDS + number / BITS, bit: 1 << (number % BITS) }
    }
}

/// Some objects of one slab that are noted in one word of its set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    word: usize,
    pub(super) count: u16,
    /// A bit for each.
    pub(super) objects: u64,
    /// Those that came more than once.
    pub(super) twice: u64,
}

impl Batch {
    /// The object at `place`.
    #[inline(always)]
    pub(super) const fn of(place: Place) -> Self {
        Self { word: place.word, count: 1, objects: place.bit, twice: 0 }
    }

    /// Adds the object at `place`; `false` if it is noted elsewhere.
    #[inline(always)]
    pub(super) const fn add(&mut self, place: Place) -> bool {
        if place.word != self.word {
            return false;
        }
        self.twice |= self.objects & place.bit;
        self.objects |= place.bit;
        self.count += 1;
        true
    }

    /// The word of the slab's set.
    #[inline(always)]
    pub(super) const fn word(&self) -> u8 {
        (self.word % WORDS) as u8
    }

    /// The number of the lowest of `objects`.
    pub(super) const fn lowest(&self, objects: u64) -> usize {
        self.word() as usize * BITS + objects.trailing_zeros() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::class::{class_of, len_of};

    #[test]
    fn what_comes_twice_is_noted_once_as_such() {
        let class = class_of(48);
        let place =
            |granule: usize, number: usize| Place::of(class, granule * GRANULE + number * len_of(class));
        let mut batch = Batch::of(place(7, 130));

        assert!([128, 191, 130].iter().all(|number| batch.add(place(7, *number))));
        assert!([place(7, 127), place(7, 192), place(8, 130)].iter().all(|other| !batch.add(*other)));

        assert_eq!((batch.count, batch.objects, batch.twice), (4, 1 | 1 << 2 | 1 << 63, 1 << 2));
        assert_eq!(batch.lowest(batch.twice), 130);
    }
}
