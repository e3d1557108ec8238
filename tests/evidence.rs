//! The page of evidence is whole and true: every claim has a row, and the commands that are cheap succeed.

#![allow(clippy::expect_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::{Run, library, need, root};

/// The claims that the project began with.
const IDS: &[&str] = &[
    "A1", "A2", "A3", "A4", "A5", "A7", "A9", "A11", "A12", "G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8",
    "G9", "G10", "G11", "S1", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12", "S13", "S14",
    "P1", "P2", "P3", "P4", "P6", "P7", "P9", "P11", "P12", "P13", "P14", "P15", "P16", "P18", "T1", "T2",
    "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11",
];

/// A row of the table.
struct Row {
    ids: Vec<String>,
    claim: String,
    how: String,
    command: String,
}

fn page() -> String {
    fs::read_to_string(root().join("tests/evidence.md")).expect("the page can be read")
}

/// The cells of a line of the table; a bar with a stroke before it is the cell's own.
fn cells(line: &str) -> Vec<String> {
    let line = line.replace("\\|", "\u{1}");
    line.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

fn rows(page: &str) -> Vec<Row> {
    let lines = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    lines
        .map(|line| {
            let cells = cells(line);
            assert_eq!(cells.len(), 6, "{line}");
            Row {
                ids: cells[1].split_whitespace().map(str::to_owned).collect(),
                claim: cells[2].clone(),
                how: cells[3].clone(),
                command: cells[4].trim_matches('`').to_owned(),
            }
        })
        .collect()
}

#[test]
fn every_claim_has_a_row_and_every_row_a_claim() {
    let rows = rows(&page());

    for id in IDS {
        assert!(rows.iter().any(|row| row.ids.iter().any(|known| known == id)), "no row for {id}");
    }
    for Row { ids, claim, how, command } in &rows {
        assert!(ids.iter().all(|id| IDS.contains(&id.as_str())), "{ids:?} are not all known");
        assert!(["run", "hand"].contains(&how.as_str()), "{claim}: {how}");
        assert!(!command.is_empty(), "{claim}");
    }
}

#[test]
fn the_commands_that_are_cheap_show_what_they_claim() {
    library();
    build_the_command();
    let page = page();
    let setting =
        page.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the lines before");

    for row in rows(&page).iter().filter(|row| row.how == "run") {
        if row.command.starts_with("strace") && !need("strace") {
            continue;
        }
        let script = format!("set -eo pipefail\n{setting}\ntrap 'rm -rf \"$T\"' EXIT\n{}", row.command);
        let run = Run::new("bash").args(["-c", &script]).dir(root()).timeout(Duration::from_secs(60));

        let outcome = run.run();

        let told =
            format!("{:?} {}\n{}\n{}{}", row.ids, row.claim, row.command, outcome.text(), outcome.errors());
        assert_eq!((outcome.status, outcome.signal), (Some(0), None), "{told}");
    }
}

/// The texts of all files below `folder` whose names end with `end`.
fn texts(folder: &Path, end: &str) -> String {
    let entries =
        fs::read_dir(folder).expect("a folder can be read").map(|entry| entry.expect("an entry").path());
    let text = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => texts(&path, end),
        Some(found) if found == end => fs::read_to_string(&path).expect("a file can be read"),
        _ => String::new(),
    };
    entries.map(text).collect::<Vec<_>>().join("\n")
}

/// Pages tell a reader which tests to run, by a part of their names.
#[test]
fn every_test_that_a_page_names_exists() {
    let pages = ["src", "tests", "bench"].map(|folder| texts(&root().join(folder), "md")).join("\n");
    let sources = texts(&root().join("src/core"), "rs");
    let lines = || sources.lines().map(str::trim_start);
    let is_known = |part: &str| {
        lines().any(|line| {
            line.strip_prefix("fn ").is_some_and(|rest| rest.contains(part))
                || line.contains(&format!("mod {part}"))
        })
    };
    let named: Vec<&str> = pages
        .split("cargo test -p heapmm-core ")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && !"_:".contains(c)).next())
        .collect();

    assert!(named.len() > 30, "{named:?}");
    for part in named.iter().flat_map(|name| name.split("::")).filter(|part| !part.is_empty()) {
        assert!(is_known(part), "no test and no module is called {part}");
    }
}

/// The rows run `target/release/heapmm`, as a user does after `make`.
fn build_the_command() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "-p", "heapmm-cli", "--target-dir"]).arg(root().join("target"));
    assert!(
        build.current_dir(root()).status().expect("cargo starts").success(),
        "the command does not build"
    );
}
