//! The lists of slabs of a class by their fullness: the fullest serves first, and the emptiest may be told to drain.
//!
//! ```text
//!   draining │ less than a quarter │ a half │ three quarters │ more       full ones are in none
//! ```

use super::{NONE, Spans};
use crate::block::{ALIGN, WORD};
use crate::slab::class::SLAB_CLASSES;
use crate::slab::rooms::{GRANULE, Room, Rooms};

/// Lists of a class by fullness: the last holds the fullest slabs, and the first those that drain.
pub(super) const GRADES: usize = 5;

/// The grade of slabs that are to become empty, and the lowest of others.
pub(super) const DRAINING: u8 = 0;
const LOWEST: u8 = 1;

/// Bytes in use that part one grade from the next.
const QUARTER: usize = GRANULE / (GRADES - 1);

impl Spans {
    /// The slab of `class` that serves next.
    pub(super) fn fullest(&self, class: usize) -> Option<u32> {
        self.lists[class].iter().rev().find_map(|head| head.checked_sub(1))
    }

    /// Puts the slab into the list of its fullness ([J2](super)).
    pub(super) fn regrade(&mut self, granule: u32) {
        let slab = self.at(granule);
        let len = slab.len();
        let used = slab.used as usize * len;
        let grade = if is_full(used, len) { u8::MAX } else { grade_of(used) };
        if grade == slab.grade || slab.grade == DRAINING {
            return;
        }
        self.unlist(granule);
        if grade != u8::MAX {
            self.list(granule, grade);
        }
    }

    /// Puts a slab that is in no list at the head of that of its class and `grade`.
    pub(super) fn list(&mut self, granule: u32, grade: u8) {
        let mut slab = self.at(granule);
        let head = self.lists[slab.class as usize][grade as usize];
        (slab.grade, slab.floor) = (grade, floor_of(grade, slab.len()));
        (slab.next, slab.before) = (head, NONE);
        if head != NONE {
            let mut after = self.at(head - 1);
            after.before = granule + 1;
            self.put(head - 1, after);
        }
        self.lists[slab.class as usize][grade as usize] = granule + 1;
        self.put(granule, slab);
    }

    /// Lets the emptiest slabs of each class drain, but for one if it has no fuller ones ([J3](super)).
    pub fn drain(&mut self, rooms: &Rooms) {
        for class in 0..SLAB_CLASSES {
            let [_, lowest, fuller @ ..] = self.lists[class];
            let mut next = lowest;
            if fuller == [NONE; GRADES - 2] && next != NONE {
                next = self.at(next - 1).next;
            }
            while let Some(granule) = next.checked_sub(1) {
                next = self.at(granule).next;
                self.unlist(granule);
                self.list(granule, DRAINING);
                rooms.set(granule as usize, Room::draining(class));
            }
        }
    }

    pub(super) fn unlist(&mut self, granule: u32) {
        let mut slab = self.at(granule);
        if slab.grade == u8::MAX {
            return;
        }
        if slab.before == NONE {
            self.lists[slab.class as usize][slab.grade as usize] = slab.next;
        } else {
            let mut before = self.at(slab.before - 1);
            before.next = slab.next;
            self.put(slab.before - 1, before);
        }
        if slab.next != NONE {
            let mut after = self.at(slab.next - 1);
            after.before = slab.before;
            self.put(slab.next - 1, after);
        }
        (slab.grade, slab.floor) = (u8::MAX, u32::MAX);
        self.put(granule, slab);
    }
}

/// The grade of a slab of which `used` bytes are in objects, and others are not.
const fn grade_of(used: usize) -> u8 {
    LOWEST + (used / QUARTER) as u8
}

/// Fewest objects of `len` bytes in use with which a slab stays in its grade, and nothing is to be done: one with none
/// is dissolved, and of one that drains is noted what comes back.
const fn floor_of(grade: u8, len: usize) -> u32 {
    match grade {
        DRAINING => u32::MAX,
        LOWEST => 1,
        _ => ((grade - LOWEST) as usize * QUARTER).div_ceil(len) as u32,
    }
}

/// Whether a slab of which `used` bytes are in objects of `len` bytes has no room for another.
const fn is_full(used: usize, len: usize) -> bool {
    used + len > GRANULE - WORD - ALIGN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::class::len_of;
    use crate::slab::spans::capacity;

    #[test]
    fn a_grade_begins_at_its_floor() {
        for len in (0..SLAB_CLASSES).map(len_of) {
            for used in 1..capacity(len) {
                let (grade, floor) = (grade_of(used * len), floor_of(grade_of(used * len), len) as usize);
                assert!(used >= floor);
                assert!(floor == 1 || grade_of((floor - 1) * len) < grade, "{len} {used}");
            }
        }
    }
}
