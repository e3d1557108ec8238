//! The table of policies: one row gives the variant, the name, the help line, the live index or
//! engine, and a test module.
//!
//! ```text
//!   tagged    the heap of tagged blocks with an index      AnyIndex, here
//!   designs   another allocator of the literature          AnyEngine, in engine::table
//! ```

use super::FreeIndex;
use super::bins::Bins;
use super::explicit::{Address, Explicit, Lifo};
use super::fit::{BestFit, FirstFit, NextFit, WorstFit};
use super::implicit::Implicit;
use super::list::List;
use super::tree::Tree;
use crate::block::{Block, Free, Segments, Tag};

/// Calls the macro `$use` with all rows, in two groups: `Variant module "name" Type => "help";`.
#[macro_export]
macro_rules! policy_rows {
    ($use:ident) => {
        $use! {
            tagged {
                Fast fast "fast" Bins<Tree>
                    => "slabs and magazines over segregated-best: the default";
                SegregatedBest segregated_best "segregated-best" Bins<Tree>
                    => "smallest block that fits, lowest address on a tie, found through a bitmap of bins";
                SegregatedFirst segregated_first "segregated-first" Bins<List>
                    => "newest block that fits in the first bin that holds one";
                ImplicitFirst implicit_first "implicit-first" Implicit<FirstFit>
                    => "the literal textbook heap: walk all blocks, take the first that fits";
                ImplicitNext implicit_next "implicit-next" Implicit<NextFit>
                    => "walk all blocks from behind the one placed last";
                ImplicitBest implicit_best "implicit-best" Implicit<BestFit>
                    => "walk all blocks, take the smallest that fits";
                ImplicitWorst implicit_worst "implicit-worst" Implicit<WorstFit>
                    => "walk all blocks, take the largest";
                LifoFirst lifo_first "lifo-first" Explicit<Lifo, FirstFit>
                    => "list of free blocks, newest first; take the first that fits";
                LifoBest lifo_best "lifo-best" Explicit<Lifo, BestFit>
                    => "list of free blocks, newest first; take the smallest that fits";
                LifoWorst lifo_worst "lifo-worst" Explicit<Lifo, WorstFit>
                    => "list of free blocks, newest first; take the largest";
                AddressFirst address_first "address-first" Explicit<Address, FirstFit>
                    => "list of free blocks by address; take the first that fits";
                AddressNext address_next "address-next" Explicit<Address, NextFit>
                    => "list of free blocks by address, from behind the one placed last";
                AddressBest address_best "address-best" Explicit<Address, BestFit>
                    => "list of free blocks by address; take the smallest that fits";
                AddressWorst address_worst "address-worst" Explicit<Address, WorstFit>
                    => "list of free blocks by address; take the largest";
            }
            designs {
                FreeList freelist "freelist" FreeList<B>
                    => "one list of free nodes {size, next} in the free memory itself; the first that fits";
                Families families "families" Families<B>
                    => "pages for each kind of structure or size; always the largest free block";
                BuddyBinary buddy_binary "buddy-binary" Buddy<B, Binary>
                    => "powers of two, split into halves";
                BuddyFibonacci buddy_fibonacci "buddy-fibonacci" Buddy<B, Fibonacci>
                    => "Fibonacci numbers, split into the two before";
                BuddyWeighted buddy_weighted "buddy-weighted" Buddy<B, Weighted>
                    => "powers of two and three times powers of two, split three to one";
                BuddyTertiary buddy_tertiary "buddy-tertiary" Buddy<B, Tertiary>
                    => "the weighted sizes, powers of two split into three";
                Slab slab "slab" Slab<B>
                    => "a cache of equal objects for each of eight size classes in a doubling";
            }
        }
    };
}

/// One row of the table, for people.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which one.
    pub policy: Policy,
    /// The value of HEAPMM_POLICY.
    pub name: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
}

macro_rules! define {
    (
        tagged { $($variant:ident $module:ident $name:literal $index:ty => $help:literal;)* }
        designs { $($design:ident $place:ident $called:literal $engine:ty => $does:literal;)* }
    ) => {
        /// A placement policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Policy {
            $(#[doc = $help] $variant,)*
            $(#[doc = $does] $design,)*
        }

        /// All policies, the default first.
        pub const POLICIES: &[Row] = &[
            $(Row { policy: Policy::$variant, name: $name, help: $help },)*
            $(Row { policy: Policy::$design, name: $called, help: $does },)*
        ];

        /// All policies in the order of their names in `NAMES`.
        const ALL: &[Policy] = &[$(Policy::$variant,)* $(Policy::$design,)*];

        /// The names, a line each: one text, where a row for each would have pointers that the
        /// loader must adjust in every process.
        const NAMES: &str = concat!($($name, "\n",)* $($called, "\n",)*);

        /// An index whose policy is chosen when the process starts.
        #[derive(Debug)]
        #[allow(clippy::large_enum_variant, reason = "one static instance; a Box would need malloc")]
        pub enum AnyIndex {
            $(#[doc = $help] $variant($index),)*
        }

        impl AnyIndex {
            /// The index of the default policy.
            pub const EMPTY: Self = Self::Fast(Bins::EMPTY);

            /// An empty index for `policy`; `None` for a design, which has no tagged blocks.
            pub const fn new(policy: Policy) -> Option<Self> {
                match policy {
                    $(Policy::$variant => Some(Self::$variant(<$index>::EMPTY)),)*
                    $(Policy::$design => None,)*
                }
            }

            /// The policy of this index.
            pub const fn policy(&self) -> Policy {
                match self {
                    $(Self::$variant(_) => Policy::$variant,)*
                }
            }
        }

        /// The calls of all policies but the default: code that stands apart (`src/layout.ld`).
        impl AnyIndex {
            #[cold]
            #[inline(never)]
            fn insert_rare(&mut self, free: Free, size: usize, segments: &Segments) {
                match self {
                    $(Self::$variant(index) => index.insert(free, size, segments),)*
                }
            }

            #[cold]
            #[inline(never)]
            fn remove_rare(&mut self, block: Block, segments: &Segments) -> Free {
                match self {
                    $(Self::$variant(index) => FreeIndex::remove(index, block, segments),)*
                }
            }

            #[cold]
            #[inline(never)]
            fn take_rare(&mut self, need: usize, segments: &Segments, probes: &mut u64) -> Option<Free> {
                match self {
                    $(Self::$variant(index) => FreeIndex::take(index, need, segments, probes),)*
                }
            }
        }

        impl FreeIndex for AnyIndex {
            fn insert(&mut self, free: Free, size: usize, segments: &Segments) {
                match self {
                    Self::Fast(index) => index.insert(free, size, segments),
                    rare => rare.insert_rare(free, size, segments),
                }
            }

            fn remove(&mut self, block: Block, segments: &Segments) -> Free {
                match self {
                    Self::Fast(index) => FreeIndex::remove(index, block, segments),
                    rare => rare.remove_rare(block, segments),
                }
            }

            fn take(&mut self, need: usize, segments: &Segments, probes: &mut u64) -> Option<Free> {
                match self {
                    Self::Fast(index) => FreeIndex::take(index, need, segments, probes),
                    rare => rare.take_rare(need, segments, probes),
                }
            }

            fn placed(&mut self, behind: Block) {
                match self {
                    $(Self::$variant(index) => index.placed(behind),)*
                }
            }

            fn forget(&mut self) {
                match self {
                    $(Self::$variant(index) => index.forget(),)*
                }
            }

            fn each_free(&self, segments: &Segments, see: &mut dyn FnMut(Block, Tag)) -> bool {
                match self {
                    $(Self::$variant(index) => index.each_free(segments, see),)*
                }
            }
        }
    };
}

policy_rows!(define);

impl Policy {
    /// Whether it places tagged blocks; if not, it is a design with an engine of its own.
    pub const fn is_tagged(self) -> bool {
        AnyIndex::new(self).is_some()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let name = names().nth(self as usize).unwrap_or_default();
        core::str::from_utf8(name).unwrap_or_default()
    }

    /// The names of all of them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|policy| policy.name())
    }

    /// The policy called `name`; a rule by itself stands for the one that follows it over all free blocks.
    pub fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"first" => return Some(Self::AddressFirst),
            b"next" => return Some(Self::AddressNext),
            b"best" => return Some(Self::SegregatedBest),
            b"worst" => return Some(Self::AddressWorst),
            _ => {}
        }
        let known = names().zip(ALL).find(|(known, _)| !name.is_empty() && *known == name);
        known.map(|(_, policy)| *policy)
    }
}

fn names() -> impl Iterator<Item = &'static [u8]> {
    NAMES.as_bytes().split(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_is_found_by_its_name() {
        for row in POLICIES {
            assert_eq!(Policy::named(row.name.as_bytes()), Some(row.policy));
            assert!(AnyIndex::new(row.policy).is_none_or(|index| index.policy() == row.policy));
            assert_eq!(row.policy.name(), row.name);
        }
        assert_eq!((Policy::named(b"wishful"), Policy::named(b"")), (None, None));
        assert_eq!(Policy::named(b"best"), Policy::named(b"segregated-best"));
        assert!([b"first".as_slice(), b"next", b"worst"].iter().all(|rule| Policy::named(rule).is_some()));
    }
}
