//! The report in the terminal: one table a group and column, then the means, then
//! the bars that heapmm has not cleared.

use crate::peer::Role;
use crate::result::{Column, Report, RowResult, role};
use crate::row::GROUPS;
use std::io::IsTerminal;

/// Differences below this are ties.
const TIE: f64 = 1.03;
const WIDE: usize = 8;

/// Escape sequences, or nothing when the output is a file.
pub struct Ink {
    on: bool,
}

impl Ink {
    pub fn new() -> Ink {
        Ink { on: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    fn bold(&self, text: &str) -> String {
        // Without a terminal the best is starred instead.
        if self.on {
            return self.paint("1", text);
        }
        let digits = text.trim_start();
        format!("{:>1$}", format!("*{digits}"), text.len())
    }

    /// Green up to the bar of 1.05, yellow up to 1.25, red beyond.
    fn judged(&self, ratio: f64, text: &str) -> String {
        self.paint(
            if ratio <= 1.05 {
                "32"
            } else if ratio <= 1.25 {
                "33"
            } else {
                "31"
            },
            text,
        )
    }
}

/// Prints every group's tables of `columns`.
pub fn rows(report: &Report, columns: &[Column], ink: &Ink) {
    for (group, heading) in GROUPS {
        let rows: Vec<&RowResult> = report.rows.iter().filter(|row| row.group == *group).collect();
        for &column in columns {
            if rows.iter().any(|row| row.best(column).is_some()) {
                println!("\n{} — {}", ink.paint("1", heading), column.name());
                head(report, "row", "ours/best");
                rows.iter().for_each(|row| one(report, row, column, ink));
            }
        }
        for row in &rows {
            if let Some(reason) = &row.skipped {
                println!("{:<16} skipped: {reason}", row.name);
            }
            for (side, result) in &row.sides {
                if let Some(reason) = &result.failed {
                    println!("{:<16} {side} failed: {reason}", row.name);
                }
            }
        }
    }
}

fn head(report: &Report, first: &str, last: &str) {
    let sides: String = report.sides.iter().map(|side| format!("{side:>WIDE$}")).collect();
    println!("{first:<16}{sides}  {last}");
}

fn one(report: &Report, row: &RowResult, column: Column, ink: &Ink) {
    if row.skipped.is_some() {
        return;
    }
    let contenders = report.sides.iter().filter(|side| role(side) != Role::Floor);
    let least = contenders.filter_map(|side| row.value(column, side)).min_by(f64::total_cmp);
    let mut line = format!("{:<16}", row.name);
    for side in &report.sides {
        let cell = match row.value(column, side) {
            None => format!(
                "{:>WIDE$}",
                if row.sides.get(side).is_some_and(|it| it.failed.is_some()) { "fail" } else { "" }
            ),
            Some(value) => {
                let text = format!("{:>WIDE$}", show(row, column, value));
                let wins = role(side) != Role::Floor && least.is_some_and(|least| value <= least * TIE);
                if wins { ink.bold(&text) } else { text }
            }
        };
        line.push_str(&cell);
    }
    if let Some(ratio) = row.ratio(column, "heapmm") {
        line.push_str("  ");
        line.push_str(&ink.judged(ratio, &format!("{ratio:>6.2}")));
    }
    println!("{line} {}", if column == Column::Time { row.unit.as_str() } else { "" });
}

/// Three digits that matter; bytes as megabytes.
fn show(row: &RowResult, column: Column, value: f64) -> String {
    let bytes = column == Column::Memory && row.group != "memory" && row.name != "exec";
    let value = if bytes { value / 1e6 } else { value };
    match value {
        v if v >= 1e6 => format!("{:.1}M", v / 1e6),
        v if v >= 1e4 => format!("{:.1}k", v / 1e3),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// Geometric means of the ratios to the best peer, by group.
pub fn means(report: &Report, ink: &Ink) {
    for column in [Column::Time, Column::Memory, Column::Faults, Column::Calls] {
        let all = |_: &RowResult| true;
        if report.sides.iter().all(|side| report.mean(column, side, all).is_none()) {
            continue;
        }
        println!(
            "\n{}",
            ink.paint("1", &format!("geometric mean of the ratio to the best peer — {}", column.name()))
        );
        head(report, "group", "");
        for (group, _) in GROUPS {
            mean_line(report, group, column, |row| row.group == *group);
        }
        mean_line(report, "all", column, all);
    }
}

fn mean_line(report: &Report, name: &str, column: Column, chosen: impl Fn(&RowResult) -> bool) {
    let means: Vec<Option<f64>> =
        report.sides.iter().map(|side| report.mean(column, side, &chosen)).collect();
    if means.iter().all(Option::is_none) {
        return;
    }
    let cells: String = means
        .iter()
        .map(|mean| mean.map_or_else(|| " ".repeat(WIDE), |mean| format!("{mean:>WIDE$.2}")))
        .collect();
    println!("{name:<16}{cells}");
}

/// Which rows of heapmm are over which bar.
pub fn bars(report: &Report, ink: &Ink) {
    if !report.has("heapmm") {
        return;
    }
    println!();
    for column in [Column::Time, Column::Memory] {
        let ratios: Vec<(f64, &str)> = report
            .rows
            .iter()
            .filter_map(|row| Some((row.ratio(column, "heapmm")?, row.name.as_str())))
            .collect();
        if ratios.is_empty() {
            continue;
        }
        println!("{}", ink.paint("1", &format!("heapmm, {}: {} rows", column.name(), ratios.len())));
        let bars = [1.05, 1.10, 1.25, 1.50, f64::INFINITY];
        let within = ratios.iter().filter(|(ratio, _)| *ratio <= bars[0]).count();
        println!("  at most 1.05: {within}");
        for pair in bars.windows(2) {
            let over = ratios.iter().filter(|(ratio, _)| *ratio > pair[0] && *ratio <= pair[1]);
            let names: Vec<String> = over.map(|(ratio, name)| format!("{name} {ratio:.2}")).collect();
            if !names.is_empty() {
                println!("  over {:.2}: {}", pair[0], names.join(", "));
            }
        }
    }
}

/// One line as a row is finished, above the bar.
pub fn brief(row: &RowResult, sides: &[String]) -> String {
    if let Some(reason) = &row.skipped {
        return format!("{:<16} skipped: {reason}", row.name);
    }
    let column = if row.best(Column::Time).is_some() { Column::Time } else { Column::Memory };
    let cells: Vec<String> = sides
        .iter()
        .map(|side| match row.value(column, side) {
            Some(value) => format!("{side} {}", show(row, column, value)),
            None => format!("{side} -"),
        })
        .collect();
    format!("{:<16} {}", row.name, cells.join("  "))
}
