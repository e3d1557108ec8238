//! One word out of band for each unit of a buddy heap: TAG, TYPE and INDEX.
//!
//! ```text
//!    15     14    13     11 10      8 7          2 1      0
//!  ├──────┬───────┬────────┬─────────┬────────────┬────────┤
//!  │ LED  │ FRESH │ above  │  TYPE   │   INDEX    │  TAG   │     a unit where a block begins
//!  ├──────┼───────┴────────┴─────────┴────────────┼────────┤
//!  │ FAR  │    distance to the block, in units    │ Moved  │     a unit where only a payload begins
//!  ├──────┴───────────────────────────────────────┼────────┤
//!  │                      0                       │ Inside │     any other unit
//!  ├──────────────────────────────────────────────┴────────┤
//! ```
//!
//! TAG says what begins at the unit, INDEX the size class of the block, TYPE which split made
//! it: class and TYPE together name the parent and the place in it. When the parent is whole
//! again it needs its own TYPE back, so the split leaves that with the second part, as `above`.
//! LED: the payload was moved to the right for its alignment. FRESH: zero behind the links.
//!
//! - **BM1** `above` belongs to the unit and not to the block: it stays as it is when the block
//!   that begins there is split, taken, freed or merged with the parts behind it.

use core::fmt;

const TAG: u16 = 0b11;
const INDEX: u16 = 0b11_1111 << 2;
const KIND: u16 = 0b111 << 8;
const ABOVE: u16 = 0b111 << 11;
const FRESH: u16 = 1 << 14;
const LED: u16 = 1 << 15;
const FAR: u16 = 1 << 15;

/// Bits of a distance that fit beside TAG and FAR.
const NEAR_BITS: u32 = 13;

/// What begins at a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Nothing: the unit lies inside a block.
    Inside,
    /// A free block.
    Free,
    /// A used block.
    Used,
    /// The payload of a used block that begins further left.
    Moved,
}

/// The word of one unit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mark(u16);

impl Mark {
    /// Nothing begins here.
    pub const INSIDE: Self = Self(0);

    /// A block of class `index` that was made by a split of type `kind` (0: by no split).
    pub const fn new(tag: Tag, kind: usize, index: usize) -> Self {
        Self(tag as u16 | (index as u16) << 2 | (kind as u16) << 8)
    }

    /// What begins here.
    pub const fn tag(self) -> Tag {
        match self.0 & TAG {
            0 => Tag::Inside,
            1 => Tag::Free,
            2 => Tag::Used,
            _ => Tag::Moved,
        }
    }

    /// TYPE: which split made the block; 0 for a block that no split made.
    pub const fn kind(self) -> usize {
        ((self.0 & KIND) >> 8) as usize
    }

    /// INDEX: the size class.
    pub const fn index(self) -> usize {
        ((self.0 & INDEX) >> 2) as usize
    }

    /// TYPE of the block whose second part begins here ([BM1](self)).
    pub const fn above(self) -> usize {
        ((self.0 & ABOVE) >> 11) as usize
    }

    /// Whether the block is zero behind its links.
    pub const fn is_fresh(self) -> bool {
        self.0 & FRESH != 0
    }

    /// The same with another TAG.
    pub const fn with_tag(self, tag: Tag) -> Self {
        Self(self.0 & !TAG | tag as u16)
    }

    /// The same with another `above`.
    pub const fn with_above(self, kind: usize) -> Self {
        Self(self.0 & !ABOVE | (kind as u16) << 11)
    }

    /// The same, zero behind the links or not.
    pub const fn with_fresh(self, fresh: bool) -> Self {
        Self(if fresh { self.0 | FRESH } else { self.0 & !FRESH })
    }

    /// Whether the payload of the block begins further right.
    pub const fn is_led(self) -> bool {
        self.0 & LED != 0
    }

    /// The same, its payload further right or not.
    pub const fn with_led(self, led: bool) -> Self {
        Self(if led { self.0 | LED } else { self.0 & !LED })
    }

    /// Whether a free block of class `index` begins here.
    pub fn is_free_of(self, index: usize) -> bool {
        self.tag() == Tag::Free && self.index() == index
    }

    /// A payload `distance` units behind its block: the word of its unit and, if the distance
    /// is long, of the unit before.
    pub const fn moved(distance: usize) -> (Self, Option<Self>) {
        let near = (distance & ((1 << NEAR_BITS) - 1)) as u16;
        let far = (distance >> NEAR_BITS) as u16;
        let here = near << 2 | Tag::Moved as u16;
        if far == 0 { (Self(here), None) } else { (Self(here | FAR), Some(Self(far << 2))) }
    }

    /// Whether the unit before holds the rest of the distance.
    pub const fn is_far(self) -> bool {
        self.0 & FAR != 0
    }

    /// How far the block of a moved payload lies to the left; `before` is the word before.
    pub const fn distance(self, before: Self) -> usize {
        let near = (self.0 & !FAR) as usize >> 2;
        if self.is_far() { near | (before.0 as usize >> 2) << NEAR_BITS } else { near }
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tag, kind, index, above) = (self.tag(), self.kind(), self.index(), self.above());
        write!(f, "{tag:?} type {kind} index {index} above {above}")
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn tag_type_and_index_are_read_as_they_were_written() {
        for tag in [Tag::Free, Tag::Used] {
            for kind in 0..8 {
                for index in 0..64 {
                    let mark = Mark::new(tag, kind, index).with_above(7 - kind).with_fresh(index % 2 == 0);
                    let mark = mark.with_led(index % 3 == 0);

                    assert_eq!((mark.tag(), mark.kind(), mark.index()), (tag, kind, index));
                    assert_eq!((mark.above(), mark.is_fresh()), (7 - kind, index % 2 == 0));
                    assert_eq!(mark.is_led(), index % 3 == 0);
                }
            }
        }
    }

    #[test]
    fn a_mark_reads_like_a_sentence() {
        let mark = Mark::new(Tag::Used, 2, 13).with_above(1);

        assert_eq!(format!("{mark:?}"), "Used type 2 index 13 above 1");
        assert_eq!(format!("{:?}", Mark::INSIDE), "Inside type 0 index 0 above 0");
    }

    #[test]
    fn a_distance_near_or_far_is_read_as_it_was_written() {
        for distance in [1, 2, 8191, 8192, 8193, 65_535, (1 << 26) - 1] {
            let (here, before) = Mark::moved(distance);

            assert_eq!(here.tag(), Tag::Moved);
            assert_eq!(here.is_far(), before.is_some());
            assert_eq!(here.distance(before.unwrap_or(Mark::INSIDE)), distance);
        }
    }
}
