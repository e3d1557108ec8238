//! The rules of the calls: every exported function against what glibc promises.
//!
//! ```text
//!   tests/c/calls_*.c    CASE(a_sentence) { … }     one table of cases per program
//!   here                 program: a_sentence, …     one test per case, under every kind of policy
//! ```
//!
//! A last test compares the two lists, so that no case is forgotten here.

#![allow(clippy::expect_used)]

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;

use support::{DEFERRED, Outcome, Run, compile, every_kind};

/// Compiles a program of cases.
fn program(name: &str) -> PathBuf {
    compile(name, &["-fno-builtin"])
}

/// Runs one case under `policy`.
fn run(name: &str, case: &str, policy: Option<&str>) -> Outcome {
    Run::new(program(name)).args([case]).preload(policy).run().succeeded()
}

macro_rules! cases {
    ($($program:ident: $($case:ident),+;)*) => {
        /// Every program with the cases that are tests here.
        const TABLE: &[(&str, &[&str])] = &[$((stringify!($program), &[$(stringify!($case)),+])),*];

        $($(
            #[test]
            fn $case() {
                for policy in every_kind() {
                    let outcome = run(stringify!($program), stringify!($case), policy);
                    outcome.report();
                    assert_eq!(outcome.complaint_about_policy(policy), None);
                }
            }
        )+)*
    };
}

cases! {
    calls_zero:
        an_empty_block_is_not_null_and_unique,
        calloc_of_none_of_something_is_a_block,
        realloc_of_null_to_zero_is_a_block,
        realloc_to_zero_frees_and_returns_null_with_errno_kept,
        freeing_null_does_nothing;
    calls_limits:
        a_size_over_half_the_address_space_is_enomem_from_every_function,
        a_size_that_the_machine_cannot_map_is_enomem,
        a_product_that_overflows_is_enomem,
        a_failing_realloc_keeps_the_old_block,
        pvalloc_that_overflows_when_rounded_is_enomem,
        an_aligned_request_that_overflows_is_enomem,
        an_alignment_of_two_to_the_62_is_enomem,
        after_every_refusal_ordinary_requests_are_served;
    calls_errno:
        success_keeps_errno,
        every_way_of_freeing_keeps_errno,
        looking_keeps_errno;
    calls_align:
        every_block_is_aligned_to_sixteen,
        posix_memalign_refuses_bad_alignments_and_leaves_the_result_alone,
        posix_memalign_serves_every_power_of_two_up_to_a_gibibyte,
        memalign_and_aligned_alloc_serve_every_power_of_two_up_to_a_gibibyte,
        aligned_blocks_do_not_overlap_their_neighbours,
        aligned_blocks_among_plain_ones_of_their_length_are_aligned,
        aligned_alloc_takes_any_size,
        memalign_rounds_its_alignment_up_to_a_power_of_two,
        memalign_of_an_alignment_that_no_power_of_two_covers_is_einval,
        valloc_and_pvalloc_give_pages;
    calls_bytes:
        calloc_is_zero_where_dirty_blocks_were_freed,
        calloc_is_zero_in_any_history,
        calloc_is_zero_where_a_break_inside_a_page_went_back,
        realloc_keeps_the_bytes_both_fit,
        realloc_takes_blocks_from_every_function,
        a_growing_block_keeps_its_bytes_beside_growing_neighbours,
        a_shrunk_block_gives_memory_back,
        usable_size_of_null_is_zero,
        all_usable_bytes_are_writable_and_belong_to_the_block,
        usable_size_is_stable_over_a_history;
    calls_mix:
        every_freeing_function_takes_blocks_from_every_function,
        mixed_pairs_leave_nothing_behind;
    calls_info:
        mallopt_returns_one_for_every_known_parameter,
        mallopt_does_not_claim_to_fill_blocks,
        mallinfo2_follows_a_large_allocation,
        mallinfo2_follows_small_allocations,
        mallinfo_agrees_with_mallinfo2,
        malloc_info_refuses_options,
        malloc_info_prints_xml,
        malloc_stats_writes_to_stderr,
        malloc_trim_returns_zero_or_one,
        malloc_trim_that_is_to_leave_more_than_there_is_takes_nothing_in_use;
    calls_new:
        a_new_that_fails_throws_bad_alloc,
        a_nothrow_new_that_fails_returns_null,
        the_handler_is_called_until_it_gives_up,
        a_nothrow_new_calls_the_handler_too,
        an_aligned_new_calls_the_handler_too,
        what_the_handler_throws_passes_through_new_but_not_through_nothrow,
        a_handler_that_frees_memory_makes_new_succeed,
        an_empty_new_is_a_unique_block,
        an_aligned_new_is_aligned,
        every_form_of_delete_takes_its_block,
        an_array_whose_size_overflows_throws,
        a_vector_that_grows_too_far_throws_and_keeps_its_elements;
}

#[test]
fn every_case_of_the_programs_is_a_test_here() {
    for (name, cases) in TABLE {
        let outcome = Run::new(program(name)).args(["--list"]).run().succeeded();

        let text = outcome.text();
        let listed: BTreeSet<&str> = text.lines().collect();
        assert_eq!(listed, cases.iter().copied().collect(), "{name}");
    }
}

#[test]
fn malloc_info_is_well_formed() {
    for policy in every_kind() {
        let outcome = run("calls_info", "malloc_info_prints_xml", policy);

        let root = root_element(&outcome.text());

        assert_eq!(root, Ok("malloc".to_owned()), "{}", outcome.text());
    }
}

#[test]
fn malloc_stats_says_something_on_stderr_and_nothing_on_stdout() {
    for policy in every_kind() {
        let outcome = run("calls_info", "malloc_stats_writes_to_stderr", policy);

        assert_eq!(outcome.text(), "");
        assert!(outcome.errors().chars().any(|letter| letter.is_ascii_digit()));
    }
}

#[test]
fn deferred_merging_merges_less_often_than_immediate_merging() {
    let merges = |setup| {
        let outcome = run("calls_bytes", "calloc_is_zero_in_any_history", setup);
        outcome.report().figure("coalesces")
    };

    let (immediate, deferred) = (merges(Some("lifo-first")), merges(DEFERRED));

    assert!(deferred > 0 && deferred < immediate, "{deferred} merges, not {immediate}");
}

/// The name of the one root element of an XML text, or what is wrong with it.
fn root_element(text: &str) -> Result<String, String> {
    let mut open: Vec<String> = Vec::new();
    let mut root = None;
    let mut rest = text.trim();
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        if !before.trim().is_empty() && open.is_empty() {
            return Err(format!("text outside of the root: {before:?}"));
        }
        let end = tag.find('>').ok_or("a tag without an end")?;
        let inside = &tag[1..end];
        rest = &tag[end + 1..];
        if inside.starts_with('?') {
            continue;
        }
        let name: String = inside
            .trim_start_matches('/')
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect();
        if inside.starts_with('/') {
            if open.pop().as_ref() != Some(&name) {
                return Err(format!("</{name}> closes another element"));
            }
            continue;
        }
        attributes(&inside[name.len()..])?;
        if open.is_empty() && root.replace(name.clone()).is_some() {
            return Err("two roots".to_owned());
        }
        if !inside.ends_with('/') {
            open.push(name);
        }
    }
    if !open.is_empty() || !rest.trim().is_empty() {
        return Err(format!("open at the end: {open:?} {rest:?}"));
    }
    root.ok_or("no element".to_owned())
}

/// Whether the rest of a tag is a list of `name="value"`.
fn attributes(text: &str) -> Result<(), String> {
    let text = text.trim_end_matches('/').trim();
    let wrong = || format!("attributes {text:?}");
    let mut names = BTreeSet::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").ok_or_else(wrong)?;
        let (value, after) = value.split_once('"').ok_or_else(wrong)?;
        let plain = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        if !plain || name.is_empty() || value.contains(['<', '&']) || !names.insert(name) {
            return Err(wrong());
        }
        rest = after.trim_start();
    }
    Ok(())
}

#[test]
fn the_xml_check_refuses_what_is_not_xml() {
    for wrong in [
        "",
        "<a>",
        "<a></b>",
        "<a></a><b/>",
        "<a b=c/>",
        "x<a/>",
        "<a b=\"1\" b=\"2\"/>",
        "<a/",
        "<a><b></a></b>",
    ] {
        assert!(root_element(wrong).is_err(), "{wrong}");
    }
    assert_eq!(root_element("<a v=\"1\"><b n=\"2\"/>text<c>3</c></a>\n"), Ok("a".to_owned()));
}
