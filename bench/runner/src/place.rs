//! Where things lie: the harness reads `bench/`, builds and runs under
//! `target/bench`, and leaves its results in `bench/results`.

use std::path::{Path, PathBuf};

/// `bench/`.
pub fn bench() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The project: what lies above `bench/`.
pub fn root() -> PathBuf {
    let bench = bench();
    bench.parent().map_or_else(|| PathBuf::from(".."), Path::to_path_buf)
}

/// Everything built or made by the harness.
pub fn target() -> PathBuf {
    root().join("target/bench")
}

/// Preloadable libraries of the peers and floors.
pub fn libraries() -> PathBuf {
    target().join("peers")
}

/// The compiled load programs.
pub fn loads() -> PathBuf {
    target().join("load")
}

/// Inputs too large to commit, made once.
pub fn made() -> PathBuf {
    target().join("input")
}

/// Reports, sockets and the like of a single run.
pub fn scratch() -> PathBuf {
    target().join("run")
}

/// The first directory of the standard ones that holds the program `name`.
pub fn program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.exists());
    }
    PROGRAM_PATH.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}

/// The search path of every measured program: the distribution's own programs, not
/// wrappers that a developer's shell may put before them.
pub const PROGRAM_PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";
