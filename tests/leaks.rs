//! Leaks: planted ones are found to the byte, in every way to link, to end and to place blocks; what is
//! no leak is none, and a program that is checked does the same as without.
//!
//! ```text
//!   leaks.c           cases that ask on demand, and check themselves
//!   leaks_planted.c   says what it loses, and ends: the report has to agree
//!   valgrind          counts the same blocks in programs that know nothing of us
//! ```

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use support::{Outcome, Run, Scratch, archive, compile, every_kind, library, need};

/// The bound of a case; the machine may be busy, and some policies search linearly.
const LONG: Duration = Duration::from_secs(240);

/// The cases, linked with the shared library or with the static one. A static program may lie anywhere
/// here: at a fixed place its heap is below 1 GiB, where the sizes of caches and a processor's flags,
/// which glibc keeps, are addresses of blocks in one run out of forty.
fn cases_linked(with: &str) -> PathBuf {
    let folder = library().parent().unwrap().display().to_string();
    let (search, run) = (format!("-L{folder}"), format!("-Wl,-rpath,{folder}"));
    let archive = archive().display().to_string();
    match with {
        "shared" => compile("leaks", &["-Werror", "-fno-builtin", &search, "-lheapmm", &run]),
        "archive" => compile("leaks", &["-Werror", "-fno-builtin", &archive]),
        _ => compile("leaks", &["-Werror", "-fno-builtin", &archive, "-static-pie"]),
    }
}

/// The names of the cases.
fn cases_of(program: &Path) -> Vec<String> {
    let names = Run::new(program).args(["--list"]).run().succeeded().text();
    let names: Vec<String> = names.lines().map(str::to_owned).collect();
    assert!(names.len() >= 20, "{names:?}");
    names
}

/// Runs all cases of `program` with `setup`.
fn every_case_passes(program: &Path, setup: Option<&str>) {
    for case in cases_of(program) {
        let run = Run::new(program).args([&case]).timeout(LONG);
        let run = support::variables(setup).into_iter().fold(run, |run, (name, value)| run.env(name, value));

        let outcome = run.run();

        assert_eq!(outcome.status, Some(0), "{case}, {setup:?}: {}", outcome.errors());
    }
}

#[test]
fn planted_leaks_are_found_with_the_shared_library() {
    every_case_passes(&cases_linked("shared"), None);
}

#[test]
fn planted_leaks_are_found_with_the_archive() {
    every_case_passes(&cases_linked("archive"), None);
}

#[test]
fn planted_leaks_are_found_in_a_static_program() {
    every_case_passes(&cases_linked("static"), None);
}

#[test]
fn planted_leaks_are_found_under_every_kind_of_policy() {
    let program = cases_linked("shared");
    for setup in every_kind().skip(1) {
        every_case_passes(&program, setup);
    }
}

/// A run of `leaks_planted` that is checked at its end, its reports in `folder`.
fn planted(how: &str, folder: &Scratch, setup: Option<&str>) -> Run {
    let run = Run::new(compile("leaks_planted", &["-fno-builtin"])).args([how]);
    let run = ended_with_a_report(run.env("LD_PRELOAD", library()), folder);
    support::variables(setup).into_iter().fold(run, |run, (name, value)| run.env(name, value))
}

/// `run`, which leaves a report in `folder` when it ends.
fn ended_with_a_report(run: Run, folder: &Scratch) -> Run {
    let run = run.env("HEAPMM_LEAKS", "exit").env("HEAPMM_STATS_FORMAT", "json");
    run.env("HEAPMM_OUT", folder.path().join("%p"))
}

/// The report of process `pid`.
fn report_of(pid: u32, folder: &Scratch) -> Value {
    let text = fs::read_to_string(folder.path().join(pid.to_string())).expect("a report is there");
    serde_json::from_str(&text).expect("a report is JSON")
}

/// What the program said and what the report says: definite bytes and blocks, indirect bytes and blocks.
fn told_and_found(outcome: &Outcome, report: &Value) -> ([u64; 4], [u64; 4]) {
    let text = outcome.text();
    let said: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let figure = |sort: &str, what: &str| report["leaks"][sort][what].as_u64().unwrap();
    let found = [
        figure("definite", "bytes"),
        figure("definite", "blocks"),
        figure("indirect", "bytes"),
        figure("indirect", "blocks"),
    ];
    (said.try_into().expect("four figures"), found)
}

#[test]
fn a_report_at_the_end_is_right_to_the_byte_however_the_process_ends() {
    for how in ["return", "exit", "_exit", "closed", "threads"] {
        let folder = Scratch::new();

        let outcome = planted(how, &folder, None).run();

        assert_eq!(outcome.status, Some(7), "{how}: {}", outcome.errors());
        let report = report_of(outcome.pid, &folder);
        let (told, found) = told_and_found(&outcome, &report);
        assert_eq!(told, found, "{how}: {report}");
        assert_eq!(report["leaks"]["possible"]["blocks"], 0, "{how}: {report}");
        assert!(report["leaks"]["reachable"]["bytes"].as_u64().unwrap() > 2 << 20, "{how}: {report}");
    }
}

#[test]
fn a_report_at_the_end_is_right_under_every_kind_of_policy() {
    for setup in every_kind() {
        let folder = Scratch::new();

        let outcome = planted("return", &folder, setup).run();

        let (told, found) = told_and_found(&outcome, &report_of(outcome.pid, &folder));
        assert_eq!(told, found, "{setup:?}");
    }
}

/// A number may be the address of a lost block there, but hardly of the first of a list.
#[test]
fn a_static_program_at_a_fixed_place_is_checked_too() {
    let folder = Scratch::new();
    let archive = archive().display().to_string();
    let program = compile("leaks_planted", &["-fno-builtin", &archive, "-static", "-no-pie"]);

    let outcome = ended_with_a_report(Run::new(program).args(["return"]), &folder).run();

    let (told, found) = told_and_found(&outcome, &report_of(outcome.pid, &folder));
    assert!((told[1] + told[3]).abs_diff(found[1] + found[3]) <= 5, "{told:?} {found:?}");
}

#[test]
fn a_forked_process_has_a_report_of_its_own() {
    let folder = Scratch::new();

    let outcome = planted("fork", &folder, None).run();

    let (told, found) = told_and_found(&outcome, &report_of(outcome.pid, &folder));
    assert_eq!(told, found);
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    let child = files.iter().find(|file| !file.ends_with(outcome.pid.to_string())).unwrap();
    let report: Value = serde_json::from_str(&fs::read_to_string(child).unwrap()).unwrap();
    // The child has planted all of it again, and forgotten what its parent kept.
    assert_eq!(report["leaks"]["definite"]["blocks"].as_u64(), Some(2 * told[1] + 1), "{report}");
}

#[test]
fn the_status_changes_only_if_that_is_wanted_and_streams_are_flushed() {
    for (how, status) in [("return", 23), ("exit", 23), ("_exit", 23)] {
        let folder = Scratch::new();

        let outcome = planted(how, &folder, None).env("HEAPMM_LEAK_EXITCODE", "23").run();

        assert_eq!(outcome.status, Some(status), "{how}: {}", outcome.errors());
        assert!(outcome.text().starts_with("definite "), "{how}: {:?}", outcome.text());
    }
    let clean = Run::new("ls").args(["/"]).env("LD_PRELOAD", library()).env("HEAPMM_LEAKS", "exit");
    let clean = clean.env("HEAPMM_LEAK_EXITCODE", "23").run().succeeded();
    assert!(clean.errors().contains("definitely lost"), "{}", clean.errors());
}

#[test]
fn without_memory_for_the_check_there_is_one_line_and_the_status_stays() {
    let folder = Scratch::new();

    let outcome = planted("tight", &folder, None).env("HEAPMM_LEAK_EXITCODE", "23").run();

    assert_eq!(outcome.status, Some(7), "{}", outcome.errors());
    let line = format!("heapmm: no leak check of process {}: there is no memory", outcome.pid);
    assert!(outcome.errors().starts_with(&line), "{}", outcome.errors());
    assert_eq!(outcome.errors().lines().count(), 1, "{}", outcome.errors());
}

/// Programs that know nothing of us, and lose or keep what valgrind says.
const KNOWN: &[&[&str]] = &[
    &["ls", "/"],
    &["sort", "/etc/passwd"],
    &["grep", "-c", "root", "/etc/passwd"],
    &["find", "/etc/apt"],
    &["perl", "-e", "my @a = map { { n => $_ } } 1 .. 50"],
];

#[test]
fn valgrind_counts_the_same_lost_blocks() {
    if !need("valgrind") {
        return;
    }
    for words in KNOWN.iter().filter(|words| need(words[0])) {
        let ours = Run::new(words[0]).args(&words[1..]).env("LD_PRELOAD", library());
        let ours = ours.env("HEAPMM_LEAKS", "exit").run().errors();
        let options = ["--leak-check=full", "--show-leak-kinds=none", "--leak-check-heuristics=none"];
        let theirs = Run::new("valgrind").args(options).args(["--run-libc-freeres=no"]).args(*words);
        let theirs = theirs.limit_as(u64::MAX).run().errors();

        let line = |text: &str, sort: &str| {
            let line = text.lines().find(|line| line.contains(sort)).map(str::to_owned);
            line.unwrap_or_else(|| panic!("no {sort} for {words:?}: {text}"))
        };
        let ours = line(&ours, "definitely lost");
        let ours: u64 = ours.split_whitespace().nth(3).unwrap().parse().unwrap();
        let theirs = line(&theirs, "definitely lost:");
        let theirs = theirs.split(" bytes in ").nth(1).unwrap().split(' ').next().unwrap().replace(',', "");
        assert_eq!(ours, theirs.parse::<u64>().unwrap(), "{words:?}");
    }
}
