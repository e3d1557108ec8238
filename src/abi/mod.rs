//! The exported names.

mod families;
mod figures;
mod heapmm;
mod heaps;
mod leaks;
mod loader;
mod named;
mod pools;
mod stdlib;
