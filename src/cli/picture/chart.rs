//! Memory over time: the footprint of each policy over the bytes that the program holds.
//!
//! ```text
//!   1.0 MiB ┤         ╭──── worst
//!           │   ╭─────╯▒▒▒▒
//!           │ ╭─╯▒▒▒▒▒▒▒▒▒▒  best
//!         0 └┴──────────────►
//! ```

use std::fmt::Write;

use super::{Group, escaped, size};
use crate::play::film::{Film, Sample};
use crate::show::number;

/// Width of a chart.
pub const WIDTH: f64 = 1060.0;

const LEFT: f64 = 72.0;
const RIGHT: f64 = 16.0;
const PLOT: f64 = 280.0;
const LETTER: f64 = 6.7;
const LINE: f64 = 20.0;

/// Different strokes of the lines; the colours are in the style sheet.
const COLOURS: usize = 8;

/// A chart and its height.
pub struct Chart {
    /// SVG elements.
    pub markup: String,
    /// Height that they take.
    pub height: f64,
}

/// Draws the chart of `groups`; `events` is the length of the trace.
pub fn chart(groups: &[Group<'_>], events: u64) -> Chart {
    let mut out = String::new();
    let (legend, top) = legend(groups);
    out.push_str(&legend);
    let most = groups.iter().map(|group| group.play.film.tallest()).max().unwrap_or(1).max(1) as f64;
    let x = |event: u64| LEFT + (WIDTH - LEFT - RIGHT) * event as f64 / events.max(1) as f64;
    let y = |bytes: f64| top + PLOT * (1.0 - bytes / (most * 1.04));
    axes(&mut out, most, events, top, &x, &y);
    if let Some(group) = groups.first() {
        let line = points(group.play.film, &x, &|sample| y(sample.live as f64));
        let (from, to, floor) = (x(0), x(events), top + PLOT);
        let _ = write!(
            out,
            "<polygon class=\"live\" points=\"{from:.1},{floor:.1} {line} {to:.1},{floor:.1}\"/>"
        );
    }
    for (at, group) in groups.iter().enumerate() {
        let line = points(group.play.film, &x, &|sample| y(sample.figures.footprint as f64));
        let start = format!("{:.1},{:.1}", x(0), y(0.0));
        let _ = write!(out, "<polyline class=\"line {}\" points=\"{start} {line}\"/>", stroke(at));
    }
    let place = (top, x(0), x(events));
    let _ = write!(
        out,
        "<g id=\"cursor\" data-top=\"{:.1}\" data-left=\"{:.1}\" data-right=\"{:.1}\" data-height=\"{PLOT}\"></g>",
        place.0, place.1, place.2
    );
    Chart { markup: out, height: top + PLOT + 28.0 }
}

/// The classes of the line of group `at`: eight colours, then the same ones dashed.
pub fn stroke(at: usize) -> String {
    format!("c{}{}", at % COLOURS, if at / COLOURS % 2 == 1 { " dashed" } else { "" })
}

fn points(film: &Film, x: &dyn Fn(u64) -> f64, y: &dyn Fn(&Sample) -> f64) -> String {
    let places = film.samples.iter().map(|sample| format!("{:.1},{:.1}", x(sample.event), y(sample)));
    places.collect::<Vec<_>>().join(" ")
}

/// The names above the plot, and where the plot begins.
fn legend(groups: &[Group<'_>]) -> (String, f64) {
    let mut out = String::new();
    let (mut x, mut y) = (LEFT, 14.0);
    let mut entry = |name: &str, swatch: &dyn Fn(f64, f64) -> String| {
        let width = 26.0 + LETTER * name.chars().count() as f64 + 18.0;
        if x + width > WIDTH && x > LEFT {
            x = LEFT;
            y += LINE;
        }
        let _ = write!(
            out,
            "{}<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            swatch(x, y),
            x + 26.0,
            y,
            escaped(name)
        );
        x += width;
    };
    entry("live: what the program holds", &|x, y| {
        format!("<rect class=\"live\" x=\"{x:.1}\" y=\"{:.1}\" width=\"20\" height=\"10\"/>", y - 9.0)
    });
    for (at, group) in groups.iter().enumerate() {
        entry(&group.label(size(groups)), &|x, y| {
            let (to, y) = (x + 20.0, y - 4.0);
            format!(
                "<line class=\"line {}\" x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{to:.1}\" y2=\"{y:.1}\"/>",
                stroke(at)
            )
        });
    }
    (out, y + 16.0)
}

fn axes(out: &mut String, most: f64, events: u64, top: f64, x: &dyn Fn(u64) -> f64, y: &dyn Fn(f64) -> f64) {
    let (left, right, floor) = (LEFT, WIDTH - RIGHT, top + PLOT);
    for bytes in steps(most, 2.0) {
        let at = y(bytes);
        let label = number::bytes(bytes as u64).replace(".0 ", " ");
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
            left - 8.0,
            at + 4.0
        );
    }
    let y = floor + 18.0;
    for event in steps(events as f64, 10.0) {
        let at = x(event as u64);
        if at + 110.0 < right {
            let label = number::count(event as u64);
            let _ = write!(out, "<text class=\"tick middle\" x=\"{at:.1}\" y=\"{y:.1}\">{label}</text>");
        }
    }
    let last = number::count(events);
    let _ = write!(out, "<text class=\"tick end\" x=\"{right}\" y=\"{y:.1}\">{last} operations</text>");
}

/// Three to six round numbers from 0 to `most`; round in powers of `base`.
fn steps(most: f64, base: f64) -> Vec<f64> {
    let rough = (most / 5.0).max(1.0);
    let power = base.powf(rough.log(base).floor());
    let factors: &[f64] = if base > 2.0 { &[1.0, 2.0, 5.0, 10.0] } else { &[1.0, 2.0] };
    let step =
        factors.iter().map(|factor| factor * power).find(|step| *step >= rough).unwrap_or(power * base);
    (0..).map(|n| f64::from(n) * step).take_while(|value| *value <= most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        assert_eq!(steps(1000.0, 10.0), [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!(steps(3.0 * 1024.0, 2.0), [0.0, 1024.0, 2048.0, 3072.0]);
        assert_eq!(steps(1.0, 10.0), [0.0, 1.0]);
    }
}
