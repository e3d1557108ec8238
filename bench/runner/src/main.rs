//! `heapmm-bench`: measures heapmm beside its peers, in ratios.
//!
//! ```text
//!   peer ── who          row ── what          place ── where
//!     │                   │
//!   forge ── builds     input ── makes
//!     └───────┬───────────┘
//!          session ── launch, server: A B C, B C A, C A B
//!             │
//!          result ── medians, ratios, means, JSON, CSV
//!             │
//!     table, picture, growth
//! ```

mod forge;
mod growth;
mod input;
mod launch;
mod peer;
mod picture;
mod place;
mod result;
mod row;
mod server;
mod session;
mod svg;
mod table;

use anyhow::{Result, bail};
use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand};
use forge::Side;
use peer::{PEERS, Peer};
use result::{Column, Report};
use row::Row;
use session::Session;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures heapmm beside its peers.
#[derive(Parser)]
#[command(name = "heapmm-bench")]
struct Options {
    #[command(subcommand)]
    command: Option<What>,
    #[command(flatten)]
    run: RunOptions,
}

#[derive(Subcommand)]
enum What {
    /// Cost as work grows: live memory, threads, age
    Growth(growth::Options),
    /// Build every peer and say which cannot be built
    Peers,
    /// Print the tables of an earlier run and draw its picture again
    Show,
}

#[derive(Args)]
struct RunOptions {
    /// Rows to measure, with * for any text; may be repeated
    #[arg(long, value_delimiter = ',')]
    row: Vec<String>,
    /// Groups of rows to measure
    #[arg(long, value_delimiter = ',')]
    group: Vec<String>,
    /// Sides to measure, separated by commas
    #[arg(long, value_delimiter = ',')]
    peer: Vec<String>,
    /// Rounds per row
    #[arg(long, value_parser = rounds())]
    rounds: Option<usize>,
    /// Two rounds, a quarter of the work, the newest version of each peer only
    #[arg(long)]
    quick: bool,
    /// Do not count system calls
    #[arg(long)]
    no_calls: bool,
    /// Also print page faults and system calls of every row
    #[arg(long)]
    wide: bool,
    /// Print rows and sides, measure nothing
    #[arg(long)]
    list: bool,
    /// Where the results go
    #[arg(long)]
    out: Option<PathBuf>,
}

/// How often anything may be measured: a median of nothing is nothing.
pub fn rounds() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1000)
}

fn main() -> ExitCode {
    match obey(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("heapmm-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(options: Options) -> Result<()> {
    match options.command {
        Some(What::Growth(growth)) => growth::run(&growth),
        Some(What::Peers) => peers(),
        Some(What::Show) => show(&options.run),
        None if options.run.list => {
            list(&chosen_rows(&options.run)?);
            Ok(())
        }
        None => measure(&options.run),
    }
}

fn measure(options: &RunOptions) -> Result<()> {
    let rows = chosen_rows(options)?;
    let (sides, missing) = chosen_sides(&options.peer, options.quick)?;
    input::make()?;
    let names: Vec<String> = sides.iter().map(|side| side.peer.name.to_string()).collect();
    let session = Session {
        sides,
        rounds: options.rounds.unwrap_or(if options.quick { 2 } else { 5 }),
        scale: if options.quick { 0.25 } else { 1.0 },
        count_calls: !options.no_calls && !options.quick && strace_works(),
    };
    let results =
        session.run(&rows, &mut |row, bar| bar.suspend(|| println!("{}", table::brief(row, &names))));
    forge::tidy(&session.sides)?;
    let report = Report {
        schema: 1,
        machine: result::machine(),
        rounds: session.rounds,
        scale: session.scale,
        sides: names,
        missing,
        rows: results,
    };
    let folder = folder(options);
    report.write(&folder)?;
    picture::write(&report, &folder)?;
    print(&report, options);
    println!("\ndata and picture: {}", folder.display());
    Ok(())
}

fn show(options: &RunOptions) -> Result<()> {
    let folder = folder(options);
    let report: Report = serde_json::from_slice(&std::fs::read(folder.join("latest.json"))?)?;
    picture::write(&report, &folder)?;
    print(&report, options);
    Ok(())
}

fn print(report: &Report, options: &RunOptions) {
    let ink = table::Ink::new();
    let wide = [Column::Time, Column::Memory, Column::Faults, Column::Calls];
    table::rows(report, if options.wide { &wide } else { &wide[..2] }, &ink);
    table::means(report, &ink);
    table::bars(report, &ink);
    for (side, reason) in &report.missing {
        println!("not measured: {side}: {reason}");
    }
}

fn folder(options: &RunOptions) -> PathBuf {
    options.out.clone().unwrap_or_else(|| place::bench().join("results"))
}

fn chosen_rows(options: &RunOptions) -> Result<Vec<Row>> {
    let named = |row: &Row| {
        options.row.is_empty() || options.row.iter().any(|pattern| row::matches(pattern, &row.name))
    };
    let grouped = |row: &Row| {
        options.group.is_empty() || options.group.iter().any(|pattern| row::matches(pattern, row.group))
    };
    let rows: Vec<Row> = row::all().into_iter().filter(|row| named(row) && grouped(row)).collect();
    if rows.is_empty() {
        bail!("no row is chosen; --list prints them all");
    }
    Ok(rows)
}

/// The sides asked for, built; those that cannot be built, with the reason.
fn chosen_sides(names: &[String], quick: bool) -> Result<(Vec<Side>, BTreeMap<String, String>)> {
    let mut wanted: Vec<&'static Peer> = Vec::new();
    for name in names {
        let Some(peer) = peer::named(name) else { bail!("no side is called {name}; --list prints them all") };
        wanted.push(peer);
    }
    if wanted.is_empty() {
        wanted = PEERS.iter().filter(|peer| !quick || peer.quick).collect();
    }
    forge::loads()?;
    let (mut sides, mut missing) = (Vec::new(), BTreeMap::new());
    for peer in wanted {
        match forge::side(peer) {
            Ok(side) => sides.push(side),
            Err(error) => {
                eprintln!("{}: not measured: {error:#}", peer.name);
                missing.insert(peer.name.to_string(), format!("{error:#}"));
            }
        }
    }
    if sides.is_empty() {
        bail!("no side can be built");
    }
    Ok((sides, missing))
}

fn peers() -> Result<()> {
    let (sides, missing) = chosen_sides(&[], false)?;
    for side in &sides {
        let library =
            side.library.as_ref().map_or_else(|| "no preload".to_string(), |path| path.display().to_string());
        println!("{:<8} {:<44} {library}", side.peer.name, side.peer.what);
    }
    forge::tidy(&sides)?;
    if !missing.is_empty() {
        bail!("{} of {} sides cannot be built", missing.len(), PEERS.len());
    }
    Ok(())
}

fn list(rows: &[Row]) {
    println!("rows:");
    for row in rows {
        println!("  {:<18} {:<10} {}", row.name, row.group, row.what);
    }
    println!("sides:");
    for peer in PEERS {
        println!("  {:<8} {}", peer.name, peer.what);
    }
}

/// Whether system calls can be counted; if not, says so once.
fn strace_works() -> bool {
    let works = std::process::Command::new("strace")
        .args(["-f", "--seccomp-bpf", "-e", "trace=brk", "-o", "/dev/null", "/bin/true"])
        .output()
        .is_ok_and(|out| out.status.success());
    if !works {
        eprintln!("system calls are not counted: strace is missing or not allowed here");
    }
    works
}
