//! One session: every chosen row under every chosen side, interleaved.
//!
//! A row's sides run A B C, then B C A, then C A B, so that neither a slow minute of
//! the machine nor the place in the line falls to one side.

use crate::forge::Side;
use crate::launch::{self, Cost, Task};
use crate::peer::Role;
use crate::place;
use crate::result::{RowResult, SideResult};
use crate::row::{Row, Work};
use crate::server;
use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;

pub struct Session {
    pub sides: Vec<Side>,
    pub rounds: usize,
    pub scale: f64,
    pub count_calls: bool,
}

impl Session {
    /// Measures the rows, with a bar; a row that is done is shown through `show`.
    pub fn run(&self, rows: &[Row], show: &mut dyn FnMut(&RowResult, &ProgressBar)) -> Vec<RowResult> {
        let runs: usize = rows.iter().map(|row| self.sides_of(row).len() * self.rounds).sum();
        let bar = ProgressBar::new(runs as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} (left: {eta}) {msg}")
        {
            bar.set_style(style);
        }
        let results = rows
            .iter()
            .map(|row| {
                let result = self.row(row, &bar);
                show(&result, &bar);
                result
            })
            .collect();
        bar.finish_and_clear();
        results
    }

    /// The floors serve patterns of one thread only: they neither share nor return.
    fn sides_of(&self, row: &Row) -> Vec<&Side> {
        let fits = |side: &&Side| side.peer.role() != Role::Floor || row.group == "pattern";
        self.sides.iter().filter(fits).collect()
    }

    fn row(&self, row: &Row, bar: &ProgressBar) -> RowResult {
        let mut sides = BTreeMap::new();
        let skipped = absent(row);
        if skipped.is_none() {
            let chosen = self.sides_of(row);
            sides = chosen.iter().map(|side| (side.peer.name.to_string(), SideResult::default())).collect();
            for round in 0..self.rounds {
                self.round(row, round, &chosen, &mut sides, bar);
            }
            for side in chosen {
                let Some(result) = sides.get_mut(side.peer.name) else { continue };
                if self.count_calls && !row.idle && result.failed.is_none() {
                    bar.set_message(format!("{} {} system calls", row.name, side.peer.name));
                    match self.count(row, side) {
                        Ok(calls) => result.calls = Some(calls),
                        Err(error) => bar
                            .suspend(|| eprintln!("{} {}: not counted: {error:#}", row.name, side.peer.name)),
                    }
                }
                result.settle(row);
            }
        } else {
            bar.inc((self.sides_of(row).len() * self.rounds) as u64);
        }
        RowResult {
            name: row.name.clone(),
            group: row.group.to_string(),
            what: row.what.to_string(),
            unit: row.unit.to_string(),
            skipped,
            sides,
        }
    }

    fn round(
        &self,
        row: &Row,
        round: usize,
        chosen: &[&Side],
        sides: &mut BTreeMap<String, SideResult>,
        bar: &ProgressBar,
    ) {
        let mut order = chosen.to_vec();
        order.rotate_left(round % chosen.len().max(1));
        let task = self.task(row, self.scale);
        let mut waiting = Vec::new();
        for side in order {
            let Some(result) = sides.get_mut(side.peer.name) else { continue };
            if result.failed.is_some() {
                bar.inc(1);
                continue;
            }
            bar.set_message(format!("{} {}", row.name, side.peer.name));
            if row.idle {
                waiting.push((side, launch::start(&task, side)));
            } else {
                result.keep(once(row, &task, side));
                bar.inc(1);
            }
        }
        for (side, started) in waiting {
            if let Some(result) = sides.get_mut(side.peer.name) {
                result.keep(started.and_then(launch::Running::finish).and_then(|cost| sound(row, cost)));
            }
            bar.inc(1);
        }
    }

    /// The row's command line with its places filled in.
    fn task(&self, row: &Row, scale: f64) -> Task {
        match &row.work {
            Work::Load { program, row: name } => Task {
                argv: vec![
                    place::loads().join(program).display().to_string(),
                    name.to_string(),
                    // What a memory row holds is its definition: never scaled.
                    (if row.time.is_some() { scale } else { 1.0 }).to_string(),
                    row.threads.to_string(),
                ],
                prints: true,
                ..Task::default()
            },
            Work::Program { argv, stdin, env } => Task {
                argv: argv.iter().map(|word| fill(word)).collect(),
                stdin: (!stdin.is_empty()).then(|| fill(stdin).into()),
                env: env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
                ..Task::default()
            },
            Work::Server => Task::default(),
        }
    }

    fn count(&self, row: &Row, side: &Side) -> Result<u64> {
        if matches!(row.work, Work::Server) {
            return server::traced(side);
        }
        // A quarter of the work is enough to compare, and tracing is slow.
        launch::start_traced(&self.task(row, self.scale / 4.0), side)?.finish_traced()
    }
}

impl SideResult {
    fn keep(&mut self, outcome: Result<Cost>) {
        match outcome {
            Ok(cost) => self.samples.push(cost),
            Err(error) => self.failed = Some(format!("{error:#}")),
        }
    }
}

fn once(row: &Row, task: &Task, side: &Side) -> Result<Cost> {
    let cost = if matches!(row.work, Work::Server) {
        server::timed(side)?
    } else {
        launch::start(task, side)?.finish()?
    };
    sound(row, cost)
}

/// A load program that says nothing has not measured anything.
fn sound(row: &Row, cost: Cost) -> Result<Cost> {
    if matches!(row.work, Work::Load { .. }) && cost.value.is_none() {
        bail!("the load program printed no value");
    }
    Ok(cost)
}

fn fill(word: &str) -> String {
    let bench = place::bench();
    word.replace("{input}", &bench.join("input").display().to_string())
        .replace("{load}", &bench.join("load").display().to_string())
        .replace("{made}", &place::made().display().to_string())
}

/// Why a row cannot run on this machine.
fn absent(row: &Row) -> Option<String> {
    let programs: Vec<&str> = match &row.work {
        Work::Load { .. } => Vec::new(),
        Work::Program { argv, .. } => argv.first().copied().into_iter().collect(),
        Work::Server => server::PROGRAMS.to_vec(),
    };
    let gone = programs.into_iter().find(|name| place::program(name).is_none())?;
    Some(format!("{gone} is not installed (Debian package {})", row.package))
}
