//! `heapmm options`: the settings of the library, from its own table.

use clap::Args;
use heapmm_core::settings::ROWS;

use crate::fail::Verdict;
use crate::show::table::{Cell, Format, Table};

/// List the settings of the library: environment variables.
#[derive(Debug, Args)]
pub struct Options {
    /// The shape of the list.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Options {
    pub fn run(self) -> Verdict {
        let columns =
            [("name", "setting"), ("default", "default"), ("values", "values"), ("help", "what it does")];
        let mut table = Table::new("options", &columns);
        for row in ROWS {
            let name = format!("HEAPMM_{}", row.name());
            table.rows.push([&name, row.default(), row.values(), row.help()].map(Cell::word).to_vec());
        }
        super::print(&table, self.format)?;
        Ok(0)
    }
}
