//! Commands under the library: status, signals, reports, and what cannot work.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use common::{Folder, Outcome, command, compile, library, under_library};

#[test]
fn the_status_of_the_command_is_the_status() {
    assert_eq!(under_library(&["run", "--", "sh", "-c", "exit 7"]).status, 7);
    assert_eq!(under_library(&["run", "--", "sh", "-c", "kill -SEGV $$"]).status, 128 + 11);
    assert_eq!(under_library(&["run", "true"]).status, 0);
    let limited = under_library(&["run", "--", "sh", "-c", "kill -XFSZ $$"]);
    assert!(limited.stderr.contains("killed by SIGXFSZ"), "{limited:?}");
}

#[test]
fn a_file_that_may_not_grow_is_an_error_here_and_a_signal_for_the_command() {
    let folder = Folder::new();
    let file = folder.file("steady.rep");
    let run = |line: &str| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", line, env!("CARGO_BIN_EXE_heapmm"), &file]);
        Outcome::of(shell.env("HEAPMM_LIB", library()).output().unwrap())
    };

    let outcome = run("ulimit -f 1; \"$0\" trace gen steady -o \"$1\"");
    assert_eq!((outcome.status, outcome.stderr.lines().count()), (1, 1), "{outcome:?}");
    assert!(outcome.stderr.ends_with("steady.rep: File too large\n"), "{outcome:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    assert_eq!(run("\"$0\" run sh -c 'kill -XFSZ $$'").status, 128 + libc::SIGXFSZ);
    assert_eq!(run("trap '' XFSZ; \"$0\" run sh -c 'kill -XFSZ $$'").status, 0);
}

#[test]
fn stdout_is_the_commands_own_and_the_summary_is_short() {
    let outcome = under_library(&["run", "--", "sh", "-c", "echo data; ls / | sort >/dev/null; true"]);

    assert_eq!(outcome.stdout, "data\n");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert!(lines.len() <= 15, "{outcome:?}");
    assert!(lines[0].starts_with("heapmm  sh  pid ") && lines[0].contains("exit 0"), "{outcome:?}");
    assert!(lines[1].starts_with("  processes  3: "), "{outcome:?}");
    assert!(lines.last().unwrap().starts_with("next:  heapmm "), "{outcome:?}");
}

#[test]
fn a_stream_that_is_closed_is_closed_for_the_command() {
    let folder = Folder::new();
    let open =
        "open=0; for n in 0 1 2; do [ -e /proc/$$/fd/$n ] && open=$((open + (1 << n))); done; exit $open";
    let trace = folder.file("a.hmt");

    for (closed, left) in [("", 7), (">&-", 5), ("2>&-", 3), ("<&- >&- 2>&-", 0)] {
        for verb in ["run", "leaks", "record -o \"$2\""] {
            let line = format!("\"$0\" {verb} -- sh -c \"$1\" {closed}");
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &line, env!("CARGO_BIN_EXE_heapmm"), open, &trace]);
            let outcome = Outcome::of(shell.env("HEAPMM_LIB", library()).output().unwrap());

            assert_eq!(outcome.status, left, "{line}: {outcome:?}");
        }
    }
}

#[test]
fn the_policy_reaches_the_command_and_reports_are_kept() {
    let folder = Folder::new();
    let file = folder.file("stats.json");

    let outcome =
        under_library(&["run", "--policy", "implicit-first", "--stats-out", &file, "--", "ls", "/"]);

    assert!(outcome.stderr.contains("policy implicit-first"), "{outcome:?}");
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!((report["command"].as_str(), report["policy"].as_str()), (Some("ls"), Some("implicit-first")));
}

#[test]
fn calls_that_no_cache_serves_are_told_from_all_calls() {
    let traffic = |policy| {
        let outcome = under_library(&["run", "--policy", policy, "ls", "/"]);
        outcome.stderr.lines().find(|line| line.starts_with("  traffic")).unwrap().to_owned()
    };

    assert!(traffic("fast").ends_with(" below the caches"));
    assert!(!traffic("lifo-first").contains("below"));
}

#[test]
fn a_command_that_cannot_start_is_126_or_127() {
    let folder = Folder::new();
    let plain = folder.write("plain", "text");
    let orphan = folder.write("orphan", "#!/nowhere/interpreter\n");
    fs::set_permissions(&orphan, fs::Permissions::from_mode(0o755)).unwrap();

    under_library(&["run", "--", "no-such-command"]).failure(127, "no-such-command: not found on PATH");
    under_library(&["run", "--", "/nowhere/at/all"]).failure(127, "/nowhere/at/all: No such file");
    under_library(&["run", "--", &plain]).failure(126, "not executable");
    under_library(&["run", "--", "/"]).failure(126, "a directory, not a program");
    under_library(&["run", "--", &orphan]).failure(127, "its interpreter is missing");
}

#[test]
fn an_unknown_option_before_the_command_is_no_program() {
    let cases: [(&[&str], &str); 4] = [
        (&["run", "--polcy", "fast", "--", "ls"], "a similar argument exists: '--policy'"),
        (&["leaks", "--polcy=fast", "ls"], "a similar argument exists: '--policy'"),
        (&["record", "--chldren", "-o", "a.hmt", "ls"], "a similar argument exists: '--children'"),
        (&["run", "-o", "a.json", "ls"], "unexpected argument '-o' found"),
    ];

    for (args, words) in cases {
        let outcome = under_library(args);
        assert!(outcome.status == 2 && outcome.stderr.contains(words), "{outcome:?}");
    }
    // What stands behind the command is its own, also what the verb knows.
    let own = under_library(&["run", "echo", "--polcy", "-o", "--leaks"]);
    assert_eq!((own.status, own.stdout.as_str()), (0, "--polcy -o --leaks\n"), "{own:?}");
}

/// A copy without the library beside it, made by another process, so that it is not busy.
fn copy_of_command(folder: &Folder) -> String {
    let copy = folder.file("heapmm");
    let copied = std::process::Command::new("cp").args([env!("CARGO_BIN_EXE_heapmm"), &copy]).status();
    assert!(copied.unwrap().success());
    copy
}

#[test]
fn a_library_that_is_not_there_is_125() {
    let output = command(["run", "true"]).env("HEAPMM_LIB", "/nowhere/libheapmm.so").output().unwrap();

    Outcome::of(output).failure(125, "HEAPMM_LIB: no file at /nowhere/libheapmm.so");
    let empty = command(["run", "true"]).env("HEAPMM_LIB", "").output().unwrap();
    Outcome::of(empty).failure(125, "HEAPMM_LIB is empty: it should name the library");
    let folder = Folder::new();
    let copy = copy_of_command(&folder);
    let alone = std::process::Command::new(copy).args(["run", "true"]).env_remove("HEAPMM_LIB").output();
    Outcome::of(alone.unwrap())
        .failure(125, ", nor in ../lib or ../lib64 from there; HEAPMM_LIB can name it");
}

#[test]
fn a_command_that_runs_another_hands_the_library_on() {
    let folder = Folder::new();
    let copy = copy_of_command(&folder);

    let outcome = under_library(&["run", "--", &copy, "run", "--", "sh", "-c", "echo data; exit 3"]);

    assert_eq!((outcome.status, &*outcome.stdout), (3, "data\n"), "{outcome:?}");
    assert!(!outcome.stderr.contains("unknown setting"), "{outcome:?}");
}

#[test]
fn a_static_program_runs_and_is_told_apart() {
    let folder = Folder::new();
    let program = folder.file("static");
    compile("int main(void) { return 5; }", &program, &["-static"]);

    let outcome = under_library(&["run", "--", &program]);
    let doctor = under_library(&["doctor", &program]);

    assert_eq!(outcome.status, 5, "{outcome:?}");
    assert!(outcome.stderr.contains("statically linked"), "{outcome:?}");
    assert_eq!(doctor.status, 23, "{doctor:?}");
    assert!(doctor.stdout.contains("cannot work  statically linked"), "{doctor:?}");
}

#[test]
fn a_program_that_refuses_another_malloc_runs_without_heapmm() {
    let folder = Folder::new();
    let program = folder.file("sanitised");
    compile("int main(void) { return 5; }", &program, &["-fsanitize=address"]);
    let words = "built with AddressSanitizer, which brings its own malloc and refuses another";

    let run = under_library(&["run", "--", &program]);
    let leaks = under_library(&["leaks", "--", &program]);
    let record = under_library(&["record", "-o", &folder.file("a.hmt"), "--", &program]);

    assert_eq!((run.status, leaks.status), (5, 5), "{run:?} {leaks:?}");
    for outcome in [run, leaks] {
        assert!(outcome.stderr.contains(&format!("{words}; it runs without heapmm")), "{outcome:?}");
        assert!(!outcome.stderr.contains("LD_PRELOAD"), "{outcome:?}");
    }
    record.failure(125, &format!("{words}; there is nothing to record"));
}

#[test]
fn a_set_user_id_program_is_told_apart() {
    let folder = Folder::new();
    let program = folder.file("secure");
    compile("int main(void) { return 0; }", &program, &[]);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();

    let doctor = under_library(&["doctor", &program]);

    assert_eq!(doctor.status, 23, "{doctor:?}");
    assert!(doctor.stdout.contains("set-user-ID: the system ignores LD_PRELOAD"), "{doctor:?}");
}

#[test]
fn a_program_with_its_own_malloc_is_told_apart() {
    let folder = Folder::new();
    let own = "#include <stddef.h>\nchar pool[64];\n void *malloc(size_t n) { return n < 64 ? pool : 0; }\n";
    let main = "int main(void) { return malloc(8) == 0; }";
    let (exported, hidden, plain) = (folder.file("exported"), folder.file("hidden"), folder.file("plain"));
    compile(&format!("{own}{main}"), &exported, &["-rdynamic", "-fno-builtin"]);
    let bundled = "#include <stdlib.h>\n__attribute__((noinline)) void *je_malloc(size_t n) { return malloc(n); }\n\
        int main(void) { free(je_malloc(8)); return 0; }";
    compile(bundled, &hidden, &["-fno-builtin"]);
    compile("#include <stdlib.h>\nint main(void) { free(malloc(1)); return 0; }", &plain, &["-fno-builtin"]);

    let [exported, hidden, plain] = [exported, hidden, plain].map(|file| under_library(&["doctor", &file]));

    assert_eq!(
        (exported.status, hidden.status, plain.status),
        (23, 0, 0),
        "{exported:?} {hidden:?} {plain:?}"
    );
    assert!(exported.stdout.contains("exports its own malloc"), "{exported:?}");
    assert!(hidden.stdout.contains("in part"), "{hidden:?}");
    assert!(!plain.stdout.contains("in part"), "{plain:?}");
}

#[test]
fn a_script_is_judged_by_its_interpreter() {
    let folder = Folder::new();
    let script = folder.write("script", "#!/usr/bin/env sh\ntrue\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();

    let outcome = under_library(&["doctor", &script]);

    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert!(outcome.stdout.contains("interpreted by sh"), "{outcome:?}");
}

#[test]
fn a_signal_is_sent_on_to_the_command() {
    let script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_heapmm"))
        .args(["run", "--", "sh", "-c", script])
        .env("HEAPMM_LIB", library())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");

    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());

    assert_eq!(lines.next().unwrap().unwrap(), "caught");
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_named() {
    let mut run = command(["run", "true"]);
    run.env("HEAPMM_LIB", library()).env("TMPDIR", "/nowhere/tmp");

    Outcome::of(run.output().unwrap()).failure(125, "/nowhere/tmp: No such file or directory; TMPDIR should");
}

#[test]
fn an_output_that_cannot_be_written_is_told_before_the_command_runs() {
    let folder = Folder::new();
    let (mark, place) = (folder.file("ran"), folder.path().to_str().unwrap());
    let slash = folder.file("none/");

    for (file, why) in
        [("/nowhere/x", "No such file or directory"), (place, "Is a directory"), (&slash, "not a file name")]
    {
        for output in [&["run", "--stats-out"][..], &["run", "--trace"], &["leaks", "-o"], &["record", "-o"]]
        {
            let args = [output, &[file, "--", "touch", &mark]].concat();
            under_library(&args).failure(1, &format!("{file}: {why}"));
        }
    }
    let both = folder.file("both");
    let outcome = under_library(&["run", "--stats-out", &both, "--trace", &both, "--", "touch", &mark]);
    outcome.failure(2, "both the trace and the reports would go there");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_output_that_fails_in_the_end_costs_neither_the_status_nor_the_results() {
    let failing = |status| format!("exit {status}");
    let stats =
        |status| under_library(&["run", "--stats-out", "/dev/full", "--", "sh", "-c", &failing(status)]);

    let (failed, good) = (stats(7), stats(0));
    let leaks = under_library(&["leaks", "-o", "/dev/full", "--", "sh", "-c", "exit 7"]);

    assert_eq!((failed.status, good.status, leaks.status), (7, 1, 7), "{failed:?} {good:?} {leaks:?}");
    for outcome in [&failed, &good, &leaks] {
        assert!(outcome.stderr.ends_with("heapmm: /dev/full: No space left on device\n"), "{outcome:?}");
    }
    assert!(failed.stderr.contains("  peak  "), "{failed:?}");
    assert!(leaks.stderr.contains("reachable"), "{leaks:?}");
}

/// A file that may be executed.
fn executable(folder: &Folder, name: &str, content: impl AsRef<[u8]>) -> String {
    let file = folder.write(name, content);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[test]
fn a_text_without_an_interpreter_is_run_by_a_shell() {
    let folder = Folder::new();
    let text = executable(&folder, "text", "echo \"$1\"; exit 3\n");

    let doctor = under_library(&["doctor", &text]);
    let run = under_library(&["run", "--", &text, "two words"]);

    assert!(doctor.success().contains("neither ELF nor #!: interpreted by /bin/sh"));
    assert_eq!((run.status, run.stdout.as_str()), (3, "two words\n"), "{run:?}");
    assert!(run.stderr.contains("  peak  "), "{run:?}");
}

#[test]
fn the_doctor_and_a_run_refuse_the_same_files_in_the_same_words() {
    let folder = Folder::new();
    let program = folder.file("program");
    compile("int main(void) { return 5; }", &program, &[]);
    let whole = fs::read(&program).unwrap();
    let object = folder.file("object.o");
    compile("int main(void) { return 5; }", &object, &["-c"]);
    fs::set_permissions(&object, fs::Permissions::from_mode(0o755)).unwrap();
    let files = [
        (executable(&folder, "head", &whole[..300]), 126, "a broken program"),
        (executable(&folder, "half", &whole[..whole.len() / 2]), 126, "no whole program"),
        (object, 126, "no whole program: an object file"),
        (executable(&folder, "junk", b"\0\x01\x02"), 126, "neither ELF nor text"),
        (executable(&folder, "orphan", "#!/nowhere/interpreter\n"), 127, "its interpreter is missing"),
    ];

    for (file, status, words) in files {
        for verb in [&["doctor"][..], &["run"], &["leaks"], &["record", "-o", &folder.file("a.hmt")]] {
            under_library(&[verb, &[&file]].concat()).failure(status, words);
        }
    }
    // What the system runs without them need not be there.
    let torn = [&whole[..40], &[0xff; 6], &whole[46..]].concat();
    let torn = executable(&folder, "torn", torn);
    assert!(under_library(&["doctor", &torn]).success().contains("its symbols cannot be read"));
    assert_eq!(under_library(&["run", &torn]).status, 5);
}

#[test]
fn a_library_that_is_another_file_is_125_for_the_doctor_too() {
    let folder = Folder::new();
    let own = fs::read(library()).unwrap();
    let other = folder.file("other.so");
    compile(
        "void *malloc(unsigned long n) { return (void *)n; }",
        &other,
        &["-shared", "-fPIC", "-fno-builtin"],
    );

    for file in [folder.write("junk.so", "junk"), folder.write("cut.so", &own[..own.len() / 2]), other] {
        let with = |args: &[&str]| Outcome::of(command(args).env("HEAPMM_LIB", &file).output().unwrap());
        let doctor = with(&["doctor", "true"]);
        assert_eq!(doctor.status, 125, "{doctor:?}");
        assert!(
            doctor.stdout.contains("cannot work  ") && doctor.stdout.contains("not the library"),
            "{doctor:?}"
        );
        with(&["run", "true"]).failure(125, "not the library of heapmm");
    }
}

#[test]
fn a_program_with_heapmm_linked_into_it_is_no_stranger() {
    let folder = Folder::new();
    let archive = library().with_file_name("libheapmm.a");
    let archive = archive.to_str().unwrap();
    let source = "#include <stdlib.h>\n#include <string.h>\n\
        int main(void) { for (int i = 0; i < 500; i++) memset(malloc(100), 1, 100); return 7; }";

    for (name, flags) in
        [("static", &["-static"][..]), ("stripped", &["-static", "-s"]), ("dynamic", &[]), ("bare", &["-s"])]
    {
        let program = folder.file(name);
        compile(source, &program, &[&["-fno-builtin", archive], flags].concat());

        let doctor = under_library(&["doctor", &program]);
        let run = under_library(&["run", "--", &program]);

        assert_eq!((doctor.status, run.status), (0, 7), "{doctor:?} {run:?}");
        assert!(!run.stderr.contains("without heapmm") && !run.stderr.contains("processes"), "{run:?}");
        assert!(run.stderr.contains(" live in 5"), "{run:?}");
        let trace = folder.file("a.hmt");
        assert_eq!(under_library(&["record", "-o", &trace, "--", &program]).status, 7, "{name}");
    }
}

#[test]
fn a_command_that_strict_settings_end_is_not_blamed() {
    let folder = Folder::new();
    let trace = folder.file("a.hmt");
    let wrong = |args: &[&str]| {
        let mut run = command(args);
        run.env("HEAPMM_LIB", library()).env("HEAPMM_STRICT", "on").env("HEAPMM_POLICI", "slab");
        Outcome::of(run.output().unwrap())
    };
    let library = "heapmm: unknown setting HEAPMM_POLICI; did you mean HEAPMM_POLICY?";
    let strict = "HEAPMM_STRICT ended it before it began: a setting is unknown or ill-formed";

    let run = wrong(&["run", "--trace", &trace, "--", "true"]);
    let others = [wrong(&["leaks", "--", "true"]), wrong(&["record", "-o", &trace, "--", "true"])];

    assert_eq!(run.status, 78, "{run:?}");
    assert!(run.stderr.starts_with(library), "{run:?}");
    assert!(run.stderr.ends_with(&format!("\n  {strict}\nnext:  heapmm options\n")), "{run:?}");
    for other in others {
        assert_eq!(other.status, 78, "{other:?}");
        let lines: Vec<&str> = other.stderr.lines().collect();
        assert!(lines.len() == 2 && lines[0] == library && lines[1].contains(strict), "{other:?}");
    }
    assert!(!fs::exists(trace).unwrap());
    // A status of the command's own says nothing about settings.
    let mut own = command(["run", "--", "sh", "-c", "exit 78"]);
    let own =
        Outcome::of(own.env("HEAPMM_LIB", common::library()).env("HEAPMM_STRICT", "on").output().unwrap());
    assert!(own.status == 78 && own.stderr.contains("  peak  "), "{own:?}");
}
