//! The verbs: one row each.

mod compare;
mod convert;
mod doctor;
mod leaks;
mod options;
mod policies;
mod record;
mod replay;
mod run;
mod shell;
mod step;
mod traces;

use clap::{Parser, Subcommand};

use crate::fail::{Fail, Verdict};
use crate::show::colour::Ink;
use crate::show::stream;
use crate::show::table::{Format, Table};

/// The malloc that explains itself: runs programs under it, replays traces, compares policies.
#[derive(Debug, Parser)]
#[command(name = "heapmm", version, max_term_width = 100)]
#[command(after_help = "Status: 0; the child's own, or 128 + signal; 1 file or output; 2 usage; \
    23 a check failed; 125, 126, 127 as env(1).")]
pub struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Run),
    Leaks(leaks::Leaks),
    Doctor(doctor::Doctor),
    Record(record::Record),
    #[command(name = "trace")]
    Traces(traces::Traces),
    Replay(replay::Replay),
    Compare(compare::Compare),
    Step(step::Step),
    Import(convert::Import),
    Export(convert::Export),
    Options(options::Options),
    Policies(policies::Policies),
    Completions(shell::Completions),
    #[command(name = "man")]
    Manual(shell::Manual),
}

impl Command {
    /// Does what the command line says; the status of the process.
    pub fn run(self) -> Verdict {
        match self.verb {
            Verb::Run(verb) => verb.run(),
            Verb::Leaks(verb) => verb.run(),
            Verb::Doctor(verb) => verb.run(),
            Verb::Record(verb) => verb.run(),
            Verb::Traces(verb) => verb.run(),
            Verb::Replay(verb) => verb.run(),
            Verb::Compare(verb) => verb.run(),
            Verb::Step(verb) => verb.run(),
            Verb::Import(verb) => verb.run(),
            Verb::Export(verb) => verb.run(),
            Verb::Options(verb) => verb.run(),
            Verb::Policies(verb) => verb.run(),
            Verb::Completions(verb) => verb.run(),
            Verb::Manual(verb) => verb.run(),
        }
    }
}

/// A whole number on the command line, `LEAST` or more.
fn at_least<const LEAST: u64>(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number >= LEAST);
    number.ok_or_else(|| format!("it takes a whole number from {LEAST} to {}", u64::MAX))
}

/// Prints `table` on stdout.
fn print(table: &Table, format: Format) -> Verdict<()> {
    let printed = stream::stdout().and_then(|mut out| {
        let ink = Ink::of(&out);
        table.print(&mut out, format, ink)
    });
    printed.map_err(|error| Fail::output(&error))
}
