//! Floor 4: this thread's objects. No locks, no atomics.
//!
//! ```text
//!   Thread ── bin[class] ── loaded magazine  ├ object ┼ object ┼ ▲ ┼ ─ ┤
//!                        └─ spare magazine   ├ full or empty ┤
//!   depot[class] ── full magazines, empty magazines: exchanged whole under one short lock
//! ```
//!
//! An array of pointers, not a list through the objects (Bonwick and Adams 2001): push and pop
//! move a pointer; the object itself is touched for its mark only.
//!
//! - **X1** A `Thread` is used by its own thread only, or by the holder of the allocator's lock
//!   once that thread is gone. Who holds the lock may look ([`Bin::each`]), and no magazine that was
//!   ever loaded becomes anything else meanwhile.
//! - **X2** Tops lie between the first slot and the last; the slots below hold free objects of the
//!   bin's class.
//! - **X3** `busy` is set while a bin is between two states. A signal handler that finds it set
//!   touches no bin.

pub mod bin;
pub mod depot;
pub mod magazine;
pub mod thread;

pub use bin::Bin;
pub use depot::Depot;
pub use magazine::Magazine;
pub use thread::Thread;
