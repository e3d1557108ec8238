//! One replay: the events of a trace as calls of an engine, with stops for looking.
//!
//! ```text
//!   events ──► call ──► ... ──► stop: the peak ──► ... ──► stop: a sample ──► ... end
//!              timed                not timed
//! ```
//!
//! - **V1** A slot holds the payload of a block that the engine handed out and did not get back.

use std::time::Duration;

use clap::ValueEnum;
use heapmm_core::engine::{Engine, Figures};
use heapmm_core::heap::{Coalesce, Fault, Growth, Shape};

use super::catalogue::Entry;
use super::clock;
use super::crew::Crew;
use super::field::Field;
use super::film::{COLOURS, Film, Sample};
use super::touch::{self, Touched};
use crate::fail::{Fail, Verdict};
use crate::show::progress::Progress;
use crate::trace::survey::Survey;
use crate::trace::{Event, Kind, Trace};

/// What a change of size does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Realloc {
    /// The block grows or shrinks where it is, if it can.
    InPlace,
    /// A new block, then the old one back.
    Copy,
}

/// How much a heap asks of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Asking {
    /// What is missing, to the byte.
    Exact,
    /// A part of what it has, as in live use.
    Geometric,
}

/// When free neighbours become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Merging {
    /// When a block is freed.
    Immediate,
    /// When a search has failed.
    Deferred,
}

/// How a trace is played.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Rules {
    /// What a change of size does: in-place if not said.
    #[arg(long, value_enum)]
    pub realloc: Option<Realloc>,
    /// How much a heap asks of the system: exact if not said.
    #[arg(long, value_enum)]
    pub growth: Option<Asking>,
    /// When free neighbours become one.
    #[arg(long, value_enum, default_value = "immediate")]
    pub coalesce: Merging,
    /// As a process: caches of each thread, mappings for large requests, room for what grows, sweeps.
    /// So recorded traces are played if nothing else is said.
    #[arg(long, conflicts_with_all = ["realloc", "growth", "bare"])]
    pub live: bool,
    /// By the rule of placement alone. So .rep traces are played, and with --realloc or --growth.
    #[arg(long)]
    pub bare: bool,
    /// Seconds of processor time after which a policy is given up; for a comparison, a share of 25
    /// seconds on each processor if not given.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub patience: Option<f64>,
}

/// Seconds that one replay may take, and that a comparison may.
const PATIENCE: f64 = 120.0;
const PATIENCE_WITH_ALL: f64 = 25.0;

/// Seconds on the command line.
fn seconds(text: &str) -> Result<f64, &'static str> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or("it takes seconds: a number that is not negative")
}

impl Rules {
    /// The rules for each of `policies` that are played by `workers` at a time.
    pub fn shared(self, policies: usize, workers: usize) -> Self {
        let share = PATIENCE_WITH_ALL * workers as f64 / policies.max(1) as f64;
        Self { patience: Some(self.patience.unwrap_or(share)), ..self }
    }

    /// The rules for `trace`: one of a process is played as a process, unless something is said that
    /// a process does not do.
    pub fn of(self, trace: &Trace) -> Self {
        let is_bare = self.bare || self.realloc.is_some() || self.growth.is_some();
        Self { live: self.live || (trace.is_recorded() && !is_bare), ..self }
    }

    /// Seconds after which a policy is given up.
    pub fn seconds(&self) -> f64 {
        self.patience.unwrap_or(PATIENCE).clamp(0.0, 1e9)
    }

    fn shape(&self) -> Shape {
        let growth = match self.growth {
            _ if self.live => Growth::Geometric,
            Some(Asking::Geometric) => Growth::Geometric,
            Some(Asking::Exact) | None => Growth::Exact,
        };
        let coalesce = match self.coalesce {
            Merging::Immediate => Coalesce::Immediate,
            Merging::Deferred => Coalesce::Deferred,
        };
        Shape { growth, coalesce, ..Shape::DEFAULT }
    }
}

/// What a replay has shown.
#[derive(Debug)]
pub struct Outcome {
    /// The engine's figures when most bytes were live.
    pub at_peak: Figures,
    /// Its figures after the last event.
    pub at_end: Figures,
    /// Events played.
    pub played: u64,
    /// Requests that got nothing.
    pub refused: u64,
    /// Most bytes that the program wanted and had at once.
    pub most: u64,
    /// Pages that were hardly used when most bytes were live.
    pub pinned: u64,
    /// Pages that the program would have touched.
    pub faults: u64,
    /// Processor time spent in the engine.
    pub spent: Duration,
    /// The pictures, if any were asked for.
    pub film: Option<Film>,
}

/// Events between two looks at the clock.
const STRIDE: usize = 1024;

/// A replay under way.
pub struct Player {
    // Before the field: what points into memory goes before the memory.
    engine: Box<dyn Engine>,
    field: Field,
    slots: Vec<Slot>,
    crew: Crew,
    realloc: Realloc,
    live: u64,
    /// The most that it ever was, the number of the event, from 0, after which it was so first, and the events so far.
    most: u64,
    most_at: u64,
    events: u64,
    refused: u64,
    touched: Touched,
}

/// A block of the trace: null where there is none ([V1](self)).
#[derive(Clone, Copy)]
struct Slot {
    payload: *mut u8,
    len: u64,
}

impl Slot {
    const EMPTY: Self = Self { payload: std::ptr::null_mut(), len: 0 };
}

/// Plays `trace` through the engine of `entry`; with `samples`, takes that many pictures. Once more, if most bytes
/// were live at another moment than `survey` says, since some of them were refused.
pub fn play(
    trace: &Trace,
    survey: &Survey,
    entry: &Entry,
    rules: &Rules,
    samples: Option<u64>,
    progress: &Progress,
) -> Verdict<Outcome> {
    let player = Player::new(survey, entry, rules)?;
    let mut show = Show {
        stops: Stops::new(survey, samples),
        film: samples.map(|_| Film::new(player.field.start(), survey.spread.ends(COLOURS))),
        player,
        peak_at: survey.peak_at,
        at_peak: None,
        pinned: 0,
        played: 0,
        spent: Duration::ZERO,
        wrong: None,
    };
    let patience = Duration::from_secs_f64(rules.seconds());
    trace.each(&mut |events| {
        let mut rest = events;
        while !rest.is_empty() {
            let before = rest.len();
            rest = show.go_on(rest);
            progress.add((before - rest.len()) as u64);
            if show.wrong.is_some() || show.spent > patience {
                return false;
            }
        }
        true
    })?;
    if let Some(what) = show.wrong {
        return Err(Fail::new(Fail::OWN, format!("{}: near event {}: {what}", entry.name, show.played)));
    }
    let (most, most_at, refused) = (show.player.most, show.player.most_at, show.player.refused);
    if refused > 0 && most_at != survey.peak_at && show.played == survey.events {
        drop(show);
        return play(trace, &Survey { peak_at: most_at, ..survey.clone() }, entry, rules, samples, progress);
    }
    let at_end = show.player.engine.figures();
    Ok(Outcome {
        at_peak: show.at_peak.unwrap_or(at_end),
        at_end,
        played: show.played,
        refused,
        most,
        pinned: show.pinned,
        faults: show.player.touched.count,
        spent: show.spent,
        film: show.film,
    })
}

/// A replay with its stops.
struct Show {
    player: Player,
    stops: Stops,
    film: Option<Film>,
    peak_at: u64,
    at_peak: Option<Figures>,
    pinned: u64,
    played: u64,
    spent: Duration,
    wrong: Option<String>,
}

impl Show {
    /// Plays `events` up to the next stop or look at the clock, and looks if it is a stop; the rest.
    fn go_on<'a>(&mut self, events: &'a [Event]) -> &'a [Event] {
        let until = self.stops.next().map_or(u64::MAX, |stop| stop + 1 - self.played);
        let (now, later) = events.split_at(events.len().min(STRIDE).min(until as usize));
        let since = clock::spent();
        self.wrong = self.player.play(now);
        self.spent += clock::spent() - since;
        self.player.touched.settle();
        self.played += now.len() as u64;
        if self.stops.next().is_some_and(|stop| stop < self.played) {
            self.stops.pass();
            self.look();
        }
        later
    }

    fn look(&mut self) {
        let figures = self.player.engine.figures();
        if self.played == self.peak_at + 1 {
            self.at_peak = Some(figures);
            self.pinned = touch::pinned(&*self.player.engine);
        }
        if let Some(film) = &mut self.film {
            film.take(Sample { event: self.played, live: self.player.live, figures }, &*self.player.engine);
        }
    }
}

impl Player {
    /// A replay of the trace that `survey` describes, with nothing played yet.
    pub fn new(survey: &Survey, entry: &Entry, rules: &Rules) -> Verdict<Self> {
        let align = 1u64 << survey.align_log.min(40);
        // Nothing reused and every block rounded up to a power of two: no engine needs more.
        let each = 2u64.saturating_mul(align).saturating_add(128);
        let blocks = (survey.allocs + survey.resizes).saturating_mul(each);
        let want = survey.total.saturating_mul(2).saturating_add(blocks).saturating_add(64 << 20);
        let least = survey.peak.saturating_mul(2).saturating_add(1 << 20);
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let field = Field::new(entry.number(), size(want), size(least))?;
        // SAFETY: the only arena over the field, dropped before it.
        let engine = entry.build(unsafe { field.arena() }, rules.shape(), rules.live);
        let engine = engine.ok_or_else(|| Fail::usage(format!("{} cannot be replayed", entry.name)))?;
        let slots = vec![Slot::EMPTY; survey.ids as usize];
        let (touched, crew) = (Touched::default(), Crew::new(&survey.ends));
        Ok(Self {
            engine,
            field,
            slots,
            crew,
            realloc: rules.realloc.unwrap_or(Realloc::InPlace),
            live: 0,
            most: 0,
            most_at: 0,
            events: 0,
            refused: 0,
            touched,
        })
    }

    /// The engine.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Where the engine's memory begins.
    pub fn start(&self) -> usize {
        self.field.start()
    }

    /// Ids and payload addresses of the live blocks.
    pub fn blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let live = self.slots.iter().enumerate().filter(|(_, slot)| !slot.payload.is_null());
        live.map(|(id, slot)| (id, slot.payload.addr()))
    }

    /// Bytes that the program wanted and has.
    pub fn live(&self) -> u64 {
        self.live
    }

    /// Plays some events; what the engine did wrong, if it did.
    pub fn play(&mut self, events: &[Event]) -> Option<String> {
        events.iter().find_map(|event| {
            self.crew.call(event, &mut *self.engine);
            let played = match event.kind {
                Kind::FreeNull => Ok(()),
                Kind::Free => self.free(event.id as usize),
                Kind::Resize => self.resize(event),
                Kind::Allocate | Kind::Zeroed | Kind::Aligned => self.allocate(event),
            };
            self.crew.called(&mut *self.engine);
            if self.live > self.most {
                (self.most, self.most_at) = (self.live, self.events);
            }
            self.events += 1;
            played.err()
        })
    }

    fn allocate(&mut self, event: &Event) -> Result<(), String> {
        let (len, align) = (event.len as usize, 1 << event.align_log.max(4));
        let got = match event.kind {
            Kind::Zeroed => self.engine.allocate_zeroed(len),
            _ => self.engine.allocate(len, align),
        };
        match got {
            Some(grant) => {
                self.slots[event.id as usize] = Slot { payload: grant.payload(), len: event.len };
                self.live += event.len;
                self.touched.note(grant.payload().addr(), event.len as usize);
            }
            None => self.refused += 1,
        }
        Ok(())
    }

    fn free(&mut self, id: usize) -> Result<(), String> {
        let slot = std::mem::replace(&mut self.slots[id], Slot::EMPTY);
        if slot.payload.is_null() {
            // The request for it was refused.
            return Ok(());
        }
        self.live -= slot.len;
        self.release(slot)
    }

    fn release(&mut self, slot: Slot) -> Result<(), String> {
        self.engine.release_at(slot.payload.addr()).map_err(wrong)
    }

    fn resize(&mut self, event: &Event) -> Result<(), String> {
        let slot = self.slots[event.id as usize];
        if slot.payload.is_null() {
            return self.allocate(event);
        }
        if self.realloc == Realloc::InPlace {
            let moved = self.engine.relocate_at(slot.payload.addr(), event.len as usize).map_err(wrong)?;
            if let Some(payload) = moved {
                self.live = self.live - slot.len + event.len;
                self.slots[event.id as usize] = Slot { payload, len: event.len };
                let keeps = if payload == slot.payload { slot.len } else { 0 };
                self.touched.note(payload.addr() + keeps as usize, event.len.saturating_sub(keeps) as usize);
                return Ok(());
            }
        }
        let refused = self.refused;
        self.allocate(event)?;
        if self.refused == refused {
            self.live -= slot.len;
            self.release(slot)?;
        }
        Ok(())
    }
}

fn wrong(fault: Fault) -> String {
    format!("a live block is said to be {fault:?}")
}

/// The events after which the replay stops to look, in order.
struct Stops {
    events: Vec<u64>,
    at: usize,
}

impl Stops {
    fn new(survey: &Survey, samples: Option<u64>) -> Self {
        let mut events = vec![survey.peak_at];
        let count = samples.unwrap_or(0);
        events.extend((1..=count).map(|n| (survey.events * n / count).saturating_sub(1)));
        events.sort_unstable();
        events.dedup();
        Self { events, at: 0 }
    }

    fn next(&self) -> Option<u64> {
        self.events.get(self.at).copied()
    }

    fn pass(&mut self) {
        self.at += 1;
    }
}
