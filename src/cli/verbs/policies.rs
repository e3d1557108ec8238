//! `heapmm policies`: where blocks can be placed, from the library's own table.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args};

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

/// A policy on the command line: completions know its name, and the verb says what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Name;

impl TypedValueParser for Name {
    type Value = String;

    fn parse_ref(&self, _: &clap::Command, _: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        Ok(value.to_string_lossy().into_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let entries = catalogue::known().into_iter();
        Some(Box::new(entries.map(|entry| PossibleValue::new(entry.name).help(entry.help))))
    }
}
