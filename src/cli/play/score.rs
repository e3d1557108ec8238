//! What a replay is judged by. The four figures of fragmentation are defined here, once, and are
//! taken at the moment at which the program held most:
//!
//! ```text
//!   internal   1 - requested / bytes of used blocks          footprint
//!   external   1 - largest free block / free bytes      ├───────────┬──────┬──────┤
//!   overhead   footprint / requested                    │ used      │ free │ tail │
//!   waste      1 - requested / resident                 ├───────────┴──────┼──────┘
//!                                                         resident: touched once
//! ```
//!
//! *Utilisation* is another: most bytes requested at once / most bytes ever taken from the system.

use super::player::Outcome;
use crate::show::table::Cell;
use crate::trace::survey::Survey;

/// The figures of one replay.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// The engine's name.
    pub policy: String,
    /// Share of the trace that was played: 1 unless patience ran out.
    pub played: f64,
    /// Peak payload / peak heap.
    pub utilisation: f64,
    /// Most bytes ever taken from the system.
    pub peak: u64,
    /// See above.
    pub internal: f64,
    /// See above.
    pub external: f64,
    /// See above.
    pub overhead: f64,
    /// See above.
    pub waste: f64,
    /// Pages at the peak that are hardly used.
    pub pinned: u64,
    /// Pages that the program would touch.
    pub faults: u64,
    /// Largest free block at the peak.
    pub largest_free: u64,
    /// Largest free block at the end.
    pub largest_left: u64,
    /// Remainders split off.
    pub splits: u64,
    /// Neighbours merged.
    pub coalesces: u64,
    /// Free blocks looked at, for each allocation.
    pub probes: f64,
    /// Nanoseconds for each operation.
    pub nanoseconds: f64,
    /// Requests that got nothing.
    pub refused: u64,
    /// 60 for memory, 40 for speed, each against the best of a comparison.
    pub points: Option<f64>,
}

/// Which end of a figure is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Good {
    /// Small numbers.
    Low,
    /// Large numbers.
    High,
    /// Neither.
    Neither,
}

/// A figure of a score: its names, what it means, which end is good, and how it is had.
pub struct Metric {
    /// The field of JSON and CSV.
    pub key: &'static str,
    /// The title for people.
    pub title: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Which end is good.
    pub good: Good,
    /// Whether a comparison shows it as text.
    pub compared: bool,
    /// The figure.
    pub of: fn(&Score) -> Cell,
}

macro_rules! metrics {
    ($($key:literal $title:literal $help:literal $good:ident $compared:literal $of:expr;)*) => {
        /// All figures, in the order in which they are shown.
        pub const METRICS: &[Metric] = &[$(Metric {
            key: $key, title: $title, help: $help, good: Good::$good, compared: $compared, of: $of,
        },)*];
    };
}

metrics! {
    "utilisation" "utilisation" "most bytes requested at once / most bytes taken from the system"
        High true |s| Cell::Share(s.utilisation);
    "peak" "peak" "most bytes taken from the system"
        Low true |s| Cell::Bytes(s.peak);
    "internal" "internal" "fragmentation inside blocks: 1 - requested / block bytes"
        Low true |s| Cell::Share(s.internal);
    "external" "external" "fragmentation between blocks: 1 - largest free / total free"
        Low true |s| Cell::Share(s.external);
    "overhead" "overhead" "footprint / live, at the peak of live"
        Low true |s| Cell::Ratio(s.overhead);
    "waste" "waste" "1 - live / resident"
        Low true |s| Cell::Share(s.waste);
    "pinned_pages" "pinned" "pages less than a tenth full, but not empty, at the peak of live"
        Low true |s| Cell::Count(s.pinned);
    "page_faults" "faults" "pages that a program that writes all that it asks for would touch"
        Low true |s| Cell::Count(s.faults);
    "largest_free" "largest free" "largest free block at the peak of live"
        Neither false |s| Cell::Bytes(s.largest_free);
    "largest_free_at_end" "left at end" "largest free block after the last operation"
        Neither false |s| Cell::Bytes(s.largest_left);
    "splits" "splits" "remainders split off"
        Low false |s| Cell::Count(s.splits);
    "coalesces" "coalesces" "free neighbours merged"
        Low false |s| Cell::Count(s.coalesces);
    "probes_per_allocation" "probes" "free blocks looked at for each allocation"
        Low true |s| Cell::Ratio(s.probes);
    "nanoseconds_per_operation" "ns/op" "nanoseconds for each operation, without the program's own work"
        Low true |s| Cell::Ratio(s.nanoseconds);
    "refused" "refused" "requests that got nothing"
        Low false |s| Cell::Count(s.refused);
    "score" "score" "60 for memory and 40 for speed, each against the best here"
        High true |s| s.points.map_or(Cell::None, |points| Cell::Count(points.round() as u64));
}

impl Score {
    /// The figures of `outcome`, a replay of the trace that `survey` describes.
    pub fn of(policy: &str, survey: &Survey, outcome: &Outcome) -> Self {
        let (peak, end) = (&outcome.at_peak, &outcome.at_end);
        let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let lost = |part: u64, whole: u64| if whole == 0 { 0.0 } else { 1.0 - part as f64 / whole as f64 };
        let resident = (peak.footprint - peak.tail) as u64;
        Self {
            policy: policy.to_owned(),
            played: ratio(outcome.played, survey.events),
            utilisation: ratio(outcome.most, end.peak_footprint as u64),
            peak: end.peak_footprint as u64,
            internal: lost(outcome.most, (peak.live + peak.tags) as u64),
            external: lost(peak.largest_free as u64, peak.free as u64),
            overhead: ratio(peak.footprint as u64, outcome.most),
            waste: lost(outcome.most, resident),
            pinned: outcome.pinned,
            faults: outcome.faults,
            largest_free: peak.largest_free as u64,
            largest_left: end.largest_free as u64,
            splits: end.splits,
            coalesces: end.coalesces,
            probes: ratio(end.probes, survey.allocs + survey.resizes),
            nanoseconds: outcome.spent.as_nanos() as f64 / outcome.played.max(1) as f64,
            refused: outcome.refused,
            points: None,
        }
    }

    /// Whether the whole trace was played.
    pub fn is_whole(&self) -> bool {
        self.played >= 1.0
    }

    /// Whether it can be compared: it was played to the end, and no request was refused.
    pub fn is_sound(&self) -> bool {
        self.is_whole() && self.refused == 0
    }
}
