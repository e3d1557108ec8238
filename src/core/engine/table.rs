//! The designs of the table of policies, each with its engine.

use super::buddy::{Binary, Buddy, Fibonacci, Tertiary, Weighted};
use super::families::Families;
use super::freelist::FreeList;
use super::slab::Slab;
use super::{Engine, Figures, Grant, Held, Piece};
use crate::heap::{Fault, Growth};
use crate::os::backing::Backing;
use crate::policy::Policy;
use crate::policy_rows;

macro_rules! define {
    (
        tagged { $($rest:tt)* }
        designs { $($variant:ident $module:ident $name:literal $engine:ty => $help:literal;)* }
    ) => {
        /// An engine whose design is chosen when the process starts.
        #[derive(Debug)]
        #[allow(clippy::large_enum_variant, reason = "one static instance; a Box would need malloc")]
        pub enum AnyEngine<B> {
            $(#[doc = $help] $variant($engine),)*
        }

        impl<B> AnyEngine<B> {
            /// The engine of `policy` that has taken nothing yet; `None` if it is no design.
            pub fn new(policy: Policy, backing: B, growth: Growth) -> Option<Self> {
                match policy {
                    $(Policy::$variant => Some(Self::$variant(<$engine>::new(backing, growth))),)*
                    _ => None,
                }
            }

            /// The design of this engine.
            pub const fn policy(&self) -> Policy {
                match self {
                    $(Self::$variant(_) => Policy::$variant,)*
                }
            }
        }

        impl<B: Backing> Engine for AnyEngine<B> {
            #[inline(never)]
            fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
                match self {
                    $(Self::$variant(engine) => engine.allocate(len, align),)*
                }
            }

            #[inline(never)]
            fn locate(&self, address: usize) -> Result<Held, Fault> {
                match self {
                    $(Self::$variant(engine) => engine.locate(address),)*
                }
            }

            #[inline(never)]
            unsafe fn release(&mut self, held: Held) {
                match self {
                    // SAFETY: [Y1]: the caller's promise, passed on.
                    $(Self::$variant(engine) => unsafe { engine.release(held) },)*
                }
            }

            #[inline(never)]
            unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
                match self {
                    // SAFETY: [Y1]: the caller's promise, passed on.
                    $(Self::$variant(engine) => unsafe { engine.resize(held, len) },)*
                }
            }

            #[inline(never)]
            fn walk(&self, see: &mut dyn FnMut(Piece)) {
                match self {
                    $(Self::$variant(engine) => engine.walk(see),)*
                }
            }

            #[inline(never)]
            fn figures(&self) -> Figures {
                match self {
                    $(Self::$variant(engine) => engine.figures(),)*
                }
            }

            fn footprint(&self) -> usize {
                match self {
                    $(Self::$variant(engine) => engine.footprint(),)*
                }
            }

            fn live(&self) -> usize {
                match self {
                    $(Self::$variant(engine) => engine.live(),)*
                }
            }

            #[inline(never)]
            fn trim(&mut self, keep: usize) -> bool {
                match self {
                    $(Self::$variant(engine) => engine.trim(keep),)*
                }
            }
        }
    };
}

policy_rows!(define);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::backing::Mapped;
    use crate::policy::POLICIES;

    /// Live use keeps an engine in a static behind a lock.
    const fn movable<E: Send>(engine: E) -> E {
        engine
    }

    #[test]
    fn a_policy_without_tagged_blocks_has_an_engine() {
        for row in POLICIES {
            let engine = AnyEngine::new(row.policy, Mapped, Growth::Exact).map(movable);

            assert_eq!(engine.is_none(), row.policy.is_tagged(), "{}", row.name);
            assert!(engine.is_none_or(|engine| engine.policy() == row.policy));
        }
    }
}
