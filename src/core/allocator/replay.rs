//! A process that is played again: the allocator itself, over a field instead of the break.
//!
//! ```text
//!   trace ─► player ─┬─ seat of thread 1 ─┐
//!                    ├─ seat of thread 2 ─┼─► bins ─► depot ─► slabs, heap ─► field
//!                    └─ ...               ┘
//! ```
//!
//! No model stands beside the allocator: what a replay shows is what its code does. The player tells the
//! time, so that what lies idle goes back when it did.
//!
//! - **A10** A house stays where it is built until its replay goes: rooms and bins point into it.
//! - **A11** The thread that plays has the word of the seat that it plays while it is in the house.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering;

use super::{Allocator, State, Wanted, ZEROED};
use crate::block::{ALIGN, WORD};
use crate::cache::Thread;
use crate::engine::{Engine, Figures, Grant, Held, Kind, Piece, Seat};
use crate::heap::Fault;
use crate::observe::ledger::Ledger;
use crate::os::fake::Arena;
use crate::os::lot::{Lot, Part};
use crate::os::{call, thread};
use crate::policy::Policy;
use crate::settings::Settings;
use crate::slab::class::LARGEST;

/// What a replayed process consists of.
#[repr(C, align(64))]
struct House {
    allocator: Allocator,
    lot: UnsafeCell<Lot>,
    first: FirstSeat,
}

/// Room for the structure of the first thread.
#[repr(C, align(64))]
struct FirstSeat(UnsafeCell<[u8; size_of::<Thread>()]>);

/// A process that is played again.
pub struct Replay {
    house: NonNull<House>,
    /// The word of the thread that is played.
    word: *mut u8,
}

/// The threads of a trace do not end by themselves.
unsafe extern "C" fn never(_: *mut c_void) {}

impl Replay {
    /// A process with `settings` that has taken nothing yet of `arena`; with `to_the_byte` it takes no
    /// more than it lacks. `None` if there is no memory for it.
    pub fn new(settings: &Settings, arena: Arena, to_the_byte: bool) -> Option<Self> {
        let part = match settings.policy {
            _ if to_the_byte => Part::Bytes,
            Policy::FreeList => Part::Mappings,
            _ => Part::Break,
        };
        let place = call::map(ptr::null_mut(), size_of::<House>())?.cast::<House>();
        let house = House {
            allocator: Allocator::new(never),
            lot: UnsafeCell::new(Lot::over(arena, part)),
            first: FirstSeat(UnsafeCell::new([0; size_of::<Thread>()])),
        };
        // SAFETY: a new mapping, large enough and at a page's start.
        unsafe { place.write(house) };
        // From here on dropping it takes the house down.
        let this = Self { house: NonNull::new(place)?, word: thread::first() };
        let House { allocator, lot, .. } = this.house();
        // SAFETY: [A10]: the lot goes with the house.
        let state = unsafe { State::played(settings, lot.get()) }?;
        allocator.is_design.store(state.engine().is_some(), Ordering::Relaxed);
        *allocator.state.enter()? = state;
        Some(this)
    }

    const fn house(&self) -> &House {
        // SAFETY: [A10]
        unsafe { self.house.as_ref() }
    }

    /// The allocator, for calls of the thread that is played.
    #[inline(always)]
    fn allocator(&self) -> &Allocator {
        thread::set_word(self.word);
        &self.house().allocator
    }

    fn ledger(&self) -> Option<Ledger> {
        self.allocator().ledger()
    }

    /// A new block: the program writes what it asked for, so no old mark stays in it.
    #[inline]
    fn written(payload: *mut u8) -> Option<Grant> {
        if payload.is_null() {
            return None;
        }
        // SAFETY: every block has sixteen bytes, and it is the player's now.
        unsafe { payload.cast::<[u64; 2]>().write([0; 2]) };
        Some(Grant::new(payload, usize::MAX))
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        if let Some(mut state) = self.house().allocator.state.enter() {
            state.unmap_all();
        }
        thread::set_word(thread::first());
        call::unmap(self.house.as_ptr().cast(), size_of::<House>());
    }
}

impl Engine for Replay {
    fn allocate(&mut self, len: usize, align: usize) -> Option<Grant> {
        if align <= ALIGN {
            return Self::written(self.allocator().allocate(len));
        }
        let grant = self.allocator().allocate_aligned(len, align, Wanted::aligned(align))?;
        Self::written(grant.payload())
    }

    fn allocate_zeroed(&mut self, len: usize) -> Option<Grant> {
        if len <= LARGEST {
            return Self::written(self.allocator().allocate_as::<ZEROED>(len));
        }
        let grant = self.allocator().allocate_aligned(len, ALIGN, Wanted::of(ZEROED))?;
        Self::written(grant.payload())
    }

    fn locate(&self, address: usize) -> Result<Held, Fault> {
        let payload = ptr::with_exposed_provenance_mut(address);
        match self.allocator().usable(payload) {
            0 => Err(Fault::Foreign),
            len => Ok(Held { payload, len }),
        }
    }

    unsafe fn release(&mut self, held: Held) {
        self.allocator().release(held.payload);
    }

    unsafe fn resize(&mut self, held: Held, len: usize) -> bool {
        len <= held.len
    }

    unsafe fn relocate(&mut self, held: Held, len: usize) -> Option<*mut u8> {
        let moved = self.allocator().resize(held.payload, len);
        (!moved.is_null()).then_some(moved)
    }

    /// The allocator itself looks whether the block is one.
    fn release_at(&mut self, address: usize) -> Result<(), Fault> {
        self.allocator().release(ptr::with_exposed_provenance_mut(address));
        Ok(())
    }

    fn relocate_at(&mut self, address: usize, len: usize) -> Result<Option<*mut u8>, Fault> {
        let moved = self.allocator().resize(ptr::with_exposed_provenance_mut(address), len);
        Ok((!moved.is_null()).then_some(moved))
    }

    fn seat(&mut self) -> Option<Seat> {
        let first = self.house().first.0.get().cast();
        let (admitted, _) = self.allocator().admit(first)?;
        Some(Seat(ptr::from_ref(admitted).cast_mut().cast()))
    }

    fn sit(&mut self, seat: Seat) {
        self.word = seat.0;
    }

    fn stand_up(&mut self, seat: Seat) {
        self.word = seat.0;
        self.allocator().detach();
        self.word = thread::first();
    }

    fn tell(&mut self, milliseconds: u64) {
        let allocator = self.allocator();
        if let Some(mut state) = allocator.enter() {
            state.tell(milliseconds);
            let thread = Thread::current();
            if thread.is_own() && allocator.restless.load(Ordering::Relaxed) {
                allocator.air(&mut state, thread, false);
            }
        }
    }

    fn walk(&self, see: &mut dyn FnMut(Piece)) {
        let allocator = self.allocator();
        let is_design =
            allocator.enter().is_some_and(|state| state.engine().map(|engine| engine.walk(see)).is_some());
        allocator.walk(&mut |payload, len, kind| {
            if is_design && kind != Kind::Mapped {
                return;
            }
            let is_object = allocator.rooms.at(payload.addr()).class().is_some();
            let lead = if is_object { 0 } else { WORD };
            see(Piece { start: payload.addr() - lead, size: len + lead, lead, kind });
        });
    }

    fn figures(&self) -> Figures {
        let Some(ledger) = self.ledger() else { return Figures::default() };
        let (rows, counts) = (ledger.rows, ledger.counts);
        Figures {
            footprint: ledger.footprint,
            peak_footprint: ledger.peak_footprint,
            live: ledger.held(),
            tags: rows.tags,
            free: rows.free + rows.cached,
            tail: rows.tail,
            metadata: rows.metadata + rows.slack + rows.slab_tables,
            used_blocks: ledger.blocks,
            free_blocks: counts.free_blocks,
            largest_free: ledger.largest_free,
            segments: counts.segments,
            grows: counts.grows,
            shrinks: counts.shrinks,
            allocs: counts.allocs,
            frees: counts.frees,
            splits: counts.splits,
            coalesces: counts.coalesces,
            probes: counts.probes,
        }
    }

    fn footprint(&self) -> usize {
        self.allocator().enter().map_or(0, |state| state.footprint())
    }

    fn live(&self) -> usize {
        self.ledger().map_or(0, |ledger| ledger.held())
    }

    fn trim(&mut self, keep: usize) -> bool {
        self.allocator().trim(keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::fake::Dice;
    use crate::policy::POLICIES;
    use crate::slab::rooms::GRANULE;
    use std::vec;
    use std::vec::Vec;

    const CAP: usize = 128 << 20;

    /// Memory for a process, which has to go first.
    fn field() -> Vec<u128> {
        vec![0u128; CAP / 16]
    }

    fn process(field: &mut [u128], policy: Policy) -> Replay {
        // Slabs are aligned: what they leave between them depends on where the memory begins.
        let base: *mut u8 = field.as_mut_ptr().cast();
        let skip = base.align_offset(GRANULE);
        // SAFETY: the caller keeps the memory, and nobody else has it.
        let arena = unsafe { Arena::new(base.wrapping_add(skip), CAP - skip) };
        Replay::new(&Settings { policy, purge: 0, ..Settings::built_in() }, arena, false).unwrap()
    }

    /// Random calls of three threads; calls `look` now and then with the number of live blocks.
    fn work(process: &mut Replay, mut look: impl FnMut(&Replay, usize)) {
        let seats = [(); 3].map(|()| process.seat());
        let mut blocks: [Option<(usize, usize)>; 300] = [None; 300];
        let mut dice = Dice::new(7);
        for round in 0..20_000 {
            if let Some(seat) = seats[dice.below(3)] {
                process.sit(seat);
            }
            let slot = &mut blocks[dice.below(300)];
            let most = if round % 100 == 0 { 3 << 20 } else { 16 << dice.below(10) };
            let len = dice.below(most) + 1;
            *slot = match *slot {
                None => process.allocate(len, ALIGN).map(|grant| (grant.payload().addr(), len)),
                Some((address, had)) => {
                    assert!(process.locate(address).unwrap().len >= had);
                    if dice.below(2) == 0 {
                        process.release_at(address).unwrap();
                        None
                    } else {
                        let moved = process.relocate_at(address, len).unwrap();
                        moved.map(|payload| (payload.addr(), len))
                    }
                }
            };
            if round % 500 == 0 {
                look(process, blocks.iter().flatten().count());
            }
        }
    }

    #[test]
    fn the_rows_of_a_replay_are_its_footprint_under_every_policy() {
        for row in POLICIES {
            let mut memory = field();
            let mut process = process(&mut memory, row.policy);

            work(&mut process, |process, live| {
                let f = process.figures();
                assert_eq!(f.live + f.tags + f.free + f.tail + f.metadata, f.footprint, "{}", row.name);
                assert_eq!(f.used_blocks, live, "{}", row.name);
                assert!(f.peak_footprint >= f.footprint);
                let mut pieces = 0;
                let is_live = |kind| matches!(kind, Kind::Used | Kind::Mapped);
                process.walk(&mut |piece| pieces += usize::from(is_live(piece.kind)));
                assert_eq!(pieces, live, "{}", row.name);
            });
        }
    }

    /// Handlers of 24 calls that came every 300 microseconds waited for so long that the visit never went on.
    #[test]
    fn handlers_over_one_visit_to_the_depot_wait_once_for_the_state_in_all() {
        let mut memory = field();
        let mut process = process(&mut memory, Policy::Fast);
        let seat = process.seat().unwrap();
        process.sit(seat);
        let allocator = process.allocator();
        let thread = Thread::current();
        let held = allocator.state.enter();

        let left = thread.visit(|| {
            let handlers = |_| allocator.enter().map(drop).ok_or(thread.patience());
            [handlers(0), handlers(1)]
        });
        drop(held);
        let next = thread.visit(|| thread.patience());

        assert_eq!(left, [Err(Some(0)); 2]);
        assert!(next > Some(0));
        assert_eq!(thread.patience(), None);
    }

    #[test]
    fn two_replays_take_turns_without_a_word_of_each_other() {
        let (mut one, mut two) = (field(), field());
        let mut first = process(&mut one, Policy::Fast);
        let mut peaks = [0; 2];

        work(&mut first, |_, _| {});
        peaks[0] = first.figures().peak_footprint;
        let mut second = process(&mut two, Policy::Fast);
        work(&mut second, |_, _| {
            first.figures();
        });
        peaks[1] = second.figures().peak_footprint;

        assert_eq!(peaks[0], peaks[1]);
        assert_eq!(first.figures().peak_footprint, peaks[0]);
    }

    #[test]
    fn a_large_request_is_mapped_until_one_of_its_size_was_freed() {
        let mut memory = field();
        let mut process = process(&mut memory, Policy::SegregatedBest);
        let is_mapped = |process: &Replay| process.ledger().unwrap().mapped_blocks;

        let large = process.allocate(2 << 20, ALIGN).unwrap().payload();
        let first = is_mapped(&process);
        process.release_at(large.addr()).unwrap();
        process.allocate(2 << 20, ALIGN).unwrap();

        assert_eq!((first, is_mapped(&process)), (1, 0));
    }

    #[test]
    fn what_a_thread_kept_is_there_for_the_next_one() {
        let mut memory = field();
        let mut process = process(&mut memory, Policy::Fast);
        let main = process.seat().unwrap();
        let other = process.seat().unwrap();

        process.sit(other);
        let kept = process.allocate(100, ALIGN).unwrap().payload();
        process.release_at(kept.addr()).unwrap();
        process.stand_up(other);
        process.sit(main);
        let mine = process.allocate(100, ALIGN).unwrap().payload();
        let next = process.seat().unwrap();
        process.sit(next);
        let theirs = process.allocate(100, ALIGN).unwrap().payload();

        assert_ne!(mine, kept);
        assert_eq!(theirs, kept);
    }
}
