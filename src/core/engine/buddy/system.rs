//! Buddy systems: which sizes there are, and which parts a block is split into.
//!
//! ```text
//!   binary      16 ─► 8 + 8
//!   Fibonacci   13 ─► 8 + 5
//!   weighted    16 ─► 12 + 4         12 ─► 8 + 4
//!   tertiary    16 ─► 8 + 6 + 2      12 ─► 8 + 4
//! ```
//!
//! A system is two columns, sizes and parts. From them follows all else: the smallest class for
//! a length, and for every class the splits that make it. The number of such a split is the
//! TYPE of a block; with the class it tells the parent and the place in it.
//!
//! - **BS1** Sizes ascend (two classes of one unit may begin them), and the sizes of the parts of
//!   a class add up to its own.

/// Most classes that a system can have: INDEX has six bits.
pub const CLASSES: usize = 64;

/// Most parts of a split.
pub const PARTS: usize = 3;

/// Most splits that make blocks of one class, and one for "none": TYPE has three bits.
const KINDS: usize = 8;

/// In a column of parts: no such part.
const NO: u8 = u8::MAX;

/// For each class its parts in address order.
pub type Splits = [[u8; PARTS]; CLASSES];

/// A buddy system.
pub trait System {
    /// Classes in use.
    const COUNT: usize;
    /// Their sizes in units, ascending.
    const SIZES: [usize; CLASSES];
    /// Their parts.
    const SPLITS: Splits;
    /// What follows.
    const LAW: &'static Law = &Law::of(Self::COUNT, Self::SIZES, Self::SPLITS);
}

/// How a block came about: from a block of class `class`, as part number `place`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Class of the parent.
    pub class: usize,
    /// Which of its parts.
    pub place: usize,
}

/// One part of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its class.
    pub class: usize,
    /// Units before it in the block.
    pub offset: usize,
    /// TYPE of a block that comes about so.
    pub kind: usize,
}

/// The tables of a system.
#[derive(Debug)]
pub struct Law {
    count: usize,
    sizes: [usize; CLASSES],
    splits: Splits,
    kinds: Splits,
    /// Class and place of each split that makes the class; [`NO`] for none.
    origins: [[[u8; 2]; KINDS]; CLASSES],
    sources: [u64; CLASSES],
}

impl Law {
    /// What follows from sizes and splits.
    const fn of(count: usize, sizes: [usize; CLASSES], splits: Splits) -> Self {
        let mut law = Self {
            count,
            sizes,
            splits,
            kinds: [[0; PARTS]; CLASSES],
            origins: [[[NO; 2]; KINDS]; CLASSES],
            sources: [0; CLASSES],
        };
        let mut class = 0;
        while class < count {
            let (mut place, mut sum) = (0, 0);
            while place < PARTS && splits[class][place] != NO {
                let part = splits[class][place] as usize;
                let mut kind = 1;
                while law.origins[part][kind][0] != NO {
                    kind += 1;
                }
                law.origins[part][kind] = [class as u8, place as u8];
                law.kinds[class][place] = kind as u8;
                sum += sizes[part];
                place += 1;
            }
            assert!(sum == 0 || sum == sizes[class], "[BS1]");
            law.note_sources(class);
            class += 1;
        }
        law
    }

    /// Notes which smaller classes blocks of `class` lead to. Those of its parts are known.
    const fn note_sources(&mut self, class: usize) {
        self.sources[class] |= 1 << class;
        let mut wanted = 0;
        while wanted < class {
            let mut place = 0;
            while place < PARTS && self.splits[class][place] != NO {
                if self.sources[wanted] >> self.splits[class][place] & 1 != 0 {
                    self.sources[wanted] |= 1 << class;
                }
                place += 1;
            }
            wanted += 1;
        }
    }

    /// Classes in use.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Units of a block of `class`.
    #[inline]
    pub const fn size(&self, class: usize) -> usize {
        self.sizes[class]
    }

    /// The smallest class that holds `units`.
    #[inline]
    pub fn holding(&self, units: usize) -> Option<usize> {
        let class = self.sizes[..self.count].partition_point(|size| *size < units);
        (class < self.count).then_some(class)
    }

    /// The classes whose blocks can be split until a block of `class` appears, as a set of
    /// bits. Not all larger ones can: in the tertiary system 16 has no part of 12, and would be
    /// given away whole.
    #[inline]
    pub const fn sources(&self, class: usize) -> u64 {
        self.sources[class]
    }

    /// The largest class within `units`, which is not 0.
    pub fn within(&self, units: usize) -> usize {
        self.sizes[..self.count].partition_point(|size| *size <= units) - 1
    }

    /// The parts of a block of `class`, in address order; none if it cannot be split.
    pub fn parts(&self, class: usize) -> impl Iterator<Item = Part> + use<'_> {
        let mut offset = 0;
        let split = self.splits[class].iter().zip(&self.kinds[class]);
        split.take_while(|(part, _)| **part != NO).map(move |(part, kind)| {
            let part = Part { class: usize::from(*part), offset, kind: usize::from(*kind) };
            offset += self.sizes[part.class];
            part
        })
    }

    /// Where a block of `class` and TYPE `kind` comes from; `None` if no split made it.
    #[inline]
    pub const fn origin(&self, class: usize, kind: usize) -> Option<Origin> {
        match self.origins[class][kind] {
            [NO, _] => None,
            [class, place] => Some(Origin { class: class as usize, place: place as usize }),
        }
    }
}

/// Sizes 2^k: each block has two equal halves (Knowlton, "A fast storage allocator", 1965).
#[derive(Debug)]
pub struct Binary;

impl System for Binary {
    const COUNT: usize = 40;
    const SIZES: [usize; CLASSES] = {
        let (mut sizes, mut k) = ([usize::MAX; CLASSES], 0);
        while k < Self::COUNT {
            sizes[k] = 1 << k;
            k += 1;
        }
        sizes
    };
    const SPLITS: Splits = {
        let (mut splits, mut k) = ([[NO; PARTS]; CLASSES], 1);
        while k < Self::COUNT {
            splits[k] = [k as u8 - 1, k as u8 - 1, NO];
            k += 1;
        }
        splits
    };
}

/// Sizes 1, 1, 2, 3, 5, 8 ...: each block is the sum of the two sizes before (Knuth, The Art of
/// Computer Programming, volume 1, 2.5; Hirschberg 1973). The parent's TYPE is kept as Cranston
/// and Thomas do (1975).
#[derive(Debug)]
pub struct Fibonacci;

impl System for Fibonacci {
    const COUNT: usize = CLASSES;
    const SIZES: [usize; CLASSES] = {
        let (mut sizes, mut k) = ([1; CLASSES], 2);
        while k < CLASSES {
            sizes[k] = sizes[k - 1] + sizes[k - 2];
            k += 1;
        }
        sizes
    };
    const SPLITS: Splits = {
        let (mut splits, mut k) = ([[NO; PARTS]; CLASSES], 2);
        while k < CLASSES {
            splits[k] = [k as u8 - 1, k as u8 - 2, NO];
            k += 1;
        }
        splits
    };
}

/// Sizes 1, 2, 3, 4, 6, 8, 12 ...: number 2k - 1 is 2^k, number 2k is 3 * 2^(k - 1).
const POWERS_AND_THREES: [usize; CLASSES] = {
    let (mut sizes, mut n) = ([1; CLASSES], 1);
    while n < CLASSES {
        sizes[n] = if n % 2 == 1 { 1 << n.div_ceil(2) } else { 3 << (n / 2 - 1) };
        n += 1;
    }
    sizes
};

/// The class of 2^k.
const fn power(k: usize) -> u8 {
    (2 * k).saturating_sub(1) as u8
}

/// The class of 3 * 2^k.
const fn three(k: usize) -> u8 {
    (2 * k + 2) as u8
}

/// Splits 2^k into 3/4 and 1/4, and 3 * 2^k into 2/3 and 1/3.
const THREE_TO_ONE: Splits = {
    let mut splits = [[NO; PARTS]; CLASSES];
    splits[1] = [0, 0, NO];
    let mut k = 0;
    while (three(k) as usize) < CLASSES {
        splits[three(k) as usize] = [power(k + 1), power(k), NO];
        k += 1;
    }
    k = 2;
    while (power(k) as usize) < CLASSES {
        splits[power(k) as usize] = [three(k - 2), power(k - 2), NO];
        k += 1;
    }
    splits
};

/// Sizes 2^k and 3 * 2^k: 2^(k+2) has parts 3 * 2^k and 2^k, 3 * 2^k has parts 2^(k+1) and 2^k
/// (Shen and Peterson, "A weighted buddy method for dynamic storage allocation", 1974).
#[derive(Debug)]
pub struct Weighted;

impl System for Weighted {
    const COUNT: usize = CLASSES;
    const SIZES: [usize; CLASSES] = POWERS_AND_THREES;
    const SPLITS: Splits = THREE_TO_ONE;
}

/// Sizes 2^k and 3 * 2^(k-3): 2^k has parts 2^(k-1), 3 * 2^(k-3) and 2^(k-3) (after Yadav and
/// others, "Tertiary buddy system", 2008 and 2010; the three-way split is this project's
/// reading). Blocks of 3 * 2^k, and 2 and 4, are split as in the weighted system.
#[derive(Debug)]
pub struct Tertiary;

impl System for Tertiary {
    const COUNT: usize = CLASSES;
    const SIZES: [usize; CLASSES] = POWERS_AND_THREES;
    const SPLITS: Splits = {
        let (mut splits, mut k) = (THREE_TO_ONE, 3);
        while (power(k) as usize) < CLASSES {
            splits[power(k) as usize] = [power(k - 1), three(k - 3), power(k - 3)];
            k += 1;
        }
        splits
    };
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn sizes_of_parts<S: System>(size: usize) -> Vec<usize> {
        let class = S::LAW.holding(size).unwrap();
        assert_eq!(S::LAW.size(class), size);
        S::LAW.parts(class).map(|part| S::LAW.size(part.class)).collect()
    }

    #[test]
    fn each_system_splits_as_its_paper_says() {
        assert_eq!(sizes_of_parts::<Binary>(16), [8, 8]);
        assert_eq!(sizes_of_parts::<Fibonacci>(55), [34, 21]);
        assert_eq!(sizes_of_parts::<Weighted>(16), [12, 4]);
        assert_eq!(sizes_of_parts::<Weighted>(12), [8, 4]);
        assert_eq!(sizes_of_parts::<Weighted>(2), [1, 1]);
        assert_eq!(sizes_of_parts::<Tertiary>(16), [8, 6, 2]);
        assert_eq!(sizes_of_parts::<Tertiary>(8), [4, 3, 1]);
        assert_eq!(sizes_of_parts::<Tertiary>(12), [8, 4]);
        assert_eq!(sizes_of_parts::<Tertiary>(4), [3, 1]);
    }

    #[test]
    fn thirty_six_units_get_64_or_55_or_48() {
        let size = |law: &Law| law.size(law.holding(36).unwrap());

        assert_eq!(size(Binary::LAW), 64);
        assert_eq!(size(Fibonacci::LAW), 55);
        assert_eq!(size(Weighted::LAW), 48);
        assert_eq!(size(Tertiary::LAW), 48);
    }

    fn assert_that_every_part_knows_its_parent<S: System>() {
        for class in 0..S::COUNT {
            let mut end = 0;
            for (place, part) in S::LAW.parts(class).enumerate() {
                assert_eq!(S::LAW.origin(part.class, part.kind), Some(Origin { class, place }));
                assert_eq!(part.offset, end);
                assert_ne!(part.kind, 0);
                end += S::LAW.size(part.class);
            }
            assert!(end == 0 || end == S::LAW.size(class));
            assert_eq!(S::LAW.origin(class, 0), None);
        }
    }

    #[test]
    fn class_and_type_tell_parent_and_place() {
        assert_that_every_part_knows_its_parent::<Binary>();
        assert_that_every_part_knows_its_parent::<Fibonacci>();
        assert_that_every_part_knows_its_parent::<Weighted>();
        assert_that_every_part_knows_its_parent::<Tertiary>();
    }

    #[test]
    fn only_the_tertiary_system_has_blocks_that_do_not_lead_to_all_smaller_sizes() {
        let all = |law: &Law, class: usize| u64::MAX << class & u64::MAX >> (64 - law.count);
        let class = |size| Tertiary::LAW.holding(size).unwrap();

        assert!((0..Binary::COUNT).all(|n| Binary::LAW.sources(n) == all(Binary::LAW, n)));
        assert!((2..Fibonacci::COUNT).all(|n| Fibonacci::LAW.sources(n) == all(Fibonacci::LAW, n)));
        assert!((0..Weighted::COUNT).all(|n| Weighted::LAW.sources(n) == all(Weighted::LAW, n)));
        assert_eq!(Tertiary::LAW.sources(class(12)), all(Tertiary::LAW, class(12)) & !(0b110 << class(12)));
        assert_eq!(Tertiary::LAW.sources(class(8)), all(Tertiary::LAW, class(8)));
    }

    #[test]
    fn within_is_the_largest_size_that_is_not_too_large() {
        for units in 1..5000 {
            let class = Tertiary::LAW.within(units);

            assert!(Tertiary::LAW.size(class) <= units);
            assert!(Tertiary::LAW.size(class + 1) > units);
        }
    }
}
