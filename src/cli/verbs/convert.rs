//! `heapmm import` and `heapmm export`: traces from one format into another.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::traces::write_rep;
use crate::fail::{Fail, Verdict};
use crate::show::chatter::chat;
use crate::show::file::{Draft, Place, is_same};
use crate::show::number::{count, some};
use crate::trace::hmt::collect::Losses;
use crate::trace::hmt::writer::Writer;
use crate::trace::survey::Survey;
use crate::trace::{Trace, heaptrack, mtrace};

/// Make a .hmt trace of a .rep trace, of a file by glibc's mtrace or by heaptrack (also packed by
/// zstd or gzip), or of the library's raw trace.
#[derive(Debug, Args)]
pub struct Import {
    /// The file; its content says what it is.
    file: PathBuf,
    /// The trace to write.
    #[arg(short, long, value_name = "FILE.hmt")]
    output: PathBuf,
}

/// Write a trace in the classroom's format, which every malloc lab reads.
#[derive(Debug, Args)]
pub struct Export {
    /// The trace.
    file: PathBuf,
    /// The file to write.
    #[arg(short, long, value_name = "FILE.rep")]
    output: PathBuf,
}

impl Import {
    pub fn run(self) -> Verdict {
        let place = output_of(&self.file, &self.output)?;
        let bytes = crate::trace::map(&self.file)?;
        let (trace, losses) = if bytes.starts_with(mtrace::START) {
            let (events, losses) = mtrace::read(&bytes).map_err(|error| error.at(&self.file))?;
            (Trace::of(&self.file.to_string_lossy(), events), losses)
        } else if let Some(text) = heaptrack::text(&bytes).map_err(|error| error.at(&self.file))? {
            let (events, losses) = heaptrack::read(&text).map_err(|error| error.at(&self.file))?;
            (Trace::of(&self.file.to_string_lossy(), events), losses)
        } else {
            let trace = Trace::open(&self.file)?;
            if trace.is_packed() {
                let file = self.file.display();
                return Err(Fail::new(
                    Fail::IO,
                    format!("{file}: a whole .hmt trace already; nothing to import"),
                ));
            }
            tell_cut(&trace);
            (trace, Losses::default())
        };
        Survey::of(&trace)?;
        pack(&trace, losses, place.draft()?)?;
        Ok(0)
    }
}

impl Export {
    pub fn run(self) -> Verdict {
        let place = output_of(&self.file, &self.output)?;
        let trace = Trace::open(&self.file)?;
        tell_cut(&trace);
        let survey = write_rep(&trace, place.draft()?)?;
        chat!("{}: {}", self.output.display(), some(survey.events, "operation"));
        Ok(0)
    }
}

/// Says how much of `trace` is readable, if its file is not whole.
pub fn tell_cut(trace: &Trace) {
    if let Some(note) = trace.note() {
        chat!("heapmm: {}: {note}", trace.path().display());
    }
}

/// The place of an `output` that is made of `file`.
fn output_of(file: &Path, output: &Path) -> Verdict<Place> {
    if is_same(file, output) {
        return Err(Fail::usage(format!("{}: the output would replace the input", file.display())));
    }
    Place::new(output)
}

/// Writes `trace` to `draft`, packed, and says so on stderr, with what was lost on the way to it; its events.
pub fn pack(trace: &Trace, before: Losses, draft: Draft) -> Verdict<u64> {
    let output = draft.target().to_owned();
    let failed = |error| Fail::io(&output, &error);
    let mut writer = Writer::new(draft, &trace.origin().unwrap_or_default()).map_err(failed)?;
    let mut events = 0;
    let losses = trace.each(&mut |some| {
        events += some.len() as u64;
        writer.write(some)
    })?;
    let mut draft = writer.finish().map_err(failed)?;
    draft.flush().map_err(failed)?;
    draft.finish()?;
    tell(&output, events, before.and(losses));
    Ok(events)
}

/// Says that the trace stands at `output`, with its `events` and what was lost.
pub fn tell(output: &Path, events: u64, losses: Losses) {
    let size = std::fs::metadata(output).map_or(0, |data| data.len());
    let each = match events {
        0 => String::new(),
        events => format!(", {:.1} bytes each", size as f64 / events as f64),
    };
    chat!("{}: {}{each}{}", output.display(), some(events, "event"), lost(losses));
}

fn lost(losses: Losses) -> String {
    let mut text = String::new();
    if losses.unknown > 0 {
        text += &format!("; {} frees of blocks from before the trace left out", count(losses.unknown));
    }
    if losses.unfreed > 0 {
        text += &format!("; {} frees missing", count(losses.unfreed));
    }
    text
}
