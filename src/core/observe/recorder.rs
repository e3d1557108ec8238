//! Writes a trace while the program runs, from its first call to its last instruction.
//!
//! ```text
//!   file     │ window │ window │ window          64 KiB at first, then twice as large, up to 1 MiB
//!                              ▲ mapped: a slot is taken by moving `next`, then filled
//! ```
//!
//! A slot that is filled is the file's, whatever becomes of the process: a signal, an exec, `_exit`
//! lose nothing, and there is nothing to flush.
//!
//! - **Q1** One thread records at a time: the holder of the recorder's own lock, or a signal handler
//!   that interrupted it. A handler takes slots behind the one that was being filled. The holder
//!   waits for no other lock.
//! - **Q2** The window of a slot that is being filled stays mapped: only the outermost call of a
//!   thread gives windows back.
//! - **Q3** In a forked process all of [`Live`] is zero: it begins a file of its own and never
//!   writes into its parent's.

use core::cell::Cell;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, compiler_fence};

use super::place::{self, Path};
use super::pulse::Pulse;
use super::report::Process;
use super::trace::{CHUNK_HEAD, Chunk, FILE_HEAD, Kind, Maker, SLOT, Slot, file_head};
use crate::os::out::complain;
use crate::os::turn::Turn;
use crate::os::window::{self, Identity, Open, Refusal};
use crate::os::{PAGE, clock, file, thread};

/// The first and the largest window.
const FIRST_WINDOW: usize = 64 << 10;
const LARGEST_WINDOW: usize = 1 << 20;

/// Most slots between two stamps.
const STAMP_EVERY: u64 = 4096;

/// Most files with one name and different numbers.
const MOST_NUMBERS: u32 = 100_000;

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
    /// Calls of this recorder that are under way, one inside the other.
    depth: Cell<u32>,
    /// The number of the next slot.
    next: AtomicU64,
    /// The numbers of the window's first slot and of the one behind its last.
    first: AtomicU64,
    end: AtomicU64,
    /// The first slot.
    slots: AtomicPtr<u8>,
    /// The window.
    window: Cell<*mut u8>,
    window_len: Cell<usize>,
    /// Bytes of the file.
    size: Cell<usize>,
    /// The slot at which a stamp is due.
    stamp_at: Cell<u64>,
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

/// What is to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// What it is.
    pub kind: Kind,
    /// The alignment asked for.
    pub align: usize,
    /// Bytes wanted.
    pub len: usize,
    /// The block; for a realloc, where it was.
    pub address: usize,
    /// For a realloc, where the block is now.
    pub moved_to: usize,
}

impl Call {
    /// A call without an alignment.
    pub const fn of(kind: Kind, address: usize, len: usize) -> Self {
        Self { kind, align: 1, len, address, moved_to: address }
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
        live.depth.set(0);
        live.window_len.set(0);
        live.size.set(0);
        live.stamp_at.set(0);
        live.pulse.forget();
        self.enter_stage(Stage::Fresh);
    }

    /// Begins the file of this process; whether there is one now. A process that `is_heir` was
    /// forked by one that recorded.
    pub fn begin(&self, is_heir: bool) -> bool {
        let _turn = self.live.turn.enter();
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
            self.kept.identity.set(window::identity(open.fd).ok_or(window::NO_FILE)?);
            self.kept.open.set(open);
            self.add_window(FIRST_WINDOW)
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
            self.stamp();
        }
        self.is_on()
    }

    /// Writes down a call.
    pub fn record(&self, call: &Call) {
        if !self.is_on() {
            return;
        }
        let _turn = self.live.turn.enter();
        // A handler that comes in between leaves it as it was.
        let depth = &self.live.depth;
        depth.set(depth.get() + 1);
        compiler_fence(Ordering::SeqCst);
        let moves = call.kind == Kind::Resize && call.moved_to != call.address;
        if let Some((number, place)) = self.reserve(if moves { 2 } else { 1 }) {
            let thread = thread::number();
            let slot = Slot {
                kind: call.kind,
                align_log: call.align.trailing_zeros() as u8,
                thread,
                ticks: self.live.pulse.ticks(thread),
                len: call.len as u64,
                address: call.address as u64,
            };
            fill(place, &slot);
            if moves {
                let moved = Slot { kind: Kind::Moved, address: call.moved_to as u64, ..slot };
                fill(place.wrapping_add(SLOT), &moved);
            }
            if number >= self.live.stamp_at.get() {
                self.stamp();
            }
        }
        compiler_fence(Ordering::SeqCst);
        depth.set(depth.get() - 1);
    }

    /// Writes down what the clock says at this tick.
    pub fn stamp(&self) {
        if !self.is_on() {
            return;
        }
        let _turn = self.live.turn.enter();
        let Some((number, place)) = self.reserve(1) else { return };
        self.live.stamp_at.set(number + (number + 16).min(STAMP_EVERY));
        let before = thread::ticks();
        let now = clock::nanoseconds();
        let ticks = before + thread::ticks().wrapping_sub(before) / 2;
        self.live.pulse.forget();
        fill(
            place,
            &Slot { kind: Kind::Stamp, align_log: 0, thread: thread::number(), ticks, len: now, address: 0 },
        );
    }

    /// Takes `count` slots in a row: the number of the first, and its place.
    #[inline]
    fn reserve(&self, count: u64) -> Option<(u64, *mut u8)> {
        let live = &self.live;
        loop {
            let number = live.next.load(Ordering::Relaxed);
            if number + count > live.end.load(Ordering::Relaxed) {
                self.extend(count)?;
                continue;
            }
            let within = number.wrapping_sub(live.first.load(Ordering::Relaxed)) as usize * SLOT;
            let place = live.slots.load(Ordering::Relaxed).wrapping_add(within);
            // A handler that came in between has moved `next`, and perhaps the window: then again.
            // SAFETY: [Q1]
            if unsafe { thread::exchange_alone(live.next.as_ptr(), number, number + count) } {
                return Some((number, place));
            }
        }
    }

    /// Another window, with room for `count` slots.
    #[cold]
    #[inline(never)]
    fn extend(&self, count: u64) -> Option<()> {
        let live = &self.live;
        let extended = window::undisturbed(|| {
            if live.next.load(Ordering::Relaxed) + count <= live.end.load(Ordering::Relaxed) || !self.is_on()
            {
                return Ok(());
            }
            self.add_window(live.size.get().min(LARGEST_WINDOW))
        });
        if let Err(refusal) = extended {
            self.enter_stage(Stage::Off);
            self.complain(refusal);
        }
        self.is_on().then_some(())
    }

    /// Appends and maps a window of `len` bytes.
    fn add_window(&self, len: usize) -> Result<(), Refusal> {
        let live = &self.live;
        let open = self.opened()?;
        let size = live.size.get();
        let window =
            window::append_zeros(open.fd, self.zeros(), len).and_then(|()| window::map(open.fd, size, len));
        if !open.stays {
            window::close(open.fd);
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
        live.slots.store(window.wrapping_add(lead + CHUNK_HEAD), Ordering::Relaxed);
        live.next.store(first, Ordering::Relaxed);
        live.first.store(first, Ordering::Relaxed);
        live.end.store(first + u64::from(chunk.events), Ordering::Relaxed);
        if old_len > 0 && live.depth.get() <= 1 {
            // SAFETY: [Q2]
            unsafe { window::unmap(old, old_len) };
        }
        Ok(())
    }

    /// The last page of the recorder's memory, which stays as it came.
    fn zeros(&self) -> *const u8 {
        core::ptr::from_ref(self).cast::<u8>().wrapping_add(BYTES - PAGE)
    }

    /// The file, still ours or opened again ([D2](crate::os::window)).
    fn opened(&self) -> Result<Open, Refusal> {
        let open = self.kept.open.get();
        let ours = self.kept.identity.get();
        if open.fd >= 0 && window::identity(open.fd) == Some(ours) {
            return Ok(open);
        }
        self.with_path(|path| {
            let open = window::open(place::as_path(path).ok_or(window::NO_FILE)?, false)?;
            if window::identity(open.fd) != Some(ours) {
                window::close(open.fd);
                return Err(window::NO_FILE);
            }
            self.kept.open.set(open);
            Ok(open)
        })
    }

    /// Closes the file that the parent of this process opened, if it still is that file.
    fn drop_file(&self) {
        let open = self.kept.open.replace(Open { fd: -1, stays: false });
        if open.fd >= 0 && window::identity(open.fd) == Some(self.kept.identity.get()) {
            window::close(open.fd);
        }
    }

    /// A new file by the pattern: a name that is taken gets the next number.
    fn create(&self, process: Process<'_>) -> Result<Open, Refusal> {
        let bytes = self.kept.pattern.get();
        let pattern = bytes.get(..self.kept.pattern_len.get()).unwrap_or_default();
        let numbered = place::is_numbered(pattern);
        let mut last = window::IN_USE;
        for sequence in 0..MOST_NUMBERS {
            let mut path = Path::new();
            if pattern.first() != Some(&b'/') {
                let mut folder = [0; 256];
                let len = window::current_folder(&mut folder).ok_or(window::NO_FILE)?;
                path.push(folder.get(..len).unwrap_or_default());
                path.push(b"/");
            }
            let name = place::expand(pattern, process, sequence);
            path.push(name.bytes().strip_suffix(&[0]).ok_or(window::TOO_LONG)?);
            if !numbered && sequence > 0 {
                let _ = core::fmt::Write::write_fmt(&mut path, format_args!(".{sequence}"));
            }
            path.push(&[0]);
            let opened = window::open(place::as_path(&path).ok_or(window::TOO_LONG)?, true);
            self.kept.path.set(path);
            match opened {
                Err(window::IN_USE) => last = window::IN_USE,
                other => return other,
            }
        }
        Err(last)
    }

    fn with_path<T>(&self, run: impl FnOnce(&Path) -> T) -> T {
        let path = self.kept.path.replace(Path::new());
        let out = run(&path);
        self.kept.path.set(path);
        out
    }

    /// One line, if stderr is still the one that it was.
    fn complain(&self, refusal: Refusal) {
        let stderr = self.kept.stderr.get();
        if stderr.is_none() || stderr != window::identity(2) {
            return;
        }
        self.with_path(|path| {
            let name = place::as_path(path).and_then(|path| path.to_str().ok()).unwrap_or("?");
            let why = window::words(refusal);
            complain(format_args!("cannot write the trace {name}: {why}; the program runs on without it"));
        });
    }
}

/// Fills the slot at `place`, the word with its kind last ([W2](super::trace)).
#[inline]
fn fill(place: *mut u8, slot: &Slot) {
    let words = slot.words();
    let place = place.cast::<u64>();
    // SAFETY: [Q2]: a slot that was taken, of this window.
    unsafe { place.wrapping_add(1).copy_from_nonoverlapping(words[1..].as_ptr(), words.len() - 1) };
    // SAFETY: as above; slots are aligned.
    let first = unsafe { AtomicU64::from_ptr(place) };
    first.store(words[0], Ordering::Release);
}
