//! The table of engines: one row gives the variant, the name, the help line, the live engine
//! and a test module.

use super::buddy::{Binary, Buddy, Fibonacci, Tertiary, Weighted};
use super::families::Families;
use super::freelist::FreeList;
use super::slab::Slab;
use super::{Engine, Figures, Grant, Held, Piece};
use crate::heap::{Fault, Growth};
use crate::os::backing::Backing;

/// Calls the macro `$use` with all rows: `Variant module "name" Type => "help";`.
#[macro_export]
macro_rules! engine_rows {
    ($use:ident) => {
        $use! {
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
    };
}

/// One row of the table, for people.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which one.
    pub design: Design,
    /// The value of HEAPMM_POLICY.
    pub name: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
}

macro_rules! define {
    ($($variant:ident $module:ident $name:literal $engine:ty => $help:literal;)*) => {
        /// An allocator of the literature.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Design {
            $(#[doc = $help] $variant,)*
        }

        /// All designs.
        pub const DESIGNS: &[Row] = &[
            $(Row { design: Design::$variant, name: $name, help: $help },)*
        ];

        /// An engine whose design is chosen when the process starts.
        #[derive(Debug)]
        #[allow(clippy::large_enum_variant, reason = "one static instance; a Box would need malloc")]
        pub enum AnyEngine<B> {
            $(#[doc = $help] $variant($engine),)*
        }

        impl<B> AnyEngine<B> {
            /// An engine of `design` that has taken nothing yet.
            pub const fn new(design: Design, backing: B, growth: Growth) -> Self {
                match design {
                    $(Design::$variant => Self::$variant(<$engine>::new(backing, growth)),)*
                }
            }

            /// The design of this engine.
            pub const fn design(&self) -> Design {
                match self {
                    $(Self::$variant(_) => Design::$variant,)*
                }
            }
        }

        impl<B: Backing> Engine for AnyEngine<B> {
            fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
                match self {
                    $(Self::$variant(engine) => engine.allocate(len, align),)*
                }
            }

            fn locate(&self, address: usize) -> Result<Held, Fault> {
                match self {
                    $(Self::$variant(engine) => engine.locate(address),)*
                }
            }

            unsafe fn release(&mut self, held: Held) {
                match self {
                    // SAFETY: [Y1]: the caller's promise, passed on.
                    $(Self::$variant(engine) => unsafe { engine.release(held) },)*
                }
            }

            unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
                match self {
                    // SAFETY: [Y1]: the caller's promise, passed on.
                    $(Self::$variant(engine) => unsafe { engine.resize(held, len) },)*
                }
            }

            fn walk(&self, see: &mut dyn FnMut(Piece)) {
                match self {
                    $(Self::$variant(engine) => engine.walk(see),)*
                }
            }

            fn figures(&self) -> Figures {
                match self {
                    $(Self::$variant(engine) => engine.figures(),)*
                }
            }

            fn trim(&mut self, keep: usize) -> bool {
                match self {
                    $(Self::$variant(engine) => engine.trim(keep),)*
                }
            }
        }
    };
}

engine_rows!(define);

impl Design {
    /// This design's row.
    pub fn row(self) -> &'static Row {
        &DESIGNS[self as usize]
    }

    /// The design called `name`.
    pub fn named(name: &[u8]) -> Option<Self> {
        DESIGNS.iter().find(|row| row.name.as_bytes() == name).map(|row| row.design)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::backing::Mapped;

    /// Live use keeps an engine in a static behind a lock.
    const fn movable<E: Send>(engine: E) -> E {
        engine
    }

    #[test]
    fn every_design_is_found_by_its_name() {
        for row in DESIGNS {
            assert_eq!(Design::named(row.name.as_bytes()), Some(row.design));
            assert_eq!(movable(AnyEngine::new(row.design, Mapped, Growth::Exact)).design(), row.design);
            assert_eq!(row.design.row().name, row.name);
        }
        assert_eq!(Design::named(b"wishful"), None);
    }
}
