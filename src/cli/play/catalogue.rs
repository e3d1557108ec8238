//! The engines that a trace can be played through, by name.

use std::env;
use std::sync::OnceLock;

use heapmm_core::allocator::Replay;
use heapmm_core::engine::Engine;
use heapmm_core::engine::table::AnyEngine;
use heapmm_core::heap::{Heap, Shape};
use heapmm_core::os::fake::Arena;
use heapmm_core::policy::{AnyIndex, POLICIES, Policy};
use heapmm_core::settings::{Place, Problem, Settings, nearest};

use crate::fail::{Fail, Verdict};
use crate::show::chatter::chat;

/// One engine.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
    policy: Policy,
}

impl Entry {
    /// An engine over `arena` that has taken nothing yet; with `live`, a whole process.
    /// The default policy is a process in any case: caches in front of a heap.
    pub fn build(&self, arena: Arena, shape: Shape, live: bool) -> Option<Box<dyn Engine>> {
        if live || self.policy == Policy::Fast {
            let settings = Settings {
                policy: self.policy,
                shape,
                purge: if live { purge_of_processes() } else { 0 },
                mmap_threshold: (!live).then_some(usize::MAX),
                ..Settings::built_in()
            };
            return Some(Box::new(Replay::new(&settings, arena, !live)?));
        }
        match AnyIndex::new(self.policy) {
            Some(index) => Some(Box::new(Heap::new(arena, index, shape))),
            None => Some(Box::new(AnyEngine::new(self.policy, arena, shape.growth)?)),
        }
    }

    /// Its place in the list of all policies.
    pub fn number(&self) -> usize {
        known().iter().position(|entry| entry.name == self.name).unwrap_or(0)
    }
}

/// What `HEAPMM_PURGE` says: a process that is played gives back with time what one that runs would.
fn purge_of_processes() -> u64 {
    static PURGE: OnceLock<u64> = OnceLock::new();
    *PURGE.get_or_init(|| {
        let mut settings = Settings::built_in();
        let said = env::var_os("HEAPMM_PURGE").unwrap_or_default();
        if !said.is_empty()
            && let Err(wrong) = settings.apply(b"PURGE", Some(said.as_encoded_bytes()))
        {
            chat!("heapmm: {}", Problem { place: Place::Variable, wrong });
        }
        settings.purge
    })
}

/// All policies that a trace can be played through, the default first.
pub fn known() -> Vec<Entry> {
    POLICIES.iter().map(|row| Entry { name: row.name, help: row.help, policy: row.policy }).collect()
}

/// The engine called `name`, or what else the user may have meant.
pub fn sought(name: &str) -> Result<Entry, String> {
    let known = known();
    let policy = Policy::named(name.as_bytes());
    known.iter().find(|entry| Some(entry.policy) == policy).copied().ok_or_else(|| {
        let near = nearest(name.as_bytes(), &mut known.iter().map(|entry| entry.name));
        near.map_or("`heapmm policies` lists them".to_owned(), |near| format!("did you mean {near}?"))
    })
}

/// The engine called `name`.
pub fn named(name: &str) -> Verdict<Entry> {
    sought(name).map_err(|hint| Fail::usage(format!("no policy '{name}' can be replayed; {hint}")))
}

/// The engines of a list `a,b`, each once; `all` stands for those that are not named.
pub fn listed(list: &str) -> Verdict<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        for entry in if name == "all" { known() } else { vec![named(name)?] } {
            if entries.iter().all(|known| known.name != entry.name) {
                entries.push(entry);
            }
        }
    }
    if entries.is_empty() {
        return Err(Fail::usage("--policies names no policy"));
    }
    Ok(entries)
}
