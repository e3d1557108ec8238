//! What the user sees: tables, numbers, files that are whole or not there, a bar for long work.

pub mod colour;
pub mod file;
pub mod number;
pub mod progress;
pub mod table;
