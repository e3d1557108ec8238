//! `heapmm policies`: where blocks can be placed, from the library's own table.

use clap::Args;

use crate::fail::Verdict;
use crate::play::catalogue;
use crate::show::table::{Cell, Format, Table};

/// List the placement policies: values of HEAPMM_POLICY, and which a trace can be played through.
#[derive(Debug, Args)]
pub struct Policies {
    /// The shape of the list.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Policies {
    pub fn run(self) -> Verdict {
        let columns = [("name", "policy"), ("help", "where a block is placed")];
        let mut table = Table::new("policies", &columns);
        for entry in catalogue::known() {
            table.rows.push([entry.name, entry.help].map(Cell::word).to_vec());
        }
        super::print(&table, self.format)?;
        Ok(0)
    }
}
