//! The stories: what broke other allocators, and the test that heapmm has for each.
//!
//! ```text
//!   story/loading.rs   1, 5, 6, 7, 15  deep binding, unloading, static TLS, first and last use, ld.so's own blocks
//!   story/fork.rs      2, 3            fork beside threads, in handlers, beside a thousand threads
//!   story/threads.rs   4, 8, 9, 13, 18 threads that die, free only, idle, are interrupted; none of our own
//!   story/memory.rs    10, 11, 12      given back, committed, mapped, bounded, exhausted
//!   story/refusal.rs   14, 16          calls that the kernel refuses, a break that others move
//!   story/tools.rs     17              other tools' rules: strace, valgrind, sanitizers, set-user-ID, page faults
//! ```
//!
//! Each story is a program `tests/c/story_NAME.c` that checks itself; what it prints is only for messages, unless
//! two runs are compared here.

#![allow(clippy::expect_used)]

mod story;
mod support;
