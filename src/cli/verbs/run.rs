//! `heapmm run`: a command under the library, and one summary for its whole process tree.
//!
//! ```text
//!   library ─► LD_PRELOAD, HEAPMM_STATS, HEAPMM_OUT=scratch/%p.%n ─► child ─► reports ─► summary
//! ```

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use clap::Args;

use super::policies;
use super::record::Recording;
use crate::fail::{self, Fail, Verdict};
use crate::play::catalogue;
use crate::program::inspect::{self, Findings};
use crate::program::leaks::{self, Count, Found, Sorts};
use crate::program::report::{Report, Reports};
use crate::program::scratch::Scratch;
use crate::program::{child, library, strict};
use crate::show::chatter::chat;
use crate::show::file::{Place, is_same};
use crate::show::number::{bytes, count, percent, share, some};
use crate::show::word::{argument, typed};

/// Run a command under the library and sum up what its processes did with memory.
#[derive(Debug, Args)]
pub struct Run {
    /// Where blocks are placed; `heapmm policies` lists the names.
    #[arg(long, value_name = "NAME", value_parser = policies::Name, hide_possible_values = true)]
    policy: Option<String>,
    /// Keep the reports of all processes, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    stats_out: Option<PathBuf>,
    /// Look for leaks at the end of each process.
    #[arg(long)]
    leaks: bool,
    /// End with this status, 0 to 255, where anything is definitely lost; 23 if none is said.
    #[arg(long, value_name = "STATUS", requires = "leaks", num_args = 0..=1, require_equals = true, default_missing_value = "23")]
    leak_exitcode: Option<u8>,
    /// Write a trace of the command too, as `heapmm record` does.
    #[arg(long, value_name = "FILE.hmt")]
    trace: Option<PathBuf>,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// How one run went.
pub struct Ending {
    pid: u32,
    /// How the command ended.
    pub status: ExitStatus,
    lasted: Duration,
    /// Whether it was said beforehand that it cannot run under the library.
    warned: bool,
    /// Whether the library ended it before it began.
    pub refused: bool,
    /// Whether the trace that was wanted can be played.
    kept: Verdict<bool>,
}

/// How a command is watched.
pub struct Watch<'a> {
    /// Where blocks are placed.
    pub policy: Option<&'a str>,
    /// Whether leaks are looked for.
    pub leaks: bool,
    /// Where a trace goes.
    pub trace: Option<&'a PathBuf>,
}

impl Watch<'_> {
    /// Runs `words` to their end, and reads what the library has left.
    pub fn run(&self, words: &[OsString]) -> Verdict<(Ending, Reports)> {
        if let Some(policy) = self.policy {
            catalogue::sought(policy).map_err(|hint| Fail::usage(format!("no policy '{policy}'; {hint}")))?;
        }
        let library = library::path()?;
        let findings = inspect::command(&words[0])?;
        let mut command = library::command(&library, words, &findings);
        let warned = warn_beforehand(&findings);
        let scratch = Scratch::new()?;
        command.env("HEAPMM_STATS", "exit").env("HEAPMM_STATS_FORMAT", "json");
        command.env("HEAPMM_OUT", scratch.pattern()?);
        if let Some(policy) = self.policy {
            command.env("HEAPMM_POLICY", policy);
        }
        if self.leaks {
            command.env("HEAPMM_LEAKS", "exit");
        }
        let mut recording = match self.trace {
            Some(file) if !warned => Some(Recording::new(file, false)?),
            _ => None,
        };
        if let Some(recording) = &mut recording {
            recording.prepare(&mut command)?;
        }
        let since = Instant::now();
        let (pid, status) = child::run(&mut command)?;
        let refused = !warned && strict::ended(&command, status);
        let ending = Ending { pid, status, lasted: since.elapsed(), warned, refused, kept: Ok(false) };
        let reports = Reports::read(scratch.path());
        let recording = recording.filter(|_| !refused);
        let ending = Ending { kept: recording.map_or(Ok(false), |recording| recording.keep(pid)), ..ending };
        Ok((ending, reports))
    }
}

impl Run {
    pub fn run(self) -> Verdict {
        let watch = Watch { policy: self.policy.as_deref(), leaks: self.leaks, trace: self.trace.as_ref() };
        let stats = self.stats_out.as_deref().map(Place::new).transpose()?;
        if let (Some(stats), Some(trace)) = (&self.stats_out, &self.trace)
            && is_same(stats, trace)
        {
            return Err(Fail::usage(format!(
                "{}: both the trace and the reports would go there",
                trace.display()
            )));
        }
        let (ending, reports) = watch.run(&self.command)?;
        let stats = stats.map_or(Ok(()), |place| {
            let lines: String = reports.all.iter().map(|report| format!("{}\n", report.line)).collect();
            place.write(lines.as_bytes())
        });
        self.summary(&ending, &reports).iter().for_each(|line| chat!("{line}"));
        let has_lost = leaks::sum(&reports.leaks, |sorts| sorts.definite).blocks > 0;
        let status = self.leak_exitcode.filter(|_| has_lost).unwrap_or_else(|| child::code(ending.status));
        Ok(fail::after(status, [ending.kept.map(|_| ()), stats]))
    }

    /// At most fifteen lines, the last one a command to type.
    fn summary(&self, ending: &Ending, reports: &Reports) -> Vec<String> {
        let name = self.command[0].display();
        let mut lines = vec![format!(
            "heapmm  {name}  pid {}  {}  {:.2} s{}",
            ending.pid,
            child::words(ending.status),
            ending.lasted.as_secs_f64(),
            reports.largest().map(|report| format!("  policy {}", report.policy)).unwrap_or_default(),
        )];
        match reports.largest() {
            Some(largest) => lines.extend(figures(reports, largest)),
            None if ending.warned => {}
            None if ending.refused => lines.push(format!("  {}", strict::WORDS)),
            None => {
                lines.push("  no process left a report: killed, or it never loaded the library".to_owned())
            }
        }
        if reports.broken > 0 {
            lines.push(format!("  {} cut off", some(reports.broken as u64, "report")));
        }
        if self.leaks {
            lines.extend(leak_lines(&reports.leaks));
        }
        let words = typed(&self.command);
        let trace = Path::new(&self.command[0]).with_extension("hmt");
        let trace = argument(Path::new(trace.file_name().unwrap_or_default()));
        lines.push(match reports.largest() {
            Some(_) => match &self.trace {
                _ if has_leaks(&reports.leaks) => format!("next:  heapmm leaks -- {words}"),
                Some(file) if matches!(ending.kept, Ok(true)) => {
                    format!("next:  heapmm compare {}", argument(file))
                }
                _ => format!("next:  heapmm record -o {trace} -- {words}"),
            },
            None if ending.refused => "next:  heapmm options".to_owned(),
            None => format!("next:  heapmm doctor {}", typed(&self.command[..1])),
        });
        lines
    }
}

/// Says on stderr why the preload cannot work, if it cannot; whether it did.
fn warn_beforehand(findings: &Findings) -> bool {
    let Some(obstacle) = findings.obstacle() else { return false };
    chat!("heapmm: {}: {obstacle}; it runs without heapmm", findings.program.display());
    true
}

fn figures(reports: &Reports, largest: &Report) -> Vec<String> {
    let [live, free, footprint] = [
        reports.sum(|report| report.live),
        reports.sum(|report| report.free),
        reports.sum(|report| report.footprint),
    ];
    let mut lines = Vec::new();
    let many = reports.all.len() > 1;
    let whose = if many { format!(" in {} (pid {})", largest.command, largest.pid) } else { String::new() };
    if many {
        lines.push(format!("  processes  {}: {}", count(reports.all.len() as u64), names(reports)));
    }
    lines.push(format!("  peak       {}{whose}", bytes(largest.peak_footprint)));
    lines.push(format!("  at end     {} live in {}", bytes(live), some(reports.sum(|r| r.blocks), "block")));
    lines.push(format!(
        "  free       {}, the largest piece {}",
        bytes(free),
        bytes(reports.all.iter().map(|report| report.largest_free).max().unwrap_or(0))
    ));
    lines.push(format!(
        "  waste      {} of {} is not live",
        percent(1.0 - share(live, footprint)),
        bytes(footprint)
    ));
    // What a thread serves from what it keeps is counted nowhere.
    let where_counted =
        if reports.all.iter().any(|report| report.policy == "fast") { " below the caches" } else { "" };
    lines.push(format!(
        "  traffic    {}, {}{where_counted}",
        some(reports.sum(|report| report.allocs), "allocation"),
        some(reports.sum(|report| report.frees), "free")
    ));
    let calls = reports.syscalls().into_iter().map(|(name, times)| format!("{name} {}", count(times)));
    let calls = calls.collect::<Vec<_>>().join(", ");
    lines.push(format!("  system     {}", if calls.is_empty() { "no calls" } else { &calls }));
    lines
}

/// Whether anything is lost, or may be.
fn has_leaks(found: &[Found]) -> bool {
    let blocks =
        leaks::sum(found, |sorts| sorts.definite).blocks + leaks::sum(found, |sorts| sorts.possible).blocks;
    blocks > 0
}

/// What leak checks found, over all processes.
fn leak_lines(found: &[Found]) -> Vec<String> {
    if found.is_empty() {
        return vec!["  lost       no process was checked".to_owned()];
    }
    let words = |sort: fn(&Sorts) -> Count| {
        let count = leaks::sum(found, sort);
        format!("{} in {}", bytes(count.bytes), some(count.blocks, "block"))
    };
    let (definite, indirect) = (words(|sorts| sorts.definite), words(|sorts| sorts.indirect));
    let (possible, reachable) = (words(|sorts| sorts.possible), words(|sorts| sorts.reachable));
    vec![
        format!("  lost       {definite} definitely, {indirect} indirectly, {possible} possibly"),
        format!("  kept       {reachable} still reachable"),
    ]
}

/// The commands of the tree, each once, the most frequent first, as far as a line holds them.
fn names(reports: &Reports) -> String {
    const MOST: usize = 6;
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for report in &reports.all {
        match counts.iter_mut().find(|(name, _)| *name == report.command) {
            Some((_, times)) => *times += 1,
            None => counts.push((&report.command, 1)),
        }
    }
    counts.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let shown = counts.iter().take(MOST).map(|(name, times)| match times {
        1 => (*name).to_owned(),
        times => format!("{name} x{times}"),
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if counts.len() > MOST {
        text += ", ...";
    }
    text
}
