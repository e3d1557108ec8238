//! Where the library is: beside the command, or where HEAPMM_LIB says.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::elf::{self, Program};
use super::inspect::{Findings, SHELL, Weight};
use crate::fail::{Fail, Verdict};

/// The file's name.
const NAME: &str = "libheapmm.so";

/// A function that the library has and no other.
const MARK: &str = "heapmm_version";

/// The library as an absolute path; status 125 if there is none.
pub fn path() -> Verdict<PathBuf> {
    if let Some(named) = env::var_os("HEAPMM_LIB") {
        if named.is_empty() {
            return Err(Fail::new(
                Fail::OWN,
                "HEAPMM_LIB is empty: it should name the library, or not be set",
            ));
        }
        let named = PathBuf::from(named);
        let path = named.canonicalize().ok().filter(|path| path.is_file());
        let missing = || Fail::new(Fail::OWN, format!("HEAPMM_LIB: no file at {}", named.display()));
        return checked(path.ok_or_else(missing)?);
    }
    let own = env::current_exe().and_then(|path| path.canonicalize());
    let folder = own.ok().and_then(|path| path.parent().map(PathBuf::from)).unwrap_or_default();
    let places = [folder.join(NAME), folder.join("../lib").join(NAME), folder.join("../lib64").join(NAME)];
    let found = places.into_iter().find_map(|path| path.canonicalize().ok());
    let missing = || {
        let place = folder.display();
        let words = format!("{NAME} is not in {place}, nor in ../lib or ../lib64 from there");
        Fail::new(Fail::OWN, format!("{words}; HEAPMM_LIB can name it"))
    };
    checked(found.ok_or_else(missing)?)
}

/// The library at `path`, if it is one that can be preloaded.
fn checked(path: PathBuf) -> Verdict<PathBuf> {
    let refuse = |why| Err(Fail::new(Fail::OWN, format!("{}: {why}", path.display())));
    if path.as_os_str().as_bytes().iter().any(|byte| b" :".contains(byte)) {
        return refuse("LD_PRELOAD cannot name a path with a space or a colon");
    }
    match elf::look(&path) {
        Ok(Program::Image(image)) if image.exports.iter().any(|name| name == MARK) && image.is_native => {
            Ok(path)
        }
        _ => refuse("not the library of heapmm, or not for this processor, or cut off"),
    }
}

/// The command of `words`, of which `findings` are known, as it runs under the `library`; without it, if the
/// program would not run with it.
pub fn command(library: &Path, words: &[OsString], findings: &Findings) -> Command {
    let mut command = Command::new(&words[0]);
    if findings.needs_shell {
        command = Command::new(SHELL);
        command.arg(&findings.file);
    }
    command.args(&words[1..]);
    if findings.weight() < Weight::Harmful {
        command.env("LD_PRELOAD", preload(library));
    }
    command
}

/// The value of LD_PRELOAD with the library at `path` first.
fn preload(path: &Path) -> OsString {
    let mut value = path.as_os_str().to_owned();
    if let Some(others) = env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
        value.push(":");
        value.push(others);
    }
    value
}
