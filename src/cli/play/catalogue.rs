//! The engines that a trace can be played through, by name.

use heapmm_core::engine::Engine;
use heapmm_core::engine::process::Process;
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
    /// Slabs in front of a heap.
    Slabs(Policy),
}

impl Entry {
    /// An engine over `arena` that has taken nothing yet; with `live`, all that a process does.
    pub fn build(&self, arena: Arena, shape: Shape, live: bool) -> Box<dyn Engine> {
        match self.kind {
            Kind::Heap(policy) if !live => Box::new(Heap::new(arena, AnyIndex::new(policy), shape)),
            Kind::Heap(policy) | Kind::Slabs(policy) => Box::new(Process::new(arena, policy, shape, live)),
            Kind::Other(design) => Box::new(AnyEngine::new(design, arena, shape.growth)),
        }
    }

    /// Its place in the list of all policies.
    pub fn number(&self) -> usize {
        known().iter().position(|entry| entry.name == self.name).unwrap_or(0)
    }
}

/// Whether a process can run with this policy: whether HEAPMM_POLICY takes the name.
pub fn is_live(name: &str) -> bool {
    let mut taken = true;
    let mut settings = Settings::DEFAULT;
    settings.apply(b"POLICY", name.as_bytes(), &mut |_| taken = false);
    taken
}

/// All policies that a trace can be played through, the default first.
pub fn known() -> Vec<Entry> {
    let kind = |policy| if policy == Policy::Fast { Kind::Slabs(policy) } else { Kind::Heap(policy) };
    let policies =
        POLICIES.iter().map(|row| Entry { name: row.name, help: row.help, kind: kind(row.policy) });
    let designs =
        DESIGNS.iter().map(|row| Entry { name: row.name, help: row.help, kind: Kind::Other(row.design) });
    policies.chain(designs).collect()
}

/// The engine called `name`.
pub fn named(name: &str) -> Verdict<Entry> {
    let known = known();
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
        return Ok(known());
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
