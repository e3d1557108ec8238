//! The exit report of one process: one line of JSON, read back.
//!
//! ```text
//!   live + slack + tags + slab_tables + cached + free + tail + mapped + metadata
//!   └──────────────────────────── = footprint = sum ───────────────────────────┘
//! ```

use std::collections::BTreeMap;

use serde_json::Value;

/// The rows that must add up to the footprint.
pub const ROWS: [&str; 9] =
    ["live", "slack", "tags", "slab_tables", "cached", "free", "tail", "mapped", "metadata"];

/// What one process said of its heap when it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The process.
    pub pid: u32,
    /// The name of its program.
    pub command: String,
    /// The policy that it ran under.
    pub policy: String,
    /// Every top-level figure by its name, in the units of the report.
    pub figures: BTreeMap<String, u64>,
    /// System calls made for memory, by name.
    pub syscalls: BTreeMap<String, u64>,
    /// The line itself, for messages.
    pub line: String,
}

impl Report {
    /// Reads one line. Panics if it is not a report: the tests want to know.
    pub fn parse(line: &str) -> Report {
        let value: Value = match serde_json::from_str(line) {
            Ok(value) => value,
            Err(error) => panic!("{error} in {line:?}"),
        };
        assert_eq!(line.matches("\":").count(), members(&value), "a name stands twice in {line}");
        let text = |name: &str| value[name].as_str().expect("a name is text").to_owned();
        let figures = figures_in(&value);
        Report {
            pid: u32::try_from(figures["pid"]).expect("a pid is small"),
            command: text("command"),
            policy: text("policy"),
            syscalls: figures_in(&value["syscalls"]),
            figures,
            line: line.to_owned(),
        }
    }

    /// A figure by its name. Panics if the report has none.
    pub fn figure(&self, name: &str) -> u64 {
        match self.figures.get(name) {
            Some(value) => *value,
            None => panic!("no {name} in {}", self.line),
        }
    }

    /// Bytes that the allocator holds.
    pub fn footprint(&self) -> u64 {
        self.figure("footprint")
    }

    /// Bytes in the program's hands.
    pub fn live(&self) -> u64 {
        self.figure("live")
    }

    /// Asserts that the rows add up to the footprint, and that it was never larger than its peak.
    pub fn check(&self) {
        assert_eq!(self.complaint(), None);
    }

    /// What is wrong with the figures, if anything is.
    pub fn complaint(&self) -> Option<String> {
        let rows: u64 = ROWS.iter().map(|row| self.figure(row)).sum();
        if self.figure("schema") != 1 {
            return Some(format!("an unknown schema: {}", self.line));
        }
        if rows != self.footprint() || rows != self.figure("sum") {
            return Some(format!("the rows add up to {rows}: {}", self.line));
        }
        if self.figure("peak_footprint") < self.footprint() {
            return Some(format!("the peak is less than the end: {}", self.line));
        }
        None
    }
}

/// The members of an object that are whole numbers.
fn figures_in(value: &Value) -> BTreeMap<String, u64> {
    let members = value.as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_u64()?))).collect()
}

/// How many members all objects in `value` have together.
fn members(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        Value::Array(array) => array.iter().map(members).sum(),
        _ => 0,
    }
}
