//! What the leak checks of a run found, process by process.

use serde::Deserialize;

use crate::show::table::{Cell, Table};

/// Bytes and blocks of one sort.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Count {
    /// Bytes.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
}

/// All sorts.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Sorts {
    /// No address of them is left.
    pub definite: Count,
    /// Only lost blocks lead there.
    pub indirect: Count,
    /// Only addresses inside of them are left.
    pub possible: Count,
    /// Their addresses are there.
    pub reachable: Count,
}

impl Sorts {
    /// Blocks of all sorts.
    pub fn blocks(&self) -> u64 {
        [self.definite, self.indirect, self.possible, self.reachable].iter().map(|count| count.blocks).sum()
    }
}

/// Equal lost blocks.
#[derive(Clone, Debug, Deserialize)]
pub struct Group {
    /// Their sort.
    pub sort: String,
    /// Bytes of each.
    pub len: u64,
    /// Their number.
    pub blocks: u64,
    /// The first addresses.
    pub at: Vec<String>,
}

/// What the check of one process found.
#[derive(Clone, Debug, Deserialize)]
pub struct Found {
    /// The process.
    pub pid: u32,
    /// Its command.
    pub command: String,
    /// All sorts.
    pub leaks: Sorts,
    /// The largest groups of lost blocks.
    pub groups: Vec<Group>,
    /// Groups beside these.
    pub more: u64,
    /// Threads that went on meanwhile.
    pub moving: u64,
}

/// The sum of one sort over all processes.
pub fn sum(found: &[Found], sort: impl Fn(&Sorts) -> Count) -> Count {
    found.iter().map(|one| sort(&one.leaks)).fold(Count::default(), |sum, count| Count {
        bytes: sum.bytes + count.bytes,
        blocks: sum.blocks + count.blocks,
    })
}

/// A row for each sort of each process, and below it one for each group of lost blocks.
pub fn table(found: &[Found]) -> Table {
    let columns = [
        ("command", "command"),
        ("pid", "pid"),
        ("sort", "sort"),
        ("blocks", "blocks"),
        ("each", "bytes each"),
        ("bytes", "bytes"),
        ("at", "first at"),
    ];
    let mut table = Table::new("leaks", &columns);
    for one in found {
        let of = one.leaks;
        let sorts = [
            ("definite", of.definite),
            ("indirect", of.indirect),
            ("possible", of.possible),
            ("reachable", of.reachable),
        ];
        let mut add = |sort: &str, blocks: u64, each: Cell, bytes: u64, at: Cell| {
            let process = [Cell::word(&one.command), Cell::Number(one.pid.into())];
            let figures = [Cell::word(sort), Cell::Count(blocks), each, Cell::Count(bytes), at];
            table.rows.push(process.into_iter().chain(figures).collect());
        };
        for (name, count) in sorts {
            add(name, count.blocks, Cell::None, count.bytes, Cell::None);
            for group in one.groups.iter().filter(|group| group.sort == name) {
                let at = group.at.first().map_or(Cell::None, Cell::word);
                add(name, group.blocks, Cell::Count(group.len), group.blocks * group.len, at);
            }
        }
    }
    table
}
