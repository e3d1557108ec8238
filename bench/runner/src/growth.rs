//! Cost as work grows: live memory, threads, age. Curves rather than a table; the
//! question is whether one bends upwards.

use crate::forge::{self, Side};
use crate::launch::{self, Cost, Task};
use crate::peer::{self, PEERS, Role};
use crate::place;
use crate::result::median;
use crate::svg::{Anchor, Svg, colour};
use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Options {
    /// Sides to measure, separated by commas
    #[arg(long = "peer", id = "growth_peer", value_delimiter = ',')]
    peer: Vec<String>,
    /// Curves to measure, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(names()))]
    curve: Vec<String>,
    /// Rounds per point; age and 1 GB or more have one
    #[arg(long = "rounds", id = "growth_rounds", default_value_t = 3, value_parser = crate::rounds())]
    rounds: usize,
    /// The largest live heap, in MB
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    max_live: u32,
    /// Operations of the aging curve; the full length is 1e9
    #[arg(long, default_value_t = 1e8)]
    aging_ops: f64,
    /// Seconds after which one side's aging ends early
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=MOST_SECONDS))]
    seconds: u32,
    /// Where the results go
    #[arg(long = "out", id = "growth_out")]
    out: Option<PathBuf>,
}

/// One point of one side on one curve.
#[derive(Serialize)]
struct Point {
    curve: &'static str,
    side: String,
    x: f64,
    /// Nanoseconds per operation.
    nanoseconds: f64,
    /// Bytes resident: the peak, or for the aging curve at this moment.
    resident: f64,
}

struct Curve {
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    /// Memory is what the second aging panel shows.
    memory: bool,
}

const CURVES: &[Curve] = &[
    Curve { name: "live", title: "random replacement as live memory grows", axis: "MB live", memory: false },
    Curve { name: "server", title: "shared array as threads grow", axis: "threads", memory: false },
    Curve {
        name: "batch",
        title: "batches to the next thread as threads grow",
        axis: "threads",
        memory: false,
    },
    Curve {
        name: "age",
        title: "a wandering mix of sizes as operations pile up",
        axis: "operations",
        memory: false,
    },
    Curve {
        name: "age",
        title: "the same: MB resident for 33.6 MB of payload",
        axis: "operations",
        memory: true,
    },
];

/// The curves, each once: one may have two panels.
fn names() -> impl Iterator<Item = &'static str> {
    CURVES.iter().filter(|curve| !curve.memory).map(|curve| curve.name)
}

/// A day.
const MOST_SECONDS: i64 = 86_400;

const LIVE: [u32; 7] = [1, 4, 16, 64, 256, 1024, 4096];
const THREADS: [u32; 7] = [1, 2, 4, 8, 16, 32, 64];

pub fn run(options: &Options) -> Result<()> {
    let sides = sides(&options.peer)?;
    let wants = |curve: &str| options.curve.is_empty() || options.curve.iter().any(|name| name == curve);
    let live: Vec<u32> = LIVE.into_iter().filter(|size| *size <= options.max_live && wants("live")).collect();
    let loads: Vec<&'static str> = ["server", "batch"].into_iter().filter(|name| wants(name)).collect();
    let steps = live.len() + loads.len() * THREADS.len() + usize::from(wants("age"));
    let bar = ProgressBar::new((steps * sides.len()) as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} (left: {eta}) {msg}") {
        bar.set_style(style);
    }
    let mut points = Vec::new();
    for size in live {
        let rounds = if size >= 1024 { 1 } else { options.rounds };
        let argv = [load("growth"), "live".into(), size.to_string()];
        points.extend(step("live", f64::from(size), &argv, rounds, &sides, &bar));
    }
    for name in loads {
        for threads in THREADS {
            let argv = [load("threads"), name.into(), "0.5".into(), threads.to_string()];
            points.extend(step(name, f64::from(threads), &argv, options.rounds, &sides, &bar));
        }
    }
    if wants("age") {
        for side in &sides {
            bar.set_message(format!("age {}", side.peer.name));
            match age(side, options) {
                Ok(aged) => points.extend(aged),
                Err(error) => bar.suspend(|| eprintln!("age {}: {error:#}", side.peer.name)),
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    forge::tidy(&sides)?;
    let folder = options.out.clone().unwrap_or_else(|| place::bench().join("results"));
    keep(&points, &folder)?;
    print(&points, &sides);
    println!("\ndata and picture: {}", folder.display());
    Ok(())
}

fn sides(names: &[String]) -> Result<Vec<Side>> {
    forge::loads()?;
    if let Some(unknown) = names.iter().find(|name| peer::named(name).is_none()) {
        bail!("no side is called {unknown}");
    }
    let wanted = PEERS.iter().filter(|peer| {
        peer.role() != Role::Floor
            && (names.is_empty() && peer.quick || names.iter().any(|name| name == peer.name))
    });
    let mut sides = Vec::new();
    for peer in wanted {
        match forge::side(peer) {
            Ok(side) => sides.push(side),
            Err(error) => eprintln!("{}: not measured: {error:#}", peer.name),
        }
    }
    Ok(sides)
}

fn load(name: &str) -> String {
    place::loads().join(name).display().to_string()
}

/// One x of one curve for all sides, interleaved; a side that fails has no point.
fn step(
    curve: &'static str,
    x: f64,
    argv: &[String],
    rounds: usize,
    sides: &[Side],
    bar: &ProgressBar,
) -> Vec<Point> {
    let task = Task { argv: argv.to_vec(), prints: true, ..Task::default() };
    let mut costs: Vec<Result<Vec<Cost>>> = sides.iter().map(|_| Ok(Vec::new())).collect();
    for _ in 0..rounds {
        for (side, kept) in sides.iter().zip(&mut costs) {
            bar.set_message(format!("{curve} {x} {}", side.peer.name));
            if let Ok(list) = kept {
                match launch::start(&task, side).and_then(launch::Running::finish) {
                    Ok(cost) => list.push(cost),
                    Err(error) => *kept = Err(error),
                }
            }
        }
    }
    bar.inc(sides.len() as u64);
    let mut points = Vec::new();
    for (side, kept) in sides.iter().zip(costs) {
        match kept {
            Ok(list) => points.push(Point {
                curve,
                side: side.peer.name.to_string(),
                x,
                nanoseconds: median(list.iter().filter_map(|cost| cost.value).collect()),
                resident: median(list.iter().map(|cost| cost.peak).collect()),
            }),
            Err(error) => bar.suspend(|| eprintln!("{curve} {x} {}: {error:#}", side.peer.name)),
        }
    }
    points
}

/// The aging curve of one side: one run that reports as it goes.
fn age(side: &Side, options: &Options) -> Result<Vec<Point>> {
    let argv = vec![load("growth"), "age".into(), options.aging_ops.to_string(), options.seconds.to_string()];
    let task = Task { argv, prints: true, limit: Some(options.seconds * 2 + 60), ..Task::default() };
    let (_, text) = launch::start(&task, side)?.finish_with_text()?;
    text.lines()
        .map(|line| {
            let numbers: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            let &[x, nanoseconds, megabytes] = numbers.as_slice() else { bail!("a point of {line:?}") };
            Ok(Point {
                curve: "age",
                side: side.peer.name.to_string(),
                x,
                nanoseconds,
                resident: megabytes * 1e6,
            })
        })
        .collect()
}

fn keep(points: &[Point], folder: &std::path::Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    fs::write(folder.join("growth.json"), serde_json::to_vec_pretty(points)?)?;
    let mut csv = String::from("curve,side,x,ns,resident_bytes\n");
    for it in points {
        let _ = writeln!(csv, "{},{},{},{:.3},{:.0}", it.curve, it.side, it.x, it.nanoseconds, it.resident);
    }
    fs::write(folder.join("growth.csv"), csv)?;
    fs::write(folder.join("growth.svg"), draw(points))?;
    Ok(())
}

fn print(points: &[Point], sides: &[Side]) {
    for curve in CURVES {
        let mut xs: Vec<f64> =
            points.iter().filter(|point| point.curve == curve.name).map(|point| point.x).collect();
        xs.sort_unstable_by(f64::total_cmp);
        xs.dedup();
        if xs.is_empty() {
            continue;
        }
        let head: String = sides.iter().map(|side| format!("{:>9}", side.peer.name)).collect();
        println!("\n{} ({})\n{:>12}{head}", curve.title, if curve.memory { "MB" } else { "ns" }, curve.axis);
        for x in xs {
            let cell = |side: &Side| {
                let found =
                    points.iter().find(|it| it.curve == curve.name && it.x == x && it.side == side.peer.name);
                found.map_or_else(|| format!("{:>9}", ""), |it| format!("{:>9.1}", curve.height(it)))
            };
            println!("{x:>12.0}{}", sides.iter().map(cell).collect::<String>());
        }
    }
}

impl Curve {
    fn height(&self, point: &Point) -> f64 {
        if self.memory { point.resident / 1e6 } else { point.nanoseconds }
    }
}

fn draw(points: &[Point]) -> String {
    let mut svg = Svg::new(1120.0);
    svg.styled((24.0, 26.0), 16.0, Anchor::Start, "Cost as work grows (both axes logarithmic)", "#222", true);
    let mut places = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 2.0)].into_iter();
    let mut rows = 0.0;
    for curve in CURVES {
        let mine: Vec<&Point> = points.iter().filter(|point| point.curve == curve.name).collect();
        if mine.is_empty() {
            continue;
        }
        if let Some((column, row)) = places.next() {
            panel(&mut svg, curve, &mine, (70.0 + column * 550.0, 70.0 + row * 340.0));
            rows = row + 1.0;
        }
    }
    svg.finish(60.0 + rows * 340.0)
}

fn panel(svg: &mut Svg, curve: &Curve, points: &[&Point], (left, top): (f64, f64)) {
    let (width, height) = (390.0, 250.0);
    let range = |pick: &dyn Fn(&Point) -> f64| {
        let least = points.iter().map(|it| pick(it)).fold(f64::INFINITY, f64::min);
        let most = points.iter().map(|it| pick(it)).fold(0.0, f64::max);
        (least, if most > least { most } else { least * 2.0 })
    };
    let (xs, ys) = (range(&|it| it.x), range(&|it| curve.height(it)));
    let ys = (ys.0 * 0.9, ys.1 * 1.1);
    let share = |value: f64, (low, high): (f64, f64)| (value / low).ln() / (high / low).ln();
    let place = |x: f64, y: f64| (left + width * share(x, xs), top + height * (1.0 - share(y, ys)));
    svg.styled((left, top - 10.0), 12.0, Anchor::Start, curve.title, "#222", true);
    for tick in (0..10)
        .flat_map(|ten| [1.0, 2.0, 5.0].map(|n| n * 10f64.powi(ten)))
        .filter(|tick| *tick > ys.0 && *tick < ys.1)
    {
        let y = place(xs.0, tick).1;
        svg.line((left, y), (left + width, y), "#ddd");
        svg.text(
            (left - 6.0, y + 3.0),
            10.0,
            Anchor::End,
            &format!("{tick} {}", if curve.memory { "MB" } else { "ns" }),
        );
    }
    let mut ticks: Vec<f64> =
        points.iter().map(|it| it.x).filter(|x| curve.name != "age" || x.log10().fract() < 1e-6).collect();
    ticks.sort_unstable_by(f64::total_cmp);
    ticks.dedup();
    for tick in ticks {
        let name = if tick >= 1e5 { format!("1e{:.0}", tick.log10()) } else { tick.to_string() };
        svg.text((place(tick, ys.1).0, top + height + 14.0), 10.0, Anchor::Middle, &name);
    }
    svg.text((left + width / 2.0, top + height + 30.0), 11.0, Anchor::Middle, curve.axis);
    let mut y = top + 8.0;
    for peer in PEERS {
        let mut line: Vec<(f64, f64)> =
            points.iter().filter(|it| it.side == peer.name).map(|it| (it.x, curve.height(it))).collect();
        if line.is_empty() {
            continue;
        }
        line.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let line: Vec<(f64, f64)> = line.into_iter().map(|(x, y)| place(x, y)).collect();
        svg.path(&line, colour(peer.name), if peer.role() == Role::Ours { 3.0 } else { 1.5 });
        svg.styled((left + width + 12.0, y), 11.0, Anchor::Start, peer.name, colour(peer.name), true);
        y += 15.0;
    }
}
