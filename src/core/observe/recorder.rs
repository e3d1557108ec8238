//! Writes a trace while the program runs, from its first call to its last instruction.
//!
//! ```text
//!   file     │ window │ window │ window          64 KiB at first, then twice as large, up to 1 MiB
//!                              ▲ mapped: words are taken by moving `next`, then written
//! ```
//!
//! A word that is written is the file's, whatever becomes of the process: a signal, an exec, `_exit`
//! lose nothing, and there is nothing to flush.
//!
//! - **Q1** One thread records at a time: the holder of the recorder's own lock, or a signal handler
//!   that interrupted it. A handler takes words behind those that were being written. The holder
//!   waits for no other lock.
//! - **Q2** The window of a word that is being written stays mapped: only the outermost call of a
//!   thread gives windows back.
//! - **Q3** In a forked process all of [`Live`] is zero: it begins a file of its own and never
//!   writes into its parent's.
//! - **Q4** A window says by itself of which thread and of what time its calls are: its first call has
//!   words for both. While one thread is the turn's favourite, all calls are its own.

mod path;

use core::cell::Cell;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use super::place::Path;
use super::pulse::Pulse;
use super::report::Process;
use super::trace::{CHUNK_HEAD, Call, Chunk, FILE_HEAD, Kind, MOST_WORDS, Maker, WORD, file_head};
use crate::os::refusal::{self, Refusal};
use crate::os::turn::Turn;
use crate::os::window::{self, Identity, Open};
use crate::os::{PAGE, clock, file, thread};

/// The first and the largest window.
const FIRST_WINDOW: usize = 64 << 10;
const LARGEST_WINDOW: usize = 1 << 20;

/// Most words between two stamps.
const STAMP_EVERY: u64 = 4096;

/// What a recorder is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing yet: new, or forked ([Q3](self)).
    Fresh = 0,
    /// Writing.
    On = 1,
    /// It has nothing to write, or could not go on.
    Off = 2,
}

/// What a forked process finds zero.
#[repr(C, align(4096))]
struct Live {
    stage: AtomicU32,
    /// Who records.
    turn: Turn,
    /// The number of the next word.
    next: AtomicU64,
    /// The numbers of the window's first word and of the one behind its last.
    first: AtomicU64,
    end: AtomicU64,
    /// The first word.
    words: AtomicPtr<u8>,
    /// The window.
    window: Cell<*mut u8>,
    window_len: Cell<usize>,
    /// Bytes of the file.
    size: Cell<usize>,
    /// The word at which a stamp is due.
    stamp_at: Cell<u64>,
    /// What the window said last ([Q4](self)); 0 before it has said anything.
    thread: Cell<u32>,
    ticks: Cell<u64>,
    /// The processor's counter.
    pulse: Pulse,
}

/// What a forked process keeps.
#[repr(C)]
struct Kept {
    pattern: Cell<[u8; 256]>,
    pattern_len: Cell<usize>,
    only_children_of: Cell<u32>,
    open: Cell<Open>,
    identity: Cell<Identity>,
    /// Where complaints went at the start.
    stderr: Cell<Option<Identity>>,
    path: Cell<Path>,
}

/// The recorder of a process.
#[repr(C)]
pub struct Recorder {
    live: Live,
    kept: Kept,
}

const BYTES: usize = size_of::<Recorder>().next_multiple_of(PAGE) + PAGE;

impl Live {
    /// The place of the word `number`, if the window has room for any call from there on.
    #[inline]
    fn place_of(&self, number: u64) -> Option<*mut u8> {
        let within = number.wrapping_sub(self.first.load(Ordering::Relaxed)) as usize * WORD;
        let place = self.words.load(Ordering::Relaxed).wrapping_add(within);
        (number + MOST_WORDS as u64 <= self.end.load(Ordering::Relaxed)).then_some(place)
    }

    /// Whether the window has room for another call.
    fn has_room(&self) -> bool {
        self.place_of(self.next.load(Ordering::Relaxed)).is_some()
    }
}

impl Recorder {
    /// A recorder that will write to the file of `pattern`; `None` if there is no memory for it.
    pub fn new(pattern: &[u8], only_children_of: u32) -> Option<&'static Self> {
        let at = window::map_wiped(BYTES, size_of::<Live>())?;
        // SAFETY: new, zero, large enough and never given back; all fields may be zero.
        let this: &'static Self = unsafe { &*at.cast() };
        let mut bytes = [0; 256];
        bytes.iter_mut().zip(pattern).for_each(|(place, byte)| *place = *byte);
        this.kept.pattern.set(bytes);
        this.kept.pattern_len.set(pattern.len());
        this.kept.only_children_of.set(only_children_of);
        this.kept.open.set(Open { fd: -1, stays: false });
        this.kept.stderr.set(window::identity(2));
        Some(this)
    }

    /// Whether it has not begun yet in this process.
    #[inline]
    pub fn is_fresh(&self) -> bool {
        self.stage() == Stage::Fresh
    }

    /// Whether it writes.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.stage() == Stage::On
    }

    /// Whether this thread records just now: then a signal handler asks.
    #[inline]
    pub fn is_mine(&self) -> bool {
        self.live.turn.is_mine()
    }

    /// The first byte of the part of the file that is mapped, and one past its last.
    pub fn window(&self) -> (usize, usize) {
        let start = self.live.window.get().addr();
        (start, start + self.live.window_len.get())
    }

    fn stage(&self) -> Stage {
        match self.live.stage.load(Ordering::Acquire) {
            0 => Stage::Fresh,
            1 => Stage::On,
            _ => Stage::Off,
        }
    }

    fn enter_stage(&self, stage: Stage) {
        self.live.stage.store(stage as u32, Ordering::Release);
    }

    /// Forgets what the parent was writing: in the child of a fork, where the system did not.
    ///
    /// # Safety
    ///
    /// This process is the child, and has no other thread yet.
    pub unsafe fn forget(&self) {
        let live = &self.live;
        // SAFETY: the caller's promise.
        unsafe { live.turn.inherit() };
        live.end.store(0, Ordering::Relaxed);
        live.next.store(0, Ordering::Relaxed);
        live.first.store(0, Ordering::Relaxed);
        live.window_len.set(0);
        live.size.set(0);
        live.stamp_at.set(0);
        live.thread.set(0);
        live.ticks.set(0);
        live.pulse.forget();
        self.enter_stage(Stage::Fresh);
    }

    /// Begins the file of this process; whether there is one now. A process that `is_heir` was
    /// forked by one that recorded.
    pub fn begin(&self, is_heir: bool) -> bool {
        let turn = self.live.turn.enter();
        let parent = window::parent();
        let only = self.kept.only_children_of.get();
        self.enter_stage(Stage::Off);
        self.drop_file();
        thread::ask_number();
        if only != 0 && only != parent {
            return false;
        }
        let mut name = [0; 16];
        let len = file::command(&mut name);
        let process = Process { pid: file::pid(), command: name.get(..len).unwrap_or_default() };
        let began = window::undisturbed(|| {
            let open = self.create(process)?;
            self.kept.identity.set(window::identity(open.fd).ok_or(refusal::NO_FILE)?);
            self.kept.open.set(open);
            let begun = self.add_window(FIRST_WINDOW, true);
            if begun.is_err() {
                self.remove_file();
            }
            begun
        });
        match began {
            Ok(()) => self.enter_stage(Stage::On),
            Err(refusal) => self.complain(refusal),
        }
        if self.is_on() {
            let start = clock::since_1970();
            let heir_of = if is_heir { parent } else { 0 };
            let head =
                file_head(&Maker { pid: process.pid as u32, heir_of, start, command: process.command });
            // SAFETY: [Q1]: the window is mapped, and its first bytes are the head's.
            unsafe { self.live.window.get().copy_from_nonoverlapping(head.as_ptr(), head.len()) };
            self.stamp_within(turn.is_some());
        }
        self.is_on()
    }

    /// Writes down a call.
    #[inline]
    pub fn record(&self, call: &Call) {
        if !call.word().is_some_and(|word| self.record_quickly(word)) {
            self.record_carefully(call);
        }
    }

    /// Writes down a call of one word, if the window knows all else of it and the thread need not wait: such
    /// are most of them where they are many.
    #[inline(never)]
    fn record_quickly(&self, word: u64) -> bool {
        let live = &self.live;
        let Some(_favour) = live.turn.enter_favoured() else { return false };
        let number = live.next.load(Ordering::Relaxed);
        // The thread is the favourite, and so that of the last reading ([Q4](self)).
        if !live.pulse.serves(number) {
            return false;
        }
        let Some(mut place) = live.place_of(number) else { return false };
        // SAFETY: [Q1]
        let taken = unsafe { thread::exchange_alone(live.next.as_ptr(), number, number + 1) };
        if taken {
            put(&mut place, word);
        }
        taken
    }

    #[inline(never)]
    fn record_carefully(&self, call: &Call) {
        if !self.is_on() {
            return;
        }
        let turn = self.live.turn.enter();
        let thread = thread::number();
        let ticks = self.live.pulse.ticks(thread, self.live.next.load(Ordering::Relaxed));
        let Some((number, mut place)) = self.reserve(thread, ticks, call.words(), turn.is_some()) else {
            return;
        };
        call.each_word(|word| put(&mut place, word));
        if number >= self.live.stamp_at.get() {
            self.stamp_within(turn.is_some());
        }
    }

    /// Writes down what the clock says at this tick.
    pub fn stamp(&self) {
        if self.is_on() {
            let turn = self.live.turn.enter();
            self.stamp_within(turn.is_some());
        }
    }

    fn stamp_within(&self, is_outermost: bool) {
        let before = thread::ticks();
        let now = clock::nanoseconds();
        let ticks = before + thread::ticks().wrapping_sub(before) / 2;
        self.live.pulse.forget();
        let Some((number, mut place)) = self.reserve(thread::number(), ticks, 1, is_outermost) else {
            return;
        };
        self.live.stamp_at.set(number + (number + 16).min(STAMP_EVERY));
        put(&mut place, Kind::Stamp.word(now));
    }

    /// Takes `count` words in a row for what `thread` does at `ticks`, behind those that say so: the number
    /// of the first word, and the place of those that are to be written.
    #[inline]
    fn reserve(&self, thread: u32, ticks: u64, count: u64, is_outermost: bool) -> Option<(u64, *mut u8)> {
        let live = &self.live;
        loop {
            let number = live.next.load(Ordering::Relaxed);
            let Some(mut place) = live.place_of(number) else {
                self.extend(is_outermost)?;
                continue;
            };
            let (other_thread, other_ticks) = (live.thread.get() != thread, live.ticks.get() != ticks);
            let behind = number + u64::from(other_thread) + u64::from(other_ticks) + count;
            // A handler that came in between has moved `next`, and perhaps the window: then again.
            // SAFETY: [Q1]
            if !unsafe { thread::exchange_alone(live.next.as_ptr(), number, behind) } {
                continue;
            }
            if other_thread {
                put(&mut place, Kind::Thread.word(thread.into()));
                live.thread.set(thread);
            }
            if other_ticks {
                put(&mut place, Kind::Ticks.word(ticks));
                live.ticks.set(ticks);
            }
            return Some((number, place));
        }
    }

    /// Another window, with room for any call.
    #[cold]
    #[inline(never)]
    fn extend(&self, is_outermost: bool) -> Option<()> {
        let live = &self.live;
        let extended = window::undisturbed(|| {
            if live.has_room() || !self.is_on() {
                return Ok(());
            }
            self.add_window(live.size.get().min(LARGEST_WINDOW), is_outermost)
        });
        if let Err(refusal) = extended {
            self.enter_stage(Stage::Off);
            self.complain(refusal);
        }
        self.is_on().then_some(())
    }

    /// Appends and maps a window of `len` bytes.
    fn add_window(&self, len: usize, is_outermost: bool) -> Result<(), Refusal> {
        let live = &self.live;
        let open = self.opened()?;
        let size = live.size.get();
        let window =
            window::append_zeros(open.fd, self.zeros(), len).and_then(|()| window::map(open.fd, size, len));
        if !open.stays {
            file::close(open.fd);
            self.kept.open.set(Open { fd: -1, stays: false });
        }
        let window = window?;
        let lead = if size == 0 { FILE_HEAD } else { 0 };
        let first = live.end.load(Ordering::Relaxed);
        let chunk = Chunk::raw(len - lead, first);
        let head = chunk.head();
        // SAFETY: the window is new and longer than its heads.
        unsafe { window.wrapping_add(lead).copy_from_nonoverlapping(head.as_ptr(), head.len()) };
        let old = live.window.replace(window);
        let old_len = live.window_len.replace(len);
        live.size.set(size + len);
        live.words.store(window.wrapping_add(lead + CHUNK_HEAD), Ordering::Relaxed);
        live.thread.set(0);
        live.ticks.set(0);
        live.next.store(first, Ordering::Relaxed);
        live.pulse.forget();
        live.first.store(first, Ordering::Relaxed);
        live.end.store(first + u64::from(chunk.events), Ordering::Relaxed);
        if old_len > 0 && is_outermost {
            // SAFETY: [Q2]
            unsafe { window::unmap(old, old_len) };
        }
        Ok(())
    }

    /// The last page of the recorder's memory, which stays as it came.
    fn zeros(&self) -> *const u8 {
        core::ptr::from_ref(self).cast::<u8>().wrapping_add(BYTES - PAGE)
    }
}

/// Writes a word at `place`, which moves on behind it ([W2](super::trace)).
#[inline]
fn put(place: &mut *mut u8, word: u64) {
    // SAFETY: [Q2]: a word that was taken, of this window; words are aligned.
    let at = unsafe { AtomicU64::from_ptr(place.cast()) };
    at.store(word.to_le(), Ordering::Release);
    *place = place.wrapping_add(WORD);
}
