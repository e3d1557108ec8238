//! What a live replay of a recording says is what a process takes.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Folder, Outcome, command, compile, heapmm, library, under_library};

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
