//! `heapmm completions` and `heapmm man`: what a shell and man(1) want to know, from the verbs
//! themselves.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use heapmm_core::policy::POLICIES;
use heapmm_core::settings::{PAGES, Page};

use super::Command;
use crate::fail::{Fail, Verdict};
use crate::show::file::Draft;
use crate::show::stream;

/// Print the completions for a shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page, or write one for each verb.
#[derive(Debug, Args)]
pub struct Manual {
    /// A folder for one page a verb.
    #[arg(long, value_name = "FOLDER")]
    all: Option<PathBuf>,
}

impl Completions {
    pub fn run(self) -> Verdict {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Command::command(), "heapmm", &mut text);
        print(&text)
    }
}

impl Manual {
    pub fn run(self) -> Verdict {
        let command = Command::command();
        let Some(folder) = self.all else {
            return print(&page(command, true)?);
        };
        let verbs: Vec<clap::Command> = command.get_subcommands().cloned().collect();
        Draft::write(&folder.join("heapmm.1"), &page(command, true)?)?;
        for verb in verbs {
            let name = format!("heapmm-{}", verb.get_name());
            Draft::write(&folder.join(format!("{name}.1")), &page(verb.name(name.clone()), false)?)?;
        }
        Ok(0)
    }
}

fn print(text: &[u8]) -> Verdict {
    let written = stream::stdout().and_then(|mut out| out.write_all(text));
    written.map(|()| 0).map_err(|error| Fail::output(&error))
}

/// One page; the main one has the settings and the policies of the library too.
fn page(command: clap::Command, with_settings: bool) -> Verdict<Vec<u8>> {
    let mut text = Vec::new();
    let written = Man::new(command).render(&mut text).and_then(|()| {
        if !with_settings {
            return Ok(());
        }
        writeln!(text, ".SH ENVIRONMENT\nSettings of the library; `heapmm options` prints them.")?;
        for Page { name, values, default, help } in PAGES {
            writeln!(text, ".TP\n\\fBHEAPMM_{name}\\fR\n{help} Values: {values}. Default: {default}.")?;
        }
        writeln!(text, ".SH POLICIES\nValues of HEAPMM_POLICY; `heapmm policies` prints them.")?;
        POLICIES.iter().try_for_each(|row| writeln!(text, ".TP\n\\fB{}\\fR\n{}", row.name, row.help))
    });
    written.map(|()| text).map_err(|error| Fail::output(&error))
}
