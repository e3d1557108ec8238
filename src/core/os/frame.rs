//! A place on a stack, by which a thread can tell later whether the frame that stood there is gone.
//!
//! ```text
//!   main │ malloc ▲ │ frame of the signal │ handler │ malloc       it is still there, and goes on
//!   main │ malloc ▲                                                it is gone: the handler left by a jump
//! ```
//!
//! What a handler leaves by siglongjmp gives nothing back. Calls of the same thread that come from above, or
//! from less than the frame of a signal below, cannot stand on it.

use super::thread;

/// The least that a signal takes of a stack: what the system saves there, and the 128 bytes that it skips.
const SIGNAL: u32 = 1024 / STEP;

/// Stacks are aligned so.
const STEP: u32 = 16;

/// Where a frame stands, in steps and without what lies above: as much as fits beside the number of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame(u32);

impl Frame {
    /// The one that asks.
    #[inline(always)]
    pub fn here() -> Self {
        Self((thread::stack() / STEP as usize) as u32)
    }

    /// The one that [`Frame::bits`] was said of.
    pub const fn of(bits: u32) -> Self {
        Self(bits)
    }

    /// It, for a word.
    #[inline(always)]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether this thread, whose frame it was, has left it. On a stack for signals nobody can tell.
    #[cold]
    #[inline(never)]
    pub fn is_gone(self) -> bool {
        self.is_gone_at(Self::here()) && !thread::is_on_signal_stack()
    }

    const fn is_gone_at(self, here: Self) -> bool {
        (self.0.wrapping_sub(here.0) as i32) < SIGNAL as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_gone_above_it_and_close_below_it() {
        let frame = Frame(1000);

        assert!(frame.is_gone_at(Frame(2000)));
        assert!(frame.is_gone_at(Frame(1000 - SIGNAL + 1)));
        assert!(!frame.is_gone_at(Frame(1000 - SIGNAL)));
        assert!(Frame(5).is_gone_at(Frame(5)), "the same");
        assert!(!Frame(5).is_gone_at(Frame(5u32.wrapping_sub(SIGNAL))), "what lies above is left out");
    }
}
