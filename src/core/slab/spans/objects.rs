//! The free objects of a slab: a bit for each.
//!
//! ```text
//!   slab   │ a │ b │ c │ d │ e │ ...      b, c and e are free
//!   set      0   1   1   0   1    ...
//! ```
//!
//! The set stands beside the descriptor and not in the objects: what comes back costs no journey to its line, what a
//! program writes into it leads nobody astray, and what comes back twice is seen. In whatever order objects come
//! back, they are handed out in the order of their addresses: in a large heap, where each of their lines is far
//! away, those lines come one behind the other.

use crate::block::ALIGN;
use crate::slab::rooms::GRANULE;

/// Objects that a word stands for.
pub(super) const BITS: usize = u64::BITS as usize;

/// Words of a set.
pub(super) const WORDS: usize = GRANULE / ALIGN / BITS;

/// A set of objects of one slab, by their numbers.
#[derive(Debug)]
pub(super) struct Objects([u64; WORDS]);

impl Objects {
    /// No object.
    pub(super) const NONE: Self = Self([0; WORDS]);

    /// Adds object number `number`; `false` if it was there.
    #[inline(always)]
    pub(super) const fn add(&mut self, number: usize) -> bool {
        let (word, bit) = (&mut self.0[number / BITS % WORDS], 1 << (number % BITS));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Whether object number `number` is there.
    pub(super) const fn has(&self, number: usize) -> bool {
        self.0[number / BITS] >> (number % BITS) & 1 != 0
    }

    /// Takes the lowest `count` objects, of `len` bytes, of a slab that begins at `start` out of the set, none of which
    /// is in a word before `low`; the first word that may hold another.
    ///
    /// # Safety
    ///
    /// There are so many, and `out` can be written for as many pointers.
    #[inline(always)]
    pub(super) unsafe fn draw(
        &mut self,
        low: u8,
        start: *mut u8,
        len: usize,
        out: *mut *mut u8,
        count: usize,
    ) -> u8 {
        let (mut n, mut got) = (low as usize, 0);
        while got < count {
            let word = &mut self.0[n % WORDS];
            while *word != 0 && got < count {
                let number = n * BITS + word.trailing_zeros() as usize;
                // SAFETY: the caller's promise.
                unsafe { out.wrapping_add(got).write(start.wrapping_add(number * len)) };
                *word &= *word - 1;
                got += 1;
            }
            n += usize::from(*word == 0);
        }
        n as u8
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const OBJECTS: usize = GRANULE / ALIGN - 1;

    /// The numbers of the next `count`.
    fn drawn(set: &mut Objects, low: &mut u8, count: usize) -> Vec<usize> {
        let mut out = std::vec![core::ptr::null_mut(); count];
        // SAFETY: the tests ask for no more than there are.
        *low = unsafe { set.draw(*low, core::ptr::null_mut(), ALIGN, out.as_mut_ptr(), count) };
        out.iter().map(|object| object.addr() / ALIGN).collect()
    }

    #[test]
    fn what_came_back_in_any_order_is_drawn_in_order() {
        let mut set = Objects::NONE;
        let came: Vec<usize> = (0..OBJECTS).map(|n| n * 11 % OBJECTS).take(900).collect();
        assert!(came.iter().all(|number| set.add(*number)));
        let mut sorted = came.clone();
        sorted.sort_unstable();

        let mut low = 0;
        let halves = [drawn(&mut set, &mut low, 450), drawn(&mut set, &mut low, 450)];

        assert_eq!(halves.concat(), sorted);
        assert!(came.iter().all(|number| !set.has(*number)));
    }

    #[test]
    fn what_comes_back_twice_is_seen() {
        let mut set = Objects::NONE;
        assert!(set.add(OBJECTS));
        assert!(!set.add(OBJECTS));
        assert_eq!(drawn(&mut set, &mut 0, 1), [OBJECTS]);
        assert!(set.add(OBJECTS));
    }

    #[test]
    fn what_comes_back_below_is_drawn_next() {
        let mut set = Objects::NONE;
        (0..200).for_each(|number| assert!(set.add(number)));
        let mut low = 0;
        drawn(&mut set, &mut low, 190);
        assert_eq!(low, 2);

        assert!(set.add(3));
        low = 0;

        assert_eq!(drawn(&mut set, &mut low, 3), [3, 190, 191]);
    }
}
