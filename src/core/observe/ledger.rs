//! Where every byte is that was taken from the operating system.
//!
//! - **W1** `live + slack + tags + slab_tables + cached + free + tail + mapped + metadata`
//!   is the footprint, always.

use crate::allocator::State;
use crate::block::WORD;
use crate::block::segment::OVERHEAD;
use crate::engine::{Engine, Figures};
use crate::heap::Counts;
use crate::os::{call, lot};
use crate::policy::Policy;
use crate::slab::rooms::GRANULE;

macro_rules! ledger {
    ($($field:ident $help:literal;)*) => {
        /// All figures of the process at one moment. Bytes, unless said otherwise.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Rows {
            $(#[doc = $help] pub $field: usize,)*
        }

        impl Rows {
            /// The rows as name, help and value, in the order of a report.
            pub fn each(&self, mut see: impl FnMut(&'static str, &'static str, usize)) {
                $(see(stringify!($field), $help, self.$field);)*
            }

            /// The sum of all rows.
            pub const fn sum(&self) -> usize {
                0 $(+ self.$field)*
            }
        }
    };
}

ledger! {
    live "in the hands of the program, in blocks and slabs";
    slack "rounding at the ends of mappings";
    tags "headers of used blocks";
    slab_tables "what the spans of slabs cannot hold";
    cached "freed by the program, kept for its next request";
    free "free blocks";
    tail "never handed out: behind the last block, and in slabs";
    mapped "in the hands of the program, in mapped blocks";
    metadata "the allocator's own tables, heads and ends of segments";
}

/// What the program has freed and caches keep.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resting {
    /// Objects and blocks.
    pub objects: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// The rows, and what else is known.
#[derive(Clone, Copy, Debug)]
pub struct Ledger {
    /// Where the bytes are.
    pub rows: Rows,
    /// Bytes taken from the operating system and not given back.
    pub footprint: usize,
    /// The most that the footprint ever was.
    pub peak_footprint: usize,
    /// Blocks in the hands of the program.
    pub blocks: usize,
    /// Of these, mapped ones.
    pub mapped_blocks: usize,
    /// Bytes of the mappings of mapped blocks.
    pub mapped_footprint: usize,
    /// Size of the largest free block.
    pub largest_free: usize,
    /// Bytes taken for heaps, pools and families that the program made: beside the footprint.
    pub named: usize,
    /// What the heap has done.
    pub counts: Counts,
    /// System calls made, in the order of [`call::NAMES`].
    pub calls: [u64; call::NAMES.len()],
    /// The policy in force.
    pub policy: Policy,
}

impl Ledger {
    /// The figures of `state`, of whose used objects `resting` lie in caches.
    pub fn of(state: &State, resting: Resting) -> Self {
        match state.engine() {
            Some(engine) => Self::of_design(state, &engine.figures()),
            None => Self::of_heap(state, resting),
        }
    }

    fn of_heap(state: &State, resting: Resting) -> Self {
        let counts = *state.heap().counts();
        let (maps, spans) = (state.maps(), state.spans());
        let span_bytes = spans.count() * (GRANULE - WORD);
        let objects = spans.used_bytes() + spans.free_bytes() + spans.fresh_bytes();
        let program_blocks = counts.used_blocks - counts.own_blocks;
        let mapped_tags = maps.count() * WORD;
        let held = counts.used_bytes - counts.own_bytes - program_blocks * WORD + spans.used_bytes();
        let cached = resting.bytes.min(held);
        let rows = Rows {
            live: held - cached,
            slack: maps.footprint() - maps.usable() - mapped_tags,
            tags: counts.used_blocks * WORD + mapped_tags,
            slab_tables: span_bytes - objects,
            cached,
            free: counts.free_bytes + spans.free_bytes(),
            tail: state.heap().tail_bytes() + spans.fresh_bytes(),
            mapped: maps.usable(),
            metadata: counts.own_bytes - counts.own_blocks * WORD - span_bytes
                + counts.segments * OVERHEAD
                + state.table_bytes(),
        };
        let blocks = (program_blocks + spans.used_objects()).saturating_sub(resting.objects);
        let counts = Counts { purged_bytes: counts.purged_bytes + spans.hollow_bytes(), ..counts };
        Self::new(state, rows, counts, blocks, state.heap().largest_free())
    }

    /// The figures of an engine, which keeps nothing in caches, and the mapped blocks beside it.
    fn of_design(state: &State, engine: &Figures) -> Self {
        let maps = state.maps();
        let mapped_tags = maps.count() * WORD;
        let rows = Rows {
            live: engine.live,
            slack: maps.footprint() - maps.usable() - mapped_tags,
            tags: engine.tags + mapped_tags,
            slab_tables: 0,
            cached: 0,
            free: engine.free,
            tail: engine.tail,
            mapped: maps.usable(),
            metadata: engine.metadata + state.table_bytes(),
        };
        Self::new(state, rows, Counts::from(engine), engine.used_blocks, engine.largest_free)
    }

    fn new(state: &State, rows: Rows, counts: Counts, blocks: usize, largest_free: usize) -> Self {
        let maps = state.maps();
        Self {
            rows,
            footprint: state.footprint(),
            peak_footprint: state.peak().max(state.footprint()),
            blocks: blocks + maps.count(),
            mapped_blocks: maps.count(),
            mapped_footprint: maps.footprint(),
            largest_free,
            named: lot::held(),
            counts,
            calls: core::array::from_fn(call::count_of_row),
            policy: state.policy(),
        }
    }

    /// Bytes that the program holds.
    pub const fn held(&self) -> usize {
        self.rows.live + self.rows.mapped
    }
}
