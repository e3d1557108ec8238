//! Stories 2 and 3: fork.

use super::{POLICIES, figures, story, without};

#[test]
fn story_02_ten_thousand_forks_beside_busy_threads_all_finish() {
    story("forks", &["10000"], None).run().succeeded();
}

#[test]
fn story_02_forks_beside_busy_threads_finish_under_the_literal_policy() {
    story("forks", &["1000"], super::LITERAL).run().succeeded();
}

#[test]
fn story_02_what_the_threads_of_forty_generations_kept_does_not_add_up() {
    story("generations", &["40"], None).run().succeeded();
}

#[test]
fn story_02_a_child_that_frees_again_what_a_thread_of_its_parent_freed_aborts() {
    story("inherited", &[], None).run().succeeded();
}

#[test]
fn story_02_forks_in_a_handler_that_interrupted_malloc_all_finish() {
    for policy in POLICIES {
        story("fork_in_handler", &["2000"], policy).run().succeeded();
    }
}

/// The shortest fork beside a thousand threads is compared with the C library's, in turn, and so is robust against
/// whatever else the machine does.
#[test]
fn story_03_a_fork_beside_a_thousand_threads_costs_what_it_costs_without_us() {
    let arguments = ["1000"];
    let (mut ours, mut theirs) = (i64::MAX, i64::MAX);
    for _ in 0..4 {
        let run = story("fork_speed", &arguments, None).env("HEAPMM_STATS", "off");
        ours = ours.min(figures(&run.run().succeeded())[0]);
        theirs = theirs.min(figures(&without("fork_speed", &arguments).run().succeeded())[0]);
    }

    assert!(ours * 2 <= theirs * 3, "{ours} ns with us, {theirs} ns without");
}
