//! The engines that a trace can be played through, by name.

use heapmm_core::engine::Engine;
use heapmm_core::heap::{Heap, Shape};
use heapmm_core::os::fake::Arena;
use heapmm_core::policy::{AnyIndex, POLICIES, Policy};

use crate::fail::{Fail, Verdict};

/// One engine.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Whether HEAPMM_POLICY takes the name.
    pub is_live: bool,
    policy: Policy,
}

impl Entry {
    /// An engine over `arena` that has taken nothing yet.
    pub fn build(&self, arena: Arena, shape: Shape) -> Box<dyn Engine> {
        Box::new(Heap::new(arena, AnyIndex::new(self.policy), shape))
    }
}

/// All engines. The front of slabs and magazines has no replay: it is a cache, not a place.
pub fn all() -> Vec<Entry> {
    let rows = POLICIES.iter().filter(|row| row.name != "fast");
    rows.map(|row| Entry { name: row.name, is_live: true, policy: row.policy }).collect()
}

/// The engine called `name`.
pub fn named(name: &str) -> Verdict<Entry> {
    let known = all();
    known.iter().find(|entry| entry.name == name).copied().ok_or_else(|| {
        let near = nearest(name, known.iter().map(|entry| entry.name));
        let hint =
            near.map_or("`heapmm policies` lists them".to_owned(), |near| format!("did you mean {near}?"));
        Fail::usage(format!("no policy '{name}' can be replayed; {hint}"))
    })
}

/// The engines of a list `a,b`, or all.
pub fn listed(list: &str) -> Verdict<Vec<Entry>> {
    if list == "all" {
        return Ok(all());
    }
    let mut entries: Vec<Entry> = Vec::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let entry = named(name)?;
        if entries.iter().all(|known| known.name != entry.name) {
            entries.push(entry);
        }
    }
    if entries.is_empty() {
        return Err(Fail::usage("--policies names no policy"));
    }
    Ok(entries)
}

/// The name that shares most letters with `name`, if more than half are shared.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |other: &str| {
        let front = name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        let back = name.bytes().rev().zip(other.bytes().rev()).take_while(|(a, b)| a == b).count();
        (front + back).min(name.len())
    };
    known
        .map(|other| (alike(other), other))
        .max_by_key(|(alike, _)| *alike)
        .filter(|(alike, other)| 2 * alike > name.len().max(other.len()))
        .map(|(_, other)| other)
}
