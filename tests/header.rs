//! include/heapmm.h is what cbindgen makes of the sources: `make header` writes it anew.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// The header that the last build of the library generated.
fn generated() -> PathBuf {
    let build = support::root().join("target/release/build");
    let folders = fs::read_dir(build).unwrap().map(|entry| entry.unwrap().path());
    let headers = folders.map(|folder| folder.join("out/heapmm.h")).filter(|header| header.exists());
    let written = |header: &PathBuf| -> SystemTime { header.metadata().unwrap().modified().unwrap() };
    headers.max_by_key(written).expect("the build writes a header")
}

#[test]
fn the_committed_header_is_the_generated_one() {
    support::library();

    let committed = fs::read_to_string(support::root().join("include/heapmm.h")).unwrap();

    assert_eq!(committed, fs::read_to_string(generated()).unwrap(), "run `make header`");
}
