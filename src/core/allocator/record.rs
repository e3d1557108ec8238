//! What a trace is told, and when.
//!
//! ```text
//!   malloc ─► bins closed ─► lock ─► block ─► note ─► unlock
//!   free   ─► bins closed ─► lock ─► note ─► back into its room ─► unlock
//!   fork   ─► child: first call ─► file of its own ─► note of every block that it found
//! ```
//!
//! While a trace is written no thread has bins: the branch that is there for that leads here, and
//! a process that writes none pays nothing.
//!
//! - **A6** A note is made with the lock held, or by a handler that interrupted its holder: a block's
//!   after it was obtained, a free's before the block goes back.

use core::sync::atomic::Ordering;

use super::{Allocator, State};
use crate::engine::Kind as Piece;
use crate::observe::recorder::{Call, Recorder};
use crate::observe::trace::Kind;

/// Which function asks for a block, as one small number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted(u32);

impl Wanted {
    /// malloc.
    pub const PLAIN: Self = Self(Kind::Allocate as u32);
    /// calloc.
    pub const ZEROED: Self = Self(Kind::Zeroed as u32);
    /// The allocator itself: not to be noted.
    pub(super) const UNNOTED: Self = Self(0);

    /// One of the aligned family, with its alignment.
    pub const fn aligned(align: usize) -> Self {
        Self(Kind::Aligned as u32 | align.trailing_zeros() << 8)
    }

    fn kind(self) -> Option<Kind> {
        Kind::of(self.0 as u8)
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
    #[cold]
    #[inline(never)]
    pub(super) fn start_recording(&self, state: &mut State) {
        let settings = state.settings();
        if settings.trace.bytes().is_empty() {
            return;
        }
        let Some(recorder) = Recorder::new(settings.trace.bytes(), settings.trace_parent) else { return };
        if recorder.begin(false) {
            state.set_caching(false);
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
            state.set_caching(true);
            return;
        }
        state.walk(&self.rooms, &mut |payload, len, piece| {
            if matches!(piece, Piece::Used | Piece::Mapped) {
                recorder.record(&Call::of(Kind::Inherited, payload.addr(), len));
            }
        });
    }

    /// Notes a call ([A6](self)).
    #[inline]
    pub(super) fn note(&self, call: Call) {
        if let Some(recorder) = self.recorder() {
            recorder.record(&call);
        }
    }

    /// Notes a block that was handed out for `len` bytes.
    #[inline]
    pub(super) fn note_block(&self, wanted: Wanted, len: usize, payload: *mut u8) {
        if let Some(recorder) = self.recorder()
            && let Some(kind) = wanted.kind()
        {
            recorder.record(&Call { align: 1 << (wanted.0 >> 8), ..Call::of(kind, payload.addr(), len) });
        }
    }

    /// Notes a call for which nobody needed the lock.
    #[cold]
    #[inline(never)]
    pub(super) fn note_alone(&self, call: Call) {
        let _state = self.enter();
        self.note(call);
    }

    /// Notes the time: the process ends.
    pub fn note_end(&self) {
        if let Some(recorder) = self.recorder().filter(|recorder| recorder.is_on()) {
            let _state = self.enter();
            recorder.stamp();
        }
    }
}
