//! Programs: where they are, what their files say, how they are run under the library.

pub mod child;
pub mod elf;
pub mod find;
pub mod inspect;
pub mod leaks;
pub mod library;
pub mod report;
pub mod scratch;
pub mod strict;
