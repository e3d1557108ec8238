//! What a program under the library says of its settings, and what it does with them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use support::Run;

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
