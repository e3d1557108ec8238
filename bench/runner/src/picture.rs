//! The picture of a run: who is where in time and memory, and every row's ratio.

use crate::peer::{self, Role};
use crate::result::{Column, Report, RowResult, role};
use crate::row::GROUPS;
use crate::svg::{Anchor, Svg, colour};
use anyhow::Result;
use std::fs;
use std::path::Path;

const MARGIN: f64 = 24.0;
const LABEL: f64 = 130.0;
const CELL: (f64, f64) = (42.0, 15.0);
/// Where the plot of the means lies: left, top, width, height.
const PLOT: (f64, f64, f64, f64) = (70.0, 70.0, 470.0, 300.0);

/// Writes `latest.svg` into `folder`.
pub fn write(report: &Report, folder: &Path) -> Result<()> {
    fs::write(folder.join("latest.svg"), draw(report))?;
    Ok(())
}

fn draw(report: &Report) -> String {
    let panel = LABEL + CELL.0 * report.sides.len() as f64;
    let width = (2.0 * panel + 3.0 * MARGIN).max(1000.0);
    let mut svg = Svg::new(width);
    let machine = &report.machine;
    svg.styled(
        (MARGIN, 26.0),
        16.0,
        Anchor::Start,
        "heapmm beside its peers: ratio to the best peer of each row",
        "#222",
        true,
    );
    let about = format!(
        "{}, {} cores, Linux {}, {} rounds, medians",
        machine.processor, machine.cores, machine.kernel, report.rounds
    );
    svg.text((MARGIN, 44.0), 11.0, Anchor::Start, &about);
    means(&mut svg, report);
    legend(&mut svg, report, PLOT.0 + PLOT.2 + 60.0);
    let top = PLOT.1 + PLOT.3 + 70.0;
    let left = table(&mut svg, report, Column::Time, MARGIN, top);
    let right = table(&mut svg, report, Column::Memory, MARGIN * 2.0 + panel, top);
    svg.finish(left.max(right) + MARGIN)
}

/// Every side as a dot: time to the right, memory upwards, both as means of ratios.
fn means(svg: &mut Svg, report: &Report) {
    let all = |_: &RowResult| true;
    let dots: Vec<(&str, f64, f64)> = report
        .sides
        .iter()
        .filter(|side| role(side) != Role::Floor)
        .filter_map(|side| {
            Some((
                side.as_str(),
                report.mean(Column::Time, side, all)?,
                report.mean(Column::Memory, side, all)?,
            ))
        })
        .collect();
    let reach = |pick: &dyn Fn(&(&str, f64, f64)) -> f64| dots.iter().map(pick).fold(2.0, f64::max) * 1.1;
    let (far, high) = (reach(&|dot| dot.1), reach(&|dot| dot.2));
    let (left, top, width, height) = PLOT;
    // Logarithmic from 0.8, so that 1.0 has a line of its own.
    let share = |value: f64, most: f64| (value / 0.8).ln() / (most / 0.8).ln();
    let place = |time: f64, memory: f64| {
        (left + width * share(time, far), top + height * (1.0 - share(memory, high)))
    };
    for tick in [0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0] {
        let shade = if tick == 1.0 { "#888" } else { "#ddd" };
        if tick < far {
            let x = place(tick, 0.8).0;
            svg.line((x, top), (x, top + height), shade);
            svg.text((x, top + height + 14.0), 10.0, Anchor::Middle, &tick.to_string());
        }
        if tick < high {
            let y = place(0.8, tick).1;
            svg.line((left, y), (left + width, y), shade);
            svg.text((left - 6.0, y + 3.0), 10.0, Anchor::End, &tick.to_string());
        }
    }
    svg.text(
        (left + width / 2.0, top + height + 32.0),
        11.0,
        Anchor::Middle,
        "time, geometric mean over all rows (left is faster)",
    );
    svg.text((left, top - 8.0), 11.0, Anchor::Start, "memory, geometric mean over all rows (low is leaner)");
    for (side, time, memory) in dots {
        let (x, y) = place(time, memory);
        let ours = role(side) == Role::Ours;
        svg.dot((x, y), if ours { 6.0 } else { 4.5 }, colour(side));
        svg.styled((x + 8.0, y + 4.0), 11.0, Anchor::Start, side, colour(side), ours);
    }
}

fn legend(svg: &mut Svg, report: &Report, left: f64) {
    let mut y = PLOT.1 + 10.0;
    for side in &report.sides {
        let what = peer::named(side).map_or("", |peer| peer.what);
        svg.dot((left, y - 4.0), 4.5, colour(side));
        svg.text((left + 12.0, y), 11.0, Anchor::Start, &format!("{side}: {what}"));
        y += 17.0;
    }
    for (side, reason) in &report.missing {
        let short: String = reason.chars().take(70).collect();
        svg.styled(
            (left + 12.0, y),
            11.0,
            Anchor::Start,
            &format!("{side}: not measured: {short}"),
            "#888",
            false,
        );
        y += 17.0;
    }
}

/// One column of every row as a table of coloured ratios; returns its lower edge.
fn table(svg: &mut Svg, report: &Report, column: Column, left: f64, top: f64) -> f64 {
    svg.styled((left, top - 10.0), 13.0, Anchor::Start, column.name(), "#222", true);
    for (at, side) in report.sides.iter().enumerate() {
        let x = left + LABEL + (at as f64 + 0.5) * CELL.0;
        svg.styled((x, top + 10.0), 10.0, Anchor::Middle, side, colour(side), true);
    }
    let mut y = top + 16.0;
    for (group, _) in GROUPS {
        let rows: Vec<&RowResult> =
            report.rows.iter().filter(|row| row.group == *group && row.best(column).is_some()).collect();
        if rows.is_empty() {
            continue;
        }
        y += 4.0;
        for row in rows {
            strip(svg, report, (left, y), &row.name, |side| row.ratio(column, side), false);
            y += CELL.1;
        }
        strip(
            svg,
            report,
            (left, y),
            &format!("mean, {group}"),
            |side| report.mean(column, side, |row| row.group == *group),
            true,
        );
        y += CELL.1;
    }
    strip(svg, report, (left, y + 6.0), "mean of all rows", |side| report.mean(column, side, |_| true), true);
    y + 6.0 + CELL.1
}

fn strip(
    svg: &mut Svg,
    report: &Report,
    at: (f64, f64),
    name: &str,
    ratio: impl Fn(&str) -> Option<f64>,
    bold: bool,
) {
    svg.styled((at.0, at.1 + 11.0), 10.0, Anchor::Start, name, "#222", bold);
    for (column, side) in report.sides.iter().enumerate() {
        let Some(ratio) = ratio(side) else { continue };
        let x = at.0 + LABEL + column as f64 * CELL.0;
        svg.rect(x, at.1, CELL.0 - 1.0, CELL.1 - 1.0, &heat(ratio));
        let text = if ratio < 99.5 { format!("{ratio:.2}") } else { format!("{ratio:.0}") };
        svg.styled((x + CELL.0 / 2.0, at.1 + 11.0), 9.5, Anchor::Middle, &text, "#222", bold);
    }
}

/// Green at and below 1, yellow at 1.4, red from 3 on.
fn heat(ratio: f64) -> String {
    let mix = |from: [f64; 3], to: [f64; 3], share: f64| {
        let part = |at: usize| (from[at] + (to[at] - from[at]) * share.clamp(0.0, 1.0)) as u8;
        format!("#{:02x}{:02x}{:02x}", part(0), part(1), part(2))
    };
    let (green, yellow, red) = ([150.0, 210.0, 150.0], [255.0, 240.0, 170.0], [240.0, 140.0, 130.0]);
    let log = ratio.max(1.0).ln();
    let (middle, end) = (1.4f64.ln(), 3f64.ln());
    if log < middle {
        mix(green, yellow, log / middle)
    } else {
        mix(yellow, red, (log - middle) / (end - middle))
    }
}
