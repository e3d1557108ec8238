//! What is measured: the one table of rows.

/// Which number of a run a table shows and compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metric {
    /// What the load program printed.
    Value,
    /// Processor time, user and system, children included.
    Cpu,
    /// Peak resident memory of the largest process.
    Peak,
    /// Minor page faults, children included.
    Faults,
}

pub enum Work {
    /// A load program of `bench/load` and the name of its row.
    Load { program: &'static str, row: &'static str },
    /// A real program. `{input}` is bench/input, `{made}` the generated inputs,
    /// `{load}` the sources of the load programs.
    Program {
        argv: &'static [&'static str],
        stdin: &'static str,
        env: &'static [(&'static str, &'static str)],
    },
    /// redis-server, under its own benchmark as the client.
    Server,
}

pub struct Row {
    pub name: String,
    pub group: &'static str,
    pub what: &'static str,
    /// Unit of the time column.
    pub unit: &'static str,
    pub time: Option<Metric>,
    pub memory: Option<Metric>,
    pub work: Work,
    pub threads: u32,
    /// The row mostly sleeps, so all sides of a round run at once.
    pub idle: bool,
    /// The Debian package that brings the program.
    pub package: &'static str,
}

/// The groups in the order of the report, with a heading each.
pub const GROUPS: &[(&str, &str)] = &[
    ("pattern", "patterns, one thread (CPU time per operation)"),
    ("hand-over", "between two threads (wall time per operation)"),
    ("thread-1", "threaded loads on 1 thread (wall time per operation)"),
    ("thread-2", "threaded loads on 2 threads"),
    ("thread-4", "threaded loads on 4 threads"),
    ("thread-16", "threaded loads on 16 threads"),
    ("program", "real programs (CPU time)"),
    ("start", "process start"),
    ("memory", "memory kept and memory per payload byte"),
];

const PATTERNS: &[(&str, &str, &str)] = &[
    ("pair-16", "ns", "malloc and free, 16 B"),
    ("pair-1k", "ns", "malloc and free, 1 KiB"),
    ("pair-8k", "ns", "malloc and free, 8 KiB"),
    ("pair-64k", "ns", "malloc and free, 64 KiB"),
    ("pair-1m", "ns", "malloc and free, 1 MiB"),
    ("lifo-1000", "ns", "1000 x 64 B, last in first out"),
    ("fifo-100k", "ns", "100,000 x 64 B, first in first out"),
    ("replace-10k", "ns", "random replacement, 10,000 live, 16..1024 B"),
    ("replace-100k", "ns", "random replacement, 100,000 live, 16..1024 B"),
    ("replace-1m", "ns", "random replacement, 1,000,000 live, 16..128 B"),
    ("replace-log", "ns", "random replacement, 10,000 live, 16 B..64 KiB, log-uniform"),
    ("rebuild", "ns", "400,000 blocks of 16..128 B freed in any order, made again and read"),
    ("calloc-64", "ns", "calloc and free, 64 B"),
    ("realloc-double", "us", "realloc, doubling to 16 MiB"),
    ("realloc-10m", "ns", "realloc, +64 B up to 10 MB"),
    ("realloc-4k", "ns", "realloc, +64 B up to 4 KiB"),
];

const HAND_OVER: &[(&str, &str, &str)] = &[
    ("pipe-64", "ns", "one thread allocates 64 B, another frees"),
    ("pipe-mixed", "ns", "one thread allocates 16..1024 B, another frees"),
    ("bulk-64", "ns", "batches of 1000 x 64 B handed to another thread"),
    ("thread-life", "us", "create a thread, 64 mixed allocations, exit"),
];

const THREADED: &[(&str, &str, &str)] = &[
    ("server", "ns", "threads exchange blocks through a shared array"),
    ("uneven", "ns", "few producers, many consumers"),
    ("batch", "ns", "batches allocated in one thread, freed in the next"),
    ("churn", "ns", "short-lived threads that leave survivors"),
    ("sharing-active", "ns", "false sharing between fresh small blocks (per write)"),
    ("sharing-passive", "ns", "false sharing after foreign blocks were freed (per write)"),
    ("phases", "ns", "mixed sizes that grow and shrink in phases"),
];

const MEMORY: &[(&str, &str)] = &[
    ("footprint", "MB resident 1.2 s after 210 MB were freed"),
    ("density-32", "resident bytes per payload byte, 32 B blocks"),
    ("density-200", "resident bytes per payload byte, 200 B blocks"),
    ("density-1500", "resident bytes per payload byte, 1500 B blocks"),
    ("density-10000", "resident bytes per payload byte, 10,000 B blocks"),
];

type Argv = &'static [&'static str];
type Env = &'static [(&'static str, &'static str)];

/// name, what, package, arguments, standard input, environment
const PROGRAMS: &[(&str, &str, &str, Argv, &str, Env)] = &[
    ("cc", "a C compiler, -O2", "gcc", &["cc", "-O2", "-c", "{load}/threads.c", "-o", "/dev/null"], "", &[]),
    (
        "c++",
        "a C++ compiler, containers and templates",
        "g++",
        &["c++", "-O0", "-c", "{input}/shapes.cc", "-o", "/dev/null"],
        "",
        &[],
    ),
    (
        "python",
        "Python objects, every one from malloc",
        "python3",
        &["python3", "-S", "{input}/trees.py", "{made}/words.txt"],
        "",
        &[("PYTHONMALLOC", "malloc")],
    ),
    (
        "python-json",
        "Python as shipped, JSON in and out",
        "python3",
        &["python3", "-S", "{input}/documents.py", "{made}/people.json"],
        "",
        &[],
    ),
    (
        "perl",
        "Perl hashes, arrays, substitutions",
        "perl",
        &["perl", "{input}/words.pl", "{made}/words.txt"],
        "",
        &[],
    ),
    ("lua", "Lua trees and strings", "lua5.4", &["lua5.4", "{input}/trees.lua"], "", &[]),
    ("bash", "shell arrays and expansions", "bash", &["bash", "{input}/names.sh"], "", &[]),
    (
        "awk",
        "word counts in mawk",
        "mawk",
        &[
            "mawk",
            "{for(i=1;i<=NF;i++){n[$i]++;s[$i]=s[$i] NR}} END{for(w in n)c+=length(s[w]);print c}",
            "{made}/words.txt",
        ],
        "",
        &[],
    ),
    (
        "git-log",
        "git log with patches",
        "git",
        &["git", "-C", "{made}/repository", "log", "-p", "--stat"],
        "",
        &[],
    ),
    (
        "git-pack",
        "git packs all objects anew",
        "git",
        &[
            "git",
            "-C",
            "{made}/repository",
            "pack-objects",
            "--all",
            "--stdout",
            "--no-reuse-delta",
            "--threads=1",
            "-q",
        ],
        "",
        &[],
    ),
    ("sqlite", "a database in memory", "sqlite3", &["sqlite3", ":memory:"], "{input}/shop.sql", &[]),
    ("jq", "grouping JSON", "jq", &["jq", "-f", "{input}/report.jq", "{made}/people.json"], "", &[]),
    (
        "gs",
        "PostScript to pixels",
        "ghostscript",
        &[
            "gs",
            "-q",
            "-dNOPAUSE",
            "-dBATCH",
            "-sDEVICE=ppmraw",
            "-r60",
            "-sOutputFile=/dev/null",
            "{input}/pages.ps",
        ],
        "",
        &[],
    ),
    ("groff", "a long manual to text", "groff", &["groff", "-man", "-Tutf8", "{made}/manual.man"], "", &[]),
    (
        "convert",
        "scale, blur and rotate an image",
        "imagemagick",
        &[
            "convert-im6.q16",
            "-limit",
            "thread",
            "1",
            "{made}/photo.ppm",
            "-resize",
            "60%",
            "-blur",
            "0x2",
            "-rotate",
            "7",
            "ppm:/dev/null",
        ],
        "",
        &[],
    ),
];

fn load(
    group: &'static str,
    program: &'static str,
    &(row, unit, what): &(&'static str, &'static str, &'static str),
) -> Row {
    Row {
        name: row.to_string(),
        group,
        what,
        unit,
        time: Some(Metric::Value),
        memory: Some(Metric::Peak),
        work: Work::Load { program, row },
        threads: 1,
        idle: false,
        package: "",
    }
}

fn program(
    &(name, what, package, argv, stdin, env): &(
        &'static str,
        &'static str,
        &'static str,
        Argv,
        &'static str,
        Env,
    ),
) -> Row {
    Row {
        name: name.to_string(),
        group: "program",
        what,
        unit: "ms",
        time: Some(Metric::Cpu),
        memory: Some(Metric::Peak),
        work: Work::Program { argv, stdin, env },
        threads: 1,
        idle: false,
        package,
    }
}

/// Every row, in the order of the report.
pub fn all() -> Vec<Row> {
    let mut rows: Vec<Row> = PATTERNS.iter().map(|it| load("pattern", "patterns", it)).collect();
    rows.extend(HAND_OVER.iter().map(|it| load("hand-over", "threads", it)));
    for (group, threads) in [("thread-1", 1), ("thread-2", 2), ("thread-4", 4), ("thread-16", 16)] {
        rows.extend(THREADED.iter().map(|it| {
            let row = load(group, "threads", it);
            Row { name: format!("{}/{threads}", row.name), threads, ..row }
        }));
    }
    rows.extend(PROGRAMS.iter().map(program));
    let server = program(&(
        "redis",
        "redis-server under redis-benchmark (CPU of the server)",
        "redis-server",
        &[],
        "",
        &[],
    ));
    rows.push(Row { work: Work::Server, ..server });
    rows.extend(start());
    rows.extend(MEMORY.iter().map(|&(row, what)| Row {
        time: None,
        memory: Some(Metric::Value),
        idle: row == "footprint",
        ..load("memory", "memory", &(row, "", what))
    }));
    rows
}

fn start() -> [Row; 3] {
    let exec = program(&(
        "exec",
        "page faults of /bin/true from exec to exit",
        "coreutils",
        &["/bin/true"],
        "",
        &[],
    ));
    let storm = program(&(
        "storm",
        "300 short processes from a shell",
        "coreutils",
        &["sh", "{input}/storm.sh"],
        "",
        &[],
    ));
    let ls = program(&("ls", "a small command: ls -l", "coreutils", &["ls", "-l", "/usr/bin"], "", &[]));
    [
        Row { group: "start", time: None, memory: Some(Metric::Faults), ..exec },
        Row { group: "start", ..storm },
        Row { group: "start", time: None, ..ls },
    ]
}

/// Whether `name` matches `pattern`, in which `*` stands for any text.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len()).any(|at| tail.is_char_boundary(at) && matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_names_are_unique_and_their_groups_known() {
        let rows = all();

        let mut names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();

        assert_eq!(names.len(), rows.len());
        assert!(rows.iter().all(|row| GROUPS.iter().any(|(group, _)| *group == row.group)));
    }

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("replace-*", "replace-1m"));
        assert!(matches("*/16", "server/16"));
        assert!(matches("cc", "cc"));
        assert!(!matches("cc", "c++"));
        assert!(!matches("pair-*k", "pair-1m"));
    }
}
