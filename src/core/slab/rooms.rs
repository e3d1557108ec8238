//! From an address to what lives there: the only thing that free asks.
//!
//! ```text
//!   base (64 KiB)      one word for each granule of 64 KiB
//!   ├─────────┬─────────┬─────────┬─────────┬── ...
//!   │ TAGGED  │ TAGGED  │ slab 3  │ FOREIGN │
//!
//!   word of a slab:  │ place of its class's bin │ magic: tells starts of objects from insides │
//! ```
//!
//! Readers take no lock: the owner of an object knows that its room does not change while he
//! has it, but for whether its slab is to become empty, which decides only about the way.
//!
//! - **V1** The word of a granule is the room of its slab, or TAGGED or VACATED where blocks of the heap may
//!   begin, or FOREIGN.
//! - **V2** A table that was replaced stays readable for ever: a reader may still hold it.

use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use super::class::{SLAB_CLASSES, len_of};

/// Bytes of a granule, and of a slab with the header of the block behind it.
pub const GRANULE: usize = 1 << GRANULE_SHIFT;
/// Its logarithm.
pub const GRANULE_SHIFT: u32 = 16;

/// Bytes of a thread's bin: the map knows where the bin of a slab's class stands.
pub const BIN: usize = 32;

/// What lives in a granule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room(u64);

impl Room {
    /// Nothing of ours, or nothing that may be asked without the lock.
    pub const FOREIGN: Self = Self(0);
    /// Blocks of the heap. No address is the start of an object here: the magic is 0.
    pub const TAGGED: Self = Self(1 << 32);
    /// The same, where a slab was: what was known of it is still there.
    pub const VACATED: Self = Self(2 << 32);

    /// The room of slabs of `class`, whose objects have `len` bytes.
    pub const fn slab(class: usize, len: usize) -> Self {
        let place = class * BIN;
        Self(magic(len) | (place as u64) << 32)
    }

    /// The room of a slab of `class` that is to become empty: but for the first, no object is known to start
    /// here without the lock, and so none comes back to a bin.
    pub const fn draining(class: usize) -> Self {
        Self(1 | ((class * BIN) as u64) << 32)
    }

    /// Whether an object may begin at `address`, if this is the room of a slab: a multiplication
    /// instead of a division (Lemire, Kaser and Kurz 2019). Never, if it is another room.
    #[inline(always)]
    pub const fn may_start(self, address: usize) -> bool {
        let (magic, offset) = (self.0 as u32, address as u16);
        (offset as u32).wrapping_mul(magic) < magic
    }

    /// Whether blocks of the heap begin here, if the map knows the place at all.
    #[inline(always)]
    pub const fn is_tagged(self) -> bool {
        self.0 as u32 == 0
    }

    /// The place of the class's bin in a thread's structure.
    #[inline(always)]
    pub const fn bin_place(self) -> usize {
        self.0 as usize >> 32
    }

    /// The class of the slab; `None` in another room.
    #[inline]
    pub const fn class(self) -> Option<usize> {
        if self.0 as u32 == 0 { None } else { Some(self.bin_place() / BIN) }
    }
}

/// The offset of a granule's last sixteen bytes: the tag of the next block ends there.
const LAST: usize = GRANULE - 16;

/// The number that [`Room::may_start`] multiplies with: 2^32 / `len`, rounded up. It is a little more where
/// a multiple of the length lies at [`LAST`], so that this one is no start: then it is the least number
/// for which its remainder, which grows by the same from multiple to multiple, has grown too large.
const fn magic(len: usize) -> u64 {
    let (len, count) = (len as u64, (LAST / len) as u64);
    if LAST as u64 == count * len {
        (count << 32).div_ceil(count * len - 1)
    } else {
        (1u64 << 32).div_ceil(len)
    }
}

/// The magic of each class with slabs.
static MAGICS: [u32; SLAB_CLASSES] = {
    let mut magics = [0; SLAB_CLASSES];
    let mut class = 0;
    while class < SLAB_CLASSES {
        magics[class] = magic(len_of(class)) as u32;
        class += 1;
    }
    magics
};

/// The number of the object of `class` that begins at `address`, in its slab.
#[inline(always)]
pub fn number_of(class: usize, address: usize) -> usize {
    (address as u16 as usize * MAGICS[class] as usize) >> 32
}

/// Granules that the first table knows: a heap of four mebibytes.
const FIRST: usize = 64;

/// The map.
pub struct Rooms {
    /// The lowest address of the heap and the bytes up to the highest: a header may be read there.
    low: AtomicUsize,
    reach: AtomicUsize,
    base: AtomicUsize,
    count: AtomicUsize,
    table: AtomicPtr<Room>,
    first: [AtomicU64; FIRST],
}

impl Rooms {
    /// Nothing is known.
    pub const EMPTY: Self = Self {
        low: AtomicUsize::new(0),
        reach: AtomicUsize::new(0),
        base: AtomicUsize::new(0),
        count: AtomicUsize::new(0),
        table: AtomicPtr::new(core::ptr::null_mut()),
        first: [const { AtomicU64::new(Room::FOREIGN.0) }; FIRST],
    };

    /// What lives at `address`; `None` where the map does not reach.
    #[inline(always)]
    pub fn look(&self, address: usize) -> Option<Room> {
        let granule = address.wrapping_sub(plain(&self.base)) >> GRANULE_SHIFT;
        if granule >= plain(&self.count) {
            return None;
        }
        let table = self.table.load(Ordering::Relaxed);
        // SAFETY: [V2]: a table is as long as the count that was published after it.
        Some(unsafe { table.wrapping_add(granule).read() })
    }

    /// What lives at `address`: FOREIGN where the map does not reach.
    #[inline]
    pub fn at(&self, address: usize) -> Room {
        self.look(address).unwrap_or(Room::FOREIGN)
    }

    /// Whether a header before `address` may be read, if its room is TAGGED.
    #[inline(always)]
    pub fn may_read(&self, address: usize) -> bool {
        address.wrapping_sub(plain(&self.low)) < plain(&self.reach)
    }

    /// Sets what [`Rooms::may_read`] allows.
    pub fn bound(&self, low: usize, high: usize) {
        self.low.store(low, Ordering::Relaxed);
        self.reach.store(high - low, Ordering::Relaxed);
    }

    /// The number of the granule around `address`, if the map reaches so far.
    pub fn granule(&self, address: usize) -> Option<usize> {
        let granule = address.wrapping_sub(self.base.load(Ordering::Relaxed)) >> GRANULE_SHIFT;
        (granule < self.count.load(Ordering::Relaxed)).then_some(granule)
    }

    /// The number of the granule around `address`, if a slab lies there.
    #[inline(always)]
    pub fn slab(&self, address: usize) -> Option<usize> {
        let room = self.look(address)?;
        (!room.is_tagged()).then(|| address.wrapping_sub(plain(&self.base)) >> GRANULE_SHIFT)
    }

    /// The address at which granule number `granule` begins.
    pub fn address(&self, granule: usize) -> usize {
        self.base.load(Ordering::Relaxed) + (granule << GRANULE_SHIFT)
    }

    /// Granules that the map knows.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Sets the first granule; only once, by the holder of the lock. The map stays where it is from then on: its first table
    /// is a part of it.
    pub fn found(&self, address: usize) {
        if self.base.load(Ordering::Relaxed) == 0 {
            self.table.store(self.first.as_ptr().cast_mut().cast(), Ordering::Relaxed);
            self.base.store(address & !(GRANULE - 1), Ordering::Relaxed);
            self.count.store(FIRST, Ordering::Release);
        }
    }

    /// The words that a larger table needs so that `address` is known; `None` if it is, or cannot
    /// sensibly be: an address far away, from a mapping.
    pub fn wants(&self, address: usize) -> Option<usize> {
        let granule = address.checked_sub(self.base.load(Ordering::Relaxed))? >> GRANULE_SHIFT;
        let count = self.count();
        let most = (count * 64).max(1 << 16);
        (granule >= count && granule < most).then(|| (granule + 1).max(count * 2).max(512))
    }

    /// Puts the larger table in force; the old one is never freed ([V2](self)).
    ///
    /// # Safety
    ///
    /// `table` has `count` zeroed words that are nobody else's, for ever: zero is FOREIGN.
    pub unsafe fn replace(&self, table: *mut Room, count: usize) {
        let old = self.table.load(Ordering::Relaxed);
        let known = self.count();
        // SAFETY: the old table has `known` words, the new one more.
        unsafe { table.copy_from_nonoverlapping(old, known) };
        self.table.store(table, Ordering::Relaxed);
        self.count.store(count, Ordering::Release);
    }

    /// Names all granules that `[from, to)` touches and that have no name yet.
    pub fn claim(&self, from: usize, to: usize, room: Room) {
        let Some(first) = self.granule(from) else { return };
        let last = (to - 1 - self.address(0)) >> GRANULE_SHIFT;
        for granule in first..=last.min(self.count() - 1) {
            if self.at(self.address(granule)) == Room::FOREIGN {
                self.set(granule, room);
            }
        }
    }

    /// Names what lives in a granule that the map knows; by the holder of the lock.
    pub fn set(&self, granule: usize, room: Room) {
        debug_assert!(granule < self.count());
        // SAFETY: [V2]
        unsafe { self.table.load(Ordering::Relaxed).wrapping_add(granule).write(room) };
    }
}

/// The word, read as an operand of the next instruction: the compiler does not fold atomic loads,
/// and this one is on everybody's way. Whoever owns an object has seen the words that were stored
/// before it was handed out; for other addresses any value that the word ever had will do.
#[inline(always)]
fn plain(word: &AtomicUsize) -> usize {
    // SAFETY: an aligned word of a live structure.
    unsafe { word.as_ptr().read() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_told_apart_and_survive_a_larger_table() {
        let rooms = Rooms::EMPTY;
        let (start, slab) = (0x5555_0001_2340, Room::slab(3, 64));
        rooms.found(start);
        rooms.set(rooms.granule(start).unwrap(), Room::TAGGED);
        rooms.set(rooms.granule(start + GRANULE).unwrap(), slab);
        let far = start + 400 * GRANULE;
        let wanted = rooms.wants(far).unwrap();
        let table: &'static mut [Room] = std::vec![Room::FOREIGN; wanted].leak();

        // SAFETY: leaked.
        unsafe { rooms.replace(table.as_mut_ptr(), wanted) };

        assert_eq!(rooms.at(start), Room::TAGGED);
        assert_eq!(rooms.at(start + GRANULE), slab);
        assert_eq!((slab.class(), slab.bin_place()), (Some(3), 3 * BIN));
        assert_eq!((Room::TAGGED.class(), Room::VACATED.class()), (None, None));
        assert_eq!(rooms.at(far), Room::FOREIGN);
        assert_eq!(rooms.at(start - GRANULE), Room::FOREIGN);
        assert_eq!(rooms.at(16), Room::FOREIGN);
        assert_eq!(rooms.wants(far), None);
        assert_eq!(rooms.wants(0x7fff_0000_0000), None);
    }

    #[test]
    fn only_multiples_of_the_length_may_start() {
        for class in 0..SLAB_CLASSES {
            let len = len_of(class);
            let room = Room::slab(class, len);
            // The price of the last multiple: an odd address beside it, behind all objects.
            let odd = |offset| LAST.is_multiple_of(len) && offset > LAST - len && offset % 16 == 15;
            for offset in (0..GRANULE).filter(|offset| !odd(*offset)) {
                let starts = offset % len == 0 && offset != LAST;
                assert_eq!(room.may_start(GRANULE + offset), starts, "{len} {offset}");
            }
        }
        for class in 0..SLAB_CLASSES {
            let len = len_of(class);
            assert!(
                (0..LAST / len).all(|number| number_of(class, GRANULE + number * len) == number),
                "{len}"
            );
        }
        assert!((1..GRANULE).all(|offset| !Room::draining(5).may_start(offset)));
        assert_eq!((Room::draining(5).class(), Room::draining(5).is_tagged()), (Some(5), false));
        assert!(
            [Room::TAGGED, Room::VACATED, Room::FOREIGN]
                .iter()
                .all(|room| room.is_tagged() && (0..GRANULE).all(|offset| !room.may_start(offset)))
        );
    }
}
