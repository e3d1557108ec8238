//! `heapmm replay`: one trace through one policy.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::convert::tell_cut;
use super::policies;
use crate::fail::{Fail, Verdict};
use crate::play::player::{self, Rules};
use crate::play::score::{METRICS, Score};
use crate::play::{catalogue, table};
use crate::show::chatter::chat;
use crate::show::number::{count, percent};
use crate::show::progress::Progress;
use crate::show::stream;
use crate::show::table::{Cell, Format};
use crate::show::word::{argument, printable};
use crate::trace::Trace;
use crate::trace::survey::Survey;

/// Play a trace through a policy and say how well it used memory.
#[derive(Debug, Args)]
pub struct Replay {
    /// The trace: .rep or .hmt.
    file: PathBuf,
    /// The policy; `heapmm policies` lists the names.
    #[arg(long, value_name = "NAME", default_value = "segregated-best")]
    #[arg(value_parser = policies::Name, hide_possible_values = true)]
    policy: String,
    #[command(flatten)]
    rules: Rules,
    /// The shape of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Replay {
    pub fn run(self) -> Verdict {
        let entry = catalogue::named(&self.policy)?;
        let (trace, survey) = opened(&self.file)?;
        let progress = Progress::new(survey.events, entry.name);
        let rules = self.rules.of(&trace);
        let outcome = player::play(&trace, &survey, &entry, &rules, None, &progress)?;
        drop(progress);
        let score = Score::of(entry.name, &survey, &outcome);
        if !score.is_whole() {
            return Err(Fail::new(Fail::IO, given_up(&score, &rules)));
        }
        tell_refused(std::slice::from_ref(&score));
        match self.format {
            Format::Text => self.print_text(&score, &survey).map_err(|error| Fail::output(&error))?,
            format => super::print(&table::table(std::slice::from_ref(&score), format), format)?,
        }
        chat!("next:  heapmm compare {}", argument(&self.file));
        Ok(0)
    }

    fn print_text(&self, score: &Score, survey: &Survey) -> std::io::Result<()> {
        let mut out = stream::stdout()?;
        let file = self.file.to_string_lossy();
        let file = printable(&file);
        writeln!(out, "{}  {file}  {} operations", score.policy, count(survey.events))?;
        for metric in METRICS {
            let cell = (metric.of)(score);
            if cell != Cell::None {
                writeln!(out, "  {:<13} {:>12}   {}", metric.title, cell.text(), metric.help)?;
            }
        }
        Ok(())
    }
}

/// The trace at `path`, known to make sense; a note on stderr if it is not whole.
pub fn opened(path: &std::path::Path) -> Verdict<(Trace, Survey)> {
    let trace = Trace::open(path)?;
    let survey = Survey::of(&trace)?;
    tell_cut(&trace);
    if survey.events == 0 {
        return Err(Fail::new(Fail::IO, format!("{}: no operations to play", path.display())));
    }
    Ok((trace, survey))
}

/// Says which policies refused requests, if any did, and what that means.
pub fn tell_refused(scores: &[Score]) {
    let names = scores.iter().filter(|score| score.is_whole() && score.refused > 0);
    let names = names.map(|score| score.policy.as_str()).collect::<Vec<_>>();
    let whom = match names.len() {
        0 => return,
        many if many > 1 && many == scores.len() => "every policy".to_owned(),
        _ => names.join(", "),
    };
    chat!("heapmm: requests were refused by {whom}: they do not count as held, and no score is given");
}

/// What is said of a replay that took too long.
pub fn given_up(score: &Score, rules: &Rules) -> String {
    let part = percent(score.played);
    format!(
        "{}: given up after {:.0} s at {part} of the trace; --patience raises that",
        score.policy,
        rules.seconds()
    )
}
