//! What a leak check found: bytes and blocks of each sort, and the largest groups of equal blocks.
//!
//! - **TA1** The sorts together are what the program held.

use super::tract::State;

/// A sort of blocks. Its words stand in one string: four pointers for each would be relocated in every
/// process.
#[derive(Clone, Copy, Debug)]
pub struct Sort(usize);

macro_rules! sorts {
    ($($key:ident $state:ident $name:literal $help:literal;)*) => {
        /// Key, name and help of each sort, a line each.
        const WORDS: &str = concat!($(stringify!($key), "\n", $name, "\n", $help, "\n",)*);

        /// Their states.
        const STATES: [State; KINDS] = [$(State::$state,)*];
    };
}

impl Sort {
    /// All, the worst first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..KINDS).map(Self)
    }

    /// The sort with this number.
    pub const fn of(number: usize) -> Self {
        Self(number)
    }

    /// Its name in JSON.
    pub fn key(self) -> &'static str {
        self.word(0)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        self.word(1)
    }

    /// What that means.
    pub fn help(self) -> &'static str {
        self.word(2)
    }

    fn word(self, n: usize) -> &'static str {
        let mut words = WORDS.as_bytes().split(|byte| *byte == b'\n');
        words.nth(self.0 * 3 + n).and_then(|word| str::from_utf8(word).ok()).unwrap_or("")
    }
}

sorts! {
    definite Definite "definitely lost" "no address of them is left";
    indirect Indirect "indirectly lost" "only lost blocks lead there";
    possible Possible "possibly lost" "only addresses inside of them are left";
    reachable Reachable "still reachable" "their addresses are there";
}

/// Number of sorts.
pub const KINDS: usize = 4;

/// Most groups that a report names.
pub const NAMED: usize = 10;

/// Addresses that are kept of a group.
pub const EXAMPLES: usize = 3;

/// Blocks, and their bytes: so many as the program may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Bytes.
    pub bytes: usize,
    /// Blocks.
    pub blocks: usize,
}

impl Count {
    const NONE: Self = Self { bytes: 0, blocks: 0 };

    const fn add(&mut self, len: usize) {
        self.bytes += len;
        self.blocks += 1;
    }
}

/// Blocks of one length and one sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The number of its [`Sort`].
    pub sort: usize,
    /// Bytes of each.
    pub len: usize,
    /// Number of blocks; 0 for no group.
    pub blocks: usize,
    /// The lowest addresses, 0 behind the last.
    pub examples: [usize; EXAMPLES],
}

impl Group {
    const NONE: Self = Self { sort: 0, len: 0, blocks: 0, examples: [0; EXAMPLES] };

    /// Their bytes.
    pub const fn bytes(&self) -> usize {
        self.len * self.blocks
    }
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub struct Leaks {
    /// In the order of [`Sort::all`].
    pub counts: [Count; KINDS],
    groups: [Group; NAMED],
    /// Groups that [`Leaks::groups`] does not have.
    pub more: usize,
    /// Threads that were not stopped: what only their registers hold counts as lost.
    pub moving: usize,
}

impl Leaks {
    /// The largest groups of lost blocks, sort by sort.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(|group| group.blocks != 0)
    }

    /// What no address is left of.
    pub const fn definite(&self) -> Count {
        self.counts[0]
    }
}

/// The tally under way.
pub struct Tally<'a> {
    counts: [Count; KINDS],
    /// Groups by sort and length: open addressing.
    table: &'a mut [Group],
}

impl<'a> Tally<'a> {
    /// Nothing yet; `table` is blank.
    pub const fn new(table: &'a mut [Group]) -> Self {
        Self { counts: [Count::NONE; KINDS], table }
    }

    /// Counts a block.
    pub fn add(&mut self, address: usize, len: usize, state: State) {
        let Some(sort) = STATES.iter().position(|known| *known == state) else { return };
        if let Some(count) = self.counts.get_mut(sort) {
            count.add(len);
        }
        if state != State::Reachable {
            self.file(sort, len, address);
        }
    }

    fn file(&mut self, sort: usize, len: usize, address: usize) {
        let cap = self.table.len();
        let home = (len / 8 * KINDS + sort).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        for n in 0..cap {
            let Some(group) = self.table.get_mut(home.wrapping_add(n) % cap) else { return };
            if group.blocks == 0 {
                *group = Group { sort, len, ..Group::NONE };
            }
            if (group.sort, group.len) == (sort, len) {
                group.blocks += 1;
                if let Some(place) = group.examples.get_mut(group.blocks - 1) {
                    *place = address;
                }
                return;
            }
        }
    }

    /// What was counted, while `moving` threads went on.
    pub fn leaks(self, moving: usize) -> Leaks {
        let order = |group: &&mut Group| (group.sort, core::cmp::Reverse(group.bytes()), group.len);
        let found = self.table.iter().filter(|group| group.blocks != 0).count();
        let mut groups = [Group::NONE; NAMED];
        for place in &mut groups {
            let rest = self.table.iter_mut().filter(|group| group.blocks != 0);
            if let Some(next) = rest.min_by_key(order) {
                *place = core::mem::replace(next, Group::NONE);
            }
        }
        Leaks { counts: self.counts, groups, more: found.saturating_sub(NAMED), moving }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn groups_come_worst_first_and_then_by_their_bytes() {
        let mut table = vec![Group::NONE; 64];
        let mut tally = Tally::new(&mut table);
        for n in 0..5 {
            tally.add(0x1000 + n * 64, 48, State::Definite);
        }
        tally.add(0x9000, 1000, State::Definite);
        tally.add(0x8000, 5000, State::Possible);
        tally.add(0x7000, 24, State::Indirect);
        tally.add(0x6000, 24, State::Reachable);
        tally.add(0x5000, 24, State::Unseen);

        let leaks = tally.leaks(0);

        let met: Vec<_> = leaks.groups().map(|group| (group.sort, group.blocks, group.len)).collect();
        assert_eq!(met, [(0, 1, 1000), (0, 5, 48), (1, 1, 24), (2, 1, 5000)]);
        assert_eq!(leaks.groups().nth(1).map(|group| group.examples), Some([0x1000, 0x1040, 0x1080]));
        let expected = [(1240, 6), (24, 1), (5000, 1), (24, 1)];
        assert_eq!(leaks.counts.map(|count| (count.bytes, count.blocks)), expected);
        assert_eq!(leaks.more, 0);
    }

    #[test]
    fn a_full_table_loses_no_byte_of_the_totals() {
        let mut table = vec![Group::NONE; 16];
        let mut tally = Tally::new(&mut table);

        for n in 1..=100 {
            tally.add(n * 4096, n * 16, State::Definite);
        }

        let leaks = tally.leaks(0);
        assert_eq!(leaks.definite(), Count { bytes: 16 * 5050, blocks: 100 });
        assert_eq!((leaks.groups().count(), leaks.more), (NAMED, 16 - NAMED));
    }
}
