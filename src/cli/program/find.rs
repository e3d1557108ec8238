//! Which file a command's name means, as execvp(3) finds it.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::fail::{Fail, Verdict, plain};

/// The file that `name` means; 127 if there is none, 126 if it cannot be executed.
pub fn program(name: &OsStr) -> Verdict<PathBuf> {
    if name.is_empty() {
        return Err(Fail::new(Fail::NOT_FOUND, "the command's name is empty"));
    }
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return runnable(&path).map(|()| path);
    }
    let mut refused = None;
    let folders = env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    for folder in env::split_paths(&folders) {
        let path = if folder.as_os_str().is_empty() { Path::new(".").join(name) } else { folder.join(name) };
        match runnable(&path) {
            Ok(()) => return Ok(path),
            Err(fail) if fail.status == Fail::NOT_EXECUTABLE && path.is_file() => refused = Some(fail),
            Err(_) => {}
        }
    }
    let missing = || Fail::new(Fail::NOT_FOUND, format!("{}: not found on PATH", name.display()));
    Err(refused.unwrap_or_else(missing))
}

fn runnable(path: &Path) -> Verdict<()> {
    let data = fs::metadata(path).map_err(|error| {
        let absent = error.kind() == std::io::ErrorKind::NotFound;
        let status = if absent { Fail::NOT_FOUND } else { Fail::NOT_EXECUTABLE };
        Fail::new(status, format!("{}: {}", path.display(), plain(&error)))
    })?;
    let refuse = |why| Err(Fail::new(Fail::NOT_EXECUTABLE, format!("{}: {why}", path.display())));
    if data.is_dir() {
        return refuse("a directory, not a program");
    }
    if data.permissions().mode() & 0o111 == 0 {
        return refuse("not executable (chmod +x makes it so)");
    }
    Ok(())
}
