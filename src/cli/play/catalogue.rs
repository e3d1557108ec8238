//! The engines that a trace can be played through, by name.

use heapmm_core::engine::Engine;
use heapmm_core::engine::table::{AnyEngine, DESIGNS, Design};
use heapmm_core::heap::{Heap, Shape};
use heapmm_core::os::fake::Arena;
use heapmm_core::policy::{AnyIndex, POLICIES, Policy};
use heapmm_core::settings::Settings;

use crate::fail::{Fail, Verdict};

/// One engine.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The heap of tagged blocks with one of its indexes.
    Heap(Policy),
    /// Another allocator of the literature.
    Other(Design),
    /// Slabs and magazines in front of a heap: a cache, not a place.
    Front,
}

impl Entry {
    /// An engine over `arena` that has taken nothing yet; `None` if it cannot be replayed.
    pub fn build(&self, arena: Arena, shape: Shape) -> Option<Box<dyn Engine>> {
        Some(match self.kind {
            Kind::Heap(policy) => Box::new(Heap::new(arena, AnyIndex::new(policy), shape)),
            Kind::Other(design) => Box::new(AnyEngine::new(design, arena, shape.growth)),
            Kind::Front => return None,
        })
    }

    /// Its place in the list of all policies.
    pub fn number(&self) -> usize {
        known().iter().position(|entry| entry.name == self.name).unwrap_or(0)
    }

    /// Whether a trace can be played through it.
    pub fn is_replayed(&self) -> bool {
        !matches!(self.kind, Kind::Front)
    }
}

/// Whether a process can run with this policy: whether HEAPMM_POLICY takes the name.
pub fn is_live(name: &str) -> bool {
    let mut taken = true;
    let mut settings = Settings::DEFAULT;
    settings.apply(b"POLICY", name.as_bytes(), &mut |_| taken = false);
    taken
}

/// All policies, the default first.
pub fn known() -> Vec<Entry> {
    let kind = |policy, name| if name == "fast" { Kind::Front } else { Kind::Heap(policy) };
    let policies =
        POLICIES.iter().map(|row| Entry { name: row.name, help: row.help, kind: kind(row.policy, row.name) });
    let designs =
        DESIGNS.iter().map(|row| Entry { name: row.name, help: row.help, kind: Kind::Other(row.design) });
    policies.chain(designs).collect()
}

/// All policies that a trace can be played through.
pub fn all() -> Vec<Entry> {
    known().into_iter().filter(Entry::is_replayed).collect()
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
