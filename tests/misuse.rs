//! One tiny program per misuse: it aborts with one line that names the pointer.
//!
//! ```text
//!   program: fault_is(p) ── stdout "0xP 0xP" ──┐
//!            the misuse  ── stderr "heapmm: … 0xP" ──> one line, a pointer within, SIGABRT
//! ```
//!
//! - **bad calls** (double free, invalid free, bad realloc) are caught under every policy, and with
//!   `HEAPMM_ERRORS=warn` or `ignore` the program goes on to its end.
//! - **corruption** (a write outside of a block, or after its end) is caught where a tag or a link is hit.

#![allow(clippy::expect_used)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use support::{FILLED, LATE, LITERAL, Outcome, Run, UNCACHED, compile, every_kind, root};

/// A block that the default policy may serve from a slab.
const SMALL: &str = "24";
/// A block of a few kilobytes.
const MEDIUM: &str = "5000";
/// A block that has a tag under every policy and rests in no cache.
const TAGGED: &str = "100000";
/// A block with a mapping of its own.
const MAPPED: &str = "3000000";

const DEFAULT: Option<&str> = None;
const ADDRESS: Option<&str> = Some("address-best");
const SIGABRT: i32 = 6;

/// Compiles a program of `tests/c/misuse`.
fn program(name: &str) -> PathBuf {
    fs::create_dir_all(root().join("target/tests/misuse")).expect("the folder can be made");
    compile(&format!("misuse/{name}"), &["-fno-builtin"])
}

/// Runs a misuse with a policy and a value of `HEAPMM_ERRORS`.
fn run(name: &str, argument: &str, policy: Option<&str>, errors: &str) -> Outcome {
    Run::new(program(name))
        .args([argument])
        .preload(policy)
        .env("HEAPMM_ERRORS", errors)
        .timeout(Duration::from_secs(10))
        .run()
}

/// The lines that the library wrote.
fn complaints(outcome: &Outcome) -> Vec<String> {
    let errors = outcome.errors();
    let lines = errors.lines().filter(|line| line.starts_with("heapmm: "));
    lines.map(str::to_owned).collect()
}

/// The addresses in a text, each written as `0x` and hexadecimal digits.
fn addresses(text: &str) -> Vec<u64> {
    let parts = text.split("0x").skip(1);
    let digits =
        parts.map(|part| part.split(|letter: char| !letter.is_ascii_hexdigit()).next().unwrap_or(""));
    digits.filter_map(|digits| u64::from_str_radix(digits, 16).ok()).collect()
}

/// Whether `line` names an address in one of the ranges that the program printed.
fn names_the_fault(line: &str, outcome: &Outcome) -> bool {
    let ends = addresses(&outcome.text());
    assert!(ends.len() >= 2 && ends.len().is_multiple_of(2), "the program prints ranges first");
    let named = addresses(line);
    ends.chunks(2).any(|range| named.iter().any(|address| (range[0]..=range[1]).contains(address)))
}

/// Asserts the abort with one line that names the fault.
fn aborts(name: &str, argument: &str, policy: Option<&str>) {
    let outcome = run(name, argument, policy, "abort");

    let told = format!(
        "{name} {argument} under {policy:?}: status {:?}, signal {:?}\nstdout: {}stderr: {}",
        outcome.status,
        outcome.signal,
        outcome.text(),
        outcome.errors()
    );
    let lines = complaints(&outcome);
    assert_eq!(outcome.signal, Some(SIGABRT), "no abort: {told}");
    assert_eq!(lines.len(), 1, "not one line: {told}");
    assert_eq!(outcome.errors().lines().count(), 1, "more than its line: {told}");
    assert!(names_the_fault(&lines[0], &outcome), "another pointer: {told}");
}

/// Asserts that the program goes on, with the line or without.
fn goes_on(name: &str, argument: &str, policy: Option<&str>) {
    for (errors, wanted) in [("warn", 1), ("ignore", 0)] {
        let outcome = run(name, argument, policy, errors).succeeded();

        let lines = complaints(&outcome);
        assert!(outcome.text().ends_with("survived\n"), "{name}: {}", outcome.text());
        assert_eq!(lines.len(), wanted, "{name} {argument} under {policy:?}, {errors}: {lines:?}");
        assert!(lines.iter().all(|line| names_the_fault(line, &outcome)), "{name}: {lines:?}");
    }
}

/// Asserts that a program whose heap is damaged ends or aborts when told to go on, and neither crashes nor hangs.
fn ends_in_order(name: &str, argument: &str, policy: Option<&str>) {
    for errors in ["warn", "ignore"] {
        let outcome = run(name, argument, policy, errors);

        let ended = outcome.status == Some(0) || outcome.signal == Some(SIGABRT);
        assert!(ended, "{name} {argument} under {policy:?}, {errors}: {outcome:?}");
    }
}

/// Bad calls: caught under every policy, ignored on request.
macro_rules! bad_calls {
    ($($test:ident: $program:literal, $argument:expr;)*) => {$(
        #[test]
        fn $test() {
            for policy in every_kind().chain([ADDRESS]) {
                aborts($program, $argument, policy);
                goes_on($program, $argument, policy);
            }
        }
    )*};
}

/// Corruption: caught under the policies named.
macro_rules! corruption {
    ($($test:ident: $program:literal, $($policy:expr, $argument:expr),+;)*) => {$(
        #[test]
        fn $test() {
            $(
                aborts($program, $argument, $policy);
                ends_in_order($program, $argument, $policy);
            )+
        }
    )*};
}

#[test]
fn an_invalid_free_inside_a_block_says_where_the_block_begins() {
    for argument in [SMALL, TAGGED, MAPPED] {
        let outcome = run("invalid_free_of_an_aligned_interior", argument, DEFAULT, "abort");

        let block = addresses(&outcome.text())[0] - 16;
        let words = format!("16 bytes into the block at {block:#x}");
        assert!(outcome.errors().contains(&words), "{argument}: {outcome:?}");
    }
}

bad_calls! {
    double_free_of_a_small_block_aborts: "double_free", SMALL;
    double_free_of_a_medium_block_aborts: "double_free", MEDIUM;
    double_free_of_a_tagged_block_aborts: "double_free", TAGGED;
    double_free_of_a_mapped_block_aborts: "double_free", MAPPED;
    double_free_of_a_small_block_after_another_aborts: "double_free_after_another", SMALL;
    double_free_of_a_medium_block_after_another_aborts: "double_free_after_another", MEDIUM;
    double_free_of_a_small_block_after_many_aborts: "double_free_after_many", SMALL;
    double_free_of_a_medium_block_after_many_aborts: "double_free_after_many", MEDIUM;
    double_free_of_a_tagged_block_after_many_aborts: "double_free_after_many", TAGGED;
    double_free_of_a_small_coalesced_block_aborts: "double_free_of_a_coalesced_block", SMALL;
    double_free_of_a_medium_coalesced_block_aborts: "double_free_of_a_coalesced_block", MEDIUM;
    double_free_of_a_tagged_coalesced_block_aborts: "double_free_of_a_coalesced_block", TAGGED;
    double_free_of_a_small_block_after_trim_aborts: "double_free_after_trim", SMALL;
    double_free_of_a_tagged_block_after_trim_aborts: "double_free_after_trim", TAGGED;
    double_free_of_a_mapped_block_after_trim_aborts: "double_free_after_trim", MAPPED;
    double_free_of_a_small_block_after_realloc_to_zero_aborts: "double_free_after_realloc_to_zero", SMALL;
    double_free_of_a_mapped_block_after_realloc_to_zero_aborts: "double_free_after_realloc_to_zero", MAPPED;
    double_free_of_a_small_block_that_realloc_moved_aborts: "double_free_after_realloc_moved_it", SMALL;
    double_free_of_a_medium_block_that_realloc_moved_aborts: "double_free_after_realloc_moved_it", MEDIUM;
    double_free_of_a_small_aligned_block_aborts: "double_free_of_an_aligned_block", SMALL;
    double_free_of_a_tagged_aligned_block_aborts: "double_free_of_an_aligned_block", TAGGED;
    double_free_of_a_mapped_aligned_block_aborts: "double_free_of_an_aligned_block", MAPPED;
    double_free_of_a_small_block_in_another_thread_aborts: "double_free_in_another_thread", SMALL;
    double_free_of_a_medium_block_in_another_thread_aborts: "double_free_in_another_thread", MEDIUM;
    double_free_of_a_mapped_block_in_another_thread_aborts: "double_free_in_another_thread", MAPPED;
    double_free_of_a_small_block_after_its_thread_ended_aborts: "double_free_after_its_thread_ended", SMALL;
    double_free_of_a_medium_block_after_its_thread_ended_aborts: "double_free_after_its_thread_ended", MEDIUM;
    double_free_of_a_small_block_by_two_threads_aborts: "double_free_by_two_threads", SMALL;
    double_free_of_a_medium_block_by_two_threads_aborts: "double_free_by_two_threads", MEDIUM;
    double_free_of_a_small_block_before_a_cancellation_aborts: "double_free_before_a_cancellation", SMALL;
    double_free_of_a_tagged_block_before_a_cancellation_aborts: "double_free_before_a_cancellation", TAGGED;
    double_free_of_a_mapped_block_before_a_cancellation_aborts: "double_free_before_a_cancellation", MAPPED;
    double_free_of_a_small_block_in_a_handler_aborts: "double_free_in_a_handler", SMALL;
    double_free_of_a_tagged_block_in_a_handler_aborts: "double_free_in_a_handler", TAGGED;
    double_free_of_a_mapped_block_in_a_handler_aborts: "double_free_in_a_handler", MAPPED;
    double_free_of_a_freed_small_block_in_a_handler_aborts: "double_free_of_a_freed_block_in_a_handler", SMALL;
    double_free_of_a_freed_medium_block_in_a_handler_aborts: "double_free_of_a_freed_block_in_a_handler", MEDIUM;
    double_free_of_a_freed_tagged_block_in_a_handler_aborts: "double_free_of_a_freed_block_in_a_handler", TAGGED;
}

bad_calls! {
    free_sixteen_bytes_into_a_small_block_aborts: "invalid_free_of_an_aligned_interior", SMALL;
    free_sixteen_bytes_into_a_medium_block_aborts: "invalid_free_of_an_aligned_interior", MEDIUM;
    free_sixteen_bytes_into_a_tagged_block_aborts: "invalid_free_of_an_aligned_interior", TAGGED;
    free_sixteen_bytes_into_a_mapped_block_aborts: "invalid_free_of_an_aligned_interior", MAPPED;
    free_eight_bytes_into_a_small_block_aborts: "invalid_free_eight_bytes_in", SMALL;
    free_eight_bytes_into_a_tagged_block_aborts: "invalid_free_eight_bytes_in", TAGGED;
    free_one_byte_into_a_small_block_aborts: "invalid_free_of_an_odd_pointer", SMALL;
    free_one_byte_into_a_tagged_block_aborts: "invalid_free_of_an_odd_pointer", TAGGED;
    free_one_byte_into_a_mapped_block_aborts: "invalid_free_of_an_odd_pointer", MAPPED;
    free_in_the_middle_of_a_medium_block_aborts: "invalid_free_in_the_middle", MEDIUM;
    free_in_the_middle_of_a_tagged_block_aborts: "invalid_free_in_the_middle", TAGGED;
    free_in_the_middle_of_a_mapped_block_aborts: "invalid_free_in_the_middle", MAPPED;
    free_of_a_page_inside_a_tagged_block_aborts: "invalid_free_of_an_interior_page", TAGGED;
    free_of_a_page_inside_a_mapped_block_aborts: "invalid_free_of_an_interior_page", MAPPED;
    free_below_a_tagged_block_aborts: "invalid_free_below_a_block", TAGGED;
    free_below_a_mapped_block_aborts: "invalid_free_below_a_block", MAPPED;
    free_of_a_forged_header_in_a_medium_block_aborts: "invalid_free_of_a_forged_header", MEDIUM;
    free_of_a_forged_header_in_a_tagged_block_aborts: "invalid_free_of_a_forged_header", TAGGED;
    free_of_a_forged_header_in_a_mapped_block_aborts: "invalid_free_of_a_forged_header", MAPPED;
    free_of_the_stack_aborts: "invalid_free_of_the_stack", "0x21";
    free_of_static_data_aborts: "invalid_free_of_static_data", "0x21";
    free_of_code_aborts: "invalid_free_of_code", "1";
    free_of_a_foreign_mapping_aborts: "invalid_free_of_a_foreign_mapping", "1";
    free_of_a_foreign_mapping_that_looks_like_a_small_block_aborts: "invalid_free_of_a_foreign_mapping_with_a_forged_header", SMALL;
    free_of_a_foreign_mapping_that_looks_like_a_tagged_block_aborts: "invalid_free_of_a_foreign_mapping_with_a_forged_header", TAGGED;
    free_of_a_foreign_mapping_that_looks_like_a_mapped_block_aborts: "invalid_free_of_a_foreign_mapping_with_a_forged_header", MAPPED;
    free_of_a_loader_pointer_aborts: "invalid_free_of_a_loader_pointer", "1";
    free_of_one_aborts: "invalid_free_of_a_number", "1";
    free_of_eight_aborts: "invalid_free_of_a_number", "8";
    free_of_sixteen_aborts: "invalid_free_of_a_number", "16";
    free_of_the_end_of_user_memory_aborts: "invalid_free_of_a_number", "0x7ffffffffff0";
    free_of_an_address_above_user_memory_aborts: "invalid_free_of_a_number", "0x800000000000";
    free_of_an_address_that_is_not_canonical_aborts: "invalid_free_of_a_number", "0x4141414141414140";
    free_of_a_kernel_address_aborts: "invalid_free_of_a_number", "0xffff800000000000";
    free_of_the_last_address_aborts: "invalid_free_of_a_number", "0xfffffffffffffff0";
    free_past_the_heap_aborts: "invalid_free_past_the_heap", TAGGED;
}

bad_calls! {
    realloc_of_a_freed_small_block_aborts: "bad_realloc_of_a_freed_block", SMALL;
    realloc_of_a_freed_medium_block_aborts: "bad_realloc_of_a_freed_block", MEDIUM;
    realloc_of_a_freed_tagged_block_aborts: "bad_realloc_of_a_freed_block", TAGGED;
    realloc_of_a_freed_mapped_block_aborts: "bad_realloc_of_a_freed_block", MAPPED;
    realloc_inside_a_small_block_aborts: "bad_realloc_of_an_interior_pointer", SMALL;
    realloc_inside_a_tagged_block_aborts: "bad_realloc_of_an_interior_pointer", TAGGED;
    realloc_inside_a_mapped_block_aborts: "bad_realloc_of_an_interior_pointer", MAPPED;
    realloc_of_the_stack_aborts: "bad_realloc_of_the_stack", SMALL;
    realloc_of_a_foreign_mapping_aborts: "bad_realloc_of_a_foreign_mapping", MEDIUM;
    realloc_to_zero_of_a_freed_small_block_aborts: "bad_realloc_to_zero_of_a_freed_block", SMALL;
    realloc_to_zero_of_a_freed_mapped_block_aborts: "bad_realloc_to_zero_of_a_freed_block", MAPPED;
}

/// Where free looks late it is the next one that finds out, or one of the next, or whoever would open the bin.
#[test]
fn a_late_free_finds_a_double_free_before_the_block_is_handed_out_twice() {
    for (place, way) in [0, 10, 20].into_iter().flat_map(|place| (1..9).map(move |way| (place, way))) {
        let number = &(place + way).to_string();
        aborts("late_double_free", number, LATE);
        // Told to go on, it is asked twice about the block that is resized: by realloc and at the end. At the end of
        // the process there is nothing to go on with.
        if ![3, 7, 8].contains(&way) {
            goes_on("late_double_free", number, LATE);
        }

        let late = run("late_double_free", number, LATE, "abort").text();
        let at_once = run("late_double_free", number, DEFAULT, "abort").text();
        assert!(late.contains("not yet"), "{number}: {late}");
        assert_eq!(late.contains("too late"), way == 4, "{number}: {late}");
        assert!(!at_once.contains("not yet"), "{number}: {at_once}");
    }
}

/// Until then another thread could be handed the block, or its slab given up.
#[test]
fn a_late_free_finds_a_double_free_before_another_thread_or_the_heap_gets_the_block() {
    // The heap is large when the block is freed again, and small when the thread starts: the caches keep little.
    let shrinks = Some("fast,late=256K,cache=32K");
    let cases = [
        ("late_double_free_threads", LATE),
        ("late_double_free_threads", shrinks),
        ("late_double_free_slab", LATE),
    ];
    for number in ["0", "1", "2"] {
        aborts("late_double_free_in_a_last_slab", number, LATE);
        goes_on("late_double_free_in_a_last_slab", number, LATE);
    }
    for (program, policy) in cases {
        for number in ["0", "1", "20", "150"] {
            aborts(program, number, policy);
            goes_on(program, number, policy);
        }
    }
}

/// Every call comes by the slow side then, and looks as ever; one looks after the idle memory first, and what rested with
/// its mark goes to the heap without. The literal policy would take long to get there.
#[test]
fn double_free_beside_idle_memory_aborts() {
    for (size, policy) in [SMALL, MEDIUM, TAGGED].into_iter().flat_map(|size| [(size, DEFAULT), (size, LATE)])
    {
        for program in ["double_free_beside_idle_memory", "double_free_after_a_rest"] {
            aborts(program, size, policy);
            goes_on(program, size, policy);
        }
    }
}

#[test]
fn a_free_of_the_allocators_own_memory_leaves_it_as_it_is() {
    aborts("invalid_free_of_its_own_memory", "2000", DEFAULT);
    goes_on("invalid_free_of_its_own_memory", "2000", DEFAULT);
}

#[test]
fn double_free_of_an_object_that_was_written_to_is_ignored_on_request() {
    goes_on("double_free_of_a_written_block", SMALL, DEFAULT);
}

/// Of what lies on a page that a sparse slab gave back no mark is left.
#[test]
fn double_free_in_a_young_slab_aborts() {
    for (size, policy) in ["500", "1000"].into_iter().flat_map(|size| [(size, DEFAULT), (size, LATE)]) {
        aborts("double_free_in_a_young_slab", size, policy);
        goes_on("double_free_in_a_young_slab", size, policy);
    }
}

#[test]
fn double_free_on_a_page_that_went_back_aborts() {
    for policy in [DEFAULT, LATE] {
        aborts("double_free_on_a_page_that_went_back", "400", policy);
        goes_on("double_free_on_a_page_that_went_back", "400", policy);
    }
}

/// The designs whose blocks have a header beside the program's bytes.
const FREELIST: Option<&str> = Some("freelist");
const FAMILIES: Option<&str> = Some("families");
/// One whose free blocks hold links.
const BUDDY: Option<&str> = Some("buddy-fibonacci");

corruption! {
    overflow_by_one_byte_into_the_next_tag_aborts: "overflow_by_one", DEFAULT, TAGGED, LITERAL, SMALL, LITERAL, TAGGED, FREELIST, SMALL;
    overflow_by_eight_bytes_into_the_next_tag_aborts: "overflow_by_eight", DEFAULT, TAGGED, LITERAL, SMALL, LITERAL, TAGGED, FAMILIES, SMALL, FREELIST, SMALL;
    overflow_by_strcpy_into_the_next_tag_aborts: "overflow_by_strcpy", DEFAULT, TAGGED, LITERAL, SMALL, LITERAL, TAGGED, FAMILIES, SMALL, FREELIST, SMALL;
    overflow_of_a_block_that_is_then_resized_aborts: "overflow_found_by_realloc", DEFAULT, TAGGED, LITERAL, SMALL, LITERAL, TAGGED, FAMILIES, SMALL, FREELIST, SMALL;
    underflow_by_one_byte_into_its_own_tag_aborts: "underflow_by_one", DEFAULT, TAGGED, LITERAL, SMALL, LITERAL, TAGGED, FREELIST, SMALL, FAMILIES, SMALL;
    underflow_by_eight_bytes_into_its_own_tag_aborts: "underflow_by_eight", DEFAULT, TAGGED, LITERAL, SMALL, LITERAL, TAGGED, FREELIST, SMALL, FAMILIES, SMALL;
    underflow_of_a_mapped_block_aborts: "underflow_by_eight", DEFAULT, MAPPED, LITERAL, MAPPED;
    write_after_free_over_the_footer_aborts: "footer_smashed", DEFAULT, TAGGED, LITERAL, SMALL, LITERAL, TAGGED;
    write_after_free_over_the_links_aborts: "links_overwritten", DEFAULT, TAGGED, Some("address-best"), TAGGED, Some("lifo-first"), SMALL, BUDDY, TAGGED;
    double_free_of_a_block_that_was_written_to_aborts: "double_free_of_a_written_block", DEFAULT, SMALL, DEFAULT, MEDIUM, DEFAULT, TAGGED, LATE, SMALL, UNCACHED, SMALL;
    write_after_free_over_the_key_of_a_cached_object_aborts: "links_overwritten", DEFAULT, SMALL, DEFAULT, MEDIUM, UNCACHED, SMALL, FILLED, SMALL;
}

/// One line of the matrix: a family of misuses and how its cases ended.
#[derive(Debug)]
struct Row {
    family: String,
    cases: u32,
    clean: u32,
    exploitable: u32,
    hung: u32,
}

/// Runs the matrix: one misuse among 400 live blocks, in 266 cases.
fn matrix(policy: Option<&str>) -> (Vec<Row>, String) {
    let outcome = Run::new(compile("misuse_matrix", &["-fno-builtin"]))
        .preload(policy)
        .env("HEAPMM_STATS", "off")
        .timeout(Duration::from_secs(180))
        .run()
        .succeeded();
    let text = outcome.text();
    let rows = text.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let count = |at: usize| words[at].parse().expect("a row has numbers");
        Row {
            family: words[0].to_owned(),
            cases: count(1),
            clean: count(2),
            exploitable: count(5),
            hung: count(6),
        }
    });
    (rows.collect(), outcome.errors())
}

#[test]
fn a_free_behind_the_objects_of_a_slab_aborts() {
    for size in ["24", "40", "48", "64", "100", "112", "240", "300", "1000", "1500", "4000"] {
        for policy in [DEFAULT, UNCACHED] {
            aborts("invalid_free_behind_the_objects", size, policy);
        }
    }
}

/// Nothing is left at its address: that it was freed has to be remembered.
#[test]
fn a_double_free_of_a_mapped_block_is_called_one() {
    for program in [
        "double_free",
        "double_free_after_trim",
        "double_free_after_realloc_to_zero",
        "double_free_after_realloc_moved_it",
        "double_free_of_an_aligned_block",
        "double_free_in_another_thread",
    ] {
        for policy in [DEFAULT, LITERAL, BUDDY] {
            let outcome = run(program, MAPPED, policy, "warn").succeeded();

            let lines = complaints(&outcome);
            assert!(
                lines.len() == 1 && lines[0].starts_with("heapmm: double free of 0x"),
                "{program}: {lines:?}"
            );
        }
    }
    let lines = complaints(&run("bad_realloc_of_a_freed_block", MAPPED, DEFAULT, "warn"));
    assert!(lines.len() == 1 && lines[0].ends_with(": the block is free"), "{lines:?}");
}

#[test]
fn the_matrix_is_clean_for_bad_frees_and_hardly_ever_exploitable() {
    let (rows, told) = matrix(DEFAULT);

    let sum = |of: fn(&Row) -> u32| rows.iter().map(of).sum::<u32>();
    let cases = sum(|row| row.cases);
    let table = format!("{rows:#?}\n{told}");
    assert_eq!((rows.len(), cases), (6, 266), "{table}");
    for row in &rows {
        let every = ["double_free", "invalid_free"].contains(&row.family.as_str());
        assert!(!every || row.clean == row.cases, "{table}");
    }
    assert_eq!(sum(|row| row.hung), 0, "{table}");
    assert!(sum(|row| row.clean) * 100 >= cases * 70, "{table}");
    assert!(sum(|row| row.exploitable) * 100 <= cases * 2, "{table}");
}

#[test]
fn the_matrix_is_clean_for_bad_frees_with_and_without_headers_and_caches() {
    for policy in [LITERAL, UNCACHED, FILLED, FAMILIES, BUDDY] {
        let (rows, told) = matrix(policy);

        let table = format!("{policy:?}: {rows:#?}\n{told}");
        for row in &rows {
            let every = ["double_free", "invalid_free"].contains(&row.family.as_str());
            assert!(!every || row.clean == row.cases, "{table}");
            assert_eq!(row.hung, 0, "{table}");
        }
    }
}
