//! A floor of src/core looks only down: every `use` is read.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

/// The floors, lowest first. Modules of one floor may use one another.
const FLOORS: &[&[&str]] = &[
    &["os"],
    &["block"],
    &["policy", "heap"],
    &["settings"],
    &["engine", "slab"],
    &["cache"],
    &["allocator", "observe", "named"],
];

/// Who may name the package libc: the floor that talks to the operating system.
const SPEAKS_TO_LIBC: &str = "os";

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

/// The module of src/core that `path` belongs to.
fn module_of(core: &Path, path: &Path) -> String {
    let first = path.strip_prefix(core).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The lines of code with the names of modules of this crate that each uses.
fn uses(text: &str) -> impl Iterator<Item = (&str, String)> {
    let code = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    code.flat_map(|line| {
        line.match_indices("crate::").map(move |(at, mark)| {
            let rest = &line[at + mark.len()..];
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
            (line, rest[..end].to_owned())
        })
    })
}

#[test]
fn no_floor_looks_up() {
    let core = support::root().join("src/core");
    let mut seen = 0;

    for path in sources(&core) {
        let here = module_of(&core, &path);
        let Some(floor) = floor_of(&here) else { continue };
        for (line, used) in uses(&fs::read_to_string(&path).unwrap()) {
            if let Some(other) = floor_of(&used) {
                assert!(other <= floor, "{}: {line}", path.display());
                seen += 1;
            }
        }
    }

    assert!(seen > 100, "the test reads the sources: {seen} uses");
}

#[test]
fn every_module_of_the_core_has_a_floor() {
    let core = support::root().join("src/core");

    let lost: Vec<_> = sources(&core)
        .into_iter()
        .filter(|path| module_of(&core, path) != "lib" && floor_of(&module_of(&core, path)).is_none())
        .collect();

    assert_eq!(lost, Vec::<PathBuf>::new());
}

#[test]
fn only_the_lowest_floor_names_libc() {
    let core = support::root().join("src/core");

    for path in sources(&core).iter().filter(|path| module_of(&core, path) != SPEAKS_TO_LIBC) {
        let text = fs::read_to_string(path).unwrap();
        let code = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        let named: Vec<_> = code.filter(|line| line.contains("libc::")).collect();
        assert_eq!(named, Vec::<&str>::new(), "{}", path.display());
    }
}
