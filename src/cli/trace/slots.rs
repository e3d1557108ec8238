//! Names of blocks as a source has them (addresses, ids), made into dense ids.
//!
//! ```text
//!   name   │ page │ place ─┐
//!   page   ───────► │ id │ id │ - │ id │ ...     names that are close together are so here
//! ```
//!
//! - **L1** A page without a live block goes when there are as many of them as others.
//! - **L2** The id of a block that was freed last is given out first: ids stay small, and a reader
//!   can guess the next one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Names of one page.
const PAGE: usize = 1 << 10;

/// What a name has that no live block has.
const NONE: u32 = u32::MAX;

/// Empty pages that may stay in any case.
const FEW: usize = 256;

/// The ids of the live blocks of a page.
#[derive(Debug)]
struct Page {
    live: usize,
    ids: Box<[u32; PAGE]>,
}

/// Which block has which id.
#[derive(Debug)]
pub struct Slots {
    /// Where the page with a number stands.
    places: HashMap<u64, u32, BuildHasherDefault<Mix>>,
    pages: Vec<Page>,
    /// Pages that nobody's names are on, and those of `places` without a live block ([L1](self)).
    free: Vec<u32>,
    empty: usize,
    spare: Vec<u32>,
    next: u32,
}

impl Slots {
    /// No block yet.
    pub fn new() -> Self {
        let (pages, free, spare) = (Vec::new(), Vec::new(), Vec::new());
        Self { places: HashMap::default(), pages, free, empty: 0, spare, next: 0 }
    }

    /// Looks up `names` that will be asked for soon, all at once: the processor waits for memory once, and
    /// not once for each.
    pub fn expect(&self, names: impl Iterator<Item = u64>) {
        let page =
            |name: u64| Some((*self.places.get(&(name / PAGE as u64))? as usize, name as usize % PAGE));
        let known = names.filter_map(page).fold(0, |known, (page, name)| known ^ self.pages[page].ids[name]);
        std::hint::black_box(known);
    }

    /// A new block called `name`; its id, and the id of the block that had the name until now.
    pub fn allocate(&mut self, name: u64) -> (u32, Option<u32>) {
        let id = self.spare.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        (id, self.name(name, id))
    }

    /// Calls the block `id` by `name`; the id of the block that had the name until now.
    fn name(&mut self, name: u64, id: u32) -> Option<u32> {
        let Self { places, pages, free, empty, .. } = self;
        let page = places.entry(name / PAGE as u64).or_insert_with(|| {
            *empty += 1;
            free.pop().unwrap_or_else(|| {
                pages.push(Page { live: 0, ids: Box::new([NONE; PAGE]) });
                (pages.len() - 1) as u32
            })
        });
        let page = &mut pages[*page as usize];
        let lost = std::mem::replace(&mut page.ids[name as usize % PAGE], id);
        if lost == NONE {
            *empty -= usize::from(page.live == 0);
            page.live += 1;
            return None;
        }
        self.spare.push(lost);
        Some(lost)
    }

    /// The block called `name` has a name no more; its id, if there is one.
    fn forget(&mut self, name: u64) -> Option<u32> {
        let page = *self.places.get(&(name / PAGE as u64))?;
        let page = &mut self.pages[page as usize];
        let id = std::mem::replace(&mut page.ids[name as usize % PAGE], NONE);
        if id == NONE {
            return None;
        }
        page.live -= 1;
        if page.live == 0 {
            self.empty += 1;
            if self.empty > FEW + self.places.len() / 2 {
                self.sweep();
            }
        }
        Some(id)
    }

    /// Empty pages are nobody's any more.
    fn sweep(&mut self) {
        let Self { places, pages, free, .. } = self;
        places.retain(|_, page| {
            let is_live = pages[*page as usize].live > 0;
            if !is_live {
                free.push(*page);
            }
            is_live
        });
        self.empty = 0;
    }

    /// The block called `name` moves and is called `new`; its id, and the id that `new` had.
    pub fn rename(&mut self, name: u64, new: u64) -> Option<(u32, Option<u32>)> {
        let id = self.forget(name)?;
        Some((id, self.name(new, id)))
    }

    /// The block called `name` goes; its id, if there is one.
    pub fn free(&mut self, name: u64) -> Option<u32> {
        let id = self.forget(name)?;
        self.spare.push(id);
        Some(id)
    }
}

/// One multiplication: addresses differ in their middle bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_freed_last_is_given_out_first() {
        let mut slots = Slots::new();
        let ids = [0x10, 0x20, 0x30].map(|name| slots.allocate(name).0);

        slots.free(0x10);
        slots.free(0x30);

        assert_eq!(ids, [0, 1, 2]);
        assert_eq!(slots.allocate(0x40), (2, None));
        assert_eq!(slots.free(0x10), None);
        assert_eq!(slots.rename(0x20, 0x50), Some((1, None)));
        assert_eq!(slots.free(0x50), Some(1));
    }

    #[test]
    fn pages_without_a_live_block_are_used_again() {
        let mut slots = Slots::new();
        let far = |n: u64| n << 20;
        let kept = slots.allocate(7).0;

        for n in 1..100_000 {
            let id = slots.allocate(far(n)).0;
            assert_eq!(slots.free(far(n)), Some(id));
        }

        assert!(slots.pages.len() < 4 * FEW, "{} pages", slots.pages.len());
        assert_eq!(slots.free(7), Some(kept));
        assert_eq!(slots.free(far(3)), None);
    }

    #[test]
    fn a_name_that_comes_twice_loses_its_first_block() {
        let mut slots = Slots::new();
        slots.allocate(0x10);

        assert_eq!(slots.allocate(0x10), (1, Some(0)));
        assert_eq!(slots.free(0x10), Some(1));
    }
}
