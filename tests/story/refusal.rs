//! Stories 14 and 16, and the faults of the reliability plan: the kernel refuses calls, and others move the break.

use super::{LITERAL, LONG, POLICIES, figures, for_strace, story};
use crate::support::{Outcome, Run, Scratch, library, need};

const BRK: u32 = 1;
const MMAP: u32 = 2;
const MREMAP: u32 = 4;
const MUNMAP: u32 = 8;
const MADVISE: u32 = 16;
const MPROTECT: u32 = 32;

/// EPERM, ENOMEM, EACCES, EINVAL and ENOSYS.
const ERRORS: [i32; 5] = [1, 12, 13, 22, 38];

/// Refuses `calls` for good, with every error.
fn is_refused(calls: u32, policy: Option<&str>) {
    for error in ERRORS {
        let arguments = [calls.to_string(), error.to_string()];
        let arguments = arguments.each_ref().map(String::as_str);
        let outcome = story("refusal", &arguments, policy).run();

        let told = format!("calls {calls}, errno {error}: {}", outcome.errors());
        assert_eq!((outcome.status, outcome.signal), (Some(0), None), "{told}");
        assert_eq!(outcome.text(), "over\n", "{told}");
    }
}

#[test]
fn story_14_every_memory_call_refused_is_enomem_with_all_data_intact() {
    is_refused(BRK | MMAP | MREMAP | MUNMAP | MADVISE, None);
}

#[test]
fn story_14_a_program_that_forbids_itself_to_ask_the_time_lives() {
    story("clock", &[], None).run().succeeded();
}

#[test]
fn story_14_brk_refused_leaves_mmap() {
    is_refused(BRK, None);
}

#[test]
fn story_14_mmap_refused_leaves_brk() {
    is_refused(MMAP, None);
}

#[test]
fn story_14_both_sources_refused_is_enomem() {
    is_refused(BRK | MMAP, None);
}

#[test]
fn story_14_mremap_munmap_and_madvise_refused_serves_everything() {
    for calls in [MREMAP, MUNMAP, MADVISE, MREMAP | MUNMAP | MADVISE] {
        is_refused(calls, None);
    }
}

/// Runs the fault plans for `calls`; some of the plans must have met a call. Much is mapped, so that all calls occur.
fn survives(calls: u32, policy: Option<&str>) {
    let calls = calls.to_string();
    let run = story("faults", &[&calls], policy).env("HEAPMM_MMAP_THRESHOLD", "64K");
    let outcome = run.run().succeeded();

    let plans = figures(&outcome);
    assert_eq!(plans[0], 80);
    assert!(plans[1] > 0, "no call was refused: {plans:?}");
}

#[test]
fn a_fault_of_brk_costs_nothing() {
    POLICIES.iter().for_each(|policy| survives(BRK, *policy));
}

#[test]
fn a_fault_of_mmap_costs_nothing() {
    survives(MMAP, None);
}

#[test]
fn a_fault_of_munmap_costs_nothing() {
    survives(MUNMAP, None);
}

#[test]
fn a_fault_of_madvise_costs_nothing() {
    survives(MADVISE, None);
}

#[test]
fn a_fault_of_mremap_costs_nothing() {
    survives(MREMAP, None);
}

#[test]
fn a_fault_of_brk_and_mmap_together_is_enomem_and_passes() {
    POLICIES.iter().for_each(|policy| survives(BRK | MMAP, *policy));
}

#[test]
fn a_fault_of_every_call_is_enomem_and_passes() {
    let every = BRK | MMAP | MREMAP | MUNMAP | MADVISE | MPROTECT;
    POLICIES.iter().for_each(|policy| survives(every, *policy));
}

#[test]
fn story_16_a_break_that_others_move_is_theirs() {
    for policy in [None, LITERAL, Some("address-first"), Some("lifo-best")] {
        story("sbrk", &[], policy).run().succeeded().report();
    }
}

/// Runs a command under strace, which refuses calls of the process that the library is loaded into.
fn injected(command: &[&str], fault: &str, policy: Option<&str>) -> Outcome {
    let folder = Scratch::new();
    let call = fault.split(':').next().expect("a fault names its call");
    Run::new("strace")
        .args(["-f", "--seccomp-bpf", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={fault}")])
        .args(["-o", &folder.path().join("log").display().to_string()])
        .args(["-E", &format!("LD_PRELOAD={}", library().display())])
        .args(for_strace(policy))
        .args(command)
        .limit_as(u64::MAX)
        .timeout(LONG)
        .run()
}

#[test]
fn real_programs_survive_calls_that_strace_refuses() {
    if !need("strace") {
        return;
    }
    let commands: [&[&str]; 2] = [&["ls", "-lR", "/usr/share/doc"], &["sort", "-r", "/etc/services"]];
    for command in commands {
        let plain = Run::new(command[0]).args(&command[1..]).run().succeeded();
        for call in ["brk", "munmap", "madvise", "mremap"] {
            for (error, when) in [("ENOMEM", "1+"), ("EPERM", "2+"), ("ENOSYS", "3+"), ("EINVAL", "2")] {
                let fault = format!("{call}:error={error}:when={when}");
                for policy in POLICIES {
                    let outcome = injected(command, &fault, policy);

                    let told = format!("{command:?} with {fault} under {policy:?}: {}", outcome.errors());
                    assert_eq!((outcome.status, outcome.signal), (Some(0), None), "{told}");
                    assert!(outcome.text() == plain.text(), "other output: {told}");
                }
            }
        }
    }
}
