//! The depot: full and empty magazines of each class, exchanged whole.
//!
//! ```text
//!   thread ─► its shard ─► shelf[class]  full, empty     nothing there? the other shards, one by one
//! ```
//!
//! A hundred objects change hands for two lock operations and not one cache miss on an object. Each
//! thread has a shard of its own, as long as there are no more threads than shards: it finds again what
//! it gave, and neither locks nor objects wander between processors. What nobody wanted for a while
//! goes back to its rooms (the working set of Bonwick and Adams 2001).
//!
//! - **D1** A shard is opened by the holder of the allocator's lock, and is never closed.

use core::iter;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::magazine::{Format, Magazine, Stack};
use crate::os::lock::Lock;
use crate::slab::class::{self, CLASSES};

/// Shards of the depot.
pub const SHARDS: usize = 8;

/// The magazines of one class.
struct Shelf {
    full: Stack,
    empty: Stack,
    /// The fewest full magazines since the last tick: so many were not needed.
    idle: usize,
}

// SAFETY: a shelf owns its magazines.
unsafe impl Send for Shelf {}

impl Shelf {
    /// Without magazines.
    const EMPTY: Self = Self { full: Stack::EMPTY, empty: Stack::EMPTY, idle: 0 };
}

/// The shelves of some threads, a lock each.
#[repr(C, align(64))]
pub struct Shard {
    /// Bytes in full magazines.
    resting: AtomicUsize,
    /// Of these, bytes of small objects.
    small: AtomicUsize,
    /// The one that was opened before.
    next: *const Shard,
    shelves: [Lock<Shelf>; CLASSES],
}

/// All shards that are open. Every visit reads it: it shares no line with what is written more often.
#[repr(align(64))]
pub struct Depot {
    shards: [AtomicPtr<Shard>; SHARDS],
    /// The one that was opened last; from it the others are reached.
    last: AtomicPtr<Shard>,
    /// How many there are.
    open: AtomicUsize,
    /// Bytes that full magazines may hold.
    budget: AtomicUsize,
    /// Bytes of small objects that full magazines of a shard may hold.
    small_budget: AtomicUsize,
    /// Threads that allocate or free much.
    threads: AtomicUsize,
}

impl Shard {
    /// A full magazine of `class` for an empty one, or for null.
    #[inline(never)]
    fn take(&self, class: usize, empty: *mut Magazine) -> Option<*mut Magazine> {
        if self.resting.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut shelf = self.shelves[class].enter()?;
        let full = shelf.full.pop()?;
        shelf.idle = shelf.idle.min(shelf.full.count);
        if !empty.is_null() {
            shelf.empty.push(empty);
        }
        self.count_out(class, full);
        Some(full)
    }

    /// Counts a full magazine of `class` with so many bytes that comes.
    fn count_in(&self, class: usize, bytes: usize) {
        self.counters(class).for_each(|counter| _ = counter.fetch_add(bytes, Ordering::Relaxed));
    }

    /// Counts one that has gone.
    fn count_out(&self, class: usize, full: *mut Magazine) {
        let bytes = bytes_in(class, full);
        self.counters(class).for_each(|counter| _ = counter.fetch_sub(bytes, Ordering::Relaxed));
    }

    /// Where objects of `class` count.
    fn counters(&self, class: usize) -> impl Iterator<Item = &AtomicUsize> {
        iter::once(&self.resting).chain(is_small(class).then_some(&self.small))
    }

    fn take_idle(&self, class: usize) -> Option<*mut Magazine> {
        let mut shelf = self.shelves[class].enter()?;
        if shelf.idle == 0 {
            return None;
        }
        let full = shelf.full.pop()?;
        shelf.idle -= 1;
        self.count_out(class, full);
        Some(full)
    }
}

impl Depot {
    /// No shard at all.
    pub const EMPTY: Self = Self {
        shards: [const { AtomicPtr::new(core::ptr::null_mut()) }; SHARDS],
        last: AtomicPtr::new(core::ptr::null_mut()),
        open: AtomicUsize::new(0),
        budget: AtomicUsize::new(0),
        small_budget: AtomicUsize::new(0),
        threads: AtomicUsize::new(0),
    };

    /// Opens shard `number` in the memory at `at` ([D1](self)).
    ///
    /// # Safety
    ///
    /// `at` has the size and the alignment of a [`Shard`], is zero, which makes shelves without
    /// magazines, and is nobody else's for ever.
    pub unsafe fn open(&self, number: usize, at: *mut u8) {
        let shard: *mut Shard = at.cast();
        // SAFETY: the caller's promise.
        unsafe { (*shard).next = self.last.load(Ordering::Relaxed) };
        self.shards[number % SHARDS].store(shard, Ordering::Release);
        self.last.store(shard, Ordering::Release);
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether shard `number` is open.
    pub fn is_open(&self, number: usize) -> bool {
        self.shard(number).is_some()
    }

    /// Whether any shard is.
    #[inline]
    pub fn is_used(&self) -> bool {
        self.open.load(Ordering::Relaxed) != 0
    }

    #[inline]
    fn shard(&self, number: usize) -> Option<&Shard> {
        // SAFETY: [D1](self): null, or a shard that stays.
        unsafe { self.shards[number % SHARDS].load(Ordering::Acquire).as_ref() }
    }

    /// The shards that are open.
    fn each(&self) -> impl Iterator<Item = &Shard> {
        // SAFETY: [D1](self): null, or a shard that stays.
        let last = unsafe { self.last.load(Ordering::Acquire).as_ref() };
        // SAFETY: as above.
        core::iter::successors(last, |shard| unsafe { shard.next.as_ref() })
    }

    /// How large magazines are to get.
    #[inline]
    pub fn format(&self) -> Format {
        Format::of(self.threads.load(Ordering::Relaxed))
    }

    /// Says how many threads allocate or free much.
    pub fn serve(&self, threads: usize) {
        self.threads.store(threads, Ordering::Relaxed);
    }

    /// Sets how many bytes may rest here.
    pub fn limit(&self, bytes: usize) {
        self.budget.store(bytes, Ordering::Relaxed);
    }

    /// Sets how many bytes of small objects may rest in a shard.
    #[inline]
    pub fn limit_small(&self, bytes: usize) {
        if bytes != self.small_budget.load(Ordering::Relaxed) {
            self.small_budget.store(bytes, Ordering::Relaxed);
        }
    }

    /// Bytes in full magazines.
    #[inline(never)]
    pub fn resting(&self) -> usize {
        self.each().map(|shard| shard.resting.load(Ordering::Relaxed)).sum()
    }

    /// A full magazine of `class` for an empty one, or for null: of shard `number`, or of another one
    /// if that has none. Without a full one the empty one stays with the caller.
    pub fn take_full_for(&self, number: usize, class: usize, empty: *mut Magazine) -> Option<*mut Magazine> {
        let own = self.shard(number).and_then(|shard| shard.take(class, empty));
        own.or_else(|| self.each().find_map(|shard| shard.take(class, empty)))
    }

    /// A full magazine of `class` that nobody wanted since the last tick.
    pub fn take_idle(&self, class: usize) -> Option<*mut Magazine> {
        self.each().find_map(|shard| shard.take_idle(class))
    }

    /// Begins a new span of time for `class`: what is here now counts as idle until it is taken.
    pub fn tick(&self, class: usize) {
        for mut shelf in self.each().filter_map(|shard| shard.shelves[class].enter()) {
            shelf.idle = shelf.full.count;
        }
    }

    /// An empty magazine of `class`.
    pub fn take_empty(&self, class: usize) -> Option<*mut Magazine> {
        self.each().find_map(|shard| shard.shelves[class].enter()?.empty.pop())
    }

    /// Keeps a full magazine in shard `number`, for an empty one if there is any. If it is one too
    /// many, it comes back as the error: its objects are to go to their rooms.
    pub fn give_full(
        &self,
        number: usize,
        class: usize,
        full: *mut Magazine,
    ) -> Result<Option<*mut Magazine>, *mut Magazine> {
        let bytes = bytes_in(class, full);
        let Some(shard) = self.shard(number) else { return Err(full) };
        if !self.has_room(shard, bytes) {
            return Err(full);
        }
        let Some(mut shelf) = shard.shelves[class].enter() else { return Err(full) };
        // What comes back from here comes in the order in which it was freed, and a program that goes through what
        // it made goes from page to page. Rooms put small objects in order.
        if is_small(class) && shard.small.load(Ordering::Relaxed) >= self.small_budget.load(Ordering::Relaxed)
        {
            return Err(full);
        }
        shard.count_in(class, bytes);
        shelf.full.push(full);
        Ok(shelf.empty.pop())
    }

    /// Whether `bytes` more may rest in `shard`. Its share of the budget is asked first: the other shards
    /// need not be looked at then.
    fn has_room(&self, shard: &Shard, bytes: usize) -> bool {
        let budget = self.budget.load(Ordering::Relaxed);
        let share = budget / self.open.load(Ordering::Relaxed).max(1);
        shard.resting.load(Ordering::Relaxed) + bytes <= share || self.resting() + bytes <= budget
    }

    /// Calls `see` with the class and the address of every object in a full magazine.
    pub fn each_cached(&self, see: &mut impl FnMut(usize, *mut u8)) {
        for (class, shelf) in self.each().flat_map(|shard| shard.shelves.iter().enumerate()) {
            let Some(shelf) = shelf.enter() else { continue };
            for magazine in shelf.full.iter() {
                Magazine::objects(magazine).iter().for_each(|object| see(class, *object));
            }
        }
    }

    /// Whether `object` rests in a full magazine.
    pub fn holds(&self, object: *mut u8) -> bool {
        let mut found = false;
        self.each_cached(&mut |_, other| found |= other == object);
        found
    }

    /// Whether this thread holds one of the locks: a signal handler interrupted it.
    pub fn is_mine(&self) -> bool {
        self.each().any(|shard| shard.shelves.iter().any(Lock::is_mine))
    }

    /// Takes all locks for a fork, shard by shard and in the order of the classes, but those whose holder
    /// does not come to an end: a signal handler over him may wait for this fork. The address of the one that
    /// the thread held already, in a frame that a handler interrupted, or 0. No shard is opened
    /// meanwhile ([D1](self)).
    pub fn before_fork(&self) -> usize {
        let (mut tries, mut held) = (PATIENCE, 0);
        for shelf in self.each().flat_map(|shard| &shard.shelves) {
            if shelf.is_mine() {
                held = core::ptr::from_ref(shelf).addr();
                continue;
            }
            if let Some(guard) = shelf.enter_patiently(&mut tries) {
                core::mem::forget(guard);
            }
        }
        held
    }

    /// Gives back the locks that [`Depot::before_fork`] took: all that are this thread's but the one that it
    /// `held`. In the child, a shelf whose holder was left behind may be half changed: what was on it is
    /// given up.
    ///
    /// # Safety
    ///
    /// This thread, or the one it is a copy of, took them.
    pub unsafe fn after_fork(&self, held: usize, is_child: bool) {
        for shelf in self.each().flat_map(|shard| &shard.shelves) {
            if shelf.is_mine() {
                if core::ptr::from_ref(shelf).addr() != held {
                    // SAFETY: the caller's promise.
                    unsafe { shelf.leave() };
                }
                continue;
            }
            // SAFETY: as above; other threads are gone.
            if is_child && unsafe { shelf.inherit() } {
                // SAFETY: the child has one thread, and this lock is free.
                *unsafe { shelf.held() } = Shelf::EMPTY;
            }
        }
    }
}

/// How often a fork gives way to holders of locks.
pub const PATIENCE: u32 = 20_000;

/// The longest objects of which a page holds some, so that their order says how many pages are touched.
const LONGEST_ORDERED: usize = 512;

/// Whether objects of `class` count as small.
fn is_small(class: usize) -> bool {
    class::len_of(class) <= LONGEST_ORDERED
}

/// Bytes of the objects in a magazine of `class`.
fn bytes_in(class: usize, magazine: *mut Magazine) -> usize {
    // SAFETY: the caller owns the magazine.
    unsafe { (*magazine).count as usize * class::len_of(class) }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;

    use super::*;
    use crate::slab::class::class_of;

    /// A magazine that says it is full: nobody looks at its objects.
    fn full(class: usize) -> *mut Magazine {
        let count = (1000 / class::len_of(class)) as u32;
        Box::into_raw(Box::new(Magazine { next: core::ptr::null_mut(), count, cap: count }))
    }

    #[test]
    fn of_small_objects_a_shard_takes_so_many_and_of_others_what_the_budget_allows() {
        let depot = Box::leak(Box::new(Depot::EMPTY));
        let shard = Box::leak(Box::new(core::mem::MaybeUninit::<Shard>::zeroed()));
        // SAFETY: zero, leaked, and nobody else's.
        unsafe { depot.open(0, shard.as_mut_ptr().cast()) };
        depot.limit(10_000);
        depot.limit_small(2000);
        let (small, large) = (class_of(100), class_of(1000));

        assert!(depot.give_full(0, small, full(small)).is_ok());
        assert!((0..5).all(|_| depot.give_full(0, large, full(large)).is_ok()), "they do not count as small");
        assert!(depot.give_full(0, small, full(small)).is_ok());
        assert!(depot.give_full(0, small, full(small)).is_ok(), "less than 2000 until now");
        assert!(depot.give_full(0, small, full(small)).is_err());
        assert!(depot.take_full_for(0, small, core::ptr::null_mut()).is_some());
        assert!(depot.give_full(0, small, full(small)).is_ok(), "there is room again");
    }
}
