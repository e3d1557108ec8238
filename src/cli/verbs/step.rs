//! `heapmm step`: a small trace, one operation at a time, with the heap drawn after each.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;

use super::replay::opened;
use super::{at_least, policies};
use crate::fail::{Fail, Verdict};
use crate::play::player::{Player, Rules};
use crate::play::{catalogue, drawing};
use crate::show::colour::Ink;
use crate::show::number::some;
use crate::show::stream;
use crate::trace::{Event, Kind};

/// Play a small trace one operation at a time and draw the heap after each.
///
/// At a terminal, Enter goes on by one, a number by so many, q ends. Otherwise all steps are printed.
#[derive(Debug, Args)]
pub struct Step {
    /// The trace: .rep or .hmt.
    file: PathBuf,
    /// The policy; `heapmm policies` lists the names.
    #[arg(long, value_name = "NAME", default_value = "segregated-best")]
    #[arg(value_parser = policies::Name, hide_possible_values = true)]
    policy: String,
    /// The first operation that is shown, from 1.
    #[arg(long, default_value_t = 1, value_parser = at_least::<1>, allow_negative_numbers = true)]
    from: u64,
    /// The last one.
    #[arg(long, value_parser = at_least::<0>, allow_negative_numbers = true)]
    to: Option<u64>,
    /// Signs in a bar, 8 to 1000.
    #[arg(long, default_value_t = 72, value_parser = clap::value_parser!(u16).range(8..=1000))]
    #[arg(allow_negative_numbers = true)]
    width: u16,
    #[command(flatten)]
    rules: Rules,
}

/// Operations that are printed where nobody can say stop.
const MOST: u64 = 10_000;

impl Step {
    pub fn run(self) -> Verdict {
        let entry = catalogue::named(&self.policy)?;
        let (trace, survey) = opened(&self.file)?;
        let mut player = Player::new(&survey, &entry, &self.rules)?;
        let last = self.to.unwrap_or(survey.events).min(survey.events);
        if self.from > last {
            let (file, from) = (self.file.display(), self.from);
            let what = match self.to {
                Some(to) if from > to => format!("--from {from} lies behind --to {to}"),
                _ => format!("{file}: --from {from} lies behind its {}", some(survey.events, "operation")),
            };
            return Err(Fail::usage(what));
        }
        let asks = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        if !asks && last.saturating_sub(self.from) >= MOST {
            let what = format!("{last} operations are too many to draw; --from and --to choose some");
            return Err(Fail::usage(what));
        }
        let mut out = stream::stdout().map_err(|error| Fail::output(&error))?;
        let ink = Ink::of(&out);
        let (mut at, mut show, mut result) = (0, self.from, Ok(()));
        trace.each(&mut |events| {
            for event in events {
                at += 1;
                if at > last {
                    return false;
                }
                if let Some(what) = player.play(std::slice::from_ref(event)) {
                    result = Err(Fail::new(Fail::OWN, format!("{}: operation {at}: {what}", entry.name)));
                    return false;
                }
                if at < show {
                    continue;
                }
                result = self.show(&mut out, at, event, &player, ink);
                show = at + if asks { answer(&mut out) } else { 1 };
                if result.is_err() || show == at {
                    return false;
                }
            }
            true
        })?;
        result.map(|()| 0)
    }

    fn show(&self, out: &mut dyn Write, at: u64, event: &Event, player: &Player, ink: Ink) -> Verdict<()> {
        let mut write = || {
            writeln!(out, "{}", ink.bold(&format!("{at}  {}", words(event))))?;
            let touched = event.kind.has_len().then_some(event.id);
            for line in drawing::lines(player, touched, usize::from(self.width), ink) {
                writeln!(out, "  {line}")?;
            }
            Ok(())
        };
        write().map_err(|error: std::io::Error| Fail::output(&error))
    }
}

fn words(event: &Event) -> String {
    let Event { id, len, .. } = event;
    match event.kind {
        Kind::Allocate => format!("allocate {id}, {len} bytes"),
        Kind::Zeroed => format!("allocate {id}, {len} zeros"),
        Kind::Aligned => format!("allocate {id}, {len} bytes at a multiple of {}", 1u64 << event.align_log),
        Kind::Resize => format!("resize {id} to {len} bytes"),
        Kind::Free => format!("free {id}"),
        Kind::FreeNull => "free nothing".to_owned(),
    }
}

/// How many steps the user wants to go on; 0 to end.
fn answer(out: &mut dyn Write) -> u64 {
    let mut line = String::new();
    let prompt = write!(out, "> ").and_then(|()| out.flush());
    let read = prompt.and_then(|()| std::io::stdin().lock().read_line(&mut line));
    match line.trim() {
        _ if !matches!(read, Ok(1..)) => 0,
        "" => 1,
        "q" => 0,
        word => word.parse().unwrap_or(1),
    }
}
