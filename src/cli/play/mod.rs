//! Replays: a trace through an engine on memory of the command's own.
//!
//! ```text
//!   catalogue   the engines by name          player   events into calls, with stops
//!   field       address space for an arena   score    what a replay is judged by
//!   film        the heap's picture over time table    scores side by side
//!   drawing     a small heap as text         clock    a thread's own time
//!   advice      what to take, and why        crew     the threads of a trace
//!                                            touch    pages touched, pages hardly used
//! ```

pub mod advice;
pub mod catalogue;
pub mod clock;
mod crew;
pub mod drawing;
pub mod field;
pub mod film;
pub mod player;
pub mod score;
pub mod table;
pub mod touch;
