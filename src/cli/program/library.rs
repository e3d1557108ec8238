//! Where the library is: beside the command, or where HEAPMM_LIB says.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fail::{Fail, Verdict};

/// The file's name.
const NAME: &str = "libheapmm.so";

/// The library as an absolute path; status 125 if there is none.
pub fn path() -> Verdict<PathBuf> {
    if let Some(named) = env::var_os("HEAPMM_LIB") {
        let named = PathBuf::from(named);
        return named
            .canonicalize()
            .ok()
            .filter(|path| path.is_file())
            .ok_or_else(|| Fail::new(Fail::OWN, format!("HEAPMM_LIB: no file at {}", named.display())));
    }
    let own = env::current_exe().and_then(|path| path.canonicalize());
    let folder = own.ok().and_then(|path| path.parent().map(PathBuf::from)).unwrap_or_default();
    let places = [folder.join(NAME), folder.join("../lib").join(NAME), folder.join("../lib64").join(NAME)];
    let found = places.into_iter().find_map(|path| path.canonicalize().ok());
    found.ok_or_else(|| {
        let place = folder.display();
        Fail::new(
            Fail::OWN,
            format!("{NAME} is neither in {place} nor in {place}/../lib; HEAPMM_LIB can name it"),
        )
    })
}

/// The command of `words` as it runs under the library.
pub fn command(words: &[OsString]) -> Verdict<Command> {
    let library = path()?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command.env("LD_PRELOAD", preload(&library)?);
    Ok(command)
}

/// The value of LD_PRELOAD with the library first; status 125 where its path cannot be one.
fn preload(path: &Path) -> Verdict<OsString> {
    if path.as_os_str().as_bytes().iter().any(|byte| b" :".contains(byte)) {
        let why = "LD_PRELOAD cannot name a path with a space or a colon";
        return Err(Fail::new(Fail::OWN, format!("{}: {why}", path.display())));
    }
    let mut value = path.as_os_str().to_owned();
    if let Some(others) = env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
        value.push(":");
        value.push(others);
    }
    Ok(value)
}
