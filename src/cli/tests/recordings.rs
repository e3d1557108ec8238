//! Recording: traces of real processes, their children, and what goes wrong.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Folder, Outcome, command, compile, heapmm, library};

/// Runs `heapmm` with the library at hand.
fn under_library(args: &[&str]) -> Outcome {
    Outcome::of(command(args).env("HEAPMM_LIB", library()).output().unwrap())
}

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

/// A program that has some of everything: small and large blocks, growing ones, aligned ones, zeros.
/// With an argument, so many threads do the same one after the other, and then as many abreast.
const MIXED: &str = r#"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
enum { BLOCKS = 3000, ROUNDS = 40000 };
static pthread_barrier_t abreast;
static int crowd;
static unsigned roll(unsigned *state, unsigned below) {
    *state = *state * 1103515245 + 12345;
    return (*state >> 8) % below;
}
static void rounds(void **blocks, unsigned *state, int count) {
    while (count-- > 0) {
        int slot = roll(state, BLOCKS);
        size_t len = roll(state, 16u << roll(state, 9)), large = roll(state, 2000) == 0 ? 1500000 : 0;
        switch (roll(state, 5)) {
        case 0: blocks[slot] = realloc(blocks[slot], len + large + 1); break;
        case 1: free(blocks[slot]); blocks[slot] = aligned_alloc(64, len + 1); break;
        case 2: free(blocks[slot]); blocks[slot] = calloc(1, len + large); break;
        default: free(blocks[slot]); blocks[slot] = malloc(len + large);
        }
        if (blocks[slot]) memset(blocks[slot], 7, len < 16 ? len : 16);
    }
}
/* The threads of a crowd take turns, so that every run has the same order of calls. */
static void *work(void *number) {
    size_t me = (size_t)number;
    unsigned state = me + 1;
    void **blocks = NULL;
    for (int turn = 0; turn < ROUNDS / 200 * crowd; turn++) {
        if (turn % crowd == me % crowd) {
            if (blocks == NULL) blocks = calloc(BLOCKS, sizeof *blocks);
            rounds(blocks, &state, 200);
        }
        pthread_barrier_wait(&abreast);
    }
    return NULL;
}
static void together(int count) {
    pthread_t threads[16];
    crowd = count;
    pthread_barrier_init(&abreast, NULL, count);
    for (int n = 0; n < count; n++) pthread_create(&threads[n], NULL, work, (void *)(size_t)n);
    for (int n = 0; n < count; n++) pthread_join(threads[n], NULL);
}
int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 0;
    for (int n = 0; n < count; n++) together(1);
    if (count) together(count);
    else rounds(calloc(BLOCKS, sizeof(void *)), &(unsigned){1}, ROUNDS);
    return 0;
}
"#;

/// The command where every run of a program asks for the same, and the clock matters to none.
fn alike(args: &[&str]) -> std::process::Command {
    let mut command = command(args);
    command.env("HEAPMM_LIB", library()).env("HEAPMM_PURGE", "off");
    command.env("PYTHONMALLOC", "malloc").env("PYTHONHASHSEED", "0").env("PERL_HASH_SEED", "0");
    command
}

/// The most bytes that a process of `program` took under `policy`.
fn taken(folder: &Folder, policy: &str, program: &[&str]) -> f64 {
    let stats = folder.file("stats.json");
    let mut run = alike(&["run", "--policy", policy, "--stats-out", &stats, "--"]);
    Outcome::of(run.args(program).output().unwrap());
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(&stats).unwrap()).unwrap();
    report["peak_footprint"].as_f64().unwrap()
}

/// Programs that are nearly everywhere, each with something to do in `folder`.
fn real_programs(folder: &Folder) -> Vec<Vec<String>> {
    let lines = |of: &str| (0..20_000).map(|n| format!("{of} {}\n", n * n % 977)).collect::<String>();
    let (old, new) = (folder.write("old", lines("a line")), folder.write("new", lines("a lane")));
    let body = (0..400)
        .map(|n| format!("int f{n}(int x) {{ for (int i = 0; i < x; i++) x ^= i * {n}; return x; }}\n"));
    let source = folder.write("many.i", body.collect::<String>());
    let shell = "declare -A t; for i in {1..4000}; do t[k$i]=\"value $i\"; done; echo ${#t[@]}";
    let table = "create table t(a, b); with recursive n(i) as (select 1 union all select i + 1 from n where \
        i < 20000) insert into t select i, 'row ' || i from n; select count(*) from t where b like '%9%';";
    let compiler = said("cc", &["-print-prog-name=cc1"]);
    let python = said("python3", &["-c", "import sys; print(sys.executable)"]);
    let wanted: [&[&str]; 6] = [
        &[&compiler, "-O2", "-quiet", "-fpreprocessed", &source, "-o", "/dev/null"],
        &[&python, "-c", "print(len({str(i): [i, str(i)] for i in range(15000)}))"],
        &["perl", "-e", "my %t = map { (\"k$_\" => [$_, \"v$_\" x 2]) } 0..8000; print scalar(keys %t)"],
        &["git", "diff", "--no-index", &old, &new],
        &["sqlite3", ":memory:", table],
        &["bash", "-c", shell],
    ];
    let is_there = |line: &&[&str]| !said("sh", &["-c", &format!("command -v '{}'", line[0])]).is_empty();
    wanted.into_iter().filter(is_there).map(|line| line.iter().map(ToString::to_string).collect()).collect()
}

/// What a program writes, without the ends; nothing if it is not there.
fn said(program: &str, args: &[&str]) -> String {
    let output = std::process::Command::new(program).args(args).output();
    output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The same of a replay of `trace`.
fn replayed(policy: &str, trace: &str) -> f64 {
    let csv = alike(&["replay", "--live", "--policy", policy, "--format", "csv", trace]).output();
    let csv = Outcome::of(csv.unwrap()).success();
    let [[peak]] = &common::columns(&csv, ["peak"])[..] else { panic!("{csv}") };
    peak.parse().unwrap()
}

/// Asserts that a process of `program` takes what its replay says, but for `bound`.
fn assert_near(folder: &Folder, policy: &str, program: &[&str], trace: &str, bound: f64) {
    let (taken, replayed) = (taken(folder, policy, program), replayed(policy, trace));

    assert!(
        (replayed / taken - 1.0).abs() <= bound,
        "{program:?}, {policy}: {taken} taken, {replayed} in the replay"
    );
}

#[test]
fn a_live_replay_says_what_a_process_takes_under_every_policy() {
    let folder = Folder::new();
    let (program, target) = (folder.file("mixed"), folder.file("a.hmt"));
    compile(MIXED, &program, &["-fno-builtin", "-pthread"]);
    under_library(&["record", "-o", &target, "--", &program]).success();
    let policies = heapmm(["policies", "--format", "csv"]).success();
    let names = common::columns(&policies, ["name"]);

    for [name] in &names {
        assert_near(&folder, name, &[&program], &target, 0.001);
    }

    assert!(names.len() >= 21, "{policies}");
}

#[test]
fn a_live_replay_gives_each_thread_its_bins() {
    let folder = Folder::new();
    let (program, target) = (folder.file("mixed"), folder.file("a.hmt"));
    compile(MIXED, &program, &["-fno-builtin", "-pthread"]);
    under_library(&["record", "-o", &target, "--", &program, "4"]).success();

    assert_near(&folder, "fast", &[&program, "4"], &target, 0.05);
}

#[test]
fn what_a_comparison_advises_is_true_of_real_programs() {
    let folder = Folder::new();
    let programs = real_programs(&folder);

    for program in &programs {
        let (words, target) = (program.iter().map(String::as_str).collect::<Vec<_>>(), folder.file("a.hmt"));
        Outcome::of(alike(&["record", "-o", &target, "--"]).args(&words).output().unwrap());
        let text = heapmm(["compare", "--policies", "fast,segregated-best,slab", &target]).success();
        let (_, advice) = text.split_once("\nTake ").unwrap_or_else(|| panic!("{text}"));
        let (pick, _) = advice.split_once(':').unwrap();

        assert!(advice.contains(&format!("with HEAPMM_POLICY={pick} the process takes ")), "{text}");
        for policy in ["fast", pick] {
            assert_near(&folder, policy, &words, &target, 0.05);
        }
    }

    assert!(programs.len() >= 3, "{programs:?}");
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
