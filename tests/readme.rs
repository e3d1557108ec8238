//! The README keeps its word: its blocks run and compile, its tables are those of the sources.
//!
//! ```text
//!   ```sh    with the first line `# tested`   runs in the root of the tree and succeeds
//!   ```c     a whole program                  compiles, links with -lheapmm, runs and succeeds
//! ```

#![allow(clippy::expect_used)]

mod support;

use std::fmt::Write;
use std::fs;

use heapmm_core::policy::POLICIES;
use heapmm_core::settings::{PAGES, Page};
use support::{Run, Scratch, library, root};

/// The first line of a block that is run.
const TESTED: &str = "# tested\n";

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("the README can be read")
}

/// The texts of all blocks in `language`.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let fence = format!("\n```{language}\n");
    let starts = text.match_indices(&fence).map(|(at, _)| at + fence.len());
    starts.map(|at| text[at..].split_once("\n```").expect("a block ends").0.to_owned() + "\n").collect()
}

#[test]
fn every_tested_shell_block_of_the_readme_succeeds() {
    library();
    let tested: Vec<String> = blocks("sh").into_iter().filter(|block| block.starts_with(TESTED)).collect();
    assert!(tested.len() >= 3, "the README lost its tested blocks");

    for block in tested {
        let outcome = Run::shell(&format!("set -e\n{block}")).dir(root()).run();

        assert_eq!(outcome.status, Some(0), "{block}\n{}\n{}", outcome.text(), outcome.errors());
    }
}

#[test]
fn every_c_block_of_the_readme_compiles_links_and_runs() {
    let folder = library().parent().unwrap().to_str().unwrap();
    let programs = blocks("c");
    assert!(!programs.is_empty(), "the README lost its program");

    for text in programs {
        let scratch = Scratch::new();
        let source = scratch.path().join("block.c");
        fs::write(&source, &text).unwrap();
        let program = scratch.path().join("block");
        let command = ["-Wall", "-Wextra", "-Werror", "-Iinclude", "-o"].map(str::to_owned);
        let files = [&program, &source].map(|path| path.display().to_string());
        let link = [format!("-L{folder}"), "-lheapmm".to_owned(), format!("-Wl,-rpath,{folder}")];
        let args = command.iter().chain(&files).chain(&link);

        let compiled = Run::new("gcc").args(args).dir(root()).run();

        assert_eq!(compiled.status, Some(0), "{text}\n{}", compiled.errors());
        let outcome = Run::new(&program).run();
        assert_eq!(outcome.status, Some(0), "{text}\n{}", outcome.errors());
    }
}

#[test]
fn the_settings_of_the_readme_are_those_of_the_library() {
    let mut table = String::from("| setting | default | values | what it does |\n|---|---|---|---|\n");
    for Page { name, values, default, help } in PAGES {
        writeln!(table, "| `HEAPMM_{name}` | {default} | {values} | {help} |").unwrap();
    }

    assert!(readme().contains(&format!("\n\n{table}\n")), "the table of settings should be:\n{table}");
}

#[test]
fn the_policies_of_the_readme_are_those_of_the_sources() {
    let mut table = String::from("| policy | where a block is placed |\n|---|---|\n");
    for row in POLICIES {
        writeln!(table, "| `{}` | {} |", row.name, row.help).unwrap();
    }

    assert!(readme().contains(&format!("\n\n{table}\n")), "the table of policies should be:\n{table}");
}
