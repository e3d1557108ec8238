//! The exported names.

mod families;
mod figures;
mod heapmm;
mod heaps;
mod leaks;
mod loader;
mod named;
#[cfg(target_arch = "x86_64")]
mod operators;
mod pools;
mod stdlib;
