//! What a trace is told, and when.
//!
//! ```text
//!   malloc ─► bins at rest ─► object ─► note
//!   free   ─► bins at rest ─► note ─► back into its bin
//!   fork   ─► child: first call ─► file of its own ─► note of every block that it found
//! ```
//!
//! While a trace is written the bins of all threads rest between two calls: every call comes by the
//! slow side and is noted there, and a process that writes none pays nothing.
//!
//! - **A8** A block is noted after it was obtained, a free before the block goes back.
//! - **A9** Before a call that is to be noted takes or gives anything the recorder writes, or there is
//!   none: a forked process notes what it found first.

use core::sync::atomic::Ordering;

use super::{Allocator, State};
use crate::block::ALIGN;
use crate::cache::Thread;
use crate::engine::Kind as Piece;
use crate::observe::recorder::Recorder;
use crate::observe::trace::{Call, Kind};
use crate::os::call;
use crate::settings::Settings;

/// malloc asks. The bins know the functions of the family by numbers: so each has its own way out of
/// them, and hands over nothing on the way that stays inside.
pub(super) const PLAIN: u8 = Kind::Allocate as u8;
/// calloc asks.
pub const ZEROED: u8 = Kind::Zeroed as u8;
/// The allocator itself asks: not to be noted.
pub(super) const UNNOTED: u8 = 0;

/// Which function asks for a block, and the alignment that it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    number: u8,
    align: usize,
}

impl Wanted {
    /// The function that the bins know by `number`.
    pub const fn of(number: u8) -> Self {
        Self { number, align: 1 }
    }

    /// One of the aligned family.
    pub const fn aligned(align: usize) -> Self {
        Self { number: Kind::Aligned as u8, align }
    }

    /// What a trace calls it; `None` for one that it does not name.
    pub(super) const fn kind(self) -> Option<Kind> {
        Kind::of(self.number)
    }

    /// Null, since memory is out: with ENOMEM, but for the allocator itself, which may know another way.
    #[cold]
    pub(super) fn refused(self) -> *mut u8 {
        if self.number == UNNOTED { core::ptr::null_mut() } else { call::out_of_memory() }
    }
}

impl Allocator {
    /// Who writes the trace, if one is written.
    #[inline]
    pub(super) fn recorder(&self) -> Option<&'static Recorder> {
        // SAFETY: null, or a recorder, which is never given back.
        unsafe { self.recorder.load(Ordering::Relaxed).as_ref() }
    }

    /// Begins the trace that the settings want, before the first block.
    #[inline(always)]
    pub(super) fn start_recording(&self, state: &mut State) {
        if !state.settings().trace.bytes().is_empty() {
            self.record_by(state.settings());
        }
    }

    #[cold]
    #[inline(never)]
    fn record_by(&self, settings: &Settings) {
        let Some(recorder) = Recorder::new(settings.trace.bytes(), settings.trace_parent) else { return };
        if recorder.begin(false) {
            self.recorder.store(core::ptr::from_ref(recorder).cast_mut(), Ordering::Relaxed);
        }
    }

    /// A recorder that does not write: in a forked process it begins, with the blocks that are
    /// there; one that cannot go on is given up.
    #[cold]
    #[inline(never)]
    pub(super) fn resume_recording(&self, recorder: &Recorder, state: &mut State) {
        if !recorder.is_fresh() || !recorder.begin(true) {
            self.recorder.store(core::ptr::null_mut(), Ordering::Relaxed);
            return;
        }
        state.walk(&self.rooms, &mut |payload, len, piece| {
            if matches!(piece, Piece::Used | Piece::Mapped) {
                recorder.record(&Call::of(Kind::Inherited, payload.addr(), len));
            }
        });
    }

    /// `len` bytes at a multiple of `align`, which every block has, without the note of a malloc.
    #[inline]
    pub fn allocate_aligned_anyway(&self, len: usize, align: usize) -> *mut u8 {
        if self.recorder().is_none() {
            return self.allocate(len);
        }
        let grant = self.allocate_aligned(len, ALIGN, Wanted::aligned(align));
        grant.map_or_else(call::out_of_memory, |grant| grant.payload())
    }

    /// Whether this thread is recording: a handler that interrupted that must not wait for a lock.
    #[inline]
    pub(super) fn is_recording_here(&self) -> bool {
        self.recorder().is_some_and(Recorder::is_mine)
    }

    /// Writes with the bins closed: a handler that comes in between does without all locks.
    fn write(&self, recorder: &Recorder, call: &Call) {
        let thread = Thread::current();
        let was_closed = thread.close();
        recorder.record(call);
        if !was_closed {
            self.reopen(thread);
        }
    }

    /// Notes a call ([A8](self)).
    #[inline]
    pub(super) fn note(&self, call: &Call) {
        if let Some(recorder) = self.recorder() {
            self.write(recorder, call);
        }
    }

    /// Notes a call of a thread whose bins are closed and do not rest.
    #[inline]
    pub(super) fn note_closed(&self, call: &Call) {
        if let Some(recorder) = self.recorder() {
            recorder.record(call);
        }
    }

    /// Notes a block that was handed out for `len` bytes.
    #[inline]
    pub(super) fn note_block(&self, wanted: Wanted, len: usize, payload: *mut u8) {
        if let Some(recorder) = self.recorder()
            && let Some(kind) = wanted.kind()
        {
            self.write(recorder, &Call { align: wanted.align, ..Call::of(kind, payload.addr(), len) });
        }
    }

    /// Whoever has the state sees to the recorder: in a forked process it begins, one that could
    /// not go on is given up ([A9](self)).
    #[inline]
    pub(super) fn catch_up(&self) {
        if self.recorder().is_some_and(|recorder| !recorder.is_on()) {
            drop(self.enter());
        }
    }

    /// Notes the time: the process ends.
    #[inline]
    pub fn note_end(&self) {
        if let Some(recorder) = self.recorder().filter(|recorder| recorder.is_on()) {
            self.stamp(recorder);
        }
    }

    #[cold]
    #[inline(never)]
    fn stamp(&self, recorder: &Recorder) {
        let _state = self.enter();
        recorder.stamp();
    }
}
