//! What the command says about itself, and how it refuses.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Folder, columns, command, heapmm};

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
