//! A trace holds every call of its process, exactly, in a legal order, whatever the process does.
//!
//! ```text
//!   tests/c/record.c ─┬─ calls ──► lines on stdout ──┐
//!                     └─ library ► raw trace ────────┴──► the same calls, thread by thread
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use heapmm_core::observe::trace::{CHUNK_HEAD, Decoder, FILE_HEAD, Kind, Note, WORD};
use support::{Outcome, Run, Scratch, compile};

/// A call: thread, function, alignment as a logarithm, length, address, address afterwards.
type Call = (u32, u8, u8, u64, u64, u64);

/// What a raw file says: its calls, and the blocks that it begins with.
#[derive(Default)]
struct Recorded {
    calls: Vec<Call>,
    inherited: Vec<(u64, u64)>,
    stamps: Vec<(u64, u64)>,
}

/// Reads a raw file without the help of the command.
fn read(path: &Path) -> Recorded {
    let bytes = fs::read(path).unwrap();
    let mut this = Recorded::default();
    let mut decoder = Decoder::default();
    let mut at = FILE_HEAD;
    while at + CHUNK_HEAD <= bytes.len() {
        if bytes[at..].iter().all(|byte| *byte == 0) {
            // A window for which there was no room, or no time.
            break;
        }
        assert_eq!(bytes[at..at + 6], *b"chnk\x01\0", "a raw chunk");
        let stored = u32::from_le_bytes(bytes[at + 12..at + 16].try_into().unwrap()) as usize;
        let body = &bytes[at + CHUNK_HEAD..(at + CHUNK_HEAD + stored).min(bytes.len())];
        let words = body.as_chunks::<WORD>().0.iter().map(|word| u64::from_le_bytes(*word));
        words.filter_map(|word| decoder.take(word).expect("a kind")).for_each(|note| this.add(note));
        at += CHUNK_HEAD + stored;
    }
    this
}

impl Recorded {
    fn add(&mut self, Note { call, thread, ticks }: Note) {
        let (address, len) = (call.address as u64, call.len as u64);
        match call.kind {
            Kind::Stamp => self.stamps.push((ticks, len)),
            Kind::Inherited => self.inherited.push((address, len)),
            kind => {
                let align_log = call.align.trailing_zeros() as u8;
                self.calls.push((thread, kind as u8, align_log, len, address, call.moved_to as u64));
            }
        }
    }

    /// Follows the calls: no block is given out twice, none is freed that is not live.
    #[track_caller]
    fn is_legal(&self) {
        let mut live: HashMap<u64, u64> = self.inherited.iter().copied().collect();
        for (n, call) in self.calls.iter().enumerate() {
            let (_, kind, _, len, address, after) = *call;
            let was = match Kind::of(kind).unwrap() {
                Kind::Free => live.remove(&address).is_some(),
                Kind::FreeNull => true,
                Kind::Resize => live.remove(&address).is_some() && live.insert(after, len).is_none(),
                _ => live.insert(address, len).is_none(),
            };
            assert!(was, "call {n}: {call:?}");
        }
    }

    /// Asserts that thread by thread `calls` are among the recorded ones, without another between.
    #[track_caller]
    fn holds(&self, calls: &[Call]) {
        assert!(!calls.is_empty());
        for (thread, said) in by_thread(calls) {
            let recorded = by_thread(&self.calls).remove(&thread).unwrap_or_default();
            // The C library allocates before the program's first call and after its last one.
            let first = recorded.iter().position(|call| *call == said[0]).expect("the first call");
            let there = &recorded[first..(first + said.len()).min(recorded.len())];
            let differs = there.iter().zip(&said).position(|(a, b)| a != b);
            if let Some(n) = differs {
                panic!("thread {thread}, call {n}: recorded {:?}, made {:?}", there[n], said[n]);
            }
            assert_eq!(there.len(), said.len(), "thread {thread}: calls are missing at the end");
        }
    }
}

fn by_thread(calls: &[Call]) -> BTreeMap<u32, Vec<Call>> {
    let mut threads: BTreeMap<u32, Vec<Call>> = BTreeMap::new();
    calls.iter().for_each(|call| threads.entry(call.0).or_default().push(*call));
    threads
}

/// The calls that a program says it made.
fn said(text: &str) -> Vec<Call> {
    let line = |line: &str| -> Call {
        let words: Vec<u64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let align_log = words[2].trailing_zeros() as u8;
        (words[0] as u32, words[1] as u8, align_log, words[3], words[4], words[5])
    };
    text.lines().map(line).collect()
}

/// A run of a case of `tests/c/record.c` whose traces go to `folder`.
fn case(folder: &Scratch, args: &[&str]) -> Run {
    let program = compile("record", &["-fno-builtin"]);
    Run::new(program)
        .args(args)
        .preload(None)
        .env("HEAPMM_TRACE", folder.path().join("%p.%n"))
        .dir(folder.path())
}

/// The trace of the process that was started.
fn trace(folder: &Scratch, outcome: &Outcome) -> Recorded {
    read(&folder.path().join(format!("{}.0", outcome.pid)))
}

/// Runs a case, and asserts that its trace is right.
#[track_caller]
fn recorded(args: &[&str], policy: Option<&str>) {
    let folder = Scratch::new();
    let run = case(&folder, args);
    let outcome = match policy {
        Some(policy) => run.env("HEAPMM_POLICY", policy),
        None => run,
    }
    .run()
    .succeeded();

    let recorded = trace(&folder, &outcome);

    recorded.is_legal();
    recorded.holds(&said(&outcome.text()));
    assert_eq!(outcome.errors(), "");
}

#[test]
fn every_function_is_recorded_with_its_sizes_and_alignments() {
    for policy in [None, Some("implicit-first"), Some("lifo-best"), Some("buddy-binary"), Some("slab")] {
        recorded(&["functions"], policy);
    }
}

#[test]
fn thousands_of_calls_are_recorded_in_several_windows() {
    recorded(&["churn"], None);
}

#[test]
fn the_calls_of_four_threads_are_one_legal_order() {
    for policy in [None, Some("segregated-best")] {
        recorded(&["threads"], policy);
    }
}

#[test]
fn a_handler_that_allocates_loses_no_call_and_tears_none() {
    let folder = Scratch::new();

    let outcome = case(&folder, &["handler"]).run().succeeded();

    let recorded = trace(&folder, &outcome);
    recorded.is_legal();
    // The handler's calls stand anywhere between the others': so they are compared as a whole.
    let mut counts: HashMap<Call, i64> = HashMap::new();
    recorded.calls.iter().for_each(|call| *counts.entry(*call).or_default() += 1);
    let said = said(&outcome.text());
    said.iter().for_each(|call| *counts.entry(*call).or_default() -= 1);
    let missing: Vec<_> = counts.iter().filter(|(_, count)| **count < 0).collect();
    assert!(missing.is_empty() && said.len() > 10_000, "{missing:?}");
}

#[test]
fn handlers_of_many_threads_wait_for_no_lock_that_waits_for_theirs() {
    let folder = Scratch::new();
    let program = compile("record_storm", &["-fno-builtin", "-pthread"]);

    let outcome = Run::new(program)
        .preload(None)
        .env("HEAPMM_TRACE", folder.path().join("%p.%n"))
        .dir(folder.path())
        .run()
        .succeeded();

    trace(&folder, &outcome).is_legal();
}

#[test]
fn nobody_waits_for_a_call_that_a_handler_left_by_a_jump() {
    let folder = Scratch::new();
    let program = compile("record_jump", &["-fno-builtin", "-pthread"]);
    Run::new(program).preload(None).env("HEAPMM_TRACE", folder.path().join("%p.%n")).run().succeeded();
}

#[test]
fn a_forked_process_begins_with_the_blocks_that_it_found() {
    for way in ["fork", "clone"] {
        let folder = Scratch::new();
        let program = compile("record", &["-fno-builtin"]);
        let command = format!("exec {} {way} 3>child", program.display());
        let run = Run::shell(&command).preload(None).dir(folder.path());

        let outcome = run.env("HEAPMM_TRACE", folder.path().join("%p.%n")).run().succeeded();

        let parent = read(&folder.path().join(format!("{}.1", outcome.pid)));
        parent.is_legal();
        parent.holds(&said(&outcome.text()));
        let calls = said(&fs::read_to_string(folder.path().join("child")).unwrap());
        let child = read(&folder.path().join(format!("{}.0", calls[0].0)));
        assert!(child.inherited.iter().any(|(address, len)| *address == calls[0].4 && *len >= 4321));
        child.is_legal();
        child.holds(&calls);
    }
}

#[test]
fn a_killed_process_leaves_every_call() {
    let folder = Scratch::new();

    let outcome = case(&folder, &["churn", "killed"]).run();

    assert_eq!(outcome.signal, Some(libc::SIGKILL));
    trace(&folder, &outcome).holds(&said(&outcome.text()));
}

#[test]
fn a_program_that_uses_all_descriptors_keeps_its_file_and_its_trace() {
    let folder = Scratch::new();

    let outcome = case(&folder, &["closes"]).run().succeeded();

    assert_eq!(fs::read(folder.path().join("mine")).unwrap(), b"");
    trace(&folder, &outcome).holds(&said(&outcome.text()));
}

#[test]
fn a_trace_that_may_not_grow_gets_a_line_and_the_program_runs_on() {
    for (case_name, why) in [("limited", "may not grow"), ("filtered", "not permitted")] {
        let folder = Scratch::new();

        let outcome = case(&folder, &[case_name]).run().succeeded();

        let errors = outcome.errors();
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.starts_with("heapmm: cannot write the trace ") && errors.contains(why), "{errors}");
        trace(&folder, &outcome).is_legal();
    }
}

#[test]
fn a_path_that_cannot_be_gets_a_line_and_the_program_runs_on() {
    let folder = Scratch::new();
    let run = case(&folder, &["churn"]).env("HEAPMM_TRACE", "/nowhere/at/all");

    let outcome = run.run().succeeded();

    let line =
        "heapmm: cannot write the trace /nowhere/at/all: no such folder; the program runs on without it\n";
    assert_eq!(outcome.errors(), line);
}

#[test]
fn a_device_or_a_folder_gets_a_line_and_no_trace_beside_it() {
    let folder = Scratch::new();
    let place = folder.path().join("place");
    fs::create_dir(&place).unwrap();
    fs::create_dir(folder.path().join("numbered.0")).unwrap();
    let place = place.to_str().unwrap();
    for (path, why) in [
        ("/dev/null", "it is a device or a pipe"),
        (place, "it is a folder"),
        (&*format!("{place}/"), "it is a folder"),
    ] {
        let outcome = case(&folder, &["functions"]).env("HEAPMM_TRACE", path).run().succeeded();

        let line = format!("heapmm: cannot write the trace {path}: {why}; the program runs on without it\n");
        assert_eq!(outcome.errors(), line);
    }
    assert!(!Path::new("/dev/null.1").exists());
    let outcome = case(&folder, &["functions"]).env("HEAPMM_TRACE", "numbered.%n").run().succeeded();

    assert_eq!(outcome.errors(), "");
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["numbered.0", "numbered.1", "place"]);
}

/// Runs a case that records to a private file system of 300 KiB, after `before` and before `after`, where the
/// rights for one are to be had.
fn on_a_small_disk(before: &str, after: &str) -> Option<Outcome> {
    let folder = Scratch::new();
    let program = compile("record", &["-fno-builtin"]);
    let mount = "mount -t tmpfs -o size=300k tmpfs . && cd .";
    let unshare =
        |command: &str| Run::new("unshare").args(["-rm", "sh", "-c", command]).dir(folder.path()).run();
    if unshare(mount).status != Some(0) {
        support::need("unshare with user namespaces");
        return None;
    }
    Some(unshare(&format!(
        "{mount} && {before} && HEAPMM_TRACE=$PWD/%p LD_PRELOAD={} {} churn >/dev/null && {after}",
        support::library().display(),
        program.display()
    )))
}

#[test]
fn a_disk_that_is_full_gets_a_line_and_the_program_runs_on() {
    let Some(outcome) = on_a_small_disk(":", ":") else { return };

    let errors = outcome.errors();
    assert_eq!((outcome.status, errors.lines().count()), (Some(0), 1), "{errors}");
    assert!(errors.contains("no space left on the device"), "{errors}");
}

#[test]
fn a_disk_that_was_full_before_gets_a_line_and_no_empty_file() {
    for bytes in ["300k", "270k"] {
        let Some(outcome) = on_a_small_disk(&format!("head -c {bytes} /dev/zero >full"), "ls") else {
            return;
        };

        let errors = outcome.errors();
        assert_eq!((outcome.status, errors.lines().count()), (Some(0), 1), "{errors}");
        assert!(errors.contains("no space left on the device"), "{errors}");
        assert_eq!(outcome.text(), "full\n");
    }
}

#[test]
fn the_stamps_of_a_trace_grow_in_both_clocks() {
    let folder = Scratch::new();

    let outcome = case(&folder, &["churn"]).run().succeeded();

    let stamps = trace(&folder, &outcome).stamps;
    assert!(stamps.len() > 10, "{stamps:?}");
    assert!(stamps.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{stamps:?}");
}

#[test]
fn a_name_that_is_taken_gets_a_number() {
    let folder = Scratch::new();
    let taken = folder.write("taken", "not a trace");
    let run = || case(&folder, &["functions"]).env("HEAPMM_TRACE", "taken");

    let calls = said(&run().run().succeeded().text());

    assert_eq!(fs::read(taken).unwrap(), b"not a trace");
    read(&folder.path().join("taken.1")).holds(&calls);
}

#[test]
fn a_process_that_records_nothing_leaves_no_file() {
    let folder = Scratch::new();
    let run = case(&folder, &["functions"]).env("HEAPMM_TRACE_PARENT", "1");

    run.run().succeeded();

    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
