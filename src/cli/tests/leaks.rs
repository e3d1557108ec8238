//! Leaks of commands: what `run --leaks` sums up, what `leaks` lists, and the status of both.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Folder, columns, compile, under_library};

/// Loses fifty blocks, one of which leads to another, and keeps one; ends with status 7.
const LEAKY: &str = r#"
#include <stdlib.h>
#include <string.h>
static void *volatile kept;
__attribute__((noinline)) static void plant(void) {
    for (int n = 0; n < 50; n++) {
        void **lost = calloc(1, 1000);
        if (n == 20) *lost = calloc(1, 3000);
        __asm__ volatile("" : : "r"(lost) : "memory");
    }
    kept = calloc(1, 5000);
}
__attribute__((noinline)) static void scrub(void) {
    volatile char left[8192];
    memset((void *)left, 0, sizeof left);
}
int main(void) { plant(); scrub(); return 7; }
"#;

fn leaky(folder: &Folder) -> String {
    let program = folder.file("leaky");
    compile(LEAKY, &program, &["-fno-builtin"]);
    program
}

#[test]
fn a_summary_tells_what_is_lost_and_keeps_the_status() {
    let folder = Folder::new();
    let program = leaky(&folder);

    let outcome = under_library(&["run", "--leaks", "--", &program]);

    assert_eq!(outcome.status, 7, "{outcome:?}");
    assert!(outcome.stderr.lines().count() <= 15, "{outcome:?}");
    let lost = outcome.stderr.lines().find(|line| line.starts_with("  lost  ")).unwrap();
    assert!(lost.contains("in 50 blocks definitely") && lost.contains("in 1 block indirectly"), "{lost}");
    assert!(outcome.stderr.ends_with(&format!("next:  heapmm leaks -- {program}\n")), "{outcome:?}");
}

#[test]
fn a_status_for_leaks_is_23_or_the_one_that_was_asked_for() {
    let folder = Folder::new();
    let program = leaky(&folder);

    assert_eq!(under_library(&["run", "--leaks", "--leak-exitcode", "--", &program]).status, 23);
    assert_eq!(under_library(&["run", "--leaks", "--leak-exitcode=5", "--", &program]).status, 5);
    assert_eq!(under_library(&["run", "--leaks", "--leak-exitcode", "--", "ls", "/"]).status, 0);
    assert_eq!(under_library(&["run", "--leak-exitcode", "--", "ls"]).status, 2);
}

#[test]
fn a_list_has_every_sort_and_the_groups_of_what_is_lost() {
    let folder = Folder::new();
    let (program, file) = (leaky(&folder), folder.file("leaks.csv"));

    let outcome = under_library(&["leaks", "--format", "csv", "-o", &file, "--", &program]);

    assert_eq!(outcome.status, 23, "{outcome:?}");
    let rows = columns(&fs::read_to_string(file).unwrap(), ["command", "sort", "blocks", "each", "at"]);
    let totals: Vec<_> = rows.iter().filter(|row| row[3].is_empty()).collect();
    assert_eq!(totals.len(), 4);
    assert_eq!((&*totals[0][1], &*totals[0][2]), ("definite", "50"));
    assert_eq!((&*totals[1][1], &*totals[1][2]), ("indirect", "1"));
    let groups = rows.iter().filter(|row| row[1] == "definite" && !row[3].is_empty());
    assert_eq!(groups.clone().map(|row| row[2].parse::<u64>().unwrap()).sum::<u64>(), 50);
    assert!(groups.into_iter().all(|row| row[4].starts_with("0x") && row[0] == "leaky"));
}

#[test]
fn a_list_of_a_tree_of_processes_has_each_of_them_and_leaves_stdout_alone() {
    let outcome =
        under_library(&["leaks", "--format", "json", "--", "sh", "-c", "ls / >/dev/null; echo data"]);

    assert_eq!((outcome.status, outcome.stdout.as_str()), (0, "data\n"), "{outcome:?}");
    let document = outcome.stderr.rsplit_once("heapmm  sh").unwrap().0;
    let list: serde_json::Value = serde_json::from_str(document).unwrap();
    let commands: Vec<_> =
        list["leaks"].as_array().unwrap().iter().map(|row| row["command"].as_str()).collect();
    assert!(commands.contains(&Some("sh")) && commands.contains(&Some("ls")), "{commands:?}");
    assert!(list["leaks"][0]["pid"].as_u64().is_some_and(|pid| pid > 0), "a number: {list}");
}

#[test]
fn a_command_that_was_killed_was_not_checked_and_that_is_said() {
    let outcome = under_library(&["leaks", "--", "sh", "-c", "kill -KILL $$"]);

    assert_eq!(outcome.status, 128 + 9, "{outcome:?}");
    assert!(outcome.stderr.contains("no process was checked"), "{outcome:?}");
}
