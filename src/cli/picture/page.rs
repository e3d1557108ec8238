//! The page: advice, table, chart and maps in one file that needs nothing else.

use std::fmt::Write;

use serde_json::json;

use super::sheet::STYLE;
use super::{Group, Play, chart, escaped, groups, map, size};
use crate::play::score::{METRICS, Score};
use crate::play::table;
use crate::show::number::{bytes, count, percent};
use crate::show::table::{Cell, Format};
use crate::trace::survey::Survey;

const PAGE_STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The HTML file.
pub fn page(title: &str, survey: &Survey, scores: &[Score], plays: &[Play<'_>], advice: &str) -> String {
    let groups = groups(plays);
    let chart = chart::chart(&groups, survey.events);
    let title = escaped(title);
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}: policies compared</title>\
         <style>{STYLE}{PAGE_STYLE}</style></head><body class=\"heapmm\"><main>\
         <h1>{title}</h1><p class=\"facts\">{}</p><p class=\"advice\">{}</p>",
        facts(survey),
        escaped(advice)
    );
    figures(&mut out, scores, true);
    out.push_str(
        "<p class=\"note\">The best of each column is bold. Fragmentation is taken at the moment at which the \
        program held most. A click on a head sorts.</p><details><summary>More figures</summary>",
    );
    figures(&mut out, scores, false);
    out.push_str("</details>");
    let _ = write!(
        out,
        "<h2>Memory over time</h2><figure class=\"chart\"><svg id=\"chart\" viewBox=\"0 0 {} {:.0}\">{}</svg>\
         <div id=\"tip\" hidden></div></figure>",
        chart::WIDTH,
        chart.height,
        chart.markup
    );
    maps(&mut out, &groups);
    let _ = write!(
        out,
        "</main><script type=\"application/json\" id=\"data\">{}</script><script>{SCRIPT}</script></body></html>",
        data(&groups, survey)
    );
    out
}

fn facts(survey: &Survey) -> String {
    format!(
        "{} operations, {} allocations, {} resizes; at most {} live in {} blocks; largest request {}",
        count(survey.events),
        count(survey.allocs),
        count(survey.resizes),
        bytes(survey.peak),
        count(survey.peak_blocks),
        bytes(survey.largest)
    )
}

/// A table of those figures that a comparison shows as text, or of the others.
fn figures(out: &mut String, scores: &[Score], compared: bool) {
    let table = table::table(scores, Format::Json);
    let is_here = |key: &str| METRICS.iter().all(|metric| metric.key != key || metric.compared == compared);
    let columns: Vec<usize> = (0..table.columns.len()).filter(|at| is_here(table.columns[*at].0)).collect();
    out.push_str("<div class=\"wide\"><table class=\"scores\"><thead><tr>");
    for (key, title) in columns.iter().map(|at| table.columns[*at]) {
        let help = METRICS.iter().find(|metric| metric.key == key).map_or("", |metric| metric.help);
        let _ = write!(out, "<th title=\"{}\"><button>{}</button></th>", escaped(help), escaped(title));
    }
    out.push_str("</tr></thead><tbody>");
    for (row, cells) in table.rows.iter().enumerate() {
        out.push_str("<tr>");
        for column in columns.iter().copied() {
            let cell = &cells[column];
            let best = if table.bold.contains(&(row, column)) { " class=\"best\"" } else { "" };
            let value = match cell {
                Cell::Count(n) | Cell::Number(n) | Cell::Bytes(n) => n.to_string(),
                Cell::Share(x) | Cell::Ratio(x) => x.to_string(),
                Cell::Word(_) | Cell::None => String::new(),
            };
            let _ = write!(out, "<td data-value=\"{value}\"{best}>{}</td>", escaped(&cell.text()));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
}

fn maps(out: &mut String, groups: &[Group<'_>]) {
    let tallest = groups.iter().map(|group| group.play.film.tallest()).max().unwrap_or(1).max(1);
    let _ = write!(
        out,
        "<h2>What lies where</h2><p class=\"note\">Up: address, the same scale for all, 0 to {}. Right: time. \
         Colour: size of the block.</p><ul class=\"key\">",
        bytes(tallest as u64)
    );
    for (colour, words) in groups.first().map(|group| map::legend(group.play.film)).unwrap_or_default() {
        let _ = write!(out, "<li><i style=\"background:{colour}\"></i>{words}</li>");
    }
    out.push_str("</ul><div class=\"maps\">");
    for group in groups {
        let score = group.play.score;
        let _ = write!(
            out,
            "<figure title=\"{}\"><figcaption><b>{}</b><span>{} used, {}</span></figcaption><img alt=\"\" src=\"{}\"></figure>",
            escaped(&group.names.join(" = ")),
            escaped(&group.label(size(groups))),
            percent(score.utilisation),
            bytes(score.peak),
            map::image(group.play.film, tallest)
        );
    }
    out.push_str("</div>");
}

/// The numbers behind the chart. A name cannot end the script that holds it.
fn data(groups: &[Group<'_>], survey: &Survey) -> String {
    let samples = groups.first().map_or(&[][..], |group| &group.play.film.samples);
    let lines: Vec<_> = groups
        .iter()
        .enumerate()
        .map(|(at, group)| {
            let sizes: Vec<usize> = group.play.film.samples.iter().map(|s| s.figures.footprint).collect();
            json!({ "name": group.label(size(groups)), "stroke": chart::stroke(at), "bytes": sizes })
        })
        .collect();
    let data = json!({
        "events": survey.events,
        "at": samples.iter().map(|sample| sample.event).collect::<Vec<_>>(),
        "live": samples.iter().map(|sample| sample.live).collect::<Vec<_>>(),
        "lines": lines,
    });
    data.to_string().replace('<', "\\u003c")
}
