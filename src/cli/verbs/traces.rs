//! `heapmm trace`: traces made by recipe, and what a trace asks for.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::at_least;
use super::convert::tell_cut;
use crate::fail::{Fail, Verdict};
use crate::show::chatter::chat;
use crate::show::file::Draft;
use crate::show::number::some;
use crate::show::table::{Cell, Format, Table};
use crate::trace::recipe::{self, LEAST_LEN, Load, Name};
use crate::trace::rep::{Summary, Writer};
use crate::trace::survey::Survey;
use crate::trace::{Trace, rep};

/// Make a trace by a recipe, or say what a trace asks for.
#[derive(Debug, Args)]
pub struct Traces {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Gen(Gen),
    Info(Info),
}

/// Make one of the classroom's traces.
#[derive(Debug, Args)]
struct Gen {
    /// Which one.
    #[arg(value_enum)]
    name: Name,
    /// The file to write.
    #[arg(short, long, value_name = "FILE.rep")]
    output: PathBuf,
    /// The seed of the dice, for `random` and `steady`.
    #[arg(long, default_value_t = 1, value_parser = at_least::<0>, allow_negative_numbers = true)]
    seed: u64,
    /// Replacements of `steady`, up to 100,000,000.
    #[arg(long, default_value_t = 100_000, value_parser = from::<0>, allow_negative_numbers = true)]
    rounds: usize,
    /// Blocks of `steady` that are live at once, 1 to 100,000,000.
    #[arg(long, default_value_t = 2_000, value_parser = from::<1>, allow_negative_numbers = true)]
    live: usize,
    /// Largest request of `steady`, 16 to 100,000,000 bytes.
    #[arg(long, default_value_t = 4_096, value_parser = from::<LEAST_LEN>, allow_negative_numbers = true)]
    largest: usize,
}

/// Most rounds, blocks, or bytes of a block: a trace is made in memory.
const MOST: usize = 100_000_000;

/// A number on the command line, `LEAST` or more, for which a trace can be made.
fn from<const LEAST: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
    number.ok_or_else(|| format!("it takes a number from {LEAST} to {MOST}"))
}

/// Say what a trace asks for in all.
#[derive(Debug, Args)]
struct Info {
    /// The trace: .rep or .hmt.
    file: PathBuf,
    /// The shape of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Traces {
    pub fn run(self) -> Verdict {
        match self.action {
            Action::Gen(gen_) => gen_.run(),
            Action::Info(info) => info.run(),
        }
    }
}

impl Gen {
    fn run(self) -> Verdict {
        let load = Load { rounds: self.rounds, live: self.live, largest: self.largest };
        let trace = Trace::of("recipe", recipe::events(self.name, self.seed, load));
        let survey = write_rep(&trace, Draft::new(&self.output)?)?;
        chat!("{}: {}", self.output.display(), some(survey.events, "operation"));
        Ok(0)
    }
}

/// Writes `trace` to `draft` in the classroom format; what it asks for.
pub fn write_rep(trace: &Trace, mut draft: Draft) -> Verdict<Survey> {
    let survey = Survey::of(trace)?;
    let summary = Summary { peak: survey.peak, ids: survey.allocs, ops: survey.events };
    let path = draft.target().to_owned();
    let mut out: rep::Writer<&mut dyn Write> =
        Writer::new(&mut draft as &mut dyn Write, summary).map_err(|error| Fail::io(&path, &error))?;
    let mut failed = None;
    trace.each(&mut |events| {
        failed = out.write(events).err();
        failed.is_none()
    })?;
    if let Some(error) = failed {
        return Err(Fail::io(&path, &error));
    }
    draft.finish()?;
    Ok(survey)
}

impl Info {
    fn run(self) -> Verdict {
        let trace = Trace::open(&self.file)?;
        let survey = Survey::of(&trace)?;
        tell_cut(&trace);
        let mut table = Table::new("trace", &[("figure", "figure"), ("value", "value")]);
        let rows = [
            ("events", Cell::Count(survey.events)),
            ("threads", Cell::Count(survey.threads)),
            ("allocations", Cell::Count(survey.allocs)),
            ("resizes", Cell::Count(survey.resizes)),
            ("frees", Cell::Count(survey.frees)),
            ("bytes asked for", Cell::Bytes(survey.total)),
            ("largest request", Cell::Bytes(survey.largest)),
            ("peak", Cell::Bytes(survey.peak)),
            (
                "peak after event",
                if survey.events == 0 { Cell::None } else { Cell::Count(survey.peak_at + 1) },
            ),
            ("most blocks", Cell::Count(survey.peak_blocks)),
            ("live at end", Cell::Bytes(survey.left)),
            ("blocks at end", Cell::Count(survey.left_blocks)),
            ("microseconds", Cell::Count(survey.lasted)),
        ];
        table.rows.extend(rows.map(|(name, cell)| vec![Cell::word(name), cell]));
        super::print(&table, self.format)?;
        Ok(0)
    }
}
