//! What a leak check found, as text and as JSON.

use core::fmt::{self, Write};

use super::tally::{Leaks, Sort};
use crate::observe::report::{Process, escape};

/// Version of the JSON: raised when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

/// For people: a sort a line, then the largest groups.
pub fn text(out: &mut dyn Write, process: Process<'_>, leaks: &Leaks) -> fmt::Result {
    let name = core::str::from_utf8(process.command).unwrap_or("?");
    writeln!(out, "heapmm  {name}  pid {}  leaks", process.pid)?;
    for (sort, count) in Sort::all().zip(leaks.counts) {
        let (bytes, blocks) = (count.bytes, count.blocks);
        let noun = if blocks == 1 { "block " } else { "blocks" };
        writeln!(out, "{bytes:>16}  bytes in {blocks:>8} {noun}  {:<16} {}", sort.name(), sort.help())?;
    }
    for group in leaks.groups() {
        let name = Sort::of(group.sort).name();
        write!(out, "  {name}: {} x {} bytes, at", group.blocks, group.len)?;
        group.examples.iter().filter(|at| **at != 0).try_for_each(|at| write!(out, " {at:#x}"))?;
        writeln!(out, "{}", if group.blocks > group.examples.len() { " ..." } else { "" })?;
    }
    if leaks.more != 0 {
        writeln!(out, "  and {} smaller groups", leaks.more)?;
    }
    if leaks.moving != 0 {
        writeln!(
            out,
            "  not stopped: {} threads; what only their registers hold counts as lost",
            leaks.moving
        )?;
    }
    Ok(())
}

/// One line of JSON.
pub fn json(out: &mut dyn Write, process: Process<'_>, leaks: &Leaks) -> fmt::Result {
    write!(out, "{{\"schema\":{SCHEMA},\"pid\":{},\"command\":\"", process.pid)?;
    escape(out, process.command)?;
    write!(out, "\",\"leaks\":{{")?;
    for (n, (sort, count)) in Sort::all().zip(leaks.counts).enumerate() {
        let comma = if n == 0 { "" } else { "," };
        write!(out, "{comma}\"{}\":{{\"bytes\":{},\"blocks\":{}}}", sort.key(), count.bytes, count.blocks)?;
    }
    write!(out, "}},\"groups\":[")?;
    for (n, group) in leaks.groups().enumerate() {
        let (comma, key) = (if n == 0 { "" } else { "," }, Sort::of(group.sort).key());
        write!(
            out,
            "{comma}{{\"sort\":\"{key}\",\"len\":{},\"blocks\":{},\"at\":[",
            group.len, group.blocks
        )?;
        for (n, at) in group.examples.iter().filter(|at| **at != 0).enumerate() {
            write!(out, "{}\"{at:#x}\"", if n == 0 { "" } else { "," })?;
        }
        write!(out, "]}}")?;
    }
    writeln!(out, "],\"more\":{},\"moving\":{}}}", leaks.more, leaks.moving)
}
