//! Stories 10, 11 and 12: memory is given back, is not hoarded, and may run out.

use super::{LATE, LITERAL, POLICIES, figures, story, without};
use crate::support::{Run, library};

const MIB: i64 = 1 << 20;

#[test]
fn a_small_process_touches_little_of_the_code() {
    // Without settings: they stand apart.
    without("common_code", &[]).env("LD_PRELOAD", library()).run().succeeded();
}

#[test]
fn what_was_given_back_is_not_put_together_to_huge_pages() {
    story("thin", &[], None).run().succeeded();
}

#[test]
fn a_block_that_outgrew_its_place_in_the_heap_stays_in_the_heap() {
    story("outgrown", &[], None).run().succeeded();
}

#[test]
fn a_tagged_block_of_a_size_that_has_slabs_goes_to_the_heap() {
    story("leftover", &[], None).run().succeeded();
}

#[test]
fn a_mix_of_sizes_that_wanders_does_not_blow_the_heap_up() {
    story("wander", &[], None).run().succeeded();
}

#[test]
fn what_was_freed_in_any_order_is_handed_out_in_order() {
    story("refill", &[], None).run().succeeded();
}

#[test]
fn an_aligned_block_rests_where_the_next_request_finds_it() {
    story("aligned", &[], None).run().succeeded();
}

#[test]
fn a_doubled_block_is_as_long_as_a_new_one() {
    story("doubling", &[], None).run().succeeded();
}

#[test]
fn a_block_is_resized_where_memory_is_out() {
    story("brim", &[], None).run().succeeded();
    story("brim", &[], LATE).run().succeeded();
}

#[test]
fn story_10_pages_beside_a_few_survivors_go_back() {
    story("survivors", &["130"], None).run().succeeded().report();
    story("survivors", &["130"], LATE).run().succeeded();
}

#[test]
fn story_10_a_gibibyte_goes_back_with_malloc_trim() {
    story("burst", &["trim", "1024"], None).run().succeeded();
}

#[test]
fn story_10_what_was_known_of_small_blocks_goes_back_with_them() {
    story("burst", &["small", "320"], None).run().succeeded();
}

#[test]
fn story_10_a_gibibyte_goes_back_within_a_second_of_calls() {
    for mebibytes in ["128", "256", "512", "1024"] {
        story("burst", &["calls", mebibytes], None).run().succeeded();
    }
}

#[test]
fn story_10_a_burst_goes_back_within_a_few_calls_that_are_far_apart() {
    story("light", &[], None).run().succeeded();
}

#[test]
fn story_10_a_burst_of_threads_that_idle_goes_back() {
    story("burst_threads", &[], None).run().succeeded();
}

#[test]
fn story_10_a_burst_goes_back_under_the_literal_policy() {
    story("burst", &["trim", "32"], LITERAL).run().succeeded();
    story("burst", &["calls", "32"], LITERAL).run().succeeded();
}

#[test]
fn story_10_a_burst_goes_back_without_caches() {
    story("burst", &["calls", "128"], None).env("HEAPMM_CACHE", "off").run().succeeded();
}

#[test]
fn story_11_a_program_commits_and_touches_little_at_its_start() {
    let theirs = figures(&without("start", &[]).run().succeeded());
    for policy in POLICIES {
        let ours = figures(&story("start", &[], policy).run().succeeded());

        assert!(ours[0] <= theirs[0] + MIB, "committed: {ours:?} {theirs:?}");
        assert!(ours[1] <= 2 * MIB, "resident: {ours:?} {theirs:?}");
        assert!(ours[2] <= theirs[2] + 10, "mappings: {ours:?} {theirs:?}");
    }
}

#[test]
fn story_11_the_history_of_ten_thousand_large_blocks_leaves_few_mappings() {
    for policy in POLICIES {
        story("mappings", &[], policy).run().succeeded().report();
    }
}

/// Programs that run in 64 MiB of address space, or 8 MiB of data, as they do without the library.
const MODEST: &[&str] = &[
    "ls -l /usr/bin",
    "sort -r /etc/passwd",
    "find /usr/share/doc -maxdepth 1",
    "awk '{ n += length($0) } END { print n }' /etc/services",
    "sed s/a/b/g /etc/passwd",
    "grep -c . /etc/services",
    "perl -e 'my %h; $h{$_} = \"x\" x 10 for 1 .. 5000; print scalar(keys %h), \"\\n\"'",
    "bash -c 'for i in 1 2 3; do echo $i; done | sort -n'",
];

/// Runs the modest programs within bounds, with and without the library.
fn modest_programs_run(bound: impl Fn(Run) -> Run) {
    for command in MODEST {
        let plain = bound(Run::shell(command)).run().succeeded();
        for policy in POLICIES {
            let outcome = bound(Run::shell(command).preload(policy)).run().succeeded();

            assert_eq!(outcome.text(), plain.text(), "{command} under {policy:?}");
            assert_eq!(outcome.errors(), plain.errors(), "{command} under {policy:?}");
        }
    }
}

#[test]
fn story_12_programs_run_in_64_mebibytes_of_address_space() {
    modest_programs_run(|run| run.limit_as(64 << 20));
}

#[test]
fn story_12_programs_run_in_8_mebibytes_of_data() {
    modest_programs_run(|run| run.limit_data(8 << 20));
}

#[test]
fn a_narrow_limit_to_the_data_is_for_the_program() {
    for _ in 0..8 {
        story("narrow", &[], None).limit_data(3 << 20).run().succeeded();
    }
}

#[test]
fn exhausted_memory_is_null_with_enomem_and_comes_back() {
    for size in ["24", "1000", "40000", "300000"] {
        story("exhaustion", &[size], None).run().succeeded();
    }
    for size in ["40000", "300000"] {
        story("exhaustion", &[size], LITERAL).run().succeeded();
    }
}
