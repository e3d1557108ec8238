//! The wing that only looks: figures, checks, reports.
//!
//! ```text
//!   ledger   the rows that sum to the footprint
//!   check    every header, footer and count
//!   report   the ledger as text, JSON and XML
//! ```

pub mod check;
pub mod ledger;
pub mod report;
