//! Heaps, pools and families of a program: examples, figures, misuse, in every way to link.
//!
//! ```text
//!   example_*.c        C11 and C++17, without a warning ─┬─ -lheapmm
//!   named_*.c          cases that check themselves      ─┼─ libheapmm.a
//!   named_misuse.c     one line, then SIGABRT           ─┴─ libheapmm.a -static
//! ```

#![allow(clippy::expect_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use heapmm_core::policy::POLICIES;
use support::{Outcome, Run, Scratch, archive, compile, library, root};

/// SIGABRT.
const ABORTED: Option<i32> = Some(6);
/// The bound of a case with threads and forks; the machine may be busy.
const LONG: Duration = Duration::from_secs(180);

/// What the compiler is told besides, for the shared library or for the static one.
fn linked() -> [Vec<String>; 2] {
    let folder = library().parent().expect("the library lies in a folder").display().to_string();
    let shared = vec![format!("-L{folder}"), "-lheapmm".to_owned(), format!("-Wl,-rpath,{folder}")];
    [shared, vec![archive().display().to_string()]]
}

/// Compiles a program of cases.
fn program(name: &str, link: &[String]) -> PathBuf {
    let options: Vec<&str> =
        ["-Werror", "-fno-builtin"].into_iter().chain(link.iter().map(String::as_str)).collect();
    compile(name, &options)
}

/// The cases of a program.
fn cases(program: &Path) -> Vec<String> {
    let names = Run::new(program).args(["--list"]).run().succeeded().text();
    let names: Vec<String> = names.lines().map(str::to_owned).collect();
    assert!(names.len() >= 10, "{names:?}");
    names
}

/// Runs every case of a program with both libraries.
fn every_case_passes(name: &str) {
    for link in linked() {
        let program = program(name, &link);
        for case in cases(&program) {
            let outcome = Run::new(&program).args([&case]).timeout(LONG).run();

            assert_eq!(outcome.status, Some(0), "{case}, {link:?}: {}", outcome.errors());
        }
    }
}

#[test]
fn pools_keep_objects_constructed() {
    every_case_passes("named_pools");
}

#[test]
fn families_tell_what_each_structure_holds() {
    every_case_passes("named_families");
}

#[test]
fn heaps_have_a_policy_each() {
    every_case_passes("named_heaps");
}

#[test]
fn heaps_serve_beside_a_malloc_of_any_policy() {
    let [shared, _] = linked();
    for policy in ["implicit-first", "address-next", "segregated-first"] {
        for (name, case) in [
            ("named_heaps", "every_policy_serves_random_calls"),
            ("named_pools", "constructor_and_destructor_may_call_malloc_and_the_pool"),
            ("named_families", "the_figures_of_a_family_are_right_to_the_byte"),
        ] {
            let run = Run::new(program(name, &shared)).args([case]).timeout(LONG);

            run.env("HEAPMM_POLICY", policy).run().succeeded();
        }
    }
}

/// Compiles an example as a user would, without a warning.
fn example(name: &str, compiler: &[&str], link: &[String]) -> (Scratch, Outcome) {
    let scratch = Scratch::new();
    let program = scratch.path().join(name);
    let source = format!("tests/c/example_{name}.c");
    let compiled = Run::new(compiler[0])
        .args(&compiler[1..])
        .args([
            "-pedantic",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-Iinclude",
            "-pthread",
            &source,
            "-x",
            "none",
            "-o",
        ])
        .args([&program])
        .args(link)
        .dir(root())
        .run();
    assert_eq!(compiled.status, Some(0), "{name}: {}", compiled.errors());
    let outcome = Run::new(&program).run();
    (scratch, outcome)
}

#[test]
fn the_examples_are_c_and_cxx_and_run_with_both_libraries() {
    let said = [
        ("pool", "1000 sessions, 1 created, 1 destroyed"),
        ("families", "After the last one: 0 pages"),
        ("heaps", "    4088 bytes free"),
        ("leaks", "still reachable: at least 900: yes"),
    ];
    for compiler in [&["gcc", "-std=c11"][..], &["g++", "-x", "c++", "-std=c++17"]] {
        for link in linked() {
            for (name, line) in said {
                let (_scratch, outcome) = example(name, compiler, &link);

                assert_eq!(outcome.status, Some(0), "{name}, {compiler:?}: {}", outcome.errors());
                assert!(outcome.text().contains(line), "{name}: {}", outcome.text());
            }
        }
    }
}

#[test]
fn a_static_program_has_heaps_pools_and_families() {
    let link = [archive().display().to_string(), "-static".to_owned()];
    for (name, case) in [
        ("named_pools", "threads_share_a_pool_and_children_of_forks_go_on_with_it"),
        ("named_families", "the_table_has_a_line_for_each_family_and_one_for_all"),
        ("named_heaps", "every_policy_serves_random_calls"),
    ] {
        Run::new(program(name, &link)).args([case]).timeout(LONG).run().succeeded();
    }
}

#[test]
fn the_policies_of_the_tests_are_those_of_the_library() {
    let header = fs::read_to_string(root().join("tests/c/named.h")).expect("the header can be read");
    let list = header.split_once("POLICIES[] = {").and_then(|(_, rest)| rest.split_once("};"));
    let named: BTreeSet<&str> = list.expect("a list").0.split('"').skip(1).step_by(2).collect();

    let known: BTreeSet<&str> = POLICIES.iter().map(|row| row.name).collect();

    assert_eq!(named, known);
}

/// What each wrong call is told by.
const TOLD: &[(&str, &str)] = &[
    ("double_free_of_an_object_of_a_pool", "double free of 0x"),
    ("free_of_an_object_of_another_pool", ": a block of 'others', which heapmm_pool_free takes back"),
    ("free_of_a_block_of_malloc_to_a_pool", ": not a block of 'sessions'"),
    ("free_inside_an_object_of_a_pool", ": 16 bytes into the block at 0x"),
    ("free_of_an_object_whose_slab_went_back", ": not a block of 'sessions'"),
    ("use_of_a_destroyed_pool", "invalid heapmm_pool_alloc: 0x"),
    ("use_of_a_heap_as_a_pool", "is no such heap or pool, or no longer one"),
    ("use_of_what_is_no_pool", "is no such heap or pool, or no longer one"),
    ("double_free_in_a_heap_of_tagged_blocks", "double free of 0x"),
    ("double_free_in_a_buddy_heap", "double free of 0x"),
    ("free_of_a_block_of_another_heap", ": a block of 'others', which heapmm_heap_free takes back"),
    ("realloc_inside_a_block_of_a_heap", ": 32 bytes into the block at 0x"),
    ("realloc_of_a_freed_block_of_a_heap", "invalid heapmm_heap_realloc of 0x"),
    ("use_of_a_destroyed_heap", "invalid heapmm_heap_free: 0x"),
    ("second_destruction_of_a_heap", "invalid heapmm_heap_destroy: 0x"),
    ("double_delete_of_a_structure", "double free of 0x"),
    ("delete_of_a_block_of_malloc", ": not a block of 'the families'"),
    ("overrun_of_a_structure", "corrupted block at 0x"),
    ("free_of_a_block_of_a_heap_to_malloc", ": a block of 'scratch', which heapmm_heap_free takes back"),
    ("free_of_a_structure_to_malloc", ": a block of 'the families', which HEAPMM_DELETE takes back"),
];

#[test]
fn a_wrong_call_is_told_in_one_line() {
    for link in linked() {
        let program = program("named_misuse", &link);
        let known: BTreeSet<String> = TOLD.iter().map(|(case, _)| (*case).to_owned()).collect();
        assert_eq!(cases(&program).into_iter().collect::<BTreeSet<_>>(), known);

        for (case, told) in TOLD {
            let outcome = Run::new(&program).args([case]).run();
            let line = outcome.errors();
            assert_eq!(outcome.signal, ABORTED, "{case}: {line}");
            assert!(
                line.starts_with("heapmm: ") && line.contains(told) && line.lines().count() == 1,
                "{case}: {line}"
            );

            for (errors, lines) in [("warn", 1), ("ignore", 0)] {
                let outcome = Run::new(&program).args([case]).env("HEAPMM_ERRORS", errors).run().succeeded();

                assert!(outcome.text().ends_with("survived\n"), "{case}: {}", outcome.errors());
                assert_eq!(outcome.errors().lines().count(), lines, "{case}: {}", outcome.errors());
            }
        }
    }
}
