//! `heapmm policies`: where blocks can be placed, from the library's own table.

use clap::Args;
use heapmm_core::policy::POLICIES;

use crate::fail::Verdict;
use crate::show::table::{Cell, Format, Table};

/// List the placement policies.
#[derive(Debug, Args)]
pub struct Policies {
    /// The shape of the list.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Policies {
    pub fn run(self) -> Verdict {
        let mut table = Table::new("policies", &[("name", "policy"), ("help", "where a block is placed")]);
        for row in POLICIES {
            table.rows.push([row.name, row.help].map(Cell::word).to_vec());
        }
        super::print(&table, self.format)?;
        Ok(0)
    }
}
