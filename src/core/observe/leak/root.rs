//! Where the search begins: everything that the process wrote outside of the heap.
//!
//! ```text
//!   mapping   │ data │ bss │ ... │ break below the heap │ ... │ other mappings │ stack      │
//!   read      ├──────┴─────┤     ├──────────────────────┤     ├────────────────┤     ├──────┤
//!                                                                                   ▲ sp
//! ```
//!
//! A stack below its pointer holds what calls that have returned left behind: addresses of what was
//! freed or lost since.
//!
//! - **RO1** A mapping is cut at a stack pointer only if it is known that what lies below is the rest of
//!   the same stack: the process's first stack, or a thread's, with its control block above and
//!   memory that nobody may touch below.

use super::Obstacle;
use super::mark::{Hole, Marker};
use crate::os::regions::{self, Pages, Region};
use crate::os::thread;

/// The roots of this process.
pub struct Roots<'a> {
    sp: usize,
    pages: Option<&'a Pages>,
}

impl<'a> Roots<'a> {
    /// Roots as seen by the thread whose stack reaches down to `sp`.
    pub const fn new(sp: usize, pages: Option<&'a Pages>) -> Self {
        Self { sp, pages }
    }

    /// The parts of the heap, between the two `bounds`, that cannot be read, in the order of addresses.
    pub fn holes<'t>(&self, bounds: (usize, usize), table: &'t mut [Hole]) -> Result<&'t [Hole], Obstacle> {
        let mut count = 0;
        let is_listed = regions::each(&mut |region| {
            if region.is_readable || region.end <= bounds.0 || bounds.1 <= region.start {
                return;
            }
            if let Some(place) = table.get_mut(count) {
                *place = Hole { start: region.start, end: region.end };
            }
            count += 1;
        });
        if !is_listed {
            return Err(Obstacle::Unlisted);
        }
        table.get(..count).ok_or(Obstacle::Torn)
    }

    /// Reads them all.
    pub fn read(&self, marker: &mut Marker<'_>) {
        marker.hold(self.sp);
        let mut before = Region::default();
        regions::each(&mut |region| {
            let from = if self.is_own_stack(region, before) { self.sp } else { region.start };
            if region.is_readable && !region.is_device {
                self.read_region(marker, region, from);
            }
            before = region;
        });
        marker.hold(vector_of(thread::pointer()));
    }

    /// Whether `region` can be cut at this thread's stack pointer ([RO1](self)).
    fn is_own_stack(&self, region: Region, before: Region) -> bool {
        let holds = |address: usize| region.start <= address && address < region.end;
        if !holds(self.sp) {
            return false;
        }
        let is_fenced = before.end == region.start && !before.is_readable && !before.is_writable;
        region.is_stack
            || is_fenced && !region.is_shared && holds(thread::pointer()) && self.sp < thread::pointer()
    }

    fn read_region(&self, marker: &mut Marker<'_>, region: Region, from: usize) {
        match self.pages {
            Some(pages) => pages.each_run(from, region.end, region.is_shared, &mut |from, to| {
                // SAFETY: pages of a mapping that can be read.
                unsafe { marker.read_root(from, to) };
            }),
            // Without the list, what cannot be written has nothing, and what is shared may be gone.
            None if region.is_writable && !region.is_shared => {
                // SAFETY: as above.
                unsafe { marker.read_root(from, region.end) };
            }
            None => {}
        }
    }
}

/// The address by which the thread with the control block at `block` finds its variables: that of the
/// second entry of a table which is the program's, since malloc made it.
fn vector_of(block: usize) -> usize {
    let place = core::ptr::with_exposed_provenance::<usize>(block + size_of::<usize>());
    // SAFETY: a control block of a live thread; its second word is this address.
    unsafe { place.read_volatile() }
}
