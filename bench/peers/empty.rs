//! Nothing: the package exists for what its dependency's build script leaves behind.
#![no_std]
