//! What a program under the library says of its settings, and what it does with them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::time::Duration;

use support::{Run, Scratch};

/// A program with nothing but these variables beside the library.
fn run(command: &str, variables: &[(&str, &str)]) -> Run {
    let run = Run::shell(command).env("LD_PRELOAD", support::library());
    variables.iter().fold(run, |run, (name, value)| run.env(name, value))
}

/// What `sh -c :` says with these variables.
fn said(variables: &[(&str, &str)]) -> String {
    run(":", variables).run().succeeded().errors()
}

#[test]
fn the_commands_own_variable_is_not_named() {
    assert_eq!(said(&[("HEAPMM_LIB", "/somewhere/libheapmm.so")]), "");
}

#[test]
fn a_bad_setting_gets_one_line_that_says_where_it_stands_and_what_to_do() {
    let values = "it takes: a name that `heapmm policies` lists";
    for ((name, value), line) in [
        (("HEAPMM_POLICI", "fast"), "unknown setting HEAPMM_POLICI; did you mean HEAPMM_POLICY?"),
        (
            ("HEAPMM_POLICY", "bets-fit"),
            &*format!("HEAPMM_POLICY cannot be 'bets-fit'; {values}; did you mean segregated-best?"),
        ),
        (("HEAPMM_POLICY", "a\nb"), &*format!("HEAPMM_POLICY cannot be 'a?b'; {values}")),
        (("HEAPMM_CONF", "trim:1Q"), "HEAPMM_CONF: TRIM cannot be '1Q'; it takes: a size"),
        (
            ("HEAPMM_CONF", "/etc/heapmm.conf"),
            "HEAPMM_CONF: '/etc/heapmm.conf' has no value; it takes option:value,option:value, not a file's name",
        ),
    ] {
        assert_eq!(said(&[(name, value)]), format!("heapmm: {line}\n"));

        let strict = run(":", &[(name, value), ("HEAPMM_STRICT", "1")]).run();
        assert_eq!(strict.status, Some(78), "{name}={value}");
    }
}

#[test]
fn verbose_names_the_policy_and_every_setting_that_counts() {
    let variables = [
        ("HEAPMM_VERBOSE", "1"),
        ("HEAPMM_TRIM", "2M"),
        ("HEAPMM_CONF", "trim:1M,policy:lifo-first,errors=warn,fill:wrong"),
    ];

    let said = said(&variables);

    let told: Vec<&str> = said.lines().skip(1).collect();
    assert!(told[0].starts_with("heapmm: version ") && told[0].ends_with(", policy lifo-first"), "{said}");
    assert_eq!(told[1..], ["heapmm: HEAPMM_ERRORS=warn", "heapmm: HEAPMM_TRIM=2M"]);
}

/// A folder, a report that cannot be written there, and why.
const UNWRITABLE: [(&str, &str); 5] = [
    ("nowhere/report", "no such folder"),
    ("nowhere/%p.%n", "no such folder"),
    ("file/report", "a part of the path is no folder"),
    (".", "it is a folder"),
    ("/dev/full", "no space left on the device"),
];

#[test]
fn a_report_that_cannot_be_written_gets_one_line() {
    let folder = Scratch::new();
    folder.write("file", "");
    for (out, why) in UNWRITABLE {
        let variables = [("HEAPMM_STATS", "exit"), ("HEAPMM_LEAKS", "exit"), ("HEAPMM_OUT", out)];

        let outcome = run("echo yes", &variables).dir(folder.path()).run().succeeded();

        let line =
            format!("cannot write the report to HEAPMM_OUT={out}: {why}; the program runs on without it");
        assert_eq!((outcome.text(), outcome.errors()), ("yes\n".into(), format!("heapmm: {line}\n")));
    }
}

#[test]
fn a_program_that_closes_its_stderr_tells_it_all_the_same() {
    // Only the last process is told of: the shell becomes it.
    for out in ["/nowhere/report", "/dev/full"] {
        for limit in [16, 700] {
            let command = format!("ulimit -n {limit}; LD_PRELOAD=$LIBRARY exec ls -d /");
            let run = Run::shell(&command).env("LIBRARY", support::library());
            let outcome = run.env("HEAPMM_STATS", "exit").env("HEAPMM_OUT", out).run().succeeded();

            let said = outcome.errors();
            assert_eq!((outcome.text(), said.lines().count()), ("/\n".into(), 1), "{out}: {said}");
        }
    }
}

#[test]
fn a_daemon_keeps_no_stderr_for_a_report_that_goes_to_a_file() {
    if !support::need("perl") {
        return;
    }
    let folder = Scratch::new();
    let daemon = "exit if fork; close STDERR; open my $end, '<', 'end'";
    // It runs on until the one that reads its stderr has come to an end; `done` ends with it.
    let command = "mkfifo end done; cat done & \
        LD_PRELOAD=$LIBRARY perl -e \"$DAEMON\" 9>done 2>&1 >/dev/null | cat; echo >end; wait";

    let run = Run::shell(command).env("LIBRARY", support::library()).env("DAEMON", daemon);
    let run = run.env("HEAPMM_STATS", "exit").env("HEAPMM_OUT", "%p").dir(folder.path());
    run.timeout(Duration::from_secs(20)).run().succeeded();

    // The two pipes and two reports.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn a_report_that_may_not_grow_costs_a_line_and_no_program() {
    let folder = Scratch::new();
    folder.write("report", "x".repeat(2000));
    let variables = [("HEAPMM_STATS", "exit"), ("HEAPMM_OUT", "report")];
    let line = "heapmm: cannot write the report to HEAPMM_OUT=report: the file may not grow further; the program \
        runs on without it\n";

    // The first has closed its stderr when the report is due: it is told at its start.
    for (command, status) in [("ulimit -f 0; exec ls -d /", 0), ("ulimit -f 1; echo /; exit 3", 3)] {
        let outcome = run(command, &variables).dir(folder.path()).run();

        assert_eq!(
            (outcome.status, outcome.text(), outcome.errors()),
            (Some(status), "/\n".into(), line.into())
        );
    }
    let command = "ulimit -f 0; exec 2>report; sh -c 'echo /; exit 3'";
    let outcome = run(command, &[("HEAPMM_STATS", "exit")]).dir(folder.path()).run();
    assert_eq!((outcome.status, outcome.text()), (Some(3), "/\n".into()));
}

#[test]
fn a_report_file_that_takes_no_byte_is_gone_if_it_was_made_for_the_report() {
    let folder = Scratch::new();
    folder.write("old", "");
    for out in ["old", "new", "%n"] {
        let variables = [("HEAPMM_STATS", "exit"), ("HEAPMM_LEAKS", "exit"), ("HEAPMM_OUT", out)];

        let outcome = run("ulimit -f 0; echo yes", &variables).dir(folder.path()).run().succeeded();

        assert_eq!(outcome.errors().lines().count(), 1, "{out}");
    }
    let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["old"]);
}

#[test]
fn a_report_to_a_pipe_waits_for_nobody_to_open_it() {
    let folder = Scratch::new();
    let ls = "LD_PRELOAD=$LIBRARY ls -d /";
    let line = "heapmm: cannot write the report to HEAPMM_OUT=pipe: nobody reads from it; the program runs on \
        without it\n";
    // The second finds it full, and a reader that takes its time.
    let full = "exec 3<>pipe 4<pipe; head -c 65000 /dev/zero >&3; { sleep 0.3; cat <&4 >report; } 3>&- &";
    for (command, errors, reports) in
        [(format!("mkfifo pipe; {ls}"), line, 0), (format!("{full} {ls}; exec 3>&-; wait"), "", 1)]
    {
        let run = Run::shell(&command).env("LIBRARY", support::library()).env("HEAPMM_STATS", "exit");
        let run = run.env("HEAPMM_OUT", "pipe").dir(folder.path()).timeout(Duration::from_secs(20));
        let outcome = run.run().succeeded();

        assert_eq!((outcome.text(), outcome.errors()), ("/\n".into(), errors.into()), "{command}");
        let report = fs::read_to_string(folder.path().join("report")).unwrap_or_default();
        assert_eq!(report.matches("heapmm  ls  pid ").count(), reports, "{command}");
    }
}

#[test]
fn a_stderr_that_nobody_reads_costs_the_report_and_no_program() {
    let folder = Scratch::new();
    let command = "mkfifo pipe; exec 3<>pipe 2>pipe 3>&-; LD_PRELOAD=$LIBRARY sh -c 'echo /; exit 3'";

    let run = Run::shell(command).env("LIBRARY", support::library()).env("HEAPMM_STATS", "exit");
    let outcome = run.dir(folder.path()).run();

    assert_eq!((outcome.status, outcome.text()), (Some(3), "/\n".into()));
}

#[test]
fn a_program_that_closes_its_stderr_reports_however_few_files_it_may_open() {
    for limit in [16, 256, 500, 501, 700] {
        let outcome = run(&format!("ulimit -n {limit}; exec ls -d /"), &[("HEAPMM_STATS", "exit")]);
        let outcome = outcome.run().succeeded();

        assert_eq!(outcome.text(), "/\n");
        assert!(outcome.errors().starts_with("heapmm  ls  pid "), "{limit} files: {}", outcome.errors());
    }
}

#[test]
fn a_report_file_is_not_made_before_the_report() {
    let folder = Scratch::new();
    let variables = [("HEAPMM_STATS", "exit"), ("HEAPMM_OUT", "report")];

    let outcome = run("ls; kill -9 $$", &variables).dir(folder.path()).run();

    assert_eq!((outcome.text(), outcome.errors()), (String::new(), String::new()));
}

#[test]
fn stderr_is_the_stream_and_stdout_is_refused() {
    let folder = Scratch::new();
    for out in ["stderr", "/dev/stderr"] {
        let outcome = run(":", &[("HEAPMM_STATS", "exit"), ("HEAPMM_OUT", out)]).dir(folder.path()).run();

        assert!(outcome.succeeded().errors().starts_with("heapmm  sh  pid "), "{out}");
    }
    let line = "heapmm: HEAPMM_OUT cannot be 'stdout'; it takes: a file name, or stderr\n";
    let outcome = run(":", &[("HEAPMM_OUT", "stdout")]).dir(folder.path()).run().succeeded();

    assert_eq!(outcome.errors(), line);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
