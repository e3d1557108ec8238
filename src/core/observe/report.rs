//! The ledger as text, as JSON and as the XML of malloc_info.

use core::fmt::{self, Write};

use super::ledger::Ledger;
use crate::os::call;
use crate::policy::Policy;

/// Version of the JSON: raised when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

/// Who the figures are about.
#[derive(Clone, Copy, Debug)]
pub struct Process<'a> {
    /// Its number.
    pub pid: i32,
    /// The name of its command.
    pub command: &'a [u8],
}

/// A report for people: one figure a line.
pub fn text(out: &mut dyn Write, process: Process<'_>, ledger: &Ledger) -> fmt::Result {
    let name = core::str::from_utf8(process.command).unwrap_or("?");
    writeln!(out, "heapmm  {name}  pid {}  policy {}", process.pid, ledger.policy.name())?;
    ledger.rows.each(|row, help, bytes| {
        let _ = writeln!(out, "{bytes:>16}  {row:<12} {help}");
    });
    writeln!(out, "{:>16}  {:<12} taken from the system", ledger.footprint, "footprint")?;
    let c = &ledger.counts;
    writeln!(out, "{:>16}  {:<12} the most that it ever was", ledger.peak_footprint, "peak")?;
    if ledger.named != 0 {
        let what = "besides, for heaps, pools and families of the program";
        writeln!(out, "{:>16}  {:<12} {what}", ledger.named, "named")?;
    }
    writeln!(
        out,
        "  {} blocks held, {} free (largest {} bytes), {} segments; {} allocations, {} frees{}",
        ledger.blocks,
        c.free_blocks,
        ledger.largest_free,
        c.segments,
        c.allocs,
        c.frees,
        where_counted(ledger)
    )?;
    write!(out, "  system calls:")?;
    for (name, times) in call::NAMES.iter().zip(ledger.calls) {
        write!(out, " {name} {times}")?;
    }
    writeln!(out)
}

/// Where calls are counted, if that is not where the program calls.
fn where_counted(ledger: &Ledger) -> &'static str {
    if ledger.policy == Policy::Fast { " below the caches" } else { "" }
}

/// One line of JSON.
pub fn json(out: &mut dyn Write, process: Process<'_>, ledger: &Ledger) -> fmt::Result {
    write!(out, "{{\"schema\":{SCHEMA},\"pid\":{},\"command\":\"", process.pid)?;
    escape(out, process.command)?;
    write!(out, "\",\"policy\":\"{}\"", ledger.policy.name())?;
    write!(out, ",\"footprint\":{},\"sum\":{}", ledger.footprint, ledger.rows.sum())?;
    ledger.rows.each(|row, _, bytes| {
        let _ = write!(out, ",\"{row}\":{bytes}");
    });
    let c = &ledger.counts;
    let others = [
        ("blocks", ledger.blocks as u64),
        ("mapped_blocks", ledger.mapped_blocks as u64),
        ("free_blocks", c.free_blocks as u64),
        ("largest_free", ledger.largest_free as u64),
        ("purged", c.purged_bytes as u64),
        ("segments", c.segments as u64),
        ("peak_footprint", ledger.peak_footprint as u64),
        ("named", ledger.named as u64),
        ("allocs", c.allocs),
        ("frees", c.frees),
        ("splits", c.splits),
        ("coalesces", c.coalesces),
        ("probes", c.probes),
        ("grows", c.grows),
        ("shrinks", c.shrinks),
    ];
    for (name, value) in others {
        write!(out, ",\"{name}\":{value}")?;
    }
    write!(out, ",\"syscalls\":{{")?;
    for (n, (name, times)) in call::NAMES.iter().zip(ledger.calls).enumerate() {
        write!(out, "{}\"{name}\":{times}", if n == 0 { "" } else { "," })?;
    }
    writeln!(out, "}}}}")
}

/// The document of `malloc_info(3)`, in glibc's shape, with this heap's rows beside it.
pub fn xml(out: &mut dyn Write, ledger: &Ledger) -> fmt::Result {
    let c = &ledger.counts;
    writeln!(out, "<malloc version=\"1\">")?;
    writeln!(out, "<heap nr=\"0\">")?;
    writeln!(out, "<total type=\"rest\" count=\"{}\" size=\"{}\"/>", c.free_blocks, ledger.rows.free)?;
    writeln!(out, "<system type=\"current\" size=\"{}\"/>", c.footprint)?;
    writeln!(out, "<system type=\"max\" size=\"{}\"/>", c.peak_footprint)?;
    writeln!(out, "</heap>")?;
    writeln!(
        out,
        "<total type=\"mmap\" count=\"{}\" size=\"{}\"/>",
        ledger.mapped_blocks, ledger.mapped_footprint
    )?;
    writeln!(out, "<heapmm policy=\"{}\">", ledger.policy.name())?;
    ledger.rows.each(|row, _, bytes| {
        let _ = writeln!(out, "<row name=\"{row}\" size=\"{bytes}\"/>");
    });
    writeln!(out, "</heapmm>")?;
    writeln!(out, "<system type=\"current\" size=\"{}\"/>", ledger.footprint)?;
    writeln!(out, "</malloc>")
}

/// A string of JSON without its quotes; bytes that are not ASCII text become `?`.
pub(super) fn escape(out: &mut dyn Write, bytes: &[u8]) -> fmt::Result {
    for byte in bytes {
        match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(*byte))?,
            0x20..0x7F => out.write_char(char::from(*byte))?,
            _ => out.write_char('?')?,
        }
    }
    Ok(())
}
