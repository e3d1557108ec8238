//! What a run of the harness found out, and how it is kept.

use crate::launch::Cost;
use crate::peer::{self, Role};
use crate::row::{Metric, Row};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Serialize, Deserialize)]
pub struct Report {
    pub schema: u32,
    pub machine: Machine,
    pub rounds: usize,
    pub scale: f64,
    /// The sides that were measured, in order.
    pub sides: Vec<String>,
    /// Sides that could not be built, with the reason.
    pub missing: BTreeMap<String, String>,
    pub rows: Vec<RowResult>,
}

#[derive(Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub kernel: String,
    pub huge_pages: String,
}

#[derive(Serialize, Deserialize)]
pub struct RowResult {
    pub name: String,
    pub group: String,
    pub what: String,
    pub unit: String,
    /// Why the row was not measured at all.
    pub skipped: Option<String>,
    pub sides: BTreeMap<String, SideResult>,
}

/// Medians over the rounds of one side in one row.
#[derive(Default, Serialize, Deserialize)]
pub struct SideResult {
    /// In the row's unit; absent where the row has no time.
    pub time: Option<f64>,
    /// Bytes, or the row's own measure; absent where the row has no memory.
    pub memory: Option<f64>,
    pub wall: f64,
    pub cpu: f64,
    pub peak: f64,
    pub faults: f64,
    /// System calls about memory and waiting, counted in a run of its own.
    pub calls: Option<u64>,
    pub failed: Option<String>,
    pub samples: Vec<Cost>,
}

impl SideResult {
    /// Fills in the medians from the samples.
    pub fn settle(&mut self, row: &Row) {
        if self.samples.is_empty() {
            return;
        }
        let middle = |pick: &dyn Fn(&Cost) -> f64| median(self.samples.iter().map(pick).collect());
        let (wall, cpu) = (middle(&|cost| cost.wall), middle(&|cost| cost.cpu));
        let (peak, faults) = (middle(&|cost| cost.peak), middle(&|cost| cost.faults));
        let value = middle(&|cost| cost.value.unwrap_or(f64::NAN));
        let of = |metric: Metric| match metric {
            Metric::Value => value,
            Metric::Cpu => cpu * 1e3,
            Metric::Peak => peak,
            Metric::Faults => faults,
        };
        (self.time, self.memory) = (row.time.map(of), row.memory.map(of));
        (self.wall, self.cpu, self.peak, self.faults) = (wall, cpu, peak, faults);
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}

/// A column of the comparison: which of a side's numbers is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Time,
    Memory,
    Faults,
    Calls,
}

impl Column {
    pub fn name(self) -> &'static str {
        match self {
            Column::Time => "time",
            Column::Memory => "memory",
            Column::Faults => "page faults",
            Column::Calls => "system calls",
        }
    }

    pub fn of(self, side: &SideResult) -> Option<f64> {
        if side.failed.is_some() {
            return None;
        }
        match self {
            Column::Time => side.time,
            Column::Memory => side.memory,
            Column::Faults => (!side.samples.is_empty()).then_some(side.faults),
            Column::Calls => side.calls.map(|calls| calls as f64),
        }
        .filter(|value| value.is_finite())
    }
}

impl RowResult {
    pub fn value(&self, column: Column, side: &str) -> Option<f64> {
        column.of(self.sides.get(side)?)
    }

    /// The least value of the peers: neither ours nor a floor's.
    pub fn best(&self, column: Column) -> Option<f64> {
        let peers = self.sides.iter().filter(|(name, _)| role(name) == Role::Peer);
        peers.filter_map(|(_, side)| column.of(side)).min_by(f64::total_cmp)
    }

    /// The side's value relative to the best peer's.
    pub fn ratio(&self, column: Column, side: &str) -> Option<f64> {
        let (value, best) = (self.value(column, side)?, self.best(column)?);
        (best > 0.0).then(|| value / best)
    }
}

impl Report {
    /// Geometric mean of the side's ratios over the rows that `chosen` accepts.
    pub fn mean(&self, column: Column, side: &str, chosen: impl Fn(&RowResult) -> bool) -> Option<f64> {
        let rows = self.rows.iter().filter(|row| chosen(row));
        let logs: Vec<f64> = rows.filter_map(|row| row.ratio(column, side)).map(f64::ln).collect();
        (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
    }

    pub fn has(&self, side: &str) -> bool {
        self.sides.iter().any(|name| name == side)
    }

    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("latest.json"), serde_json::to_vec_pretty(self)?)?;
        fs::write(folder.join("latest.csv"), self.csv())?;
        Ok(())
    }

    fn csv(&self) -> String {
        let mut text = String::from(
            "group,row,side,unit,time,time_ratio,memory,memory_ratio,cpu_s,wall_s,peak_bytes,faults,calls,failed\n",
        );
        let optional = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.4}"));
        for row in &self.rows {
            for (name, side) in &row.sides {
                let fields = [
                    row.group.clone(),
                    row.name.clone(),
                    name.clone(),
                    row.unit.clone(),
                    optional(side.time),
                    optional(row.ratio(Column::Time, name)),
                    optional(side.memory),
                    optional(row.ratio(Column::Memory, name)),
                    format!("{:.6}", side.cpu),
                    format!("{:.6}", side.wall),
                    format!("{:.0}", side.peak),
                    format!("{:.0}", side.faults),
                    side.calls.map_or(String::new(), |calls| calls.to_string()),
                    side.failed.as_deref().unwrap_or("").replace([',', '\n', '"'], " "),
                ];
                text.push_str(&fields.join(","));
                text.push('\n');
            }
        }
        text
    }
}

/// The role of a side by its name; an unknown one, from an older file, is a peer.
pub fn role(name: &str) -> Role {
    peer::named(name).map_or(Role::Peer, peer::Peer::role)
}

pub fn machine() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let processor =
        processor.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    Machine {
        processor: processor.map_or_else(|| std::env::consts::ARCH.to_string(), |(_, name)| name.to_string()),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_string(),
        huge_pages: read("/sys/kernel/mm/transparent_hugepage/enabled").trim().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[(&str, f64)]) -> RowResult {
        let side = |time| SideResult { time: Some(time), ..SideResult::default() };
        RowResult {
            name: "a".into(),
            group: "g".into(),
            what: String::new(),
            unit: "ns".into(),
            skipped: None,
            sides: values.iter().map(|&(name, time)| (name.to_string(), side(time))).collect(),
        }
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(vec![9.0, 1.0, 2.0, 4.0]), 3.0);
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn neither_heapmm_nor_a_floor_is_the_best_peer() {
        let row = row(&[("heapmm", 5.0), ("stack", 1.0), ("glibc", 12.0), ("sn", 10.0)]);

        assert_eq!(row.best(Column::Time), Some(10.0));
        assert_eq!(row.ratio(Column::Time, "heapmm"), Some(0.5));
        assert_eq!(row.ratio(Column::Time, "glibc"), Some(1.2));
    }

    #[test]
    fn a_failed_side_has_no_value() {
        let mut row = row(&[("glibc", 12.0), ("sn", 10.0)]);
        row.sides.get_mut("sn").unwrap().failed = Some("status 134".into());

        assert_eq!(row.best(Column::Time), Some(12.0));
        assert_eq!(row.ratio(Column::Time, "sn"), None);
    }
}
