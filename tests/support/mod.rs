//! What every black-box suite stands on: the built library, compiled test
//! programs, and bounded runs of commands with or without the preload.
//!
//! ```text
//!   library() ──┐
//!   compile() ──┼──> Run ── run() ──> Outcome { stdout, stderr, status, reports }
//!   need()  ────┘                                                      │
//!                                                   Report::check() <──┘
//! ```
//!
//! - Every run is bounded in time and, unless a program cannot bear it, in
//!   address space; a run that exceeds its time is killed with its process
//!   group, and its test fails.
//! - Every run starts from the same small environment, never from the caller's.

// Each suite is a crate of its own and uses its own part of this module.
#![allow(dead_code, unused_imports, unreachable_pub)]
// A test may fail loudly.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod compiler;
mod report;
mod run;
mod scratch;
mod setup;

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

pub use compiler::compile;
pub use report::Report;
pub use run::{Outcome, Run};
pub use scratch::Scratch;
pub use setup::{
    CHECKED, DEFERRED, FILLED, LATE, LITERAL, THREE, UNCACHED, designs, every_kind, policy_of, variables,
};

/// The directory of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The shared library, built once per test process.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| built("libheapmm.so"))
}

/// The static library, built once per test process.
pub fn archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| built("libheapmm.a"))
}

/// Builds the package and returns the path of one of its products.
fn built(product: &str) -> PathBuf {
    static BUILD: OnceLock<()> = OnceLock::new();
    BUILD.get_or_init(build);
    let path = root().join("target/release").join(product);
    assert!(path.exists(), "cargo built no {product}");
    path
}

/// `cargo test` builds no cdylib, so that the suites ask for it themselves.
fn build() {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "-p", "heapmm", "--target-dir"])
        .arg(root().join("target"))
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "the library does not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Whether `program` is installed. A missing one is noted in
/// `target/tests/missing.txt`, which the Makefile prints; under CI it panics.
pub fn need(program: &str) -> bool {
    if find(program).is_some() {
        return true;
    }
    assert!(
        env::var_os("CI").is_none_or(|value| value != "true"),
        "{program} is missing; scripts/setup.sh installs it"
    );
    note_missing(program);
    false
}

/// Appends `program` to the list of missing ones, once per test process.
fn note_missing(program: &str) {
    static NOTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if !NOTED.lock().unwrap().insert(program.to_owned()) {
        return;
    }
    let folder = products();
    let mut list = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("missing.txt"))
        .expect("the list of missing programs opens");
    writeln!(list, "{program}").expect("the list of missing programs takes a line");
}

/// Where test programs and lists are kept; made on first use.
fn products() -> PathBuf {
    let folder = root().join("target/tests");
    fs::create_dir_all(&folder).expect("target/tests can be made");
    folder
}

/// The file that `program` means on the search path of a run.
pub fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|folder| folder.join(program)).find(|file| {
        fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    })
}

/// The search path of every run: the distribution's own programs first, so
/// that a version manager's wrapper is not taken for the program.
pub fn search_path() -> OsString {
    let fixed = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];
    let inherited = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = fixed.iter().map(PathBuf::from).collect();
    for folder in env::split_paths(&inherited).chain(server_folders()) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    env::join_paths(folders).expect("no folder on PATH has a colon")
}

/// Where Debian keeps the programs of the database servers.
fn server_folders() -> Vec<PathBuf> {
    let Ok(versions) = fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    versions.filter_map(|version| Some(version.ok()?.path().join("bin"))).collect()
}
