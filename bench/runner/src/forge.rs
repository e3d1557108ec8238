//! Builds what is measured and what measures: the peers' libraries and the load
//! programs. A peer that cannot be built is a line of text, not the end.

use crate::peer::{Peer, Source};
use crate::place;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One side of the comparison, ready to run.
#[derive(Clone)]
pub struct Side {
    pub peer: &'static Peer,
    /// What LD_PRELOAD names; nothing for the C library's own.
    pub library: Option<PathBuf>,
}

/// The load programs: file, compiler arguments.
const LOADS: &[(&str, &[&str])] = &[
    ("launch", &["-static"]),
    ("patterns", &["-fno-builtin-malloc"]),
    ("threads", &["-fno-builtin-malloc", "-pthread"]),
    ("memory", &["-fno-builtin-malloc"]),
    ("growth", &["-fno-builtin-malloc", "-lm"]),
];

/// Compiles every load program whose sources are newer than it.
pub fn loads() -> Result<()> {
    fs::create_dir_all(place::loads())?;
    fs::create_dir_all(place::scratch())?;
    for (name, arguments) in LOADS {
        let source = place::bench().join("load").join(format!("{name}.c"));
        let out = place::loads().join(name);
        if !stale(&out, &place::bench().join("load")) {
            continue;
        }
        let mut cc = Command::new("cc");
        cc.args(["-O2", "-g", "-Wall", "-Wextra", "-o"]).arg(&out).arg(source).args(*arguments);
        done(&mut cc)?;
    }
    Ok(())
}

/// The side for `peer`, built if need be.
pub fn side(peer: &'static Peer) -> Result<Side> {
    fs::create_dir_all(place::libraries())?;
    let library = match &peer.source {
        Source::Glibc => None,
        Source::Heapmm => Some(ours()?),
        Source::Debian { file, package } => Some(debian(file, package)?),
        Source::Crate { package, archive, flags, link } => Some(from_crate(package, archive, flags, link)?),
        Source::Floor { define } => Some(floor(peer.name, define)?),
    };
    let side = Side { peer, library };
    answers(&side)?;
    Ok(side)
}

/// heapmm as the default build leaves it; the environment may name another file,
/// which is how two builds of one's own are compared. What is measured is a copy,
/// so that a build during the run does not change sides in the middle.
fn ours() -> Result<PathBuf> {
    let library = match std::env::var_os("BENCH_LIBRARY") {
        Some(path) => PathBuf::from(path),
        None => place::root().join("target/release/libheapmm.so"),
    };
    if !library.exists() {
        bail!("{} is not there: run `cargo build --release` first", library.display());
    }
    let copy = place::libraries().join(format!("libheapmm-{}.so", std::process::id()));
    fs::copy(&library, &copy).with_context(|| library.display().to_string())?;
    Ok(copy)
}

/// Removes the copy that `ours` made.
pub fn tidy(sides: &[Side]) -> Result<()> {
    for side in sides {
        if let (Source::Heapmm, Some(copy)) = (&side.peer.source, &side.library) {
            fs::remove_file(copy)?;
        }
    }
    Ok(())
}

/// An installed library, or the package fetched and unpacked beside the others,
/// for which no rights are needed.
fn debian(file: &str, package: &str) -> Result<PathBuf> {
    let unpacked = place::target().join("debian");
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    let folders = [
        Path::new("/usr/lib").join(&multiarch),
        PathBuf::from("/usr/lib"),
        unpacked.join("usr/lib").join(&multiarch),
    ];
    let find = || folders.iter().map(|folder| folder.join(file)).find(|path| path.exists());
    if let Some(found) = find() {
        return Ok(found);
    }
    fs::create_dir_all(&unpacked)?;
    done(Command::new("apt-get").args(["download", package]).current_dir(&unpacked))
        .with_context(|| format!("Debian's package {package} is not installed and cannot be fetched"))?;
    for entry in fs::read_dir(&unpacked)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "deb") {
            done(Command::new("dpkg-deb").arg("-x").arg(&path).arg(&unpacked))?;
        }
    }
    find().with_context(|| format!("Debian's package {package} holds no {file}"))
}

/// Lets cargo build the archive, then links the whole of it as a library, so that
/// the peer's own functions are the exported ones.
fn from_crate(package: &str, archive: &str, flags: &str, link: &[&str]) -> Result<PathBuf> {
    let out = place::libraries().join(format!("lib{package}.so"));
    if !stale(&out, &place::bench().join("peers")) {
        return Ok(out);
    }
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--quiet", "--message-format=json", "-p", package])
        .current_dir(place::bench())
        .env("CARGO_TARGET_DIR", place::target())
        .env("CFLAGS", flags)
        .env("CXXFLAGS", flags);
    let messages = done(&mut cargo)?;
    let found = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["out_dir"].as_str().map(PathBuf::from))
        .find_map(|folder| {
            [folder.join(archive), folder.join("lib").join(archive)].into_iter().find(|at| at.exists())
        })
        .with_context(|| format!("the build of {package} left no {archive}"))?;
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-Wl,-Bsymbolic", "-o"])
        .arg(&out)
        .arg("-Wl,--whole-archive")
        .arg(found)
        .arg("-Wl,--no-whole-archive")
        .args(link);
    done(&mut cc)?;
    Ok(out)
}

fn floor(name: &str, define: &str) -> Result<PathBuf> {
    let out = place::libraries().join(format!("libfloor-{name}.so"));
    if stale(&out, &place::bench().join("load")) {
        let mut cc = Command::new("cc");
        cc.args(["-O2", "-fno-builtin", "-shared", "-fPIC", "-Wl,-Bsymbolic", define, "-o"])
            .arg(&out)
            .arg(place::bench().join("load/floor.c"));
        done(&mut cc)?;
    }
    Ok(out)
}

/// A program must survive under the library before it is measured, and the loader
/// must not have passed it over with a warning.
fn answers(side: &Side) -> Result<()> {
    let Some(library) = &side.library else { return Ok(()) };
    let out = Command::new(place::loads().join("patterns"))
        .args(["pair-16", "0.001"])
        .env("LD_PRELOAD", library)
        .output()?;
    if !out.status.success() || !out.stderr.is_empty() {
        bail!(
            "a first program under it fails: {} {}",
            out.status,
            String::from_utf8_lossy(&out.stderr).trim()
        );
    }
    Ok(())
}

/// Whether `out` is missing or older than a file directly or one level below `sources`.
fn stale(out: &Path, sources: &Path) -> bool {
    let Ok(built) = out.metadata().and_then(|meta| meta.modified()) else { return true };
    let newest = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
    };
    let below = fs::read_dir(sources).into_iter().flatten().flatten();
    let deepest = below.filter_map(|entry| newest(&entry.path())).max();
    newest(sources).max(deepest).is_none_or(|changed| changed > built)
}

/// Runs a tool to its end and returns what it printed.
fn done(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.output().with_context(|| format!("{name} cannot be started"))?;
    if !out.status.success() {
        let text = String::from_utf8_lossy(&out.stderr);
        let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message");
        bail!("{name}: {} ({})", last.trim(), out.status);
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
