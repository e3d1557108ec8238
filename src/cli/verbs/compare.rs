//! `heapmm compare`: one trace through many policies, side by side.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;

use super::replay::{given_up, opened, tell_refused};
use crate::fail::{self, Fail, Verdict};
use crate::picture::{self, Play};
use crate::play::catalogue::{self, Entry};
use crate::play::player::{self, Outcome, Rules};
use crate::play::score::Score;
use crate::play::{advice, table};
use crate::show::chatter::chat;
use crate::show::file::{Place, is_same};
use crate::show::progress::Progress;
use crate::show::stream;
use crate::show::table::Format;
use crate::trace::Trace;
use crate::trace::survey::Survey;

/// Play a trace through many policies, side by side.
#[derive(Debug, Args)]
pub struct Compare {
    /// The trace: .rep or .hmt.
    file: PathBuf,
    /// The policies, separated by commas, or `all`.
    #[arg(long, value_name = "A,B", default_value = "all")]
    policies: String,
    #[command(flatten)]
    rules: Rules,
    /// The figures, separated by commas, by their names in JSON and CSV; without advice.
    #[arg(long, value_name = "A,B")]
    columns: Option<String>,
    /// The shape of the table.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write a page with the table and the pictures; it needs no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the pictures alone.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Moments at which pictures are taken.
const SAMPLES: u64 = 160;

impl Compare {
    pub fn run(self) -> Verdict {
        let entries = catalogue::listed(&self.policies)?;
        let outputs = self.outputs()?;
        let columns = self.columns.as_deref().map(table::listed).transpose()?;
        let (trace, survey) = opened(&self.file)?;
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(entries.len());
        let rules = self.rules.of(&trace).shared(entries.len(), workers);
        let outcomes = self.play_all(&trace, &survey, &entries, &rules, workers)?;
        let mut scores: Vec<Score> = entries
            .iter()
            .zip(&outcomes)
            .map(|(entry, outcome)| Score::of(entry.name, &survey, outcome))
            .collect();
        table::award(&mut scores);
        for score in scores.iter().filter(|score| !score.is_whole()) {
            chat!("heapmm: {}", given_up(score, &rules));
        }
        tell_refused(&scores);
        let table = match &columns {
            Some(columns) => table::of_figures(&scores, columns),
            None => table::table(&scores, self.format),
        };
        let advice = advice::of(&scores, rules.live);
        let printed = super::print(&table, self.format).and_then(|()| match (self.format, &columns) {
            (Format::Text, None) => {
                let written = stream::stdout().and_then(|mut out| writeln!(out, "\n{advice}"));
                written.map_err(|error| Fail::output(&error))
            }
            _ => Ok(()),
        });
        let drawn = self.draw(outputs, &survey, &scores, &outcomes, &advice);
        Ok(fail::after(0, [printed].into_iter().chain(drawn)))
    }

    /// Where the page and the pictures go.
    fn outputs(&self) -> Verdict<[Option<Place>; 2]> {
        let files = [&self.html, &self.svg];
        let mut taken = vec![&self.file];
        for file in files.into_iter().flatten() {
            if taken.iter().any(|other| is_same(file, other)) {
                let what = "it would replace the trace, or the other output";
                return Err(Fail::usage(format!("{}: {what}", file.display())));
            }
            taken.push(file);
        }
        let [html, svg] = files.map(|file| file.as_deref().map(Place::new).transpose());
        Ok([html?, svg?])
    }

    /// Plays the trace through all `entries`, as many at a time as there are `workers`.
    fn play_all(
        &self,
        trace: &Trace,
        survey: &Survey,
        entries: &[Entry],
        rules: &Rules,
        workers: usize,
    ) -> Verdict<Vec<Outcome>> {
        let samples = (self.html.is_some() || self.svg.is_some()).then_some(SAMPLES);
        let progress = Progress::new(survey.events.saturating_mul(entries.len() as u64), "replaying");
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Verdict<Outcome>>>> =
            entries.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some((entry, result)) = {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        entries.get(at).zip(results.get(at))
                    } {
                        let outcome = player::play(trace, survey, entry, rules, samples, &progress);
                        if let Ok(mut place) = result.lock() {
                            *place = Some(outcome);
                        }
                    }
                });
            }
        });
        let lost = || Err(Fail::new(Fail::OWN, "a replay came to no end"));
        results.into_iter().map(|result| result.into_inner().ok().flatten().unwrap_or_else(lost)).collect()
    }

    fn draw(
        &self,
        [html, svg]: [Option<Place>; 2],
        survey: &Survey,
        scores: &[Score],
        outcomes: &[Outcome],
        advice: &str,
    ) -> [Verdict<()>; 2] {
        let plays: Vec<Play> = scores
            .iter()
            .zip(outcomes)
            .filter_map(|(score, outcome)| Some(Play { score, film: outcome.film.as_ref()? }))
            .filter(|play| play.score.is_whole())
            .collect();
        let title = self.file.file_name().unwrap_or_default().to_string_lossy();
        [
            html.map_or(Ok(()), |place| {
                deliver(place, &picture::page::page(&title, survey, scores, &plays, advice))
            }),
            svg.map_or(Ok(()), |place| deliver(place, &picture::sheet::sheet(&title, survey, &plays))),
        ]
    }
}

fn deliver(place: Place, text: &str) -> Verdict<()> {
    let target = place.target().to_owned();
    place.write(text.as_bytes())?;
    chat!("written:  {}", target.display());
    Ok(())
}
