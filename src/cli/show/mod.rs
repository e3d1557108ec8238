//! What the user sees: tables, numbers, chatter, words of others, files that are whole or not there, the streams
//! as they were given, a bar for long work.

pub mod chatter;
pub mod colour;
pub mod file;
pub mod number;
pub mod progress;
pub mod stream;
pub mod table;
pub mod word;
