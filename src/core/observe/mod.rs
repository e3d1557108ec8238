//! The wing that only looks: figures, checks, reports.
//!
//! ```text
//!   ledger   the rows that sum to the footprint
//!   check    every header, footer and count
//!   report   the ledger as text, JSON and XML
//!   leak     what nothing leads to any more
//!   place    where a report or a trace goes
//!   trace    the bytes of a trace; recorder writes one while the program runs
//! ```

pub mod check;
pub mod leak;
pub mod ledger;
pub mod place;
mod pulse;
pub mod recorder;
pub mod report;
pub mod trace;
