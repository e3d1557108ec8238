//! The leak check: which blocks of the program nothing leads to any more.
//!
//! ```text
//!   tract    what is known of the heap: a dot for every sixteen bytes
//!   root     where the search begins: all memory but the heap, the stacks from their pointers on
//!   mark     what addresses lead to
//!   tally    bytes and blocks of each kind, and the largest groups of equal blocks
//!   report   the tally as text and as JSON
//! ```
//!
//! It looks at words, not at types: whatever could be the address of a block is taken for one. So a
//! number that happens to be one hides a leak; what is reported as lost is lost, unless the program
//! keeps its addresses in a disguise.
//!
//! - **LE1** The state is locked and all other threads stand still, as far as the system lets; what the
//!   check needs lies on desks of its own. So the heap that it looks at does not change.

pub mod mark;
pub mod report;
pub mod root;
pub mod tally;
pub mod tract;

pub use report::{json, text};
pub use tally::{Count, Group, Leaks, Sort};

use self::mark::{Hole, Marker};
use self::root::Roots;
use self::tally::Tally;
use self::tract::{COARSE, Land, Nature, Tract};
use crate::allocator::State;
use crate::block::WORD;
use crate::engine::{Engine, Kind};
use crate::os::crew::Crew;
use crate::os::desk::{self, Blank, Desk};
use crate::os::regions::Pages;
use crate::slab::rooms::Rooms;

/// Blocks that wait to be looked into; more are found by their dots.
const WAITING: usize = 16 << 10;

/// Ranges of the heap that the program has made unreadable.
const MOST_HOLES: usize = 1024;

/// Groups of equal blocks that are told apart.
const MOST_GROUPS: usize = 2048;

/// Why there was no check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The call came from a signal handler that interrupted the allocator.
    Inside,
    /// There is no memory for the tables of the check.
    Memory,
    /// The system does not list the mappings of the process.
    Unlisted,
    /// The program has made too many parts of the heap unreadable.
    Torn,
}

impl Obstacle {
    /// What it is, in words, and what can be done.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Inside => "the process ends in the middle of a call of malloc",
            Self::Memory => "there is no memory for its tables; a sixteenth of the heap is needed",
            Self::Unlisted => "/proc/self/maps cannot be read; mount /proc",
            Self::Torn => "too many parts of the heap cannot be read",
        }
    }
}

// SAFETY: numbers, and enumerations whose first variant is 0.
unsafe impl Blank for Tract {}
// SAFETY: as above.
unsafe impl Blank for Hole {}
// SAFETY: as above.
unsafe impl Blank for Group {}

/// What the check is told.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Memory of the allocator, from and to: what is written there leads nowhere.
    pub own: &'a [(usize, usize)],
    /// The stack pointer of this thread, its registers stand there.
    pub sp: usize,
}

/// Looks for what is lost ([LE1](self)).
pub fn check(state: &State, rooms: &Rooms, site: &Site<'_>) -> Result<Leaks, Obstacle> {
    let crew = Crew::halt();
    let (mut count, mut dots) = (site.own.len() + 2, 0);
    each_tract(state, |tract| (count, dots) = (count + 1, dots + tract.dots()));
    let coarse = dots.div_ceil(COARSE);
    let desk = Desk::new(
        desk::bytes::<Tract>(count)
            + desk::bytes::<u8>(dots)
            + desk::bytes::<u8>(coarse)
            + desk::bytes::<usize>(WAITING)
            + desk::bytes::<Hole>(MOST_HOLES)
            + desk::bytes::<Group>(MOST_GROUPS),
    )
    .ok_or(Obstacle::Memory)?;

    let mut land = Land::new(desk.cut(count), desk.cut(dots), desk.cut(coarse));
    each_tract(state, |tract| land.add(tract));
    for (start, end) in site.own.iter().copied().chain([desk.bounds(), crew.bounds()]) {
        land.add(Tract::new(start, end, Nature::Mute));
    }
    land.settle();
    state.walk(rooms, &mut |payload, len, kind| {
        if matches!(kind, Kind::Used | Kind::Mapped) {
            land.note(payload.addr(), len);
        }
    });

    let pages = Pages::open();
    let roots = Roots::new(site.sp, &crew, pages.as_ref());
    let holes = roots.holes(land.bounds(), desk.cut(MOST_HOLES))?;
    let mut marker = Marker::new(land, desk.cut(WAITING), holes, pages.as_ref());
    roots.read(&mut marker);
    marker.finish();

    let mut tally = Tally::new(desk.cut(MOST_GROUPS));
    let land = marker.land();
    state.walk(rooms, &mut |payload, len, kind| {
        let is_held = matches!(kind, Kind::Used | Kind::Mapped);
        // What was freed or handed out meanwhile, by another thread's cache, is not counted.
        if let Some((dot, true)) = land.block_at(payload.addr()).filter(|_| is_held) {
            tally.add(payload.addr(), len, land.state(dot));
        }
    });
    Ok(tally.leaks(crew.moving()))
}

/// Calls `see` with every tract that has blocks: segments, what an engine took, mapped blocks.
fn each_tract(state: &State, mut see: impl FnMut(Tract)) {
    for segment in state.heap().segments().iter() {
        see(Tract::new(segment.base().addr(), segment.end().addr(), Nature::Blocks));
    }
    if let Some(engine) = state.engine() {
        let mut run = (0, 0);
        engine.walk(&mut |piece| {
            if piece.start != run.1 {
                see(Tract::new(run.0, run.1, Nature::Blocks));
                run.0 = piece.start;
            }
            run.1 = piece.start + piece.size;
        });
        see(Tract::new(run.0, run.1, Nature::Blocks));
    }
    for block in state.maps().iter() {
        let start = block.payload().addr();
        // SAFETY: [M1](crate::heap::maps): a live mapped block.
        see(Tract::new(start, start + unsafe { block.size() } - WORD, Nature::Single));
    }
}
