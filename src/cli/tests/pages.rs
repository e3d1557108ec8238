//! The pages beside the code keep their word: what a command is said to print, it prints.
//!
//! ```text
//!   ```sh                    with the first line `# printed`: runs in a folder of its own
//!   ```text                  the block behind it: what that prints, to the letter
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Folder, Outcome};

const PRINTED: &str = "```sh\n# printed\n";

/// The pages below `folder` that quote what a command prints.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            pages(&path, found);
        } else if path.extension().is_some_and(|end| end == "md") {
            found.extend(std::fs::read_to_string(&path).unwrap().contains(PRINTED).then_some(path));
        }
    }
}

/// Commands and what they are said to print.
fn quotes(text: &str) -> Vec<(String, String)> {
    let blocks = text.split(PRINTED).skip(1);
    blocks
        .map(|block| {
            let (commands, rest) = block.split_once("```\n").expect("a block ends");
            let quote = rest.trim_start().strip_prefix("```text\n").expect("what is printed follows");
            (commands.to_owned(), quote.split_once("```").expect("a block ends").0.to_owned())
        })
        .collect()
}

#[test]
fn what_the_pages_quote_is_what_the_command_prints() {
    let mut found = Vec::new();
    pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut found);
    assert!(found.len() >= 7, "a page for each family of policies but the default: {found:?}");
    let binary = Path::new(env!("CARGO_BIN_EXE_heapmm")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());

    for page in found {
        for (commands, quote) in quotes(&std::fs::read_to_string(&page).unwrap()) {
            let folder = Folder::new();
            let mut shell = Command::new("sh");
            shell.args(["-ec", &format!("ulimit -v 8000000\n{commands}")]).env("PATH", &path);

            let output = Outcome::of(shell.current_dir(folder.path()).output().unwrap());

            assert_eq!(output.status, 0, "{}: {commands}{output:?}", page.display());
            let expected: Vec<&str> = quote.lines().map(str::trim_end).collect();
            let printed: Vec<&str> = output.stdout.lines().map(str::trim_end).collect();
            assert_eq!(printed, expected, "{}: {commands}{}", page.display(), output.stdout);
        }
    }
}
