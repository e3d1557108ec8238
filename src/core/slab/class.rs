//! Size classes: what a request is rounded up to.
//!
//! ```text
//!   objects   16 32 48 ... 256 │ 288 320 ... 512 │ 576 ... │ ... 3840 4096 │      slabs
//!   payloads  4608 5120 ... 8192 │ 9216 ... │ ... 65536                           tagged blocks
//! ```
//!
//! Sixteen bytes apart at first, then eight to a doubling: 4.4 % waste on the average
//! (`objects` of random size; see the law of size classes).
//!
//! - **Q1** `len_of(class_of(n)) >= n`, and classes ascend.

use crate::block::{ALIGN, WORD};
use crate::os::round_up;

/// Classes whose objects live in slabs once there are enough of them.
pub const SLAB_CLASSES: usize = 48;

/// All classes; those behind the slab classes are tagged blocks that rest in caches.
pub const CLASSES: usize = SLAB_CLASSES + 4 * 8;

/// Largest request that a slab serves: a span has fifteen such objects. Tagged blocks pack as well, but
/// where sizes mix, the processor cannot foretell which of two ways the next call goes.
pub const LARGEST_SLAB: usize = 4096;

/// Largest request that a cache serves.
pub const LARGEST: usize = 64 << 10;

/// Lengths of the objects of all classes. A static has a name, so that it stands with what every process needs
/// (`src/layout.ld`).
static LENS: [u32; CLASSES] = lens();

const fn lens() -> [u32; CLASSES] {
    let mut lens = [0; CLASSES];
    let mut n = 0;
    while n < 16 {
        lens[n] = 16 * (n as u32 + 1);
        n += 1;
    }
    while n < CLASSES {
        let (doubling, step) = ((n - 16) / 8, (n - 16) % 8);
        lens[n] = (32 << doubling) * (8 + step as u32 + 1);
        n += 1;
    }
    lens
}

/// Largest request whose class depends on less than [`STEP`] bytes.
const LARGEST_FINE: usize = 1024;

/// Classes of requests up to [`LARGEST_FINE`], by sixteen bytes.
static FINE: [u8; LARGEST_FINE / 16 + 1] = table(16);

/// Bytes by which the classes of larger requests are told apart.
pub const STEP: usize = 128;

/// Classes of larger requests, by so many bytes.
static COARSE: [u8; LARGEST / STEP + 1] = table(STEP);

/// The classes of requests of 0, `unit`, twice `unit` bytes and so on.
pub const fn table<const N: usize>(unit: usize) -> [u8; N] {
    let lens = lens();
    let mut table = [0; N];
    let (mut n, mut class) = (0, 0);
    while n < N {
        while (lens[class] as usize) < n * unit {
            class += 1;
        }
        table[n] = class as u8;
        n += 1;
    }
    table
}

/// The class of requests of `len` bytes, at most [`LARGEST`] ([Q1](self)).
#[inline(always)]
pub fn class_of(len: usize) -> usize {
    debug_assert!(len <= LARGEST);
    if len <= LARGEST_FINE {
        // SAFETY: the table has a class for each sixteen bytes up to the bound.
        return usize::from(unsafe { *FINE.get_unchecked(len.div_ceil(16)) });
    }
    // SAFETY: the caller keeps to the bound, which is the table's.
    usize::from(unsafe { *COARSE.get_unchecked(len.div_ceil(STEP)) })
}

/// The class of slabs whose objects stand at multiples of `align`, a power of two, and have `len` bytes.
pub fn aligned(len: usize, align: usize) -> Option<usize> {
    if len > LARGEST_SLAB || align > LARGEST_SLAB {
        return None;
    }
    let least = round_up(len.max(1), align);
    let classes = if least <= LARGEST_SLAB { class_of(least)..SLAB_CLASSES } else { 0..0 };
    classes.into_iter().find(|class| len_of(*class) & (align - 1) == 0)
}

/// The class of requests of `len` bytes, if its objects are tagged blocks, however many there are.
pub fn tagged(len: usize) -> Option<usize> {
    (len > LARGEST_SLAB && len <= LARGEST).then(|| class_of(len))
}

/// Bytes of an object of `class`.
#[inline(always)]
pub const fn len_of(class: usize) -> usize {
    LENS[class] as usize
}

/// Payload bytes of the tagged block that holds an object of `class`.
#[inline]
pub const fn block_len(class: usize) -> usize {
    // The payload of a block is eight bytes short of a multiple of sixteen: take what is there.
    round_up(len_of(class) + WORD, ALIGN) - WORD
}

/// Bytes that processors exchange at a time.
const LINE: usize = 64;

/// Whether an object of `class` has at least a line to itself.
#[inline]
pub const fn has_line(class: usize) -> bool {
    len_of(class) >= LINE
}

/// Objects of `class` that fill whole lines together, where one alone does not; 1 for larger ones.
/// Two threads that write to halves of a line slow each other down threefold.
#[inline]
pub const fn line_mates(class: usize) -> usize {
    let len = len_of(class);
    if has_line(class) {
        return 1;
    }
    let mut mates = 1;
    while !(mates * len).is_multiple_of(LINE) {
        mates += 1;
    }
    mates
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn an_aligned_class_is_the_shortest_whose_objects_are_all_aligned() {
        for align in (5..13).map(|log| 1usize << log) {
            for len in 0..=LARGEST_SLAB {
                let fitting =
                    |class: &usize| len_of(*class) >= len.max(1) && len_of(*class).is_multiple_of(align);
                assert_eq!(aligned(len, align), (0..SLAB_CLASSES).find(fitting), "{len} at {align}");
            }
        }
        for (len, align) in [(LARGEST_SLAB + 1, 64), (1, 2 * LARGEST_SLAB), (usize::MAX, 32), (1, 1 << 63)] {
            assert_eq!(aligned(len, align), None);
        }
    }

    #[test]
    fn small_objects_share_lines_with_their_mates_only() {
        let mates: Vec<usize> = (0..6).map(line_mates).collect();

        assert_eq!(mates, [4, 2, 4, 1, 1, 1]);
    }

    #[test]
    fn every_request_fits_its_class_and_classes_ascend() {
        let mut before = 0;
        for len in 0..=LARGEST {
            let class = class_of(len);
            assert!(len_of(class) >= len && class >= before, "[Q1] {len}");
            assert!(class == 0 || len_of(class - 1) < len.max(1), "tight: {len}");
            before = class;
        }
        assert_eq!(before, CLASSES - 1);
        assert_eq!(len_of(SLAB_CLASSES - 1), LARGEST_SLAB);
    }
}
