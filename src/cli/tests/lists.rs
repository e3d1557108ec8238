//! What the command says about itself, and how it refuses.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Folder, Outcome, columns, command, heapmm, library};

#[test]
fn every_policy_is_listed_once_in_each_format() {
    let csv = heapmm(["policies", "--format", "csv"]).success();
    let json: serde_json::Value =
        serde_json::from_str(&heapmm(["policies", "--format", "json"]).success()).unwrap();
    let text = heapmm(["policies"]).success();

    let mut names: Vec<String> = columns(&csv, ["name"]).into_iter().map(|[name]| name).collect();
    assert_eq!(json["policies"].as_array().unwrap().len(), names.len());
    assert_eq!(text.lines().count(), names.len() + 1);
    assert!(
        ["segregated-best", "implicit-first", "buddy-binary"]
            .iter()
            .all(|name| names.iter().any(|n| n == name))
    );
    names.sort();
    names.dedup();
    assert_eq!(names.len() + 1, text.lines().count());
}

#[test]
fn every_setting_is_listed_with_its_default() {
    let json: serde_json::Value =
        serde_json::from_str(&heapmm(["options", "--format", "json"]).success()).unwrap();

    let rows = json["options"].as_array().unwrap();
    let stats = rows.iter().find(|row| row["name"] == "HEAPMM_STATS").unwrap();
    assert_eq!((stats["default"].as_str(), stats["values"].as_str()), (Some("off"), Some("off, exit")));
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for args in [&["wishful"][..], &["replay"], &[], &["run"], &["replay", "a", "--growth", "wild"]] {
        let output = command(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_status_1() {
    for args in
        [&["--help"][..], &["--version"], &["run", "--help"], &["help", "run"], &["options"], &["man"]]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let outcome = Outcome::of(command(args).stdout(full).output().unwrap());

        outcome.failure(1, "heapmm: standard output: No space left on device");
    }
    assert!(heapmm(["--version"]).success().starts_with("heapmm "));
}

#[test]
fn an_answer_without_a_stdout_is_status_1() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "1\n1\n2\n1\na 0 1\nf 0\n");

    for verb in [
        "--version",
        "--help",
        "policies",
        "options",
        "man",
        "completions bash",
        "doctor true",
        "replay \"$1\"",
        "replay \"$1\" --format csv",
        "compare \"$1\"",
        "step \"$1\"",
        "trace info \"$1\"",
    ] {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("\"$0\" {verb} >&-"), env!("CARGO_BIN_EXE_heapmm"), &file]);
        let outcome = Outcome::of(shell.env("HEAPMM_LIB", library()).output().unwrap());

        outcome.failure(1, "heapmm: standard output: Bad file descriptor");
    }
}

#[test]
fn a_rule_alone_is_short_for_a_policy() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "1\n1\n2\n1\na 0 1\nf 0\n");

    for (rule, policy) in
        [("best", "segregated-best"), ("first", "address-first"), ("worst", "address-worst")]
    {
        let text = heapmm(["replay", &file, "--policy", rule]).success();
        assert!(text.starts_with(policy), "{text}");
    }
    let one = heapmm(["compare", &file, "--policies", "best,segregated-best", "--format", "csv"]).success();
    assert_eq!(one.lines().filter(|line| line.starts_with("segregated-best,")).count(), 1, "{one}");
}

#[test]
fn a_policy_that_does_not_exist_is_status_2_with_a_suggestion() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "1\n1\n2\n1\na 0 1\nf 0\n");

    heapmm(["replay", &file, "--policy", "implicit-frist"]).failure(2, "did you mean implicit-first?");
    heapmm(["compare", &file, "--policies", "lifo-first,wishful"])
        .failure(2, "no policy 'wishful' can be replayed");
}

#[test]
fn the_version_is_that_of_the_workspace() {
    assert_eq!(heapmm(["--version"]).success(), format!("heapmm {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_and_manual_know_every_verb() {
    let folder = Folder::new();
    let bash = heapmm(["completions", "bash"]).success();
    let page = heapmm(["man"]).success();
    heapmm(["man", "--all", folder.path().to_str().unwrap()]).success();

    for verb in
        ["run", "doctor", "record", "replay", "compare", "step", "import", "export", "policies", "options"]
    {
        assert!(bash.contains(verb), "{verb}");
        assert!(page.contains(verb), "{verb}");
        assert!(folder.path().join(format!("heapmm-{verb}.1")).exists(), "{verb}");
    }
    assert!(page.contains("HEAPMM_POLICY"));
}

#[test]
fn a_full_disk_is_status_1() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();

    let status = command(["policies"]).stdout(full).status().unwrap();

    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_negative_number_is_told_what_the_option_takes() {
    let cases: [(&[&str], &str); 9] = [
        (&["replay", "a.rep", "--patience", "-1"], "a number that is not negative"),
        (&["compare", "a.rep", "--patience", "-0.5"], "a number that is not negative"),
        (&["step", "a.rep", "--from", "-1"], "a whole number from 1 to 18446744073709551615"),
        (&["step", "a.rep", "--to", "-1"], "a whole number from 0 to 18446744073709551615"),
        (&["step", "a.rep", "--width", "-1"], "-1 is not in 8..=1000"),
        (
            &["trace", "gen", "random", "-o", "a.rep", "--seed", "-1"],
            "a whole number from 0 to 18446744073709551615",
        ),
        (&["trace", "gen", "steady", "-o", "a.rep", "--rounds", "-1"], "a number from 0 to 100000000"),
        (&["trace", "gen", "steady", "-o", "a.rep", "--live", "-1"], "a number from 1 to 100000000"),
        (&["trace", "gen", "steady", "-o", "a.rep", "--largest", "-1"], "a number from 16 to 100000000"),
    ];

    for (args, words) in cases {
        let outcome = Outcome::of(command(args).output().unwrap());
        assert!(outcome.status == 2 && outcome.stderr.contains(words), "{outcome:?}");
    }
}

#[test]
fn help_tells_the_limits_that_are_kept() {
    let cases: [(&[&str], &[&str]); 3] = [
        (&["step", "--help"], &["8 to 1000"]),
        (&["trace", "gen", "--help"], &["up to 100,000,000", "1 to 100,000,000", "16 to 100,000,000 bytes"]),
        (&["run", "--help"], &["0 to 255"]),
    ];

    for (args, limits) in cases {
        let help = heapmm_of(args);
        assert!(limits.iter().all(|limit| help.contains(limit)), "{help}");
    }
}

#[test]
fn help_of_a_verb_is_what_the_verb_says_of_itself() {
    for verb in [&["run"][..], &["trace", "gen"], &["compare"]] {
        let asked = heapmm_of(&[&["help"], verb].concat());
        let own = heapmm_of(&[verb, &["--help"]].concat());

        assert_eq!(asked, own, "{verb:?}");
    }
    assert_eq!(command(["help", "wishful"]).output().unwrap().status.code(), Some(2));
}

fn heapmm_of(args: &[&str]) -> String {
    Outcome::of(command(args).output().unwrap()).success()
}

#[test]
fn a_name_in_a_message_cannot_move_the_cursor_or_begin_a_line() {
    let folder = Folder::new();
    let strange = folder.file("a\x1b[31mb\nc.rep");
    let shown = "a\\x1b[31mb\\nc.rep";

    heapmm(["replay", &strange]).failure(1, shown);
    let run = command(["run", "--", &strange]).env("HEAPMM_LIB", library()).output().unwrap();
    Outcome::of(run).failure(127, shown);
    heapmm(["replay", "/", "--policy", "a\x1bb"]).failure(2, "a\\x1bb");
    let refused = heapmm(["wish\x1bful"]);
    assert!(refused.stderr.contains("wish\\x1bful") && !refused.stderr.contains('\x1b'), "{refused:?}");
    std::fs::write(&strange, "1\n1\n2\n1\na 0 1\nf 0\n").unwrap();
    let text = heapmm(["replay", &strange]).success();
    assert!(text.contains(shown) && !text.contains('\x1b'), "{text:?}");
}

#[test]
fn the_next_command_can_be_typed_whatever_the_file_is_called() {
    let folder = Folder::new();
    let file = folder.write("it's a.rep", "1\n1\n2\n1\na 0 1\nf 0\n");

    let outcome = heapmm(["replay", &file]);

    let next = outcome.stderr.lines().last().unwrap().strip_prefix("next:  ").unwrap();
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_heapmm")).parent().unwrap();
    let typed = format!("PATH={}:$PATH; {next} --policies fast", folder.display());
    let status = std::process::Command::new("sh").args(["-c", &typed]).output().unwrap().status;
    assert!(status.success(), "{next}");
}

#[test]
fn a_mistyped_policy_gets_the_nearest_name_from_every_verb() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "1\n1\n2\n1\na 0 1\nf 0\n");

    heapmm(["run", "--policy", "fats", "--", "true"]).failure(2, "no policy 'fats'; did you mean fast?");
    heapmm(["leaks", "--policy", "Slab", "--", "true"]).failure(2, "did you mean slab?");
    heapmm(["replay", &file, "--policy", "buddy-binray"]).failure(2, "did you mean buddy-binary?");
    heapmm(["step", &file, "--policy", "nix"]).failure(2, "`heapmm policies` lists them");
    heapmm(["compare", &file, "--policies", "all,lifo-frist"]).failure(2, "did you mean lifo-first?");
    assert!(heapmm(["completions", "bash"]).success().contains("buddy-fibonacci"));
}
