//! A private folder for the time of one run.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use heapmm_core::observe::place::PRIVATE;
use heapmm_core::settings::Pattern;

use crate::fail::{Fail, Verdict, plain};

/// A folder that only this user can enter; it goes away with its value.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// The folder itself, locked for as long as this process lives, where that can be.
    _lock: Option<File>,
}

impl Scratch {
    /// A new folder below TMPDIR.
    pub fn new() -> Verdict<Self> {
        let folder = std::env::temp_dir();
        Self::within(&folder).map_err(|error| {
            let (folder, why) = (folder.display(), plain(&error));
            Fail::new(Fail::OWN, format!("{folder}: {why}; TMPDIR should name a folder to write to"))
        })
    }

    /// A new folder within `folder`: for what may be too large for TMPDIR.
    pub fn within(folder: &Path) -> io::Result<Self> {
        let template = folder.join(format!("{PRIVATE}XXXXXX"));
        let text = CString::new(template.as_os_str().as_bytes())?.into_raw();
        // SAFETY: a string of our own, writable, with its zero byte.
        let made = unsafe { libc::mkdtemp(text) };
        let failed = io::Error::last_os_error();
        // SAFETY: `text` came from `into_raw`; mkdtemp keeps its length.
        let text = unsafe { CString::from_raw(text) };
        if made.is_null() {
            return Err(failed);
        }
        let path = PathBuf::from(OsString::from_vec(text.into_bytes()));
        let lock = lock(&path);
        Ok(Self { path, _lock: lock })
    }

    /// The setting that makes the library leave a file here for each process; status 125 if it is too long.
    pub fn pattern(&self) -> Verdict<OsString> {
        let escaped = self.path.as_os_str().as_bytes().iter().flat_map(|byte| match byte {
            b'%' => vec![b'%', b'%'],
            byte => vec![*byte],
        });
        let pattern: Vec<u8> = escaped.chain(*b"/%p.%n").collect();
        if pattern.len() > Pattern::MOST {
            let folder = self.path.parent().unwrap_or(&self.path).display();
            return Err(Fail::new(
                Fail::OWN,
                format!("{folder}: too long a path for the library to write to"),
            ));
        }
        Ok(OsString::from_vec(pattern))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that cannot be removed is left to the system's cleaning.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The folders in `folder` whose processes could not take them away.
pub fn abandoned(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = files.filter(|file| file.file_name().as_bytes().starts_with(PRIVATE.as_bytes()));
    ours.map(|file| file.path()).filter(|path| path.is_dir() && lock(path).is_some()).collect()
}

/// Locks a folder, if nobody else has.
fn lock(folder: &Path) -> Option<File> {
    File::open(folder).ok().filter(|file| file.try_lock().is_ok())
}
