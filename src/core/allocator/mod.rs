//! Floor 5: which room serves this request.
//!
//! ```text
//!   malloc ─► this thread's bin ─miss─► spare ─► depot ─► slab, or tagged block ─► grow
//!   free   ─► room of the address ─► this thread's bin ─full─► spare ─► depot ─► slab, block
//!   large  ─► tagged heap, or a mapping above the threshold
//! ```
//!
//! - **A1** What is shared stands behind one lock, but for the depot, which has its own. A
//!   signal handler that interrupted either is served without: see [`reentry`].
//! - **A2** The static starts as a working allocator: no initialiser has to run first.

mod airing;
mod aligned;
mod bins;
mod census;
mod closed;
mod fast;
mod large;
mod late;
mod leaks;
mod locate;
mod misuse;
mod record;
mod reentry;
mod replay;
mod resize;
mod state;
mod threads;

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

pub use crate::engine::Grant;
pub use census::Count;
pub use misuse::Misuse;
pub use record::{Wanted, ZEROED};
pub use replay::Replay;
pub use state::State;

use crate::block::Block;
use crate::cache::depot::PATIENCE;
use crate::cache::{Depot, Thread};
use crate::engine::Kind;
use crate::observe::ledger::{Ledger, Resting};
use crate::observe::recorder::Recorder;
use crate::observe::trace::{Call, Kind as Event};
use crate::os::lock::{Guard, Lock};
use crate::os::thread::ExitHook;
use crate::settings::Settings;
use crate::slab::class;
use crate::slab::rooms::Rooms;
use reentry::Reentry;

/// Everything behind malloc, what every call uses in front: a tiny process touches no more than that.
#[repr(C)]
pub struct Allocator {
    reentry: Reentry,
    /// What is called in a thread that ends.
    ended: ExitHook,
    /// Whether memory lies idle that should go back before long.
    restless: AtomicBool,
    /// Who writes the trace, or null.
    recorder: AtomicPtr<Recorder>,
    /// A bit for each class whose objects come from slabs by now.
    in_slabs: AtomicU64,
    /// Whether blocks are an engine's, which only the holder of the lock can ask.
    is_design: AtomicBool,
    /// Whether the heap is one thread's, and so large that free looks late at what it gets.
    is_vast: AtomicBool,
    rooms: Rooms,
    depot: Depot,
    state: Lock<State>,
}

/// The state in use, and the thread that uses it.
struct Entry<'a> {
    state: Guard<'a, State>,
    thread: &'a Thread,
    was_closed: bool,
    allocator: &'a Allocator,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let Allocator { depot, restless, .. } = self.allocator;
        let resting = if depot.is_used() { depot.resting() } else { 0 };
        let lies_idle = self.state.weigh_resting(resting);
        if lies_idle != restless.load(Ordering::Relaxed) {
            restless.store(lies_idle, Ordering::Relaxed);
        }
        if !self.was_closed {
            self.allocator.reopen(self.thread);
        }
    }
}

impl core::ops::Deref for Entry<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl core::ops::DerefMut for Entry<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Allocator {
    /// An allocator that has taken nothing yet. `ended` is called in a thread that ends and has to
    /// call [`Allocator::detach`].
    pub const fn new(ended: ExitHook) -> Self {
        Self {
            ended,
            rooms: Rooms::EMPTY,
            reentry: Reentry::EMPTY,
            state: Lock::new(State::new()),
            depot: Depot::EMPTY,
            restless: AtomicBool::new(false),
            in_slabs: AtomicU64::new(0),
            recorder: AtomicPtr::new(core::ptr::null_mut()),
            is_design: AtomicBool::new(false),
            is_vast: AtomicBool::new(false),
        }
    }

    /// The state, ready for use; `None` in a signal handler that interrupted its holder. While
    /// the holder has it his thread is busy: a handler finds the bins closed and does not even try.
    #[inline]
    fn enter(&self) -> Option<Entry<'_>> {
        let thread = Thread::current();
        // The state's holder may wait for the recorder: so who records does not wait for the state.
        if self.is_recording_here() {
            return None;
        }
        let mut state = match thread.patience() {
            Some(patience) => self.enter_patiently(thread, patience),
            None => self.state.enter(),
        }?;
        let was_closed = thread.close();
        if !state.is_ready() {
            state.settle();
            self.is_design.store(state.engine().is_some(), Ordering::Relaxed);
            self.start_recording(&mut state);
        }
        if self.reentry.is_pending() {
            self.reentry.drain(self, &mut state);
        }
        if !thread.is_own() {
            self.be_no_longer_alone(&mut state);
        }
        if let Some(recorder) = self.recorder()
            && !recorder.is_on()
        {
            self.resume_recording(recorder, &mut state);
        }
        Some(Entry { state, thread, was_closed, allocator: self })
    }

    /// The same for a handler that interrupted a visit at the depot, with so much patience left.
    #[cold]
    fn enter_patiently(&self, thread: &Thread, patience: u8) -> Option<Guard<'_, State>> {
        let mut left = patience.into();
        let state = self.state.enter_patiently(&mut left);
        thread.leave_patience(left as u8);
        state
    }

    /// The end of a call on the slow side: the bins open again. Where memory lies idle they rest:
    /// then every call comes by here and looks after it, until that is done. While a trace is
    /// written they rest as well.
    #[inline]
    fn reopen(&self, thread: &Thread) {
        let shall_rest = self.restless.load(Ordering::Relaxed) || self.recorder().is_some();
        if shall_rest && thread.is_own() {
            thread.rest();
        } else {
            thread.open();
        }
    }

    /// `len` bytes at a multiple of `align`, a power of two, without the help of a cache.
    fn allocate_in_heap(&self, len: usize, align: usize, wanted: Wanted) -> Option<Grant> {
        let noted = |grant: Grant| {
            self.note_block(wanted, len, grant.payload());
            grant
        };
        let Some(mut state) = self.enter() else {
            return self.reentry.allocate(&self.rooms, len, align).map(noted);
        };
        state.look_after();
        if let Some(kept) = state.forgo_kept() {
            state.give(&self.rooms, &[kept]);
        }
        if len <= class::LARGEST_SLAB && self.is_vast.load(Ordering::Relaxed) {
            state.settle_bins();
        }
        if let Some(grant) = state.allocate(&self.rooms, len, align) {
            return Some(noted(grant));
        }
        // Memory is out: what the caches keep is the last reserve.
        drop(state);
        self.empty_caches();
        let mut state = self.enter()?;
        state.allocate(&self.rooms, len, align).map(noted)
    }

    /// Takes back a block without the help of a cache; what is wrong with it is reported.
    #[cold]
    #[inline(never)]
    fn release_slow(&self, payload: *mut u8) {
        self.release_noting(payload, Call::of(Event::Free, payload.addr(), 0));
    }

    /// The same as a part of `call`.
    fn release_noting(&self, payload: *mut u8, call: Call) {
        let Some(mut state) = self.enter() else {
            self.note(&call);
            return self.reentry.release(payload);
        };
        state.look_after();
        state.look_before(payload);
        match self.locate(&state, payload) {
            Ok(held) => {
                self.note(&call);
                state.release(&self.rooms, held);
            }
            Err(fault) => {
                let errors = state.settings().errors;
                drop(state);
                Misuse { call: "free", payload, fault }.report(errors);
            }
        }
    }

    /// Gives back what can be given back but `keep` bytes at the top; whether any was.
    pub fn trim(&self, keep: usize) -> bool {
        self.empty_caches();
        self.enter().is_some_and(|mut state| state.trim(&self.rooms, keep))
    }

    /// The figures; `None` in a signal handler that interrupted the allocator.
    pub fn ledger(&self) -> Option<Ledger> {
        let state = self.enter()?;
        Some(Ledger::of(&state, self.resting(&state)))
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.enter().map_or_else(Settings::built_in, |state| *state.settings())
    }

    /// Changes the settings that can change while the program runs; the policy stays.
    pub fn adjust(&self, change: impl FnOnce(&mut Settings)) {
        if let Some(mut state) = self.enter() {
            state.adjust(change);
        }
    }

    /// Calls `see` with the payload, the bytes and the kind of every piece; whether the heap could
    /// be walked.
    pub fn walk(&self, see: &mut dyn FnMut(*mut u8, usize, Kind)) -> bool {
        let Some(mut state) = self.enter() else { return false };
        state.settle_bins();
        state.walk(&self.rooms, see);
        true
    }

    /// Checks every header, footer and count: the number of faults found.
    pub fn check(&self) -> usize {
        let Some(state) = self.enter() else { return 0 };
        crate::observe::check::faults(&state, &Ledger::of(&state, self.resting(&state)))
    }

    /// What rests in bins and in the depot; other threads may be moving some just now.
    fn resting(&self, state: &State) -> Resting {
        let mut sum = Resting::default();
        let mut count = |class: usize, object: *mut u8| {
            let is_object = self.rooms.at(object.addr()).class().is_some();
            sum.objects += 1;
            sum.bytes += if is_object { class::len_of(class) } else { class::block_len(class) };
        };
        state.threads().each_cached(&mut count);
        self.depot.each_cached(&mut count);
        for kept in state.threads().iter().map(|thread| thread.kept.get()).filter(|kept| !kept.is_null()) {
            sum.objects += 1;
            // SAFETY: a kept block is a live block of the heap.
            sum.bytes += unsafe { Block::of_payload(kept).len() };
        }
        sum
    }

    /// Whether this thread holds one of the locks: then a signal handler asks, over the frame that took it.
    pub fn is_inside(&self) -> bool {
        self.state.is_mine() || self.holds_another()
    }

    /// Whether it holds one, but not the state.
    fn holds_another(&self) -> bool {
        self.depot.is_mine() || self.is_recording_here()
    }

    /// Takes all locks for a fork, those apart that this thread holds already: then a signal
    /// handler forks, and the frame that it interrupted gives them back, in both processes.
    pub fn before_fork(&self) -> Forking {
        let state = if self.holds_another() && !self.state.is_mine() {
            self.state.enter_patiently(&mut { PATIENCE })
        } else {
            self.state.enter()
        };
        Forking { state: state.map(core::mem::forget).is_some(), shelf: self.depot.before_fork() }
    }

    /// Gives back the locks that [`Allocator::before_fork`] took; `is_child` in the new process.
    ///
    /// # Safety
    ///
    /// `taken` is what it said, and this is the thread that called it or its copy in the child.
    pub unsafe fn after_fork(&self, taken: Forking, is_child: bool) {
        if is_child && let Some(recorder) = self.recorder() {
            // SAFETY: the caller's promise.
            unsafe { recorder.forget() };
        }
        // SAFETY: the caller's promise.
        unsafe { self.depot.after_fork(taken.shelf, is_child) };
        // SAFETY: the caller's promise: the child has one thread. A holder who was left behind waited for
        // a lock of this thread, between two changes.
        let is_lost = is_child && unsafe { self.state.inherit() };
        if is_child && (taken.state || is_lost || self.state.is_mine()) {
            // SAFETY: nobody else is there, or the lock is held by this thread's copy, here or in the
            // frame it interrupted.
            let state = unsafe { self.state.held() };
            state.orphan_others();
            self.depot.serve(state.threads().traders());
        }
        if !taken.state {
            return;
        }
        // SAFETY: the caller's promise.
        unsafe { self.state.leave() };
    }
}

/// The locks that a fork took.
#[derive(Clone, Copy, Debug)]
pub struct Forking {
    /// Whether the state's is among them.
    state: bool,
    /// The lock of the depot that is not, since the thread held it before; or 0.
    shelf: usize,
}

impl Forking {
    /// None.
    pub const NONE: Self = Self { state: false, shelf: 0 };
}
