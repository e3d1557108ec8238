//! The pictures as one SVG: the chart, then a map for each group of policies.

use std::fmt::Write;

use super::{Group, Play, chart, escaped, groups, map, size};
use crate::show::number::{bytes, count, percent};
use crate::trace::survey::Survey;

/// The style of all pictures, in light and dark.
pub const STYLE: &str = include_str!("picture.css");

const COLUMNS: usize = 3;
const GAP: f64 = 20.0;
const MAP: f64 = 150.0;
const LINE: f64 = 16.0;
/// Room for the names over a map.
const HEAD: f64 = 54.0;

/// The SVG file.
pub fn sheet(title: &str, survey: &Survey, plays: &[Play<'_>]) -> String {
    let groups = groups(plays);
    let chart = chart::chart(&groups, survey.events);
    let tallest = groups.iter().map(|group| group.play.film.tallest()).max().unwrap_or(1).max(1);
    let width = (chart::WIDTH - GAP * (COLUMNS - 1) as f64) / COLUMNS as f64;
    let pitch = MAP + HEAD;
    let maps_top = 44.0 + chart.height + 40.0;
    let height = maps_top + pitch * groups.len().div_ceil(COLUMNS) as f64 + 10.0;
    let mut out = String::new();
    let (full, title) = (chart::WIDTH + 40.0, escaped(title));
    let _ = write!(
        out,
        "<svg class=\"heapmm\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-20 0 {full} {height:.0}\" \
         width=\"{full}\" height=\"{height:.0}\" role=\"img\" aria-label=\"{title}\"><style>{STYLE}</style>\
         <rect x=\"-20\" width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>\
         <text class=\"title\" x=\"0\" y=\"28\">{title}: {} operations</text>\
         <g transform=\"translate(0 44)\">{}</g>",
        count(survey.events),
        chart.markup
    );
    if let Some(group) = groups.first() {
        key(&mut out, map::legend(group.play.film), maps_top - 18.0);
    }
    for (at, group) in groups.iter().enumerate() {
        let x = (width + GAP) * (at % COLUMNS) as f64;
        let y = maps_top + pitch * (at / COLUMNS) as f64;
        let label = group.label(size(&groups));
        one(&mut out, group, &label, (x, y, width), tallest);
    }
    out.push_str("</svg>\n");
    out
}

/// What the colours of the maps mean.
fn key(out: &mut String, legend: Vec<(String, String)>, y: f64) {
    let mut x = 0.0;
    for (colour, words) in legend {
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\">{words}</text>",
            y - 11.0,
            x + 17.0
        );
        x += 17.0 + 7.0 * words.len() as f64 + 18.0;
    }
    let _ = write!(
        out,
        "<text class=\"tick end\" x=\"{}\" y=\"{y:.1}\">up: address   right: time</text>",
        chart::WIDTH
    );
}

fn one(out: &mut String, group: &Group<'_>, label: &str, (x, y, width): (f64, f64, f64), tallest: usize) {
    let score = group.play.score;
    let figures = format!("{} used, {}", percent(score.utilisation), bytes(score.peak));
    for (class, line, down) in [("name", label, 14.0), ("tick", &figures, 14.0 + LINE)] {
        let y = y + down;
        let _ = write!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(line));
    }
    let place = format!("x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{MAP}\"", y + HEAD - 12.0);
    let image = map::image(group.play.film, tallest);
    let _ = write!(
        out,
        "<rect class=\"above\" {place}/><image {place} preserveAspectRatio=\"none\" href=\"{image}\"/>"
    );
}
