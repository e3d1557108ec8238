//! Files that are whole or not there: written under a temporary name beside the place, then renamed.
//!
//! ```text
//!   Place ── long work ──► Draft ──► file        a place that cannot be written to is told first
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::fail::{Fail, Verdict};

/// Where a file will stand: it could be written there when it was looked at.
pub struct Place {
    target: PathBuf,
    /// What is no file stays open: the reader of a pipe would take a close for the end.
    special: Option<Draft>,
}

impl Place {
    /// Looks whether a file can be written at `target`, and leaves nothing there.
    pub fn new(target: &Path) -> Verdict<Self> {
        let draft = Draft::new(target)?;
        let special = draft.is_special().then_some(draft);
        Ok(Self { target: target.to_owned(), special })
    }

    /// Begins the file.
    pub fn draft(self) -> Verdict<Draft> {
        self.special.map_or_else(|| Draft::new(&self.target), Ok)
    }

    /// Writes `bytes` as the whole content.
    pub fn write(self, bytes: &[u8]) -> Verdict<()> {
        self.draft()?.write_whole(bytes)
    }

    /// Where it is.
    pub fn target(&self) -> &Path {
        &self.target
    }
}

/// Whether `a` and `b` are one file, or would be one once both are written.
pub fn is_same(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        path.canonicalize().ok().or_else(|| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Some(folder.unwrap_or(Path::new(".")).canonicalize().ok()?.join(path.file_name()?))
        })
    };
    place(a).is_some_and(|a| place(b) == Some(a))
}

/// A file under construction; dropped before [`Draft::finish`], it leaves nothing behind.
pub struct Draft {
    target: PathBuf,
    draft: PathBuf,
    out: Option<BufWriter<File>>,
}

impl Draft {
    /// Begins the file that will stand at `target`. Something that is not a file is written directly.
    pub fn new(target: &Path) -> Verdict<Self> {
        let special = fs::metadata(target).is_ok_and(|data| !data.is_file());
        let draft = if special { target.to_owned() } else { beside(target)? };
        let file = if special { open_special(&draft) } else { File::create_new(&draft) };
        let file = file.map_err(|error| Fail::io(target, &error))?;
        Ok(Self { target: target.to_owned(), draft, out: Some(BufWriter::new(file)) })
    }

    /// Writes `bytes` as the whole content of `target`.
    pub fn write(target: &Path, bytes: &[u8]) -> Verdict<()> {
        Self::new(target)?.write_whole(bytes)
    }

    /// Where it will stand.
    pub fn target(&self) -> &Path {
        &self.target
    }

    fn write_whole(mut self, bytes: &[u8]) -> Verdict<()> {
        self.write_all(bytes).map_err(|error| Fail::io(&self.target, &error))?;
        self.finish()
    }

    /// Whether what stands there is no file, and is written directly.
    pub fn is_special(&self) -> bool {
        self.draft == self.target
    }

    /// Puts the file in its place.
    pub fn finish(mut self) -> Verdict<()> {
        let done = match self.out.take() {
            Some(mut out) => out.flush(),
            None => Ok(()),
        };
        let placed = done
            .and_then(|()| if self.is_special() { Ok(()) } else { fs::rename(&self.draft, &self.target) });
        if placed.is_err() {
            self.discard();
        }
        placed.map_err(|error| Fail::io(&self.target, &error))
    }

    fn discard(&self) {
        if !self.is_special() {
            // Nothing more can be done about a file that cannot be removed.
            let _ = fs::remove_file(&self.draft);
        }
    }
}

/// Opens something that is not a file; a pipe that nobody reads is refused instead of waited for.
fn open_special(path: &Path) -> io::Result<File> {
    let file = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    // SAFETY: changes how our own descriptor is written to.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, 0) };
    Ok(file)
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            self.discard();
        }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.out {
            Some(out) => out.write(bytes),
            None => Ok(0),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }
}

fn beside(target: &Path) -> Verdict<PathBuf> {
    let named = target.file_name().filter(|_| !target.as_os_str().as_bytes().ends_with(b"/"));
    let Some(name) = named else {
        return Err(Fail::new(Fail::IO, format!("{}: not a file name", target.display())));
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.part", std::process::id()));
    Ok(target.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::program::scratch::Scratch;

    #[test]
    fn an_unfinished_file_leaves_nothing_and_the_old_one_stays() {
        let folder = Scratch::new().unwrap();
        let target = folder.path().join("data");
        fs::write(&target, "old").unwrap();

        let mut draft = Draft::new(&target).unwrap();
        draft.write_all(b"new").unwrap();
        drop(draft);

        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_finished_file_replaces_the_old_one() {
        let folder = Scratch::new().unwrap();
        let target = folder.path().join("data");
        fs::write(&target, "old").unwrap();

        Draft::write(&target, b"new").unwrap();

        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
