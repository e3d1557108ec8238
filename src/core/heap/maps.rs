//! Mapped blocks: large requests that are mappings of their own.
//!
//! ```text
//!   page                                                            page
//!   ├──────┬─────┬──────────────────────────────────────────┬─────────┤
//!   │ lead │ tag │ payload                                  │ 8 bytes │
//!   ├──────┴─────┴──────────────────────────────────────────┴─────────┤
//!    8 bytes, or up to a page where the payload is aligned
//! ```
//!
//! A set of their payload addresses tells them from every other address without touching memory.
//!
//! - **M1** An address is in the set exactly if it is the payload of a live mapped block.
//! - **M2** The mapping begins at the page of the lead and ends eight bytes behind the block.

use crate::block::tag::{MAPPED, PREV_USED, Tag, USED};
use crate::block::{ALIGN, Block, LIMIT, WORD};
use crate::os::backing::Run;
use crate::os::call;
use crate::os::{PAGE, round_down, round_up};

/// Bytes before the payload that a mapping needs at least.
const LEAD: usize = 2 * WORD;

/// Most mapped blocks at a time: the kernel allows a process some 65,000 mappings, and others
/// want theirs.
pub const MOST: usize = 8192;

/// The table of the set: open addressing with linear probing over a power of two of words.
#[derive(Clone, Copy, Debug)]
struct Table {
    slots: *mut *mut u8,
    cap: usize,
}

/// All mapped blocks of the process.
#[derive(Debug)]
pub struct Maps {
    table: Table,
    live: usize,
    footprint: usize,
    usable: usize,
}

// SAFETY: whoever owns the set owns the mappings.
unsafe impl Send for Maps {}

impl Maps {
    /// No mapped block.
    pub const EMPTY: Self =
        Self { table: Table { slots: core::ptr::null_mut(), cap: 0 }, live: 0, footprint: 0, usable: 0 };

    /// Mapped blocks alive.
    pub const fn count(&self) -> usize {
        self.live
    }

    /// Bytes of their mappings.
    pub const fn footprint(&self) -> usize {
        self.footprint
    }

    /// Payload bytes in them.
    pub const fn usable(&self) -> usize {
        self.usable
    }

    /// Whether the set must get a larger table before the next block: the words it wants.
    pub fn wants_table(&self) -> Option<usize> {
        (self.live * 2 >= self.table.cap).then(|| (self.table.cap * 2).max(512))
    }

    /// Moves the set into `slots`, `cap` zeroed words; the old table and its words, to be given back.
    ///
    /// # Safety
    ///
    /// The memory is the set's until the next call, and larger than what [`Maps::wants_table`] said.
    pub unsafe fn set_table(&mut self, slots: *mut u8, cap: usize) -> (*mut u8, usize) {
        let old = self.table;
        self.table = Table { slots: slots.cast(), cap };
        // The first table is a page: one that is read before it is written costs two faults.
        self.table.put(0, core::ptr::null_mut());
        for n in 0..old.cap {
            let payload = old.at(n);
            if !payload.is_null() {
                self.table.insert(payload);
            }
        }
        (old.slots.cast(), old.cap)
    }

    /// The mapped block whose payload begins at `address` ([M1](self)).
    pub fn locate(&self, address: usize) -> Option<Block> {
        let slot = self.table.find(address)?;
        Some(Block::of_payload(self.table.at(slot)))
    }

    /// Maps a block of `len` bytes, its payload at a multiple of `align`; all of it is fresh.
    ///
    /// There must be room in the table.
    pub fn map(&mut self, len: usize, align: usize) -> Option<Block> {
        let (run, payload) = Self::map_unfiled(len, align)?;
        let block = Self::label(run, payload);
        self.file(block);
        Some(block)
    }

    /// The same for a caller that may not touch the set: [`Maps::file`] has to follow.
    pub fn map_loose(len: usize, align: usize) -> Option<Block> {
        let (run, payload) = Self::map_unfiled(len, align)?;
        Some(Self::label(run, payload))
    }

    fn map_unfiled(len: usize, align: usize) -> Option<(Run, *mut u8)> {
        if len >= LIMIT || align >= LIMIT {
            return None;
        }
        let slop = if align <= ALIGN { 0 } else { align };
        let whole = round_up(LEAD + len + slop + WORD, PAGE);
        let base = call::map(core::ptr::null_mut(), whole)?;
        let payload = base.wrapping_add(round_up(base.addr() + LEAD, align.max(ALIGN)) - base.addr());
        let start = round_down(payload.addr() - LEAD, PAGE);
        let end = round_up(payload.addr() + len + WORD, PAGE);
        let run = Run { base: base.with_addr(start), len: end - start };
        if start > base.addr() {
            call::unmap(base, start - base.addr());
        }
        let stop = base.addr() + whole;
        if stop > end {
            call::unmap(base.with_addr(end), stop - end);
        }
        Some((run, payload))
    }

    fn label(run: Run, payload: *mut u8) -> Block {
        let block = Block::of_payload(payload);
        let size = run.base.addr() + run.len - WORD - block.addr();
        // SAFETY: the header lies in the fresh mapping.
        unsafe { block.set_tag(Tag::new(size, USED | PREV_USED | MAPPED)) };
        block
    }

    /// Adds a labelled block to the set.
    pub fn file(&mut self, block: Block) {
        self.table.insert(block.payload());
        self.live += 1;
        self.account(block, true);
    }

    /// Gives the mapping of `block` back; whether the kernel took it. If not, the block lives on.
    ///
    /// # Safety
    ///
    /// `block` came from [`Maps::locate`] just now.
    pub unsafe fn unmap(&mut self, block: Block) -> bool {
        let run = run_of(block);
        self.forget(block);
        if call::unmap(run.base, run.len) {
            return true;
        }
        // A kernel that refuses munmap still drops the pages; the address is never used again.
        call::drop_pages(run.base, run.len)
    }

    /// Resizes `block` to `len` bytes; it may move. `None` leaves it as it was.
    ///
    /// # Safety
    ///
    /// `block` came from [`Maps::locate`] just now.
    pub unsafe fn remap(&mut self, block: Block, len: usize) -> Option<Block> {
        if len >= LIMIT {
            return None;
        }
        let run = run_of(block);
        let lead = block.payload().addr() - run.base.addr();
        let exact = round_up(lead + len + WORD, PAGE);
        // Growing programs come back: an eighth more address space saves most of the calls. It
        // is not touched, so it costs no memory.
        let ample = if exact > run.len { round_up(exact + exact / 8, PAGE) } else { exact };
        if exact <= run.len && run.len - exact <= run.len / 4 {
            return Some(block);
        }
        self.forget(block);
        let moved = call::remap(run.base, run.len, ample, true)
            .map(|base| Run { base, len: ample })
            .or_else(|| call::remap(run.base, run.len, exact, true).map(|base| Run { base, len: exact }));
        let Some(new) = moved else {
            self.file(block);
            return None;
        };
        let block = Self::label(new, new.base.wrapping_add(lead));
        self.file(block);
        Some(block)
    }

    fn forget(&mut self, block: Block) {
        if let Some(slot) = self.table.find(block.payload().addr()) {
            self.table.remove(slot);
            self.live -= 1;
            self.account(block, false);
        }
    }

    fn account(&mut self, block: Block, more: bool) {
        let run = run_of(block);
        // SAFETY: [M1]
        let len = unsafe { block.len() };
        let add = |sum: usize, n: usize| if more { sum + n } else { sum - n };
        self.footprint = add(self.footprint, run.len);
        self.usable = add(self.usable, len);
    }

    /// The first byte of the set's table, and one past its last.
    pub fn table(&self) -> (usize, usize) {
        let start = self.table.slots.addr();
        (start, start + self.table.cap * WORD)
    }

    /// All mapped blocks, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Block> + '_ {
        let all = (0..self.table.cap).map(|n| self.table.at(n));
        all.filter(|payload| !payload.is_null()).map(Block::of_payload)
    }
}

/// The mapping around `block` ([M2](self)).
fn run_of(block: Block) -> Run {
    let start = round_down(block.payload().addr() - LEAD, PAGE);
    // SAFETY: [B1]: a live mapped block.
    let size = unsafe { block.size() };
    let base = block.header().with_addr(start);
    Run { base, len: block.addr() + size + WORD - start }
}

impl Table {
    fn at(&self, n: usize) -> *mut u8 {
        // SAFETY: `n` is below the table's length: all callers mask it.
        unsafe { self.slots.wrapping_add(n).read() }
    }

    fn put(&self, n: usize, payload: *mut u8) {
        // SAFETY: as in `at`.
        unsafe { self.slots.wrapping_add(n).write(payload) };
    }

    /// Where the search for `address` begins.
    fn home(&self, address: usize) -> usize {
        (address >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20 & (self.cap - 1)
    }

    fn find(&self, address: usize) -> Option<usize> {
        if self.cap == 0 {
            return None;
        }
        let mut n = self.home(address);
        loop {
            let found = self.at(n).addr();
            if found == address {
                return (address != 0).then_some(n);
            }
            if found == 0 {
                return None;
            }
            n = (n + 1) & (self.cap - 1);
        }
    }

    fn insert(&self, payload: *mut u8) {
        let mut n = self.home(payload.addr());
        while !self.at(n).is_null() {
            n = (n + 1) & (self.cap - 1);
        }
        self.put(n, payload);
    }

    /// Empties slot `n` and moves up what was pushed behind it.
    fn remove(&self, mut n: usize) {
        let mask = self.cap - 1;
        let mut next = (n + 1) & mask;
        while !self.at(next).is_null() {
            let home = self.home(self.at(next).addr());
            // The entry may move up unless its home lies cyclically behind the gap.
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(n) & mask {
                self.put(n, self.at(next));
                n = next;
            }
            next = (next + 1) & mask;
        }
        self.put(n, core::ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps() -> Maps {
        let mut maps = Maps::EMPTY;
        let slots: &'static mut [usize] = std::vec![0usize; 1024].leak();
        // SAFETY: leaked.
        unsafe { maps.set_table(slots.as_mut_ptr().cast(), 1024) };
        maps
    }

    #[test]
    fn a_mapped_block_is_found_by_its_payload_only() {
        let mut maps = maps();

        let block = maps.map(100_000, 16).unwrap();

        assert_eq!(maps.locate(block.payload().addr()), Some(block));
        assert_eq!(maps.locate(block.payload().addr() + 16), None);
        // SAFETY: [M1]
        assert!(unsafe { block.len() } >= 100_000);
        // SAFETY: located above.
        assert!(unsafe { maps.unmap(block) });
        assert_eq!(maps.locate(block.payload().addr()), None);
        assert_eq!((maps.count(), maps.footprint(), maps.usable()), (0, 0, 0));
    }

    #[test]
    fn alignment_up_to_a_gibibyte_wastes_no_mapping() {
        let mut maps = maps();

        for shift in 4..=30 {
            let block = maps.map(5000, 1 << shift).unwrap();
            assert_eq!(block.payload().addr() % (1 << shift), 0);
            assert!(maps.footprint() <= 3 * PAGE, "{}", maps.footprint());
            // SAFETY: mapped above.
            unsafe { maps.unmap(block) };
        }
    }

    #[test]
    fn resizing_keeps_the_contents() {
        let mut maps = maps();
        let block = maps.map(1 << 20, 16).unwrap();
        // SAFETY: ours.
        unsafe { block.payload().write_bytes(7, 1 << 20) };

        // SAFETY: mapped above.
        let grown = unsafe { maps.remap(block, 9 << 20) }.unwrap();

        // SAFETY: ours.
        let bytes = unsafe { core::slice::from_raw_parts(grown.payload(), (1 << 20) + 1) };
        assert!(bytes[..1 << 20].iter().all(|byte| *byte == 7));
        assert_eq!(bytes[1 << 20], 0);
        assert_eq!(maps.locate(grown.payload().addr()), Some(grown));
        // SAFETY: remapped above.
        unsafe { maps.unmap(grown) };
    }

    #[test]
    fn the_set_survives_random_removals() {
        let mut dice = crate::os::fake::Dice::new(5);
        let slots: &'static mut [usize] = std::vec![0usize; 64].leak();
        let table = Table { slots: slots.as_mut_ptr().cast(), cap: 64 };
        let mut held = std::vec::Vec::new();

        for _ in 0..5000 {
            if held.len() < 32 && dice.below(2) == 0 {
                let address = 4096 * (1 + dice.below(500));
                if !held.contains(&address) {
                    table.insert(core::ptr::without_provenance_mut(address));
                    held.push(address);
                }
            } else if !held.is_empty() {
                let gone = held.swap_remove(dice.below(held.len()));
                table.remove(table.find(gone).unwrap());
            }
            assert!(held.iter().all(|address| table.find(*address).is_some()));
            assert_eq!((0..64).filter(|n| !table.at(*n).is_null()).count(), held.len());
        }
    }
}
