//! The floors of heapmm below the names that C knows.
//!
//! ```text
//!   5  allocator   which room serves this request         observe: the wing that looks
//!      settings    what the environment wants         named: heaps, pools, families of the program
//!   4  cache       this thread's objects: magazines, depot
//!   3  slab        equal objects in spans; address -> room
//!      engine      what live use, replay and other allocators share
//!   2  heap ── policy   tagged blocks; who is chosen
//!   1  block       names for bytes: tag, block, segment, walk
//!   0  os          backing, calls, lock, clock, text
//! ```
//!
//! A floor looks only down. This package exports no symbol and never allocates.
//!
//! # Glossary
//!
//! - *segment*: a contiguous run of memory from the operating system.
//! - *block*: header and payload; a piece of a segment. *tag*: the word that is its header.
//! - *payload*: the bytes behind the header. *footer*: the copy of the tag at the end of a free block.
//! - *need*: bytes of the block that serves a request. *len*: payload bytes. *size*: with header.
//! - *index*: the structure that finds a free block. *policy*: index and rule together.
//! - *tail*: fresh bytes of a segment behind its last block.
//! - *lot*: the mappings of one heap of the program. *estate*: the heap and its lot. *cell*: a lock
//!   with an estate, named by a *handle*. *roll*: all cells of one kind. *hall*: all rolls.
//! - *tract*: a run of memory with blocks, as a leak check sees it. *dot*: what it knows of 16 bytes.
//! - *scroll*: text that is collected behind a lock, to be shown without it.

#![no_std]

#[cfg(test)]
extern crate std;

pub mod allocator;
pub mod block;
pub mod cache;
pub mod engine;
pub mod heap;
pub mod named;
pub mod observe;
pub mod os;
pub mod policy;
pub mod settings;
pub mod slab;
