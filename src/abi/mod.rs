//! The exported names.

mod figures;
mod heapmm;
mod loader;
mod stdlib;
