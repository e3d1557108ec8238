//! A first pass over a trace: its sums, and the moment at which most bytes are live.
//!
//! After it, the trace is known to make sense: no block is freed that is not live.

use std::collections::HashMap;

use super::spread::Spread;
use super::{Event, Kind, Trace};
use crate::fail::{Fail, Verdict};

/// What a trace asks for in all.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Events.
    pub events: u64,
    /// New blocks, those of `realloc(NULL)` included.
    pub allocs: u64,
    /// Changes of size.
    pub resizes: u64,
    /// Blocks given back.
    pub frees: u64,
    /// Most bytes live at once.
    pub peak: u64,
    /// The number of the event, from 0, after which the peak is reached first.
    pub peak_at: u64,
    /// Most blocks live at once.
    pub peak_blocks: u64,
    /// Bytes live at the end.
    pub left: u64,
    /// Blocks live at the end.
    pub left_blocks: u64,
    /// All bytes ever asked for.
    pub total: u64,
    /// The largest request.
    pub largest: u64,
    /// The largest alignment, as a logarithm.
    pub align_log: u8,
    /// Ids are below this.
    pub ids: u32,
    /// Time of the last event, in microseconds.
    pub lasted: u64,
    /// Threads that ask.
    pub threads: u64,
    /// Threads but the first, each with the number of its last event, from 0, in this order.
    pub ends: Vec<(u64, u32)>,
    /// How the bytes are spread over the sizes.
    pub spread: Spread,
}

/// Survey under way.
struct Walk {
    survey: Survey,
    /// Length of each live block.
    live: Vec<Option<u64>>,
    /// The last event of each thread but the one at hand, whose the first event is, and who is at hand.
    threads: HashMap<u32, u64>,
    first: Option<u32>,
    current: Option<u32>,
}

impl Survey {
    /// Goes through `trace` once.
    pub fn of(trace: &Trace) -> Verdict<Self> {
        let mut walk = Walk {
            survey: Self::default(),
            live: Vec::new(),
            threads: HashMap::new(),
            first: None,
            current: None,
        };
        let mut wrong = None;
        trace.each(&mut |events| {
            wrong = events.iter().find_map(|event| walk.take(event));
            wrong.is_none()
        })?;
        if let Some(what) = wrong {
            let place = format_args!("event {}", walk.survey.events).to_string();
            return Err(Fail::content(trace.path(), place, what));
        }
        walk.leave(walk.survey.events);
        walk.survey.threads = walk.threads.len() as u64;
        let others = walk.threads.iter().filter(|(thread, _)| Some(**thread) != walk.first);
        walk.survey.ends = others.map(|(thread, last)| (*last, *thread)).collect();
        walk.survey.ends.sort_unstable();
        walk.survey.left_blocks = walk.live.iter().flatten().count() as u64;
        Ok(walk.survey)
    }
}

impl Walk {
    /// Counts an event; what is wrong with it, if anything is.
    fn take(&mut self, event: &Event) -> Option<String> {
        let id = event.id as usize;
        if id as u64 > self.survey.allocs {
            return Some(format!("id {id} is out of range"));
        }
        if self.live.len() <= id {
            self.live.resize(id + 1, None);
        }
        let held = self.live[id];
        match event.kind {
            Kind::FreeNull => {}
            Kind::Free => {
                let Some(len) = held else { return Some(format!("id {id} is freed but not live")) };
                self.live[id] = None;
                self.survey.left = self.survey.left.saturating_sub(len);
                self.survey.frees += 1;
            }
            kind if kind.allocates() && held.is_some() => return Some(format!("id {id} is live already")),
            _ => self.hold(event, held),
        }
        self.survey.lasted = self.survey.lasted.max(event.time);
        if self.current != Some(event.thread) {
            self.leave(self.survey.events);
            self.current = Some(event.thread);
            self.first.get_or_insert(event.thread);
        }
        self.survey.events += 1;
        None
    }

    /// The thread at hand has no more events for now; `next` is the number of the one that follows.
    fn leave(&mut self, next: u64) {
        if let Some(thread) = self.current.take() {
            self.threads.insert(thread, next - 1);
        }
    }

    fn hold(&mut self, event: &Event, held: Option<u64>) {
        let survey = &mut self.survey;
        let grown = event.len;
        match held {
            Some(_) => survey.resizes += 1,
            None => survey.allocs += 1,
        }
        survey.left = survey.left.saturating_sub(held.unwrap_or(0)).saturating_add(grown);
        survey.total = survey.total.saturating_add(grown);
        survey.spread.add(grown);
        survey.largest = survey.largest.max(grown);
        survey.align_log = survey.align_log.max(event.align_log);
        survey.ids = survey.ids.max(event.id + 1);
        if survey.left > survey.peak {
            survey.peak = survey.left;
            survey.peak_at = survey.events;
        }
        survey.peak_blocks = survey.peak_blocks.max(survey.allocs - survey.frees);
        self.live[event.id as usize] = Some(grown);
    }
}
