//! The directory that every command of the tables works in: small files of
//! each kind, the same in every run, with the same times.

use std::fmt::Write;
use std::fs::{self, File, FileTimes, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

/// The time of every file: 2001-09-09 01:46:40 UTC.
const TIME: Duration = Duration::from_secs(1_000_000_000);

/// Makes the fixture at `folder`, which does not exist yet.
pub(super) fn make(folder: &Path) {
    fs::create_dir(folder).expect("no fixture stands where one is made");
    for (name, content) in files() {
        let path = folder.join(name);
        let parent = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(parent).expect("a folder of the fixture can be made");
        fs::write(&path, content).expect("a file of the fixture can be written");
    }
    symlink("words.txt", folder.join("link")).expect("a link can be made");
    symlink("nowhere", folder.join("dangling")).expect("a link can be made");
    let executable = Permissions::from_mode(0o755);
    fs::set_permissions(folder.join("script.sh"), executable).expect("a mode can be set");
    age(folder).expect("times can be set");
}

/// Removes the fixture, whatever a command made of its modes.
pub(super) fn clear(folder: &Path) {
    fs::remove_dir_all(folder).expect("a fixture can be removed");
}

/// Sets the times of all files below, then of the directory itself.
fn age(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        let data = fs::symlink_metadata(&path)?;
        if data.is_dir() {
            age(&path)?;
        } else if data.is_file() {
            set_time(&path)?;
        }
    }
    set_time(folder)
}

/// Sets the times of one file or directory.
fn set_time(path: &Path) -> io::Result<()> {
    let time = UNIX_EPOCH + TIME;
    File::open(path)?.set_times(FileTimes::new().set_accessed(time).set_modified(time))
}

/// The files and their content, made up once.
fn files() -> &'static [(&'static str, Vec<u8>)] {
    static FILES: OnceLock<Vec<(&'static str, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(made_up)
}

/// Makes up the content.
fn made_up() -> Vec<(&'static str, Vec<u8>)> {
    let words = words(400);
    let mut sorted: Vec<&str> = words.lines().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let odd: Vec<&str> = sorted.iter().step_by(2).copied().collect();
    let third: Vec<&str> = sorted.iter().step_by(3).copied().collect();
    let numbers: String = dice(300).map(|n| format!("{}\n", n % 10_000)).collect();
    let bytes: Vec<u8> = dice(5000).map(|n| n.to_le_bytes()[0]).collect();
    vec![
        ("words.txt", words.clone().into_bytes()),
        ("sorted.txt", lines(&sorted)),
        ("left.txt", lines(&odd)),
        ("right.txt", lines(&third)),
        ("numbers.txt", numbers.into_bytes()),
        ("binary.bin", bytes),
        ("empty", Vec::new()),
        ("prose.txt", PROSE.repeat(12).into_bytes()),
        ("table.tsv", table(60).into_bytes()),
        ("many.txt", self::words(20_000).into_bytes()),
        ("tree/a/one.txt", b"one\n".to_vec()),
        ("tree/a/two.c", b"int two(void) { return 2; }\n".to_vec()),
        ("tree/b/three.txt", b"three\nthree\n".to_vec()),
        ("tree/b/deep/er/four.log", b"four\n".repeat(400)),
        ("script.sh", b"#!/bin/sh\necho script \"$@\"\n".to_vec()),
        ("order.txt", b"a b\nb c\nc d\nb d\ne a\n".to_vec()),
        ("dollars.env", b"A=1\nB=two words\n".to_vec()),
    ]
}

/// A text that wraps, with a blank line and tabs in it.
const PROSE: &str = "The heap is one list of blocks, and every byte of it belongs to one of them.\n\
    A block has a header;\ta free one has a footer too, so that its neighbour finds it.\n\n\
    Who asks for memory gets the smallest block that is large enough, and the rest stays free.\n";

/// Numbers that look random and are the same in each run (Lehmer's generator).
fn dice(count: usize) -> impl Iterator<Item = u64> {
    let next = |state: &u64| Some(state * 48_271 % 2_147_483_647);
    std::iter::successors(Some(20_011), next).skip(1).take(count)
}

/// Lines of one word each; many of them stand more than once.
fn words(count: usize) -> String {
    let syllables = ["he", "ap", "lo", "mar", "tin", "so", "vek", "ra", "du", "fi"];
    let syllable = |n: u64| syllables[usize::try_from(n % 10).unwrap_or_default()];
    let word = |n: u64| [syllable(n / 7), syllable(n / 91), syllable(n / 1009)].concat() + "\n";
    dice(count).map(word).collect()
}

/// Lines of a key, a name, a number and a word, with tabs between them.
fn table(count: usize) -> String {
    let mut text = String::new();
    for (row, number) in dice(count).enumerate() {
        let part = ["north", "south", "east", "west"][row % 4];
        writeln!(text, "k{row:03}\titem {row}\t{}\t{part}", number % 1000).expect("a string takes text");
    }
    text
}

/// The bytes of a file of these lines.
fn lines(lines: &[&str]) -> Vec<u8> {
    (lines.join("\n") + "\n").into_bytes()
}
