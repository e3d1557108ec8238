//! A turn: a lock that is given back by a plain store, and taken by one where one thread takes it all
//! the time.
//!
//! ```text
//!   word      0 free │ owner, frame           a waiter looks ─► sleeps a little, and looks again
//!   favours   nobody │ owner, place
//!                ▲ 1024 turns in a row, if a place is left for the thread
//!   places    owner ──► 0 │ asks │ inside, frame
//!                              ▲ waited for by whoever takes the word, after a barrier in all threads
//! ```
//!
//! Nobody has to be woken: so leaving costs nothing, half of what [`super::lock`] costs. It suits
//! work that is done millions of times and hardly ever waited for. A locked instruction waits until all
//! that was read and written before is there: a thread whose memory is not in the cache loses by that
//! several times what the instruction itself costs. The favourite needs none.
//!
//! - **L3** A thread never waits for its own turn: [`Turn::enter`] says `None` then, to a signal
//!   handler that interrupted it. Where the frame that took the turn is gone, the thread gives it back.
//! - **L4** Waiters end up asleep for a moment at a time: one of a higher priority does not keep the
//!   holder from going on.
//! - **L5** Who takes the word goes on only when nobody is the favourite, and the last one is outside: the
//!   favourite asks before it looks whether it still is the favourite, and the other one takes the favour
//!   back before it looks whether somebody asks or is inside. Of these four steps the barrier keeps the order.
//!   A handler that interrupted him before he could go on waits in his stead.
//! - **L6** A place is one thread's for good: what it writes there late, when others have been favourites since,
//!   meets nobody. A handler that finds its thread asking withdraws that.

mod place;

use core::cell::Cell;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering, compiler_fence};

use super::frame::Frame;
use super::{call, thread};
use place::{FREE, Place};

/// Nobody's favour.
const NOBODY: u64 = 0;

/// Nobody's favour, while its last owner may be inside. No thread has this number: theirs are odd.
const LEAVING: u64 = 2 << 32;

/// Threads that can become favourites in the life of a process; the others take the word.
const PLACES: usize = 64;

/// How often to look again before sleeping.
const SPINS: u32 = 400;

/// Turns in a row that make a favourite: to take its favour back costs as much as some hundred turns.
const STREAK: u32 = 1024;

/// The running thread, in half a word: a product of its whole pointer, so that no regular distance of stacks
/// makes two threads one.
#[inline]
fn me() -> u32 {
    (thread::pointer().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32 | 1
}

/// Who may go on. Zero is a free one.
pub struct Turn {
    /// Who has taken it, and in which frame.
    word: AtomicU64,
    /// Who need not take the word, and its place.
    favours: AtomicU64,
    /// The place of the last favourite.
    favoured: AtomicUsize,
    /// Who took the word last, and how often in a row.
    last: Cell<u32>,
    streak: Cell<u32>,
    places: [Place; PLACES],
}

/// The right to go on; leaving scope gives it back.
pub struct Mine<'a> {
    /// The word that says so.
    held: &'a AtomicU64,
}

impl<'a> Mine<'a> {
    #[inline(always)]
    const fn new(held: &'a AtomicU64) -> Self {
        Self { held }
    }
}

impl Turn {
    /// Waits for the turn; `None` if this very thread has it ([L3](self)).
    #[inline]
    pub fn enter(&self) -> Option<Mine<'_>> {
        self.enter_favoured().or_else(|| self.enter_by_word())
    }

    /// The turn, if this thread is the favourite and has not got it.
    #[inline]
    pub fn enter_favoured(&self) -> Option<Mine<'_>> {
        let favour = self.favours.load(Ordering::Relaxed);
        if owner(favour) != me() {
            return None;
        }
        let place = self.place(favour as usize);
        let frame = place.ask()?;
        // [L5]: the processor may turn these round, but for the barrier.
        compiler_fence(Ordering::SeqCst);
        if self.favours.load(Ordering::Acquire) == favour {
            place.go_inside(frame).map(Mine::new)
        } else {
            place.withdraw();
            None
        }
    }

    #[inline(never)]
    fn enter_by_word(&self) -> Option<Mine<'_>> {
        let me = me();
        if self.has(me) || !(self.take(me) || self.wait(me)) {
            return None;
        }
        self.await_favourite(me);
        let streak = if self.last.replace(me) == me { self.streak.get() + 1 } else { 0 };
        self.streak.set(streak % STREAK);
        if streak == STREAK
            && let Some(mine) = self.become_favourite(me)
        {
            return Some(mine);
        }
        // Not before: a second right to the word that is dropped frees what another thread has by now.
        Some(Mine::new(&self.word))
    }

    /// Whether `me` has the turn ([L3](self)). Then a signal handler asks: it may go on at once.
    fn has(&self, me: u32) -> bool {
        if let Some(place) = self.own_place(me) {
            place.withdraw();
            if place.inside().is_some_and(is_kept) {
                return true;
            }
        }
        let has_word = owner(self.word.load(Ordering::Relaxed)) == me && is_kept(&self.word);
        if has_word {
            // The frame that took it may not have waited yet.
            self.await_favourite(me);
        }
        has_word
    }

    /// From now on `me`, who has the word, is the favourite; it goes on inside, without the word.
    #[cold]
    #[inline(never)]
    fn become_favourite(&self, me: u32) -> Option<Mine<'_>> {
        let of = |thread: u32| self.places.iter().position(|place| place.is_of(thread));
        let at = of(me).or_else(|| of(0))?;
        if !thread::enable_barrier() {
            return None;
        }
        let place = self.place(at);
        place.give_to(me);
        self.favoured.store(at, Ordering::Relaxed);
        // Before anybody can know of the favour: a handler that comes in between finds the turn taken.
        let turn = place.ask().and_then(|frame| place.go_inside(frame)).map(Mine::new)?;
        self.favours.store(u64::from(me) << 32 | at as u64, Ordering::Relaxed);
        self.word.store(FREE, Ordering::Release);
        Some(turn)
    }

    /// Takes the favour back, if anybody has it, and waits until he is outside ([L5](self)); `me` has the word.
    #[inline]
    fn await_favourite(&self, me: u32) {
        if self.favours.load(Ordering::Relaxed) != NOBODY {
            self.disfavour(me);
        }
    }

    #[cold]
    #[inline(never)]
    fn disfavour(&self, me: u32) {
        let last = self.place(self.favoured.load(Ordering::Relaxed));
        if !last.is_of(me) {
            // Not yet nobody: who comes in between, or after a frame that is gone, has to wait as well.
            self.favours.store(LEAVING, Ordering::Relaxed);
            if !thread::barrier() {
                // Forbidden meanwhile. A store does not take that long to be seen.
                call::doze();
            }
            let mut round = 0u32;
            while !last.is_quiet() {
                pause(&mut round);
            }
        }
        self.favours.store(NOBODY, Ordering::Relaxed);
    }

    /// Whether this thread has the turn, or asks for it as the favourite.
    #[inline]
    pub fn is_mine(&self) -> bool {
        let me = me();
        owner(self.word.load(Ordering::Relaxed)) == me
            || self.own_place(me).is_some_and(|place| !place.is_quiet())
    }

    /// The place of the last favourite, if `me` was it: while it is inside, nobody else becomes one.
    #[inline]
    fn own_place(&self, me: u32) -> Option<&Place> {
        let last = self.place(self.favoured.load(Ordering::Relaxed));
        last.is_of(me).then_some(last)
    }

    #[inline(always)]
    fn place(&self, at: usize) -> &Place {
        &self.places[at % PLACES]
    }

    #[inline]
    fn take(&self, me: u32) -> bool {
        self.word.compare_exchange(FREE, claim(me), Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Whether the turn came; not for its holder.
    #[cold]
    #[inline(never)]
    fn wait(&self, me: u32) -> bool {
        let mut round = 0u32;
        loop {
            let now = self.word.load(Ordering::Relaxed);
            if owner(now) == me {
                return false;
            }
            if now == FREE && self.take(me) {
                return true;
            }
            pause(&mut round);
        }
    }

    /// Frees the turn in the child of a fork if a thread has it that was left behind.
    ///
    /// # Safety
    ///
    /// This process is the child, and has no other thread yet.
    pub unsafe fn inherit(&self) {
        let me = me();
        if owner(self.word.load(Ordering::Relaxed)) != me {
            self.word.store(FREE, Ordering::Relaxed);
        }
        self.places.iter().filter(|place| !place.is_of(me)).for_each(Place::clear);
        if owner(self.favours.load(Ordering::Relaxed)) != me {
            self.favours.store(NOBODY, Ordering::Relaxed);
        }
    }
}

/// What `me` writes into a word to have the turn.
#[inline(always)]
fn claim(me: u32) -> u64 {
    u64::from(me) << 32 | u64::from(Frame::here().bits())
}

/// Who has the turn by what stands in a word.
#[inline(always)]
const fn owner(word: u64) -> u32 {
    (word >> 32) as u32
}

/// Whether the frame that wrote `held` is there; the turn of one that is gone is given back ([L3](self)).
fn is_kept(held: &AtomicU64) -> bool {
    let is_gone = Frame::of(held.load(Ordering::Relaxed) as u32).is_gone();
    if is_gone {
        held.store(FREE, Ordering::Release);
    }
    !is_gone
}

/// Lets the holder go on, for longer with every round.
fn pause(round: &mut u32) {
    *round += 1;
    if *round < SPINS {
        core::hint::spin_loop();
    } else {
        call::doze();
        *round = SPINS;
    }
}

impl Drop for Mine<'_> {
    #[inline]
    fn drop(&mut self) {
        self.held.store(FREE, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
