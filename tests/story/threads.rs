//! Stories 4, 8, 9, 13 and 18: threads.

use super::{LATE, LITERAL, POLICIES, story};

#[test]
fn story_04_twenty_thousand_threads_leave_nothing_behind() {
    for policy in POLICIES {
        story("threads", &["20000"], policy).run().succeeded().report();
    }
}

#[test]
fn story_04_threads_that_end_without_a_word_leave_little_behind() {
    for how in ["keys", "last", "forked", "raw"] {
        story("silent", &[how], None).run().succeeded();
    }
}

#[test]
fn story_08_a_thread_that_only_frees_does_not_blow_the_heap_up() {
    story("only_free", &[], None).run().succeeded().report();
}

/// Where a growth ends depends on where the break stood at the start, which is another place in each run.
#[test]
fn story_08_threads_that_die_with_live_blocks_do_not_blow_the_heap_up() {
    for _ in 0..16 {
        story("dying", &[], None).run().succeeded().report();
    }
}

#[test]
fn small_blocks_of_two_threads_share_no_line() {
    story("false_sharing", &[], None).run().succeeded().report();
}

#[test]
fn threads_that_wait_for_one_another_keep_their_processor() {
    for policy in POLICIES {
        story("no_yield", &[], policy).run().succeeded();
    }
}

#[test]
fn threads_a_regular_distance_apart_are_told_apart() {
    for shift in ["32", "37", "40"] {
        story("far", &[shift], None).run().succeeded();
    }
}

#[test]
fn story_09_a_hundred_idle_threads_stay_small() {
    for policy in POLICIES {
        story("idle", &[], policy).run().succeeded();
    }
}

#[test]
fn figures_can_be_asked_for_while_other_threads_allocate() {
    for policy in POLICIES {
        story("figures", &["20000"], policy).run().succeeded().report();
    }
}

#[test]
fn story_13_a_handler_that_allocates_neither_hangs_nor_corrupts() {
    story("handler", &["60000"], None).run().succeeded();
    story("handler", &["4000"], LATE).run().succeeded();
}

#[test]
fn story_13_a_handler_at_the_depot_does_not_wait_for_the_allocator() {
    for beside in ["figures", "trim", "fork"] {
        story("handler_depot", &[beside], None).run().succeeded();
    }
}

#[test]
fn story_13_a_handler_takes_the_large_block_that_its_thread_kept() {
    story("handler", &["30000", "large"], None).run().succeeded();
}

#[test]
fn story_13_what_a_handler_over_the_holder_frees_serves_it_again() {
    for policy in POLICIES {
        story("over_holder", &[], policy).run().succeeded();
    }
}

#[test]
fn story_13_a_handler_that_allocates_is_safe_under_the_literal_policy() {
    story("handler", &["4000"], LITERAL).run().succeeded();
}

#[test]
fn story_18_the_library_starts_no_thread() {
    for policy in POLICIES {
        let outcome = story("plain", &[], policy).run().succeeded();

        assert_eq!(outcome.text(), "sum 4950000, threads 1\n");
    }
}
