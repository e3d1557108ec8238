//! What the suites of the command share: the command itself, bounded and in a folder of its own.

#![allow(dead_code, reason = "each suite is a crate of its own and uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder for one test; it goes away with its value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("heapmm-cli-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file called `name`, as a word of a command line.
    pub fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file and returns its name as a word of a command line.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.file(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a run of the command gave.
#[derive(Debug)]
pub struct Outcome {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts success and returns stdout.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.stdout
    }

    /// Asserts failure with `status` and one line on stderr that contains `words`.
    #[track_caller]
    pub fn failure(self, status: i32, words: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("heapmm: "), "{self:?}");
        assert!(self.stderr.contains(words), "{self:?}");
    }
}

/// The command with `args`, at most five minutes: unoptimised replays walk long lists.
pub fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--foreground", "300", env!("CARGO_BIN_EXE_heapmm")]).args(args);
    for name in ["LD_PRELOAD", "HEAPMM_LIB", "HEAPMM_POLICY", "HEAPMM_CONF"] {
        command.env_remove(name);
    }
    command
}

/// Runs the command with `args`.
pub fn heapmm<const N: usize>(args: [&str; N]) -> Outcome {
    Outcome::of(command(args).output().unwrap())
}

/// The library, built once: `cargo test` of this package does not build it.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let target = Path::new(env!("CARGO_BIN_EXE_heapmm")).ancestors().nth(2).unwrap();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--release", "-p", "heapmm", "--target-dir"])
            .arg(target)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("release/libheapmm.so")
    })
}

/// Runs the command with `args` and the library at hand.
pub fn under_library(args: &[&str]) -> Outcome {
    Outcome::of(command(args).env("HEAPMM_LIB", library()).output().unwrap())
}

/// Compiles the C program `source` to `target` with `flags`.
pub fn compile(source: &str, target: &str, flags: &[&str]) {
    let input = format!("{target}.c");
    fs::write(&input, source).unwrap();
    let output = Command::new("cc").args(["-O1", "-o", target, &input]).args(flags).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The rows of a CSV with its head line, as the fields called `names`.
pub fn columns<const N: usize>(csv: &str, names: [&str; N]) -> Vec<[String; N]> {
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let places = names.map(|name| head.iter().position(|field| *field == name).unwrap());
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            places.map(|place| fields[place].to_owned())
        })
        .collect()
}
