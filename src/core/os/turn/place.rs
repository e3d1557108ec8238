//! Where a favourite says what it does.
//!
//! ```text
//!   0 ──ask──► asks, frame ──go_inside──► inside, frame ──► 0
//!   0 ◄─withdraw──┘  by the frame itself, or by a handler that comes in between: then it does not go inside
//! ```
//!
//! - **L7** Only the thread whose place it is says anything there: so no instruction need be locked.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::os::frame::Frame;
use crate::os::thread;

/// Nothing is said.
pub const FREE: u64 = 0;

/// What is said, above the frame that says it.
const ASKS: u64 = 1 << 32;
const INSIDE: u64 = 2 << 32;

/// A place. Zero is one that nobody has.
pub struct Place {
    owner: AtomicU32,
    /// What the owner does.
    state: AtomicU64,
}

impl Place {
    /// Whether `thread` has it; 0 is nobody.
    #[inline]
    pub fn is_of(&self, thread: u32) -> bool {
        self.owner.load(Ordering::Relaxed) == thread
    }

    /// From now on `thread` has it.
    pub fn give_to(&self, thread: u32) {
        self.owner.store(thread, Ordering::Relaxed);
    }

    /// The owner wants to go inside: its frame, or `None` if it is there.
    #[inline(always)]
    pub fn ask(&self) -> Option<u64> {
        if self.state.load(Ordering::Relaxed) >= INSIDE {
            return None;
        }
        let frame = u64::from(Frame::here().bits());
        self.state.store(ASKS | frame, Ordering::Relaxed);
        Some(frame)
    }

    /// The owner goes inside, unless a handler has withdrawn what its `frame` asked for; the word that says so.
    #[inline(always)]
    pub fn go_inside(&self, frame: u64) -> Option<&AtomicU64> {
        // SAFETY: [L7]
        let went = unsafe { thread::exchange_alone(self.state.as_ptr(), ASKS | frame, INSIDE | frame) };
        went.then_some(&self.state)
    }

    /// The owner does not go inside: it, or a handler that interrupted it, has found another way.
    pub fn withdraw(&self) {
        if self.state.load(Ordering::Relaxed) & ASKS != 0 {
            self.clear();
        }
    }

    /// The owner is gone.
    pub fn clear(&self) {
        self.state.store(FREE, Ordering::Release);
    }

    /// The word that says that the owner is inside, if it is.
    pub fn inside(&self) -> Option<&AtomicU64> {
        (self.state.load(Ordering::Relaxed) >= INSIDE).then_some(&self.state)
    }

    /// Whether the owner neither asks nor is inside.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.state.load(Ordering::Acquire) == FREE
    }
}
