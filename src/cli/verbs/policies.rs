//! `heapmm policies`: where blocks can be placed, from the library's own table.

use clap::Args;

use crate::fail::Verdict;
use crate::play::catalogue;
use crate::show::table::{Cell, Format, Table};

/// List the placement policies: which a process can run with, which a trace can be played through.
#[derive(Debug, Args)]
pub struct Policies {
    /// The shape of the list.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Policies {
    pub fn run(self) -> Verdict {
        let columns =
            [("name", "policy"), ("live", "run"), ("replay", "replay"), ("help", "where a block is placed")];
        let mut table = Table::new("policies", &columns);
        let yes = |is: bool| if is { "yes" } else { "no" };
        for entry in catalogue::known() {
            let (live, replay) = (catalogue::is_live(entry.name), true);
            table.rows.push([entry.name, yes(live), yes(replay), entry.help].map(Cell::word).to_vec());
        }
        super::print(&table, self.format)?;
        Ok(0)
    }
}
