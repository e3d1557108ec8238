//! Trace files through the command: formats into each other, and files that are broken.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::process::{Command, Stdio};

use common::{Folder, command, heapmm, library};

#[test]
fn every_recipe_survives_the_way_to_hmt_and_back() {
    let folder = Folder::new();

    for name in ["coalescing", "binary", "realloc2", "random", "steady"] {
        let (first, packed, back) = (folder.file("a.rep"), folder.file("a.hmt"), folder.file("b.rep"));
        heapmm(["trace", "gen", name, "--rounds", "5000", "-o", &first]).success();
        heapmm(["import", &first, "-o", &packed]).success();
        heapmm(["export", &packed, "-o", &back]).success();

        assert_eq!(fs::read(&first).unwrap(), fs::read(&back).unwrap(), "{name}");
        let operations = fs::read_to_string(&first).unwrap().lines().count() - 4;
        assert!(fs::metadata(&packed).unwrap().len() < 4 * operations as u64, "{name}");
    }
}

#[test]
fn a_trace_by_mtrace_is_imported() {
    let folder = Folder::new();
    let text = "= Start\n@ ./a:[0x1] + 0x10 0x64\n@ ./a:[0x2] - 0x10\n@ ./a:[0x2] - 0x99\n= End\n";
    let (file, packed) = (folder.write("mtrace.txt", text), folder.file("a.hmt"));

    let outcome = heapmm(["import", &file, "-o", &packed]);

    assert!(outcome.stderr.contains("1 frees of blocks from before the trace left out"), "{outcome:?}");
    let info = heapmm(["trace", "info", &packed, "--format", "csv"]).success();
    assert!(info.contains("\nevents,2\n") && info.contains("\npeak,100\n"), "{info}");
}

#[test]
fn a_broken_text_gets_one_line_with_its_place() {
    let folder = Folder::new();
    let cases = [
        ("", "a.rep: the file is empty"),
        ("\n", "line 1: the file ends before the suggested heap size"),
        ("#!/bin/sh\n", "line 1: '#!/bin/sh' should be the suggested heap size; is this a .rep trace?"),
        ("1\n1\n1\n1\nx 0 1\n", "line 5: 'x 0 1': an operation is"),
        ("1\n1\n1\n1\nf 0\n", "line 5: id 0 is not allocated"),
        ("1\n1\n7\n1\na 0 1\n", "line 3: 7 operations are promised, 1 follow"),
        ("\u{7f}ELF\0\0", "line 1: "),
    ];

    for (text, words) in cases {
        heapmm(["replay", &folder.write("a.rep", text)]).failure(1, words);
    }
}

#[test]
fn a_trace_that_is_not_there_is_a_line_and_status_1() {
    heapmm(["replay", "/nowhere/a.rep"]).failure(1, "/nowhere/a.rep: No such file or directory");
    heapmm(["replay", "/"]).failure(1, "/: a directory, not a trace");
    heapmm(["import", "/dev/null", "-o", "/nowhere/a.hmt"]).failure(1, "");
}

#[test]
fn what_is_no_regular_file_is_told_and_not_waited_for() {
    let folder = Folder::new();
    let pipe = folder.file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());

    for verb in ["replay", "compare", "step"] {
        heapmm([verb, "/dev/null"]).failure(1, "/dev/null: not a regular file");
        heapmm([verb, &pipe]).failure(1, "pipe: not a regular file");
    }
    heapmm(["import", &pipe, "-o", &folder.file("a.hmt")]).failure(1, "pipe: not a regular file");
    heapmm(["trace", "info", &folder.write("a.hmt", "")]).failure(1, "a.hmt: the file is empty");
}

#[test]
fn a_trace_cut_off_at_any_byte_is_played_as_far_as_it_goes() {
    let folder = Folder::new();
    let (text, packed) = (folder.file("a.rep"), folder.file("a.hmt"));
    heapmm(["trace", "gen", "steady", "--rounds", "70000", "-o", &text]).success();
    heapmm(["import", &text, "-o", &packed]).success();
    let whole = fs::read(&packed).unwrap();

    for share in [1, 3, 7, 50, 80, 99] {
        let cut = folder.write("cut.hmt", &whole[..whole.len() * share / 100]);
        let outcome = heapmm(["trace", "info", &cut]);
        assert_eq!(outcome.status, 0, "{share} %: {outcome:?}");
        assert!(outcome.stderr.contains("cut off: "), "{share} %: {outcome:?}");
    }
    let shorter = folder.write("cut.hmt", &whole[..whole.len() - 1]);
    let outcome = heapmm(["replay", &shorter]);
    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert!(outcome.stderr.contains("cut off: 144000 events are readable"), "{outcome:?}");
}

#[test]
fn an_import_of_a_trace_that_is_cut_off_says_so() {
    let folder = Folder::new();
    let (text, packed, raw) = (folder.file("a.rep"), folder.file("a.hmt"), folder.file("raw.hmt"));
    heapmm(["trace", "gen", "random", "-o", &text]).success();
    heapmm(["import", &text, "-o", &packed]).success();
    let mut recorded = Command::new("ls");
    recorded.arg("/").env("LD_PRELOAD", library()).env("HEAPMM_TRACE", &raw).stdout(Stdio::null());
    assert!(recorded.status().unwrap().success());

    for (name, file, len) in [("cut.hmt", &packed, 3000), ("cut.raw", &raw, 2000)] {
        let cut = folder.write(name, &fs::read(file).unwrap()[..len]);
        let info = heapmm(["trace", "info", &cut]);
        let imported = heapmm(["import", &cut, "-o", &folder.file("b.hmt")]);

        let note = info.stderr.lines().next().unwrap();
        assert!(note.contains(&format!("{name}: cut off: ")), "{info:?}");
        assert_eq!(imported.stderr.lines().next(), Some(note), "{imported:?}");
        assert_eq!((imported.status, imported.stderr.lines().count()), (0, 2), "{imported:?}");
    }
    assert_eq!(heapmm(["import", &raw, "-o", &folder.file("b.hmt")]).stderr.lines().count(), 1);
}

#[test]
fn a_damaged_trace_gets_one_line_with_the_offset() {
    let folder = Folder::new();
    let (text, packed) = (folder.file("a.rep"), folder.file("a.hmt"));
    heapmm(["trace", "gen", "random", "-o", &text]).success();
    heapmm(["import", &text, "-o", &packed]).success();
    let mut bytes = fs::read(&packed).unwrap();

    bytes[500] ^= 1;
    heapmm(["replay", &folder.write("bit.hmt", &bytes)]).failure(1, "offset 64: a damaged chunk");
    bytes[8] = 9;
    heapmm(["replay", &folder.write("new.hmt", &bytes)]).failure(1, "offset 8: version 9 of the format");
    heapmm(["replay", &folder.write("head.hmt", &bytes[..20])])
        .failure(1, "offset 20: the file ends within its head");
}

#[test]
fn a_failed_verb_leaves_no_file() {
    let folder = Folder::new();
    let broken = folder.write("a.rep", "1\n1\n1\n1\nf 0\n");
    let target = folder.file("a.hmt");

    heapmm(["import", &broken, "-o", &target]).failure(1, "line 5");

    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["a.rep"]);
}

#[test]
fn a_full_disk_is_said_and_not_ignored() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "1\n1\n2\n1\na 0 1\nf 0\n");

    heapmm(["export", &file, "-o", "/dev/full"]).failure(1, "/dev/full: No space left on device");
}

#[test]
fn an_output_that_would_replace_its_input_is_refused() {
    let folder = Folder::new();
    let text = "1\n1\n2\n1\na 0 1\nf 0\n";
    let file = folder.write("a.rep", text);

    for verb in ["import", "export"] {
        heapmm([verb, &file, "-o", &file]).failure(2, "the output would replace the input");
    }

    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_pipe_that_nobody_reads_is_not_waited_for() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "1\n1\n2\n1\na 0 1\nf 0\n");
    let pipe = folder.file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());

    heapmm(["import", &file, "-o", &pipe]).failure(1, "No such device or address");
}

#[test]
fn a_steady_state_of_no_blocks_or_of_less_than_any_block_is_refused() {
    let folder = Folder::new();
    let target = folder.file("a.rep");
    let made = |option: &str, value: &str| heapmm(["trace", "gen", "-o", &target, "steady", option, value]);

    for (option, value, least) in [("--live", "0", 1), ("--largest", "0", 16), ("--largest", "15", 16)] {
        let outcome = made(option, value);
        assert_eq!(outcome.status, 2, "{outcome:?}");
        let line = outcome.stderr.lines().next().unwrap();
        assert!(line.ends_with(&format!("it takes a number from {least} to 100000000")), "{line}");
    }
    assert!(made("--live", "1").status == 0 && made("--largest", "16").status == 0);
}

#[test]
fn numbers_that_no_trace_can_have_are_refused() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "1\n1\n2\n1\na 0 1\nf 0\n");

    for wrong in ["nan", "-1", "inf", "soon"] {
        let patience = format!("--patience={wrong}");
        assert_eq!(command(["compare", &patience, &file]).output().unwrap().status.code(), Some(2));
    }
    let target = folder.file("b.rep");
    let made = command(["trace", "gen", "-o", &target, "steady", "--live", "999999999999"]).output().unwrap();
    assert_eq!(made.status.code(), Some(2));
}

#[test]
fn chatter_that_cannot_be_written_changes_nothing() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "1\n1\n2\n1\na 0 1\nf 0\n");
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let run = |args: &[&str]| command(args).stderr(full()).status();

    assert_eq!(run(&["import", &file, "-o", &folder.file("a.hmt")]).unwrap().code(), Some(0));
    assert_eq!(run(&["replay", "/no/such/file"]).unwrap().code(), Some(1));
}

/// What mtrace has to follow: threads, changes of size to and from nothing, alignments.
const TRACED: &str = r#"
#include <mcheck.h>
#include <pthread.h>
#include <stdlib.h>
static void *work(void *arg) {
    for (int n = 0; n < 100; n++) {
        void *block = realloc(malloc(10 + n), 100 + 3 * n);
        free(n % 2 ? block : NULL);
    }
    return arg;
}
int main(void) {
    pthread_t threads[2];
    void *before = malloc(77), *aligned;
    mtrace();
    free(before);
    for (int n = 0; n < 2; n++) pthread_create(&threads[n], NULL, work, NULL);
    for (int n = 0; n < 2; n++) pthread_join(threads[n], NULL);
    if (posix_memalign(&aligned, 256, 1000) != 0) return 1;
    free(realloc(aligned, 5000));
    free(malloc(0));
    muntrace();
    return 0;
}
"#;

#[test]
fn a_log_of_glibcs_mtrace_is_imported() {
    let folder = Folder::new();
    let (source, program) = (folder.write("a.c", TRACED), folder.file("a"));
    let (log, packed) = (folder.file("mtrace.log"), folder.file("a.hmt"));
    let compiled = Command::new("gcc").args(["-pthread", "-fno-builtin", "-o", &program, &source]).status();
    assert!(compiled.unwrap().success());
    let mut traced = Command::new(&program);
    traced.env("LD_PRELOAD", "libc_malloc_debug.so.0").env("MALLOC_TRACE", &log);
    assert!(traced.status().unwrap().success());

    let outcome = heapmm(["import", &log, "-o", &packed]);

    assert!(outcome.stderr.contains("1 frees of blocks from before"), "{outcome:?}");
    outcome.success();
    // Less what glibc itself allocates for a thread, and keeps.
    let info = heapmm(["trace", "info", &packed]).success();
    assert!(info.contains("resizes                201"), "{info}");
    assert!(info.contains("frees                  102"), "{info}");
}

#[test]
fn a_file_of_heaptrack_is_imported_packed_or_not() {
    let folder = Folder::new();
    let text = "v 10400 3\nX ./a\nI 1000 5e\na 40 1\n+ 0\n+ 0\nc 5\n- 0\n";
    let (plain, out) = (folder.write("a.txt", text), folder.file("a.rep"));
    let gzip = Command::new("gzip").args(["-c", &plain]).output().unwrap();
    let packed = folder.write("a.gz", gzip.stdout);
    let cut = folder.write("cut.gz", &fs::read(&packed).unwrap()[..30]);

    for file in [&plain, &packed] {
        let hmt = folder.file("a.hmt");
        heapmm(["import", file, "-o", &hmt]).success();
        heapmm(["export", &hmt, "-o", &out]).success();

        assert!(fs::read_to_string(&out).unwrap().ends_with("a 0 64\na 1 64\nf 1\n"), "{file}");
    }
    heapmm(["import", &cut, "-o", &out]).failure(1, "cut off, or damaged");
}

#[test]
fn a_file_of_another_kind_is_told_by_its_kind() {
    let folder = Folder::new();
    let text = folder.write("a.rep", "1\n1\n2\n1\na 0 1\nf 0\n");
    let (packed, out) = (folder.file("a.hmt"), folder.file("b.hmt"));
    heapmm(["import", &text, "-o", &packed]).success();
    let log = folder.write("log", "= Start\n= End\n");
    let gzip = folder.write("a.gz", [0x1F, 0x8B, 8, 0]);

    heapmm(["import", &packed, "-o", &out])
        .failure(1, "a.hmt: a whole .hmt trace already; nothing to import");
    heapmm(["import", env!("CARGO_BIN_EXE_heapmm"), "-o", &out])
        .failure(1, "neither a .rep nor a .hmt trace");
    heapmm(["replay", &log]).failure(1, "`heapmm import` makes a trace of it");
    heapmm(["trace", "info", &gzip]).failure(1, "`heapmm import` makes a trace of it");
    assert!(!fs::exists(out).unwrap());
}

#[test]
fn a_trace_without_events_has_no_peak_and_nothing_to_play() {
    let folder = Folder::new();
    let (log, packed) = (folder.write("log", "= Start\n= End\n"), folder.file("a.hmt"));

    let imported = heapmm(["import", &log, "-o", &packed]);
    let info = heapmm(["trace", "info", &packed, "--format", "csv"]).success();

    assert_eq!(imported.stderr, format!("{packed}: 0 events\n"));
    assert!(info.contains("\nevents,0\n") && info.contains("\npeak after event,\n"), "{info}");
    for verb in ["replay", "compare", "step"] {
        heapmm([verb, &packed]).failure(1, "a.hmt: no operations to play");
    }
}
