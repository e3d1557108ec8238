//! `heapmm options`: the settings of the library, from its own table.

use clap::Args;
use heapmm_core::settings::PAGES;

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
        for page in PAGES {
            let name = format!("HEAPMM_{}", page.name);
            table.rows.push([&name, page.default, page.values, page.help].map(Cell::word).to_vec());
        }
        super::print(&table, self.format)?;
        Ok(0)
    }
}
