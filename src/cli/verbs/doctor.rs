//! `heapmm doctor`: says beforehand what will not work.

use std::ffi::OsString;

use clap::Args;

use crate::fail::{Fail, Verdict};
use crate::program::inspect::{self, Weight};
use crate::program::library;
use crate::show::chatter::chat;
use crate::show::table::{Cell, Format, Table};
use crate::show::word::typed;

/// Say whether a command can run under the library, and why not; status 23 if it cannot, and that of
/// `heapmm run` where nothing would run.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The command.
    #[arg(value_name = "CMD")]
    command: OsString,
    /// The shape of the findings.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Doctor {
    pub fn run(self) -> Verdict {
        let findings = inspect::command(&self.command)?;
        let mut table = Table::new(
            "findings",
            &[("topic", "topic"), ("verdict", "verdict"), ("words", "what was found")],
        );
        for finding in &findings.list {
            table
                .rows
                .push([finding.topic, verdict(finding.weight), &finding.words].map(Cell::word).to_vec());
        }
        let (weight, words, status) = match library::path() {
            Ok(path) => (Weight::Good, path.display().to_string(), Fail::FAILED_CHECK),
            Err(fail) => (Weight::Never, fail.line, fail.status),
        };
        table.rows.push(["library", verdict(weight), &words].map(Cell::word).to_vec());
        super::print(&table, self.format)?;
        let can = findings.weight().max(weight) < Weight::Never;
        if can {
            chat!("next:  heapmm run -- {}", typed([&self.command]));
        }
        Ok(if can { 0 } else { status })
    }
}

fn verdict(weight: Weight) -> &'static str {
    match weight {
        Weight::Good => "works",
        Weight::Partly => "in part",
        Weight::Never | Weight::Harmful => "cannot work",
    }
}
