//! One table for all verbs, as text for people, as JSON and as CSV for programs.
//!
//! ```text
//!   columns   key (JSON, CSV)   title (text)   help
//!   rows      cells: words, counts, bytes, shares, ratios; the best of a column may be bold
//! ```

use std::io::{self, Write};

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::colour::Ink;
use super::number;
use super::word::printable;

/// Version of the JSON: raised when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

/// The shape of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// Comma-separated values with a head line.
    Csv,
}

/// A value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Word(String),
    /// A number of things.
    Count(u64),
    /// A number that is a name: digits without commas.
    Number(u64),
    /// A number of bytes.
    Bytes(u64),
    /// A share of one, shown as per cent.
    Share(f64),
    /// A ratio or another measured number, with two digits.
    Ratio(f64),
    /// Nothing to say.
    None,
}

/// A table with a name.
#[derive(Clone, Debug)]
pub struct Table {
    /// What the rows are; the field of the JSON document.
    pub name: &'static str,
    /// Key and title of each column.
    pub columns: Vec<(&'static str, &'static str)>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// Row and column of the cells that are set in bold.
    pub bold: Vec<(usize, usize)>,
}

impl Cell {
    /// Text.
    pub fn word(text: impl Into<String>) -> Self {
        Self::Word(text.into())
    }

    fn is_number(&self) -> bool {
        !matches!(self, Self::Word(_))
    }

    /// As people read it.
    pub fn text(&self) -> String {
        match self {
            Self::Word(text) => printable(text).into_owned(),
            Self::Count(n) => number::count(*n),
            Self::Number(n) => n.to_string(),
            Self::Bytes(n) => number::bytes(*n),
            Self::Share(part) => number::percent(*part),
            Self::Ratio(value) if *value >= 100.0 => number::count(value.round() as u64),
            Self::Ratio(value) => format!("{value:.2}"),
            Self::None => "-".to_owned(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Word(text) => json!(text),
            Self::Count(n) | Self::Number(n) | Self::Bytes(n) => json!(n),
            Self::Share(value) | Self::Ratio(value) => json!(rounded(*value)),
            Self::None => Value::Null,
        }
    }

    fn csv(&self) -> String {
        match self {
            Self::Word(text) if text.contains([',', '"', '\n']) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            Self::Word(text) => text.clone(),
            Self::Count(n) | Self::Number(n) | Self::Bytes(n) => n.to_string(),
            Self::Share(value) | Self::Ratio(value) => rounded(*value).to_string(),
            Self::None => String::new(),
        }
    }
}

/// Six digits are more than any figure here means.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

impl Table {
    /// An empty table.
    pub fn new(name: &'static str, columns: &[(&'static str, &'static str)]) -> Self {
        Self { name, columns: columns.to_vec(), rows: Vec::new(), bold: Vec::new() }
    }

    /// The document `{"schema": .., name: [{key: value, ..}, ..]}`.
    pub fn document(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let pairs = self.columns.iter().zip(row).map(|((key, _), cell)| ((*key).to_owned(), cell.json()));
            Value::Object(pairs.collect::<Map<_, _>>())
        });
        json!({ "schema": SCHEMA, self.name: rows.collect::<Vec<_>>() })
    }

    /// Prints the table.
    pub fn print(&self, out: &mut dyn Write, format: Format, ink: Ink) -> io::Result<()> {
        match format {
            Format::Text => self.print_text(out, ink),
            Format::Json => writeln!(out, "{:#}", self.document()),
            Format::Csv => self.print_csv(out),
        }
    }

    fn print_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let head: Vec<&str> = self.columns.iter().map(|(key, _)| *key).collect();
        writeln!(out, "{}", head.join(","))?;
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(Cell::csv).collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }

    fn print_text(&self, out: &mut dyn Write, ink: Ink) -> io::Result<()> {
        let texts: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(Cell::text).collect()).collect();
        let wide = |at: usize| texts.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let titles = self.columns.iter().map(|(_, title)| title.chars().count());
        let widths: Vec<usize> = titles.enumerate().map(|(at, title)| title.max(wide(at))).collect();
        let right = |at: usize| self.rows.iter().any(|row| row[at].is_number() && row[at] != Cell::None);
        let heads = self.columns.iter().enumerate().map(|(at, (_, title))| pad(title, widths[at], right(at)));
        writeln!(out, "{}", heads.collect::<Vec<_>>().join("  ").trim_end())?;
        for (number, row) in texts.iter().enumerate() {
            let cells = row.iter().enumerate().map(|(at, text)| {
                let padded = pad(text, widths[at], right(at));
                if self.bold.contains(&(number, at)) { ink.bold(&padded) } else { padded }
            });
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

fn pad(text: &str, width: usize, right: bool) -> String {
    if right { format!("{text:>width$}") } else { format!("{text:<width$}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn printed(format: Format) -> String {
        let mut table = Table::new("things", &[("name", "thing"), ("size", "size"), ("part", "share")]);
        table.rows.push(vec![Cell::word("a, \"b\""), Cell::Bytes(2048), Cell::Share(0.25)]);
        table.rows.push(vec![Cell::word("c"), Cell::Bytes(5), Cell::None]);
        let mut out = Vec::new();
        table.print(&mut out, format, Ink::NONE).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_aligned() {
        assert_eq!(
            printed(Format::Text),
            "thing      size   share\na, \"b\"  2.0 KiB  25.0 %\nc           5 B       -\n"
        );
    }

    #[test]
    fn csv_quotes_what_it_must() {
        assert_eq!(printed(Format::Csv), "name,size,part\n\"a, \"\"b\"\"\",2048,0.25\nc,5,\n");
    }

    #[test]
    fn json_has_a_schema_and_plain_numbers() {
        let document: Value = serde_json::from_str(&printed(Format::Json)).unwrap();

        assert_eq!(document["schema"], 1);
        assert_eq!(document["things"][0]["size"], 2048);
        assert_eq!(document["things"][1]["part"], Value::Null);
    }
}
