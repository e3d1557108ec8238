//! Threads come and go.
//!
//! ```text
//!   first use ─► a retired structure, or a new one ─► list of all
//!   end       ─► list of the retired, bins and all: the next thread begins with warm ones
//!   silent    ─► there is no key for the hook, or its turn is over: who is gone is found by looking
//!   fork      ─► in the child all but one are orphans: bit by bit they are emptied and retired
//! ```
//!
//! - **A4** A structure is in exactly one list. Structures are never freed: a program has as many
//!   as it ever had threads at a time.

use super::{Allocator, State};
use crate::block::tag::OWN;
use crate::cache::Thread;
use crate::cache::depot::SHARDS;
use crate::heap::Request;
use crate::os::thread;
use crate::slab::rooms::Rooms;

/// Ended threads whose bins stay as they are until memory is wanted elsewhere: a program whose threads
/// come and go by dozens finds them warm.
const MOST_WARM: usize = 64;

/// So many threads are not numbered, and twice as many live before anybody looks who of them is gone: a
/// process with few threads makes no system calls for that.
const FEW: u32 = 8;

/// All structures of threads.
#[derive(Debug)]
pub struct Threads {
    live: *const Thread,
    /// How many live, and how many there were left when it was last seen who is gone.
    alive: u32,
    seen: u32,
    /// The process whose threads are numbered; 0 before the first is. After a fork without our handlers it is
    /// another one: its numbers are not known then.
    process: u32,
    /// How many of them allocate or free much, and come to the depot.
    traders: usize,
    /// Of threads that ended, and how many of them there are.
    retired: *const Thread,
    spare: usize,
    /// From here on the list of the living is one of orphans: threads that a fork left behind. A fork copies page
    /// after page while other threads run, each until it writes to a page that is copied already: the child
    /// has all that it did up to some moment. Where that lies within a call what it kept is given up.
    orphans: *const Thread,
    /// Structures made so far.
    made: usize,
    /// The key whose destructor ends a thread's structure, once there is one.
    exit_key: Option<u32>,
}

// SAFETY: the lists are used by the holder of the lock.
unsafe impl Send for Threads {}

impl Threads {
    /// No thread.
    pub const EMPTY: Self = Self {
        live: core::ptr::null(),
        alive: 0,
        seen: 0,
        process: 0,
        traders: 0,
        retired: core::ptr::null(),
        spare: 0,
        orphans: core::ptr::null(),
        made: 0,
        exit_key: None,
    };

    /// All structures whose bins may hold something.
    pub fn iter(&self) -> impl Iterator<Item = &Thread> {
        list(self.live).chain(list(self.retired))
    }

    /// The structures of threads that ended.
    pub(super) fn retired(&self) -> impl Iterator<Item = &'static Thread> + use<> {
        list(self.retired)
    }

    /// How many threads allocate or free much.
    pub(super) const fn traders(&self) -> usize {
        self.traders
    }

    /// Counts one that does.
    pub(super) fn add_trader(&mut self, thread: &Thread) {
        self.traders += usize::from(!thread.set_trades(true));
    }

    /// Whether there is more than one thread.
    pub(super) const fn is_crowd(&self) -> bool {
        self.alive > 1
    }

    /// The running thread's number, or 0 if it shall have none.
    fn number(&mut self) -> u32 {
        if self.alive <= FEW {
            return 0;
        }
        let process = thread::process();
        if self.process == 0 {
            self.process = process;
        }
        if self.process == process { thread::number() } else { 0 }
    }

    /// Whether so many live that some may be gone.
    const fn is_throng(&self) -> bool {
        let seen = if self.seen > FEW { self.seen } else { FEW };
        self.alive >= 2 * seen
    }

    /// Whether one more ended thread may keep what is in its bins.
    const fn is_warmth_wanted(&self) -> bool {
        self.spare < MOST_WARM
    }

    fn retire(&mut self, thread: &Thread) {
        self.traders -= usize::from(thread.set_trades(false));
        self.unlink(thread);
        self.shelve(thread);
    }

    /// The structure is nobody's, and for the next thread.
    fn shelve(&mut self, thread: &Thread) {
        thread.next.set(self.retired.cast_mut());
        self.retired = thread;
        self.spare += 1;
    }

    /// The first orphan, which is in no list any more.
    fn take_orphan(&mut self) -> Option<&'static Thread> {
        let orphan = one(self.orphans)?;
        self.orphans = orphan.next.get();
        self.alive += 1;
        self.unlink(orphan);
        Some(orphan)
    }

    fn reuse(&mut self) -> Option<&'static Thread> {
        let retired = one(self.retired)?;
        self.retired = retired.next.get();
        self.spare -= 1;
        Some(retired)
    }

    /// Calls `see` with the class and the address of every object that rests in a bin.
    pub fn each_cached(&self, see: &mut impl FnMut(usize, *mut u8)) {
        for (class, bin) in self.iter().flat_map(|thread| thread.bins.iter().enumerate()) {
            bin.each(|object| see(class, object));
        }
    }

    /// Whether there was no thread yet.
    const fn is_fresh(&self) -> bool {
        self.live.is_null() && self.retired.is_null()
    }

    fn link(&mut self, thread: &Thread) {
        thread.before.set(core::ptr::null_mut());
        thread.next.set(self.live.cast_mut());
        if let Some(first) = list(self.live).next() {
            first.before.set(core::ptr::from_ref(thread).cast_mut());
        }
        self.live = thread;
        self.alive += 1;
    }

    fn unlink(&mut self, thread: &Thread) {
        self.alive -= 1;
        match one(thread.before.get()) {
            Some(before) => before.next.set(thread.next.get()),
            None => self.live = thread.next.get(),
        }
        if let Some(after) = one(thread.next.get()) {
            after.before.set(thread.before.get());
        }
    }

    fn orphan_others(&mut self) {
        let me = Thread::current();
        if me.is_own() {
            self.unlink(me);
        }
        self.orphans = self.live;
        (self.alive, self.seen, self.process) = (0, 0, 0);
        self.traders = usize::from(me.trades());
        if me.is_own() {
            // It has another number here.
            me.number.set(0);
            self.link(me);
        }
    }
}

/// A thread's structure at `at`, which is nobody else's and may hold anything; the thread uses `shard`.
fn built(at: *mut u8, shard: usize) -> &'static Thread {
    // SAFETY: a new block, or the structure of a thread that is gone ([X1]).
    unsafe { at.write_bytes(0, size_of::<Thread>()) };
    // SAFETY: as above.
    let thread: &Thread = unsafe { Thread::build(at) };
    thread.set_shard(shard);
    thread
}

/// The structure of the first thread, at `place`.
fn first_thread(place: *mut u8) -> &'static Thread {
    const { assert!(align_of::<Thread>() <= 64) };
    // SAFETY: nobody else takes this place: only the first thread does, under the lock.
    unsafe { Thread::build(place) }
}

fn one<'a>(thread: *const Thread) -> Option<&'a Thread> {
    // SAFETY: [A4]: structures live for ever.
    unsafe { thread.as_ref() }
}

fn list<'a>(head: *const Thread) -> impl Iterator<Item = &'a Thread> {
    core::iter::successors(one(head), |thread| one(thread.next.get()))
}

impl State {
    /// In the child of a fork: all other threads are gone.
    pub(super) fn orphan_others(&mut self) {
        self.threads_mut().orphan_others();
    }

    fn adopt(&mut self, rooms: &Rooms) -> Option<&'static Thread> {
        let threads = self.threads_mut();
        if let Some(retired) = threads.reuse() {
            return Some(retired);
        }
        threads.made += 1;
        let shard = threads.made % SHARDS;
        let request = Request { len: size_of::<Thread>(), align: align_of::<Thread>(), bits: OWN };
        let block = self.place_own(rooms, request)?;
        Some(built(block, shard))
    }
}

impl Allocator {
    /// Gives this thread a structure of its own; `None` where it shall have none.
    pub(super) fn attach(&self) -> Option<&'static Thread> {
        if thread::word() == thread::last() {
            return None;
        }
        let (adopted, is_first) = self.admit(thread::main())?;
        thread::set_word(core::ptr::from_ref(adopted).cast_mut().cast());
        // The first thread ends with the process, as a rule: what it keeps need not go back.
        if !is_first {
            self.tell_exit();
        }
        Some(adopted)
    }

    /// A structure for one more thread, and whether it is the first, whose structure stands at `first`.
    #[inline]
    pub(super) fn admit(&self, first: *mut u8) -> Option<(&'static Thread, bool)> {
        let (admitted, is_first) = {
            let mut state = self.enter()?;
            if !state.is_caching() {
                return None;
            }
            let is_first = state.threads().is_fresh();
            if state.threads().is_throng() {
                self.bury(&mut state);
            }
            self.recover(&mut state, 1);
            let admitted = if is_first { first_thread(first) } else { state.adopt(&self.rooms)? };
            state.threads_mut().link(admitted);
            state.note_company();
            if self.weigh(&state) {
                self.look_for_others(&mut state);
            }
            admitted.number.set(state.threads_mut().number());
            (admitted, is_first)
        };
        self.reopen(admitted);
        Some((admitted, is_first))
    }

    /// Asks for a call of the hook when this thread ends; the first who asks makes the key.
    fn tell_exit(&self) {
        let key = {
            let Some(mut state) = self.enter() else { return };
            let threads = state.threads_mut();
            if threads.exit_key.is_none() {
                threads.exit_key = thread::exit_key(self.ended);
            }
            threads.exit_key
        };
        if let Some(key) = key {
            thread::tell_exit(key, thread::word());
        }
    }

    /// This thread ends: what it keeps is for the next one. Calls that come after are served without
    /// a cache.
    pub fn detach(&self) {
        let thread = Thread::current();
        if !thread.is_own() || thread.close() {
            return;
        }
        thread.open();
        thread::set_word(thread::last());
        if let Some(mut state) = self.enter() {
            self.retire(&mut state, thread);
        }
    }

    /// A thread is gone: its structure is for the next one.
    fn retire(&self, state: &mut State, thread: &Thread) {
        if !state.threads().is_warmth_wanted() {
            self.unload_bins(state, thread, false);
        }
        state.threads_mut().retire(thread);
        self.depot.serve(state.threads().traders());
    }

    /// Retires the structures of at most `most` threads that a fork left behind, empty.
    #[inline(never)]
    pub(super) fn recover(&self, state: &mut State, most: usize) {
        for _ in 0..most {
            let Some(orphan) = state.threads_mut().take_orphan() else { return };
            if !orphan.close() {
                self.unload_bins(state, orphan, true);
            }
            let at = core::ptr::from_ref(orphan).cast_mut().cast();
            state.threads_mut().shelve(built(at, orphan.shard()));
        }
    }

    /// Looks for threads that ended without a call of the hook, and retires their structures. A number that
    /// has a new owner hides its old one until the next look. A thread that ended within a call left its
    /// bins between two states: they are lost.
    #[inline(always)]
    fn bury(&self, state: &mut State) {
        let process = thread::process();
        let mut rest = state.threads().live;
        while rest != state.threads().orphans
            && let Some(thread) = one(rest)
        {
            rest = thread.next.get();
            let number = thread.number.get();
            // The process is asked for each time: a signal handler may fork meanwhile.
            if number != 0 && process == state.threads().process && thread::is_gone(process, number) {
                thread.number.set(0);
                if !thread.close() {
                    thread.open();
                    self.retire(state, thread);
                }
            }
        }
        let threads = state.threads_mut();
        threads.seen = threads.alive;
    }
}
