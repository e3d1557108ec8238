//! Where the search begins: everything that the process wrote outside of the heap.
//!
//! ```text
//!   fence │ stack of a thread  ◄── sp         variables │ control block │        its mapping
//!         │ left behind        │ in use                                 │
//!   read                       ├────────────────────────────────────────┤
//! ```
//!
//! A stack below its pointer holds what calls that have returned left behind: addresses of what was
//! freed or lost since. The C library keeps the stacks of threads that ended for the next ones: there
//! only the control block counts.
//!
//! - **RO1** A mapping is cut only if it is known that what is left out is unused stack: that of the
//!   process's first thread, or of one whose control block stands above its pointer, in memory that
//!   begins behind a fence.
//! - **RO2** ld.so remembers where the break stood before the first block was placed there: in its own
//!   memory, that is no address of a block.
//! - **RO3** What a thread may take back that was not stopped is read through [`Glass`].

use core::ptr;

use super::Obstacle;
use super::mark::{Hole, Marker};
use crate::block::WORD;
use crate::os::crew::Crew;
use crate::os::glass::Glass;
use crate::os::regions::{self, Pages, Region};
use crate::os::{environment, thread};

/// Bytes below its stack pointer that a function may use.
const RED_ZONE: usize = 128;

/// The steps in which a control block may stand, and the bytes of it in which the number of its thread
/// is looked for.
const STEP: usize = 64;
const REACH: usize = 2048;

/// The words of a control block that hold its own address, and those with the guards of stacks and of
/// pointers (the x86-64 ABI of glibc, `tcbhead_t`).
const ITSELF: [usize; 2] = [0, 2];
const SECRETS: [usize; 2] = [5, 6];

/// The roots of this process.
pub struct Roots<'a> {
    sp: usize,
    crew: &'a Crew,
    pages: Option<&'a Pages>,
    /// Where a control block has the number of its thread; 0 if that is not known.
    number_at: usize,
}

impl<'a> Roots<'a> {
    /// Roots as seen by the thread whose stack reaches down to `sp`, beside those of `crew`.
    pub fn new(sp: usize, crew: &'a Crew, pages: Option<&'a Pages>) -> Self {
        let (own, number) = (thread::pointer(), thread::number() as usize);
        let places = (WORD..REACH).step_by(size_of::<u32>());
        // SAFETY: control blocks are longer than that.
        let found = |place: &usize| unsafe { half_at(own + place) } as usize == number;
        Self { sp, crew, pages, number_at: places.clone().find(found).unwrap_or(0) }
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
        let glass = if self.crew.moving() > 0 { Glass::open() } else { None };
        marker.hold(self.sp);
        marker.hold(vector_of(thread::pointer()));
        for member in self.crew.members() {
            marker.hold(member.sp());
            marker.hold(vector_of(member.pointer()));
            marker.take(&member.registers);
        }
        let (mut before, mut is_loader) = (Region::default(), false);
        let loader = environment::loader();
        regions::each(&mut |region| {
            is_loader = region.start == loader || is_loader && region.start == before.end;
            marker.trust_edges(!is_loader);
            if region.is_readable && !region.is_device {
                let from = self.first_of(region, before, marker);
                self.read_region(marker, glass.as_ref(), region, from);
            }
            before = region;
        });
        marker.trust_edges(true);
    }

    /// Where the part of `region` begins that is in use ([RO1](self)).
    fn first_of(&self, region: Region, before: Region, marker: &mut Marker<'_>) -> usize {
        let holds = |address: usize| region.start <= address && address < region.end;
        let is_fenced = !region.is_shared && before.end == region.start && !before.is_readable;
        let cut = |sp: usize, pointer: usize| {
            holds(sp) && (region.is_stack || is_fenced && holds(pointer) && sp < pointer)
        };
        if cut(self.sp, thread::pointer()) {
            return self.sp;
        }
        let mut members = self.crew.members().iter();
        if let Some(member) = members.find(|member| cut(member.sp(), member.pointer())) {
            return region.start.max(member.sp() - RED_ZONE);
        }
        let is_idle = is_fenced && region.is_writable && self.crew.moving() == 0;
        let lives = |pointer| holds(pointer) && pointer != 0;
        let mut pointers = self.crew.members().iter().map(|member| member.pointer());
        if !is_idle || lives(thread::pointer()) || pointers.any(lives) {
            return region.start;
        }
        let Some(block) = self.block_of_ended(region) else { return region.start };
        marker.hold(vector_of(block));
        block
    }

    /// The control block of the thread that has ended whose stack `region` was: a block like this
    /// thread's own, whose thread has no number any more: 0 when it has ended, -1 when it was waited for.
    fn block_of_ended(&self, region: Region) -> Option<usize> {
        let pages = self.pages.filter(|_| self.number_at != 0)?;
        let last = region.end.saturating_sub(REACH);
        let mut found = None;
        pages.each_run(region.start, region.end, false, |from, to| {
            found = found.or_else(|| (from..to.min(last)).step_by(STEP).find(|at| is_block(*at)));
        });
        // SAFETY: in the mapping, which can be read.
        found.filter(|at| unsafe { half_at(at + self.number_at) }.cast_signed() <= 0)
    }

    fn read_region(&self, marker: &mut Marker<'_>, glass: Option<&Glass>, region: Region, from: usize) {
        let mut read = |from, to| match glass {
            None => {
                // SAFETY: pages of a mapping that can be read, and nobody takes it back.
                unsafe { marker.read_root(from, to) };
            }
            Some(glass) => glass.each_piece(from, to, |at, words| marker.take_root(at, words)),
        };
        match self.pages {
            Some(pages) => pages.each_run(from, region.end, region.is_shared, read),
            // Without the list, what cannot be written has nothing, and what is shared may be gone.
            None if region.is_writable && !region.is_shared => read(from, region.end),
            None => {}
        }
    }
}

/// The address by which the thread with the control block at `block` finds its variables: that of the
/// second entry of a table which is the program's, since malloc made it.
fn vector_of(block: usize) -> usize {
    // SAFETY: a control block of a live thread; its second word is this address.
    if block == 0 { 0 } else { unsafe { word_at(block + WORD) } }
}

/// Whether a control block stands at `at`, behind which so much can be read: it has its own address in
/// two words, and two secrets that all blocks of a process share.
fn is_block(at: usize) -> bool {
    let own = thread::pointer();
    // SAFETY: the caller's promise; and control blocks are longer than that.
    let [same, twin] = [at, own].map(|block| SECRETS.map(|n| unsafe { word_at(block + n * WORD) }));
    // SAFETY: as above.
    same == twin && ITSELF.iter().all(|n| unsafe { word_at(at + n * WORD) } == at)
}

/// # Safety
///
/// The word can be read.
unsafe fn word_at(at: usize) -> usize {
    // SAFETY: the caller's promise; all callers ask for aligned words.
    unsafe { ptr::with_exposed_provenance::<usize>(at).read_volatile() }
}

/// # Safety
///
/// The half word can be read.
unsafe fn half_at(at: usize) -> u32 {
    // SAFETY: as in `word_at`.
    unsafe { ptr::with_exposed_provenance::<u32>(at).read_volatile() }
}
