//! Recording: traces of real processes, their children, and what goes wrong.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Folder, Outcome, command, compile, heapmm, library, under_library};

/// The names of the traces in `folder`.
fn traces(folder: &Folder) -> Vec<String> {
    let names = fs::read_dir(folder.path()).unwrap();
    let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".hmt")).collect();
    names.sort();
    names
}

/// A figure of `heapmm trace info`.
fn figure(file: &str, name: &str) -> u64 {
    let info = heapmm(["trace", "info", file, "--format", "csv"]).success();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(','));
    line.unwrap_or_else(|| panic!("no {name} in {info}")).parse().unwrap()
}

/// A program that makes `N` blocks, and a child if it has an argument.
fn program(folder: &Folder) -> String {
    let target = folder.file("program");
    let source = "#include <stdlib.h>\n#include <sys/wait.h>\n#include <unistd.h>\n\
        int main(int argc, char **argv) { (void)argv;\n\
          void *kept = malloc(5000);\n\
          for (int i = 0; i < 1000; i++) free(malloc(100 + i));\n\
          if (argc > 1) { int status; pid_t child = fork();\n\
            if (child == 0) { free(kept); free(malloc(777)); _exit(3); }\n\
            wait(&status); }\n\
          return 5; }";
    compile(source, &target, &["-fno-builtin"]);
    target
}

#[test]
fn a_recorded_program_keeps_its_status_and_its_output() {
    let folder = Folder::new();
    let target = folder.file("a.hmt");

    let outcome = under_library(&["record", "-o", &target, "--", "sh", "-c", "echo data; exit 7"]);

    assert_eq!((outcome.status, outcome.stdout.as_str()), (7, "data\n"), "{outcome:?}");
    assert!(outcome.stderr.ends_with(&format!("next:  heapmm compare {target}\n")), "{outcome:?}");
    let killed = under_library(&["record", "-o", &target, "--", "sh", "-c", "kill -KILL $$"]);
    assert_eq!(killed.status, 128 + 9, "{killed:?}");
    assert!(figure(&target, "events") > 0);
}

#[test]
fn nothing_is_suggested_where_there_is_nothing_to_play() {
    let folder = Folder::new();
    let (program, target) = (folder.file("idle"), folder.file("a.hmt"));
    compile("int main(void) { return 0; }", &program, &[]);

    let idle = under_library(&["record", "-o", &target, "--", &program]);
    let thrown = under_library(&["record", "-o", "/dev/null", "--", "ls", "/"]);
    let run = under_library(&["run", "--trace", "/dev/null", "--", "ls", "/"]);

    assert_eq!(idle.stderr, format!("{target}: 0 events\n"));
    assert_eq!((thrown.status, thrown.stderr.lines().count()), (0, 1), "{thrown:?}");
    assert!(thrown.stderr.starts_with("/dev/null: "), "{thrown:?}");
    assert!(run.stderr.contains("next:  heapmm record -o ls.hmt -- ls /"), "{run:?}");
}

#[test]
fn a_trace_has_the_calls_of_the_program_and_can_be_replayed() {
    let folder = Folder::new();
    let (program, target) = (program(&folder), folder.file("a.hmt"));

    assert_eq!(under_library(&["record", "-o", &target, "--", &program]).status, 5);

    assert_eq!((figure(&target, "allocations"), figure(&target, "frees")), (1001, 1000));
    assert_eq!(figure(&target, "peak"), 5000 + 1099);
    heapmm(["replay", "--policy", "implicit-first", &target]).success();
}

#[test]
fn a_trace_that_is_packed_while_the_program_runs_lacks_nothing() {
    let folder = Folder::new();
    let (program, raw, packed) = (folder.file("program"), folder.file("raw.hmt"), folder.file("a.hmt"));
    let source = "#include <stdlib.h>\n#include <unistd.h>\n\
        int main(void) { static void *kept[1000];\n\
          for (int i = 0; i < 300000; i++) { int n = i % 1000 * 919 % 1000;\n\
            free(kept[n]); kept[n] = malloc(16 + i % 3000);\n\
            if (i % 20000 == 0) usleep(3000); }\n\
          return 0; }";
    compile(source, &program, &["-fno-builtin"]);

    under_library(&["record", "-o", &packed, "--", &program]).success();
    let mut alone = std::process::Command::new(&program);
    let alone = alone.env("LD_PRELOAD", library()).env("HEAPMM_TRACE", &raw).status().unwrap();

    assert!(alone.success());
    for name in ["events", "allocations", "frees", "peak", "blocks at end"] {
        assert_eq!(figure(&packed, name), figure(&raw, name), "{name}");
    }
    assert!(figure(&packed, "events") >= 599_000);
}

#[test]
fn children_are_recorded_only_if_wanted() {
    let folder = Folder::new();
    let (program, target) = (program(&folder), folder.file("a.hmt"));

    assert_eq!(under_library(&["record", "-o", &target, "--", &program, "fork"]).status, 5);
    assert_eq!(traces(&folder), ["a.hmt"]);
    assert_eq!(under_library(&["record", "--children", "-o", &target, "--", &program, "fork"]).status, 5);

    let names = traces(&folder);
    assert_eq!(names.len(), 2, "{names:?}");
    let child = folder.file(&names[0]);
    assert_eq!(figure(&target, "allocations"), 1001);
    // The block that it inherited, and one of its own.
    assert_eq!((figure(&child, "allocations"), figure(&child, "frees")), (2, 2));
    assert!(figure(&child, "peak") >= 5000);
}

#[test]
fn a_process_that_outlives_the_command_is_told() {
    let folder = Folder::new();
    let (target, program) = (folder.file("a.hmt"), folder.file("lingerer"));
    let source = "#include <stdlib.h>\n#include <unistd.h>\n\
        int main(int argc, char **argv) { (void)argv;\n\
          free(malloc(100));\n\
          if (fork() != 0) return 0;\n\
          close(0); close(1); close(2); setsid();\n\
          if (argc > 1) free(malloc(200));\n\
          sleep(3); free(malloc(300)); return 0; }";
    compile(source, &program, &["-fno-builtin"]);

    for args in [&[][..], &["early"]] {
        let command = ["record", "--children", "-o", &target, "--", &program];
        let outcome = under_library(&[&command[..], args].concat());
        let alone = under_library(&[&["record"], &command[2..], args].concat());

        assert_eq!((outcome.status, alone.status), (0, 0));
        assert!(outcome.stderr.contains(" (lingerer) still runs, recorded up to here; "), "{outcome:?}");
        assert!(!alone.stderr.contains("still"), "{alone:?}");
    }
}

#[test]
fn what_a_killed_recording_left_is_named_and_can_be_read() {
    let folder = Folder::new();
    let target = folder.file("a.hmt");
    let script = "kill -KILL $PPID; exec sleep 0";
    under_library(&["record", "-o", &target, "--", "sh", "-c", script]);

    let named = under_library(&["record", "-o", &target, "--", "true"]);

    let left = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    let left = left.filter(|path| path.is_dir()).collect::<Vec<_>>();
    let [left] = &left[..] else { panic!("{left:?}") };
    assert!(named.stderr.starts_with(&format!("note: {} is what ", left.display())), "{named:?}");
    for file in fs::read_dir(left).unwrap().map(|file| file.unwrap().path()) {
        if file.file_name().is_some_and(|name| name != "packed") {
            heapmm(["import", file.to_str().unwrap(), "-o", &folder.file("b.hmt")]).success();
        }
    }
    assert!(figure(&folder.file("b.hmt"), "events") > 0);
}

#[test]
fn a_command_that_becomes_another_program_leaves_the_trace_of_the_last() {
    let folder = Folder::new();
    let (program, target) = (program(&folder), folder.file("a.hmt"));

    assert_eq!(under_library(&["record", "-o", &target, "--", "env", "A=b", &program]).status, 5);

    assert_eq!(traces(&folder), ["a.hmt"]);
    assert_eq!(figure(&target, "allocations"), 1001);
}

#[test]
fn a_run_can_leave_a_trace_too() {
    let folder = Folder::new();
    let (program, target) = (program(&folder), folder.file("a.hmt"));

    let outcome = under_library(&["run", "--trace", &target, "--", &program]);

    assert_eq!(outcome.status, 5, "{outcome:?}");
    assert_eq!(figure(&target, "allocations"), 1001);
    assert!(outcome.stderr.ends_with(&format!("next:  heapmm compare {target}\n")), "{outcome:?}");
}

#[test]
fn a_trace_that_cannot_be_written_is_said_before_the_command_runs() {
    let folder = Folder::new();
    let mark = folder.file("ran");

    let outcome = under_library(&["record", "-o", "/nowhere/a.hmt", "--", "touch", &mark]);

    outcome.failure(1, "/nowhere/a.hmt");
    assert!(!fs::exists(mark).unwrap());
}

#[test]
fn a_recording_is_played_as_a_process_unless_something_else_is_said() {
    let folder = Folder::new();
    let (program, target) = (program(&folder), folder.file("a.hmt"));
    assert_eq!(under_library(&["record", "-o", &target, "--", &program]).status, 5);
    let peak = |args: &[&str]| {
        let mut words = vec!["replay", "--format", "csv", &target];
        words.extend(args);
        let csv = Outcome::of(command(&words).output().unwrap()).success();
        common::columns(&csv, ["peak"])[0][0].parse::<u64>().unwrap()
    };

    assert_eq!(peak(&[]), peak(&["--live"]));
    assert_eq!(peak(&["--bare"]), peak(&["--realloc", "in-place"]));
    assert!(peak(&["--bare"]) < peak(&["--live"]), "a process takes whole pages");
}

#[test]
fn a_folder_with_a_sign_of_patterns_is_a_folder_as_any() {
    let folder = Folder::new();
    let (program, target) = (program(&folder), folder.file("50%p/a.hmt"));
    fs::create_dir(folder.file("50%p")).unwrap();

    assert_eq!(under_library(&["record", "-o", &target, "--", &program]).status, 5);

    assert_eq!(figure(&target, "allocations"), 1001);
    let far = folder.file(&"long".repeat(60));
    fs::create_dir(&far).unwrap();
    under_library(&["record", "-o", &format!("{far}/a.hmt"), "--", &program]).failure(125, "too long a path");
}

/// What `script` gives with a disk of `size` at `disk/`, the command as $0; `None` where disks
/// cannot be mounted.
fn on_a_small_disk(folder: &Folder, size: &str, script: &str) -> Option<Outcome> {
    fs::create_dir_all(folder.file("disk")).unwrap();
    let inside = |script: &str| {
        let mount = format!("mount -t tmpfs -o size={size} none disk");
        let mut shell = std::process::Command::new("unshare");
        shell.args(["-rm", "sh", "-c", &format!("{mount} && {script}"), env!("CARGO_BIN_EXE_heapmm")]);
        shell.env("HEAPMM_LIB", library()).current_dir(folder.path()).output()
    };
    if inside("true").is_ok_and(|output| !output.status.success()) {
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "no disk can be mounted: unshare with user namespaces is missing");
        return None;
    }
    Some(Outcome::of(inside(script).unwrap()))
}

#[test]
fn a_recording_on_a_full_disk_is_refused_in_one_line() {
    let folder = Folder::new();
    let record = "$0 record -o disk/a.hmt -- touch ran";

    let Some(outcome) = on_a_small_disk(&folder, "64k", record) else { return };

    outcome.failure(1, "disk/a.hmt: No space left on device");
    assert!(!fs::exists(folder.file("ran")).unwrap());
}

#[test]
fn a_disk_that_fills_up_ends_the_trace_in_one_line_without_a_hidden_name() {
    let folder = Folder::new();
    let program = folder.file("program");
    compile(
        "#include <stdlib.h>\nint main(void) { for (int i = 0; i < 200000; i++) free(malloc(9)); return 5; }",
        &program,
        &["-fno-builtin"],
    );

    let Some(outcome) = on_a_small_disk(&folder, "1m", "$0 record -o disk/a.hmt -- ./program") else {
        return;
    };

    assert_eq!(outcome.status, 5, "{outcome:?}");
    let told: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("heapmm: ")).collect();
    let line = "heapmm: cannot write the trace: no space left on the device; the program runs on without it";
    assert_eq!(told, [line], "{outcome:?}");
}

#[test]
fn a_trace_that_cannot_be_packed_stays_as_it_was_recorded() {
    let folder = Folder::new();
    // The command itself takes what the recording has left of the disk.
    let fill = "sh -c 'head -c 1000000 /dev/zero >disk/zeros 2>/dev/null; exit 5'";
    let script =
        format!("{{ $0 record -o disk/a.hmt -- {fill}; echo $?; $0 trace info disk/a.hmt; ls -A disk; }}");

    let Some(outcome) = on_a_small_disk(&folder, "192k", &script) else { return };

    let [line, next] = outcome.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{outcome:?}") };
    assert_eq!(line, "disk/a.hmt: No space left on device: left as it was recorded, without packing");
    assert_eq!(next, "next:  heapmm compare disk/a.hmt");
    assert!(outcome.stdout.starts_with("5\nfigure "), "{outcome:?}");
    assert!(outcome.stdout.ends_with("\na.hmt\nzeros\n"), "nothing else is left: {outcome:?}");
}
