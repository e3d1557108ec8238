//! The pictures as one SVG: the chart, then a map for each group of policies.

use std::fmt::Write;

use super::{Group, Play, chart, escaped, groups, map};
use crate::show::number::{bytes, count, percent};
use crate::trace::survey::Survey;

/// The style of all pictures, in light and dark.
pub const STYLE: &str = include_str!("picture.css");

const COLUMNS: usize = 3;
const GAP: f64 = 20.0;
const MAP: f64 = 150.0;

/// The SVG file.
pub fn sheet(title: &str, survey: &Survey, plays: &[Play<'_>]) -> String {
    let groups = groups(plays);
    let chart = chart::chart(&groups, survey.events);
    let tallest = groups.iter().map(|group| group.play.film.tallest()).max().unwrap_or(1).max(1);
    let width = (chart::WIDTH - GAP * (COLUMNS - 1) as f64) / COLUMNS as f64;
    let pitch = MAP + 52.0;
    let maps_top = 44.0 + chart.height + 44.0;
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
    key(&mut out, maps_top - 18.0);
    for (at, group) in groups.iter().enumerate() {
        let x = (width + GAP) * (at % COLUMNS) as f64;
        let y = maps_top + pitch * (at / COLUMNS) as f64;
        one(&mut out, group, (x, y, width), tallest);
    }
    out.push_str("</svg>\n");
    out
}

/// What the colours of the maps mean.
fn key(out: &mut String, y: f64) {
    let mut x = 0.0;
    for (colour, words) in map::legend() {
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

fn one(out: &mut String, group: &Group<'_>, (x, y, width): (f64, f64, f64), tallest: usize) {
    let names = group.names.chunks(2).map(|pair| escaped(&pair.join(" = ")));
    let lines = names.enumerate().map(|(at, line)| {
        let more = if at == 0 { "" } else { "= " };
        format!(
            "<text class=\"name\" x=\"{x:.1}\" y=\"{:.1}\">{more}{line}</text>",
            y + 14.0 + 15.0 * at as f64
        )
    });
    let score = group.play.score;
    let _ = write!(
        out,
        "{}<text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{} used, {}</text>\
         <rect class=\"above\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{MAP}\"/>\
         <image x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{MAP}\" preserveAspectRatio=\"none\" href=\"{}\"/>",
        lines.collect::<String>(),
        x + width,
        y + 14.0,
        percent(score.utilisation),
        bytes(score.peak),
        y + 36.0,
        y + 36.0,
        map::image(group.play.film, tallest)
    );
}
