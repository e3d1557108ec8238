//! The slow side of the bins: misses and overflows. What goes back is [`super::airing`], who finds the bins closed
//! [`super::closed`].
//!
//! ```text
//!   miss:      spare full? swap │ depot has a full one? load it │ a batch from the rooms
//!   overflow:  magazine small? double it │ spare empty? swap │ exchange the spare at the depot
//! ```
//!
//! - **A3** `busy` is set on entry of a miss or an overflow and cleared on every way out.

use core::sync::atomic::Ordering;

use super::fast::bin_of;
use super::record::UNNOTED;
use super::state::State;
use super::{Allocator, Misuse, Wanted};
use crate::block::ALIGN;
use crate::cache::depot::Shard;
use crate::cache::magazine::Format;
use crate::cache::thread::class_at;
use crate::cache::{Magazine, Thread};
use crate::heap::Fault;
use crate::observe::trace::{Call, Kind as Event};
use crate::os::call;
use crate::slab::class::{self, SLAB_CLASSES};
use crate::slab::mark;
use crate::slab::spans::Taken;

/// Slots of the first magazine of a bin: a process that frees little pays little.
const FIRST_SLOTS: usize = 8;
/// Slots of a magazine from which on its thread counts as one that allocates or frees much.
const BUSY_SLOTS: usize = 16;

/// Most objects that one refill takes, and the longest of which it takes more than one.
const MOST_GRAB: usize = 64;
const LONGEST_BATCHED: usize = 2048;

impl Allocator {
    /// A request that no bin serves.
    #[inline(always)]
    pub(super) fn allocate_large<const WANTED: u8>(&self, len: usize) -> *mut u8 {
        self.allocate_whole(len, Wanted::of(WANTED))
    }

    #[inline(never)]
    fn allocate_whole(&self, len: usize, wanted: Wanted) -> *mut u8 {
        let kept = self.take_kept(Thread::current(), len);
        let placed = || self.allocate_in_heap(len, ALIGN, wanted).map(|grant| grant.payload());
        kept.or_else(placed).unwrap_or_else(|| wanted.refused())
    }

    /// The bin for `len` bytes is empty.
    #[inline(always)]
    pub(super) fn allocate_miss<const WANTED: u8>(&self, len: usize, thread: &Thread) -> *mut u8 {
        if WANTED == UNNOTED { self.miss(len, thread) } else { self.miss_told(len, thread) }
    }

    #[cold]
    #[inline(never)]
    fn miss_told(&self, len: usize, thread: &Thread) -> *mut u8 {
        match self.miss(len, thread) {
            null if null.is_null() => call::out_of_memory(),
            object => object,
        }
    }

    /// The same; null is nothing that errno tells.
    #[cold]
    #[inline(never)]
    pub(super) fn miss(&self, len: usize, thread: &Thread) -> *mut u8 {
        let class = class::class_of(len);
        let bin = bin_of(thread, class);
        self.settle(bin);
        // The one that waited stays for later if there is a stock.
        let waited = if bin.count() <= 1 && bin.is_spare_stocked() { None } else { taken(bin.pop()) };
        let object =
            waited.or_else(|| self.refill(thread, class)).or_else(|| self.scrape_together(thread, class));
        self.defer(bin);
        self.reopen(thread);
        object.unwrap_or(core::ptr::null_mut())
    }

    /// Memory is out: what the caches keep is the last reserve.
    fn scrape_together(&self, thread: &Thread, class: usize) -> Option<*mut u8> {
        self.empty_bins(thread);
        self.empty_depot();
        self.refill(thread, class)
    }

    /// The mark of a free object is gone.
    #[cold]
    #[inline(never)]
    pub(super) fn allocate_spoilt(&self, object: *mut u8, thread: &Thread) -> *mut u8 {
        self.reopen(thread);
        Misuse { call: "malloc", payload: object, fault: Fault::Written }.report(self.settings().errors);
        object
    }

    /// A pointer outside of what the map knows.
    #[cold]
    #[inline(never)]
    pub(super) fn release_stranger(&self, payload: *mut u8) {
        if !payload.is_null() {
            self.release_slow(payload);
        } else if self.recorder().is_some() {
            self.catch_up();
            self.note(&Call::of(Event::FreeNull, 0, 0));
        }
    }

    /// One of many frees of a class that still lives in tagged blocks: from now on it gets slabs.
    #[cold]
    #[inline(never)]
    pub(super) fn release_for_slab(&self, payload: *mut u8, class: usize) {
        if let Some(mut state) = self.enter() {
            state.make_slabs(class);
        }
        self.release_slow(payload);
    }

    /// An object that carries the mark, or waits already.
    #[cold]
    #[inline(never)]
    pub(super) fn release_marked(&self, object: *mut u8, thread: &Thread) {
        self.reopen(thread);
        self.release_slow(object);
    }

    /// The bin at `place` is full.
    #[cold]
    #[inline(never)]
    pub(super) fn release_overflow(&self, object: *mut u8, place: usize, thread: &Thread) {
        let class = class_at(place);
        let bin = bin_of(thread, class);
        self.settle(bin);
        // SAFETY: an object of a bin has sixteen bytes.
        if unsafe { mark::is_set(object) } {
            return self.release_marked(object, thread);
        }
        let is_first = bin.cap() == 0;
        if self.make_room(thread, class).is_none() {
            self.give(object);
        } else if !self.hide(bin, object) {
            // SAFETY: the object is free.
            unsafe { mark::set(object) };
            bin.push(object);
        }
        if is_first {
            self.cover(thread, class);
        }
        self.defer(bin);
        self.reopen(thread);
    }

    /// The first object that this thread has put into a bin may be another thread's, and its line
    /// shared: objects with lines of their own lie above it.
    fn cover(&self, thread: &Thread, class: usize) {
        let is_crowd = || self.enter().is_some_and(|state| state.threads().is_crowd());
        if class::line_mates(class) > 1 && is_crowd() {
            let mut batch = [core::ptr::null_mut(); MOST_GRAB];
            let got = self.fetch(thread, class, &mut batch).unwrap_or(0);
            self.stock(thread, class, &batch[..got]);
        }
    }

    /// An object for a bin that has none to take, and more for its next requests.
    fn refill(&self, thread: &Thread, class: usize) -> Option<*mut u8> {
        if self.reload(thread, class) {
            return taken(bin_of(thread, class).pop());
        }
        let mut batch = [core::ptr::null_mut(); MOST_GRAB];
        let Some(got) = self.fetch(thread, class, &mut batch) else {
            return self
                .reentry
                .allocate(&self.rooms, class::len_of(class), ALIGN)
                .map(|grant| grant.payload());
        };
        // The last is handed out first.
        let Some((last, rest)) = batch[..got].split_last() else { return taken(bin_of(thread, class).pop()) };
        self.stock(thread, class, rest);
        taken(Some(*last))
    }

    /// Objects from the rooms; `None` in a signal handler that interrupted the holder of the lock.
    /// Beside other threads small objects come by whole lines.
    fn fetch(&self, thread: &Thread, class: usize, batch: &mut [*mut u8; MOST_GRAB]) -> Option<usize> {
        let mut state = self.enter()?;
        if self.weigh(&state) {
            self.settle_own(&mut state, thread);
        }
        self.depot.limit_small(state.most_small_resting());
        self.air(&mut state, thread, false);
        if state.is_time_to_gather() {
            self.gather(&mut state, thread);
        }
        if self.depot.is_used() {
            self.size_depot(&mut state);
        }
        let mut grab = thread.grab(class, most_grab(class));
        let mates = class::line_mates(class);
        if mates > 1 && state.threads().is_crowd() {
            state.make_slabs(class);
            grab = grab.max(2 * mates);
        }
        let Taken { count, fresh } = state.take(&self.rooms, class, &mut batch[..grab]);
        self.note_slabs(&mut state, class, &batch[..count]);
        let is_crowd = state.threads().is_crowd();
        // The lock is no place for a page fault.
        drop(state);
        for object in &batch[count - fresh..count] {
            // SAFETY: the rooms gave it: it is free.
            unsafe { mark::set(*object) };
        }
        // Beside other threads the freshest comes first, which has a line of its own if any has; else the lowest.
        if !is_crowd {
            batch[..count].reverse();
        }
        Some(count)
    }

    /// Remembers that `objects` of `class` come from slabs, if they do.
    fn note_slabs(&self, state: &mut State, class: usize, objects: &[*mut u8]) {
        let [first, ..] = objects else { return };
        if class < SLAB_CLASSES && !self.is_in_slabs(class) && self.rooms.at(first.addr()).class().is_some() {
            state.make_slabs(class);
            self.in_slabs.fetch_or(1 << class, Ordering::Relaxed);
        }
    }

    /// Whether objects of `class` come from slabs by now.
    pub(super) fn is_in_slabs(&self, class: usize) -> bool {
        self.in_slabs.load(Ordering::Relaxed) >> class & 1 != 0
    }

    /// Loads the spare, or a full magazine of the depot, in place of an empty one; whether there was any.
    pub(super) fn reload(&self, thread: &Thread, class: usize) -> bool {
        let bin = bin_of(thread, class);
        if bin.is_spare_stocked() {
            bin.swap();
            return true;
        }
        self.load_full(thread, class)
    }

    /// Loads a full magazine of the depot; whether there was one. The empty one in its place becomes
    /// the spare, or goes to the depot, or back to the heap.
    fn load_full(&self, thread: &Thread, class: usize) -> bool {
        if !self.depot.is_used() {
            return false;
        }
        let bin = bin_of(thread, class);
        let has_spare = bin.has_spare();
        let cap = bin.cap();
        let empty = bin.unload();
        let given = if has_spare && self.is_grown(cap, class) { empty } else { core::ptr::null_mut() };
        let Some(full) = thread.visit(|| self.depot.take_full_for(thread.shard(), class, given)) else {
            bin.load(empty);
            return false;
        };
        self.count_in(thread);
        bin.load(full);
        if given.is_null()
            && !bin.keep_spare(empty)
            && !empty.is_null()
            && let Some(mut state) = self.enter()
        {
            state.free_magazine(empty);
        }
        true
    }

    /// Keeps the rest of a batch where it can be taken.
    #[inline(never)]
    fn stock(&self, thread: &Thread, class: usize, rest: &[*mut u8]) {
        let bin = bin_of(thread, class);
        if rest.is_empty() {
            return;
        }
        while bin.room() < rest.len() && !self.is_grown(bin.cap(), class) {
            if self.grow(thread, class).is_none() {
                break;
            }
        }
        // The lines of smaller ones lie one behind the other, and the processor foresees them.
        if class::has_line(class) {
            rest.iter().for_each(|object| mark::expect(*object));
        }
        let kept = bin.push_all(rest);
        rest[kept..].iter().for_each(|object| self.give(*object));
    }

    /// Returns an object to its room.
    pub(super) fn give(&self, object: *mut u8) {
        match self.enter() {
            Some(mut state) => state.give_used(&self.rooms, object),
            None => {
                // There a mark would say that it rests somewhere.
                // SAFETY: the object is free, and in no bin.
                unsafe { mark::clear(object) };
                self.reentry.release(object);
            }
        }
    }

    /// Makes room for one more object in a bin whose loaded magazine is full, or was full but for the last slot.
    fn make_room(&self, thread: &Thread, class: usize) -> Option<()> {
        let bin = bin_of(thread, class);
        if bin.room() > 0 {
            return Some(());
        }
        if self.is_grown(bin.cap(), class) {
            if bin.is_spare_full() {
                let empty = self.empty_for(thread, class, bin.take_spare());
                bin.keep_spare(empty);
            }
            bin.swap();
        }
        if bin.room() > 0 { Some(()) } else { self.grow(thread, class) }
    }

    /// An empty magazine for a full one, or null. The full one goes to the depot, or its objects
    /// to their rooms.
    fn empty_for(&self, thread: &Thread, class: usize, full: *mut Magazine) -> *mut Magazine {
        self.count_in(thread);
        let shard = thread.shard();
        if !self.depot.is_open(shard) {
            self.open_shard(shard);
        }
        match thread.visit(|| self.depot.give_full(shard, class, full)) {
            Ok(Some(empty)) => empty,
            Ok(None) => self.full_size(class).unwrap_or(core::ptr::null_mut()),
            Err(returned) => {
                self.flush(returned);
                returned
            }
        }
    }

    /// Counts a thread that allocates or frees so much that it comes to the depot, or soon will.
    fn count_in(&self, thread: &Thread) {
        if !thread.trades()
            && let Some(mut state) = self.enter()
        {
            state.threads_mut().add_trader(thread);
            self.depot.serve(state.threads().traders());
        }
    }

    /// Opens a shard of the depot, if there is memory for it.
    #[cold]
    fn open_shard(&self, shard: usize) {
        let Some(mut state) = self.enter() else { return };
        self.size_depot(&mut state);
        // Another thread of the shard may have been faster.
        if !self.depot.is_open(shard)
            && let Some(at) = state.map_table(size_of::<Shard>())
        {
            // SAFETY: a new mapping, which stays.
            unsafe { self.depot.open(shard, at) };
        }
    }

    /// Makes the loaded magazine twice as large.
    fn grow(&self, thread: &Thread, class: usize) -> Option<()> {
        let bin = bin_of(thread, class);
        let cap = (bin.cap() * 2).max(FIRST_SLOTS).min(self.most_slots(class));
        if cap >= BUSY_SLOTS {
            self.count_in(thread);
        }
        let larger = self.enter()?.new_magazine(&self.rooms, cap)?;
        let old = bin.unload();
        bin.load(larger);
        if old.is_null() {
            return Some(());
        }
        bin.push_all(Magazine::objects(old));
        self.enter()?.free_magazine(old);
        Some(())
    }

    /// The slots that a magazine of `class` gets.
    fn most_slots(&self, class: usize) -> usize {
        self.depot.format().most_slots(class)
    }

    /// Whether a magazine of `cap` slots is as large as those of `class` get.
    fn is_grown(&self, cap: usize, class: usize) -> bool {
        cap >= self.most_slots(class)
    }

    /// A new magazine of full size.
    fn full_size(&self, class: usize) -> Option<*mut Magazine> {
        self.enter()?.new_magazine(&self.rooms, self.most_slots(class))
    }
}

/// The largest batch that a refill of `class` takes: large blocks come one by one.
fn most_grab(class: usize) -> usize {
    if class::len_of(class) > LONGEST_BATCHED {
        1
    } else {
        (Format::of(usize::MAX).most_slots(class) / 2).min(MOST_GRAB)
    }
}

/// An object that leaves its bin.
fn taken(object: Option<*mut u8>) -> Option<*mut u8> {
    let object = object?;
    // SAFETY: it is free, and this thread's now.
    unsafe { mark::clear(object) };
    Some(object)
}
