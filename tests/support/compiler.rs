//! Test programs in C and C++: compiled when stale, once per set of options.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

/// Options of every test program.
const OPTIONS: [&str; 7] = ["-O1", "-g", "-Wall", "-Wextra", "-pthread", "-I", "include"];

/// Compiles `tests/c/NAME.c` or `tests/c/NAME.cpp` with `extra` after the
/// source, and returns the program. Panics with the compiler's message.
pub fn compile(name: &str, extra: &[&str]) -> PathBuf {
    let (compiler, source) = source_of(name);
    let program = super::products().join(file_name(name, extra));
    if is_fresh(&program, &source, extra) {
        return program;
    }

    // Tests run in parallel: each writes its own file, and the rename is atomic.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let draft = program.with_extension(format!("{}.{number}", process::id()));
    let output = Command::new(compiler)
        .args(OPTIONS)
        .arg("-o")
        .arg(&draft)
        .arg(&source)
        .args(extra)
        .current_dir(super::root())
        .output()
        .expect("the compiler starts");
    assert!(
        output.status.success(),
        "{compiler} refuses {}:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(&draft, &program).expect("a compiled program can be renamed");
    program
}

/// The compiler and the source file that `name` means.
fn source_of(name: &str) -> (&'static str, PathBuf) {
    let folder = super::root().join("tests/c");
    let c = folder.join(format!("{name}.c"));
    if c.exists() {
        return ("gcc", c);
    }
    let cpp = folder.join(format!("{name}.cpp"));
    assert!(cpp.exists(), "tests/c has no {name}.c and no {name}.cpp");
    ("g++", cpp)
}

/// One file per set of options: the name, and a hash of them if there are any.
fn file_name(name: &str, extra: &[&str]) -> String {
    if extra.is_empty() {
        return name.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    extra.hash(&mut hasher);
    format!("{name}-{:016x}", hasher.finish())
}

/// Whether the program is younger than everything it was made from.
fn is_fresh(program: &Path, source: &Path, extra: &[&str]) -> bool {
    let Some(made) = modified(program) else {
        return false;
    };
    let header = super::root().join("include/heapmm.h");
    let shared = headers(source.parent().expect("a source lies in a folder"));
    let linked = extra.iter().map(|option| super::root().join(option));
    [source.to_owned(), header]
        .into_iter()
        .chain(shared)
        .chain(linked)
        .filter_map(|input| modified(&input))
        .all(|time| time < made)
}

/// The header files of a folder.
fn headers(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("tests/c can be read");
    entries
        .map(|entry| entry.expect("tests/c can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "h"))
        .collect()
}

/// When a file was last written; none if there is no such file.
fn modified(path: &Path) -> Option<SystemTime> {
    let data = fs::metadata(path).ok()?;
    data.is_file().then(|| data.modified().ok())?
}
