//! The stories that hold for every design: what a system is must not matter to who calls it.
//!
//! What a design wastes is its own affair: stories that bound it are told of the default only.

use super::{designs, figures, story};

/// Runs a story under each design.
fn under_each(name: &str, arguments: &[&str]) {
    for design in designs() {
        let outcome = story(name, arguments, design).run().succeeded();

        assert_eq!(outcome.complaint_about_policy(design), None);
        outcome.check_reports();
    }
}

macro_rules! stories {
    ($($test:ident: $name:literal $arguments:expr;)*) => {
        $(#[test]
        fn $test() {
            under_each($name, &$arguments);
        })*
    };
}

stories! {
    story_02_forks_beside_busy_threads_finish: "forks" ["200"];
    story_02_forks_in_a_handler_that_interrupted_malloc_finish: "fork_in_handler" ["200"];
    story_04_ten_thousand_threads_leave_nothing_behind: "threads" ["10000"];
    story_07_allocation_works_early_and_late: "early_late" [];
    story_07_thread_local_objects_allocate_until_their_thread_is_gone: "thread_local" [];
    story_09_a_hundred_idle_threads_stay_small: "idle" [];
    story_10_a_burst_goes_back_with_malloc_trim: "burst" ["trim", "64", "pages"];
    story_10_a_burst_goes_back_within_a_second_of_calls: "burst" ["calls", "64", "pages"];
    story_11_the_history_of_large_blocks_leaves_few_mappings: "mappings" [];
    story_13_a_handler_that_allocates_neither_hangs_nor_corrupts: "handler" ["2000"];
    story_14_both_sources_refused_is_enomem: "refusal" ["3", "12"];
    story_14_every_memory_call_refused_is_enomem_with_all_data_intact: "refusal" ["31", "1"];
    story_14_brk_refused_leaves_mmap: "refusal" ["1", "12"];
    story_16_a_break_that_others_move_is_theirs: "sbrk" [];
    story_18_the_library_starts_no_thread: "plain" [];
}

#[test]
fn a_fault_of_any_call_costs_nothing() {
    for design in designs() {
        let run = story("faults", &["63"], design).env("HEAPMM_MMAP_THRESHOLD", "64K");

        let plans = figures(&run.run().succeeded());

        assert!(plans[1] > 0, "no call was refused under {design:?}: {plans:?}");
    }
}

#[test]
fn exhausted_memory_is_null_with_enomem_and_comes_back() {
    // The weighted buddies cannot have two thirds of the memory that this story counts on.
    for design in designs().filter(|design| *design != Some("buddy-weighted")) {
        story("exhaustion", &["40000"], design).run().succeeded();
    }
}
