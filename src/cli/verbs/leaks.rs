//! `heapmm leaks`: a command under the library, and what each of its processes has lost at its end.

use std::ffi::OsString;
use std::io::stderr;
use std::path::PathBuf;

use clap::Args;

use super::policies;
use super::run::Watch;
use crate::fail::{self, Fail, Verdict};
use crate::program::{child, leaks, strict};
use crate::show::chatter::chat;
use crate::show::colour::Ink;
use crate::show::file::Place;
use crate::show::number::{bytes, some};
use crate::show::table::{Format, Table};

/// Run a command under the library and list what its processes have lost; status 23 if anything is
/// definitely lost.
#[derive(Debug, Args)]
pub struct Leaks {
    /// Where blocks are placed; `heapmm policies` lists the names.
    #[arg(long, value_name = "NAME", value_parser = policies::Name, hide_possible_values = true)]
    policy: Option<String>,
    /// Write the list to a file, not to stderr.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The shape of the list.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Leaks {
    pub fn run(self) -> Verdict {
        let watch = Watch { policy: self.policy.as_deref(), leaks: true, trace: None };
        let place = self.output.as_deref().map(Place::new).transpose()?;
        let (ending, reports) = watch.run(&self.command)?;
        let found = &reports.leaks;
        if found.is_empty() {
            let name = self.command[0].display();
            match ending.refused {
                true => chat!("heapmm: {name}: {}", strict::WORDS),
                false => {
                    chat!("heapmm: {name}: no process was checked: killed, or it never loaded the library")
                }
            }
            let code = child::code(ending.status);
            return Ok(if code == 0 { Fail::OWN } else { code });
        }
        let table = leaks::table(found);
        let written = place.map_or_else(|| Err(None), |place| self.write(&table, place).map_err(Some));
        if written.is_err() {
            let ink = Ink::of(&stderr());
            // Lost as all chatter is, where stderr cannot be written.
            let _ = table.print(&mut stderr().lock(), self.format, ink);
        }
        let lost = leaks::sum(found, |sorts| sorts.definite);
        let held = some(lost.blocks, "block");
        let (more, moving): (u64, u64) =
            found.iter().fold((0, 0), |sum, one| (sum.0 + one.more, sum.1 + one.moving));
        if more > 0 {
            chat!("heapmm: not listed: {} of equal blocks", some(more, "smaller group"));
        }
        if moving > 0 {
            let threads = some(moving, "thread");
            chat!("heapmm: not stopped: {threads}; what only their registers hold counts as lost");
        }
        chat!("heapmm  {}  definitely lost: {} in {held}", self.command[0].display(), bytes(lost.bytes));
        let status = if lost.blocks > 0 { Fail::FAILED_CHECK } else { child::code(ending.status) };
        Ok(fail::after(status, written.err().flatten().map(Err)))
    }

    fn write(&self, table: &Table, place: Place) -> Verdict<()> {
        let mut text = Vec::new();
        table.print(&mut text, self.format, Ink::NONE).map_err(|error| Fail::io(place.target(), &error))?;
        place.write(&text)
    }
}
