//! The threads of a trace: each has a seat in the engine from its first call to its last. And its clock.
//!
//! ```text
//!   events   1 1 1 2 2 1 2 3 3 1 ...
//!   seats    ├ 1 ─────────────── ...       the first thread stays to the end
//!                  ├ 2 ──┤ ├3┤
//! ```
//!
//! A trace does not say when a thread ends: its last call stands for that.

use std::collections::HashMap;

use heapmm_core::engine::{Engine, Seat};

use crate::trace::Event;

/// Who sits where.
#[derive(Debug)]
pub struct Crew {
    /// Whose the last call was.
    current: Option<u32>,
    /// No seats in an engine that has none.
    seats: HashMap<u32, Option<Seat>>,
    /// Last calls that are still to come, the next one behind: number of the event, and thread.
    ends: Vec<(u64, u32)>,
    calls: u64,
    /// The time that the engine was told.
    told: u64,
}

/// Milliseconds between two looks at the clock of the trace.
const TICK: u64 = 8;

impl Crew {
    /// Nobody sits yet; `ends` are the last calls of threads, in their order.
    pub fn new(ends: &[(u64, u32)]) -> Self {
        let ends = ends.iter().rev().copied().collect();
        Self { current: None, seats: HashMap::new(), ends, calls: 0, told: 0 }
    }

    /// `event` is the next call.
    #[inline]
    pub fn call(&mut self, event: &Event, engine: &mut dyn Engine) {
        let (thread, now) = (event.thread, event.time / 1000);
        if now >= self.told + TICK {
            self.told = now;
            engine.tell(now);
        }
        if self.current != Some(thread) {
            self.current = Some(thread);
            if let Some(seat) = *self.seats.entry(thread).or_insert_with(|| engine.seat()) {
                engine.sit(seat);
            }
        }
    }

    /// The call has been made: perhaps it was the thread's last.
    #[inline]
    pub fn called(&mut self, engine: &mut dyn Engine) {
        while let Some((_, thread)) = self.ends.pop_if(|(last, _)| *last == self.calls) {
            if let Some(Some(seat)) = self.seats.remove(&thread) {
                engine.stand_up(seat);
            }
            self.current = None;
        }
        self.calls += 1;
    }
}
