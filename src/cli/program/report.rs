//! The reports that the library wrote, one file for each process of a run.

use std::cmp::Reverse;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use std::collections::BTreeMap;

use super::leaks::Found;

/// The report of one process, as far as the command reads it.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// Its number.
    pub pid: u32,
    /// The name of its command.
    pub command: String,
    /// Where it placed its blocks.
    pub policy: String,
    /// Bytes taken from the system.
    pub footprint: u64,
    /// The most it ever took.
    pub peak_footprint: u64,
    /// Bytes that the program holds.
    pub live: u64,
    /// Free bytes, without those never touched.
    pub free: u64,
    /// Blocks that the program holds.
    pub blocks: u64,
    /// Size of the largest free block.
    pub largest_free: u64,
    /// Blocks handed out.
    pub allocs: u64,
    /// Blocks taken back.
    pub frees: u64,
    /// System calls by name.
    pub syscalls: BTreeMap<String, u64>,
    /// The line itself.
    #[serde(skip)]
    pub line: String,
}

/// All reports of a run, and the number of files that hold none.
#[derive(Debug, Default)]
pub struct Reports {
    /// In the order of the processes' numbers.
    pub all: Vec<Report>,
    /// What leak checks found, in the same order.
    pub leaks: Vec<Found>,
    /// Files that could not be understood.
    pub broken: usize,
}

impl Reports {
    /// Reads every file of `folder`.
    pub fn read(folder: &Path) -> Self {
        let mut this = Self::default();
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        for file in files {
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            if let Ok(report) = serde_json::from_str::<Report>(&text) {
                this.all.push(Report { line: text.trim_end().to_owned(), ..report });
            } else if let Ok(found) = serde_json::from_str::<Found>(&text) {
                this.leaks.push(found);
            } else {
                this.broken += 1;
            }
        }
        // A process that has the library linked and preloaded writes two: the one that served it says more.
        this.all.sort_by_key(|report| (report.pid, Reverse(report.allocs)));
        this.all.dedup_by_key(|report| report.pid);
        this.leaks.sort_by_key(|found| (found.pid, Reverse(found.leaks.blocks())));
        this.leaks.dedup_by_key(|found| found.pid);
        this
    }

    /// The sum of one figure over all processes.
    pub fn sum(&self, figure: impl Fn(&Report) -> u64) -> u64 {
        self.all.iter().map(figure).sum()
    }

    /// The process that took the most memory.
    pub fn largest(&self) -> Option<&Report> {
        self.all.iter().max_by_key(|report| report.peak_footprint)
    }

    /// System calls by name over all processes, those that were made.
    pub fn syscalls(&self) -> BTreeMap<&str, u64> {
        let mut sums = BTreeMap::new();
        for (name, times) in self.all.iter().flat_map(|report| &report.syscalls) {
            *sums.entry(name.as_str()).or_insert(0) += times;
        }
        sums.retain(|_, times| *times > 0);
        sums
    }
}
