//! What there is, as text: in the shapes of /proc/slabinfo and /proc/buddyinfo, and as tables.
//!
//! ```text
//!   [lock: one heap or pool ─► a line] ─► [lock: the next ─► a line] ─► … ─► the caller writes
//! ```
//!
//! Everything is collected first and written when no lock is held ([NA1](super)).

use core::fmt::{self, Write};

use super::families::FamilyTotals;
use super::heaps::NamedHeap;
use super::{Name, Named, Trouble};
use crate::allocator::Allocator;
use crate::engine::Engine;
use crate::engine::families::META;
use crate::engine::slab::Cache;
use crate::os::PAGE;
use crate::os::out::Text;
use crate::os::scroll::Scroll;
use crate::slab::class;
use crate::slab::rooms::GRANULE;
use crate::slab::spans::capacity;

/// Orders that the kernel's file has: a line has at least so many.
const ORDERS: usize = 11;

/// The head of slabinfo.
const SLABINFO: &str = "slabinfo - version: 2.1\n\
    # name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> \
    : tunables <limit> <batchcount> <sharedfactor> \
    : slabdata <active_slabs> <num_slabs> <sharedavail>\n";

/// The head of heapinfo.
const HEAPINFO: &str = "heap              policy              footprint         live         tags         free\
    \x20        tail     metadata  used_blocks  free_blocks largest_free\n";

/// The head of the table of families.
const FAMILIES: &str = "family                         size     blocks       free   occupied      bytes\
    \x20     pages page_bytes    share_%    manager\n";

/// What torn text means: memory was out.
fn told(written: fmt::Result, scroll: Scroll) -> Result<Scroll, Trouble> {
    written.map(|()| scroll).map_err(|_| Trouble::Memory)
}

/// One line of slabinfo.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    active_objects: usize,
    objects: usize,
    size: usize,
    per_slab: usize,
    pages: usize,
    active_slabs: usize,
    slabs: usize,
    shared: usize,
}

impl Row {
    fn of(cache: &Cache) -> Self {
        let layout = cache.layout();
        Self {
            active_objects: cache.used(),
            objects: cache.objects(),
            size: layout.size,
            per_slab: layout.objects,
            pages: layout.pages,
            active_slabs: cache.slabs() - cache.empty_slabs(),
            slabs: cache.slabs(),
            shared: 0,
        }
    }

    fn write(&self, out: &mut Scroll, name: &str) -> fmt::Result {
        let Self { active_objects, objects, size, per_slab, pages, active_slabs, slabs, shared } = self;
        write!(out, "{name:<17} {active_objects:>6} {objects:>6} {size:>6} {per_slab:>4} {pages:>4}")?;
        write!(out, " : tunables    0    0    0")?;
        writeln!(out, " : slabdata {active_slabs:>6} {slabs:>6} {shared:>6}")
    }
}

/// The line of slabs of objects of `size` bytes, which are no pool.
fn write_sized(out: &mut Scroll, name: &str, row: &Row) -> fmt::Result {
    let mut called = Text::<64>::new();
    write!(called, "{name}-{}", row.size)?;
    row.write(out, core::str::from_utf8(called.bytes()).unwrap_or(name))
}

impl Named {
    /// All slab caches in the shape of /proc/slabinfo, version 2.1: pools, the caches of heaps with
    /// the policy `slab`, and the size classes under malloc.
    pub fn slabinfo(&self, allocator: &Allocator) -> Result<Scroll, Trouble> {
        let mut out = Scroll::new();
        let mut written = out.write_str(SLABINFO);
        if let Some(hall) = self.visit() {
            hall.pools.each(|body| {
                let name = Name::of(body.pool.name()).as_word();
                written = written.and(Row::of(body.pool.cache()).write(&mut out, name.text()));
            });
            hall.heaps.each(|heap| {
                let name = heap.name.as_word();
                for cache in heap.place.caches().iter().filter(|cache| cache.slabs() != 0) {
                    written = written.and(write_sized(&mut out, name.text(), &Row::of(cache)));
                }
            });
        }
        for (class, count) in allocator.census().ok_or(Trouble::Inside)?.iter().enumerate() {
            let size = class::len_of(class);
            let row = Row {
                active_objects: count.used.saturating_sub(count.resting),
                objects: count.slabs * capacity(size),
                size,
                per_slab: capacity(size),
                pages: GRANULE / PAGE,
                active_slabs: count.slabs,
                slabs: count.slabs,
                shared: count.resting,
            };
            written = written.and(write_sized(&mut out, "malloc", &row));
        }
        told(written, out)
    }

    /// The free blocks of each order of all buddy heaps, in the shape of /proc/buddyinfo.
    pub fn buddyinfo(&self) -> Result<Scroll, Trouble> {
        let mut out = Scroll::new();
        let mut written = Ok(());
        let Some(hall) = self.visit() else { return Ok(out) };
        hall.heaps.each(|heap| {
            let (mut orders, mut used) = (0, 0);
            let is_buddy = heap.place.each_order(|_, free| {
                orders += 1;
                used = if free == 0 { used } else { orders };
            });
            if is_buddy {
                written = written.and(write_orders(&mut out, heap, used.max(ORDERS)));
            }
        });
        told(written, out)
    }

    /// One line for each heap: its policy and its figures.
    pub fn heapinfo(&self) -> Result<Scroll, Trouble> {
        let mut out = Scroll::new();
        let mut written = out.write_str(HEAPINFO);
        let Some(hall) = self.visit() else { return told(written, out) };
        hall.heaps.each(|heap| {
            let of = heap.place.figures();
            let figures = [
                of.footprint,
                of.live,
                of.tags,
                of.free,
                of.tail,
                of.metadata,
                of.used_blocks,
                of.free_blocks,
                of.largest_free,
            ];
            let (name, policy) = (heap.name.as_word(), heap.place.policy().name());
            written = written.and(write!(out, "{:<17} {policy:<16}", name.text()));
            figures.iter().for_each(|figure| written = written.and(write!(out, " {figure:>12}")));
            written = written.and(writeln!(out));
        });
        told(written, out)
    }

    /// The table of families: blocks, pages, and who uses them; the last line is their sum, and the
    /// manager's own tables besides.
    pub fn family_table(&self) -> Result<Scroll, Trouble> {
        let mut out = Scroll::new();
        let written = self.families(|heap| {
            out.write_str(FAMILIES)?;
            let mut sum = FamilyTotals::default();
            for (_, family) in heap.registered() {
                let totals = FamilyTotals::of(&family);
                sum.add(&totals);
                let name = core::str::from_utf8(family.name).unwrap_or("?");
                write_family(&mut out, name, &totals)?;
            }
            // Queues are in the metadata already, meta blocks are not.
            sum.manager_bytes = heap.figures().metadata + sum.blocks * META;
            write_family(&mut out, "all", &sum)
        })?;
        told(written, out)
    }

    /// Every block of the family called `name`, in address order within each VM page.
    pub fn family_dump(&self, name: &[u8]) -> Result<Scroll, Trouble> {
        let mut out = Scroll::new();
        let written = self.families(|heap| {
            let id = heap.named(name).ok_or(Trouble::Invalid)?;
            let mut written = Ok(());
            heap.each_block(id, |address, len, is_free| {
                let state = if is_free { "free" } else { "occupied" };
                written = written.and(writeln!(out, "{address:#x} {len:>8} {state}"));
            });
            Ok(written)
        })??;
        told(written, out)
    }
}

/// A line of buddyinfo with so many orders.
fn write_orders(out: &mut Scroll, heap: &NamedHeap, orders: usize) -> fmt::Result {
    let mut written = write!(out, "Node 0, zone {:>8} ", heap.name.as_word().text());
    let mut left = orders;
    heap.place.each_order(|_, free| {
        if left != 0 {
            left -= 1;
            written = written.and(write!(out, "{free:>6} "));
        }
    });
    written.and(writeln!(out))
}

/// A line of the table of families.
fn write_family(out: &mut Scroll, name: &str, of: &FamilyTotals) -> fmt::Result {
    let FamilyTotals { len, blocks, free_blocks, used_blocks, used_bytes, pages, page_bytes, manager_bytes } =
        of;
    let share = (used_bytes * 1000).checked_div(*page_bytes).unwrap_or(0);
    write!(out, "{name:<24} {len:>10} {blocks:>10} {free_blocks:>10} {used_blocks:>10} {used_bytes:>10}")?;
    write!(out, " {pages:>10} {page_bytes:>10} {:>8}.{}", share / 10, share % 10)?;
    writeln!(out, " {manager_bytes:>10}")
}
