//! What all stories share: compiling a story, running it, reading its figures.

mod designs;
mod fork;
mod loading;
mod memory;
mod refusal;
mod threads;
mod tools;

use std::path::PathBuf;
use std::time::Duration;

use crate::support::{LATE, LITERAL, Outcome, Run, THREE, compile, designs, variables};

/// The setups that a story runs under, where the literal one is quick enough.
const POLICIES: [Option<&str>; 3] = THREE;
/// The bound of a long story; the machine may be busy.
const LONG: Duration = Duration::from_secs(180);

/// Compiles a story.
fn program(name: &str) -> PathBuf {
    compile(&format!("story_{name}"), &["-fno-builtin"])
}

/// A run of a story under the library.
fn story(name: &str, arguments: &[&str], policy: Option<&str>) -> Run {
    Run::new(program(name)).args(arguments).preload(policy).timeout(LONG)
}

/// Options by which strace gives its program the variables of a setup.
fn for_strace(setup: Option<&str>) -> Vec<String> {
    let pairs = variables(setup).into_iter();
    pairs.flat_map(|(name, value)| ["-E".to_owned(), format!("{name}={value}")]).collect()
}

/// The same story with the C library's own allocator.
fn without(name: &str, arguments: &[&str]) -> Run {
    Run::new(program(name)).args(arguments).timeout(LONG)
}

/// The numbers that a story printed.
fn figures(outcome: &Outcome) -> Vec<i64> {
    let text = outcome.text();
    let words = text.split_whitespace();
    words.map(|word| word.parse().expect("a figure")).collect()
}
