//! The tools of every Unix system, one shell command a case: the same words,
//! errors, exit status and files with the library preloaded as without it, and
//! a report of every process that adds up.
//!
//! The cases are the lines of `tests/commands/*.txt`: all of them under the
//! default and the literal policy, those of `short.txt` under every policy.

#![allow(clippy::expect_used)]

mod commands;
mod support;

use std::collections::BTreeSet;

use commands::{Table, Verdict};
use support::{CHECKED, DEFERRED, FILLED, UNCACHED};

/// Runs a table under a policy; names every case that fails, not only the first.
fn runs_as_without(table: &str, policy: Option<&str>) {
    let verdicts: Vec<Verdict> = Table::read(table).judge(policy);

    let failures: Vec<String> = verdicts.iter().filter_map(Verdict::failure).collect();
    assert!(
        failures.is_empty(),
        "{} of {} commands differ:\n\n{}",
        failures.len(),
        verdicts.len(),
        failures.join("\n")
    );
}

#[test]
fn coreutils_do_the_same_under_the_default_policy() {
    runs_as_without("coreutils", None);
}

#[test]
fn coreutils_do_the_same_under_the_literal_policy() {
    runs_as_without("coreutils", Some("implicit-first"));
}

#[test]
fn text_tools_do_the_same_under_the_default_policy() {
    runs_as_without("text", None);
}

#[test]
fn text_tools_do_the_same_under_the_literal_policy() {
    runs_as_without("text", Some("implicit-first"));
}

#[test]
fn archivers_do_the_same_under_the_default_policy() {
    runs_as_without("archives", None);
}

#[test]
fn archivers_do_the_same_under_the_literal_policy() {
    runs_as_without("archives", Some("implicit-first"));
}

#[test]
fn shells_do_the_same_under_the_default_policy() {
    runs_as_without("shells", None);
}

#[test]
fn shells_do_the_same_under_the_literal_policy() {
    runs_as_without("shells", Some("implicit-first"));
}

/// A module for each policy, with the short table under it.
macro_rules! for_every_policy {
    (
        tagged { $($variant:ident $module:ident $name:literal $index:ty => $help:literal;)* }
        designs { $($design:ident $place:ident $called:literal $engine:ty => $does:literal;)* }
    ) => {
        for_each_policy! { $($module $name)* $($place $called)* }
    };
}

macro_rules! for_each_policy {
    ($($module:ident $name:literal)*) => {
        $(mod $module {
            #[test]
            fn the_short_table_does_the_same() {
                super::runs_as_without("short", Some($name));
            }
        })*
    };
}

heapmm_core::policy_rows!(for_every_policy);

#[test]
fn the_short_table_does_the_same_without_caches() {
    runs_as_without("short", UNCACHED);
}

#[test]
fn the_short_table_does_the_same_where_blocks_are_filled() {
    for setup in [FILLED, Some("fast,fill=zero")] {
        runs_as_without("short", setup);
    }
}

#[test]
fn tools_do_the_same_while_they_are_checked_for_leaks() {
    for table in ["coreutils", "text", "shells", "archives"] {
        runs_as_without(table, CHECKED);
    }
}

#[test]
fn the_short_table_does_the_same_where_merging_is_deferred() {
    for setup in
        [DEFERRED, Some("implicit-best,coalesce=deferred"), Some("segregated-best,coalesce=deferred")]
    {
        runs_as_without("short", setup);
    }
}

#[test]
fn the_table_names_a_hundred_programs_of_coreutils() {
    let programs: BTreeSet<String> = Table::read("coreutils").programs();

    assert!(programs.len() >= 100, "only {}: {programs:?}", programs.len());
}
