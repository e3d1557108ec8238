//! Files that are whole or not there: written under a temporary name beside the place, then renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::fail::{Fail, Verdict};

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
        let mut this = Self::new(target)?;
        this.write_all(bytes).map_err(|error| Fail::io(target, &error))?;
        this.finish()
    }

    /// Puts the file in its place.
    pub fn finish(mut self) -> Verdict<()> {
        let done = match self.out.take() {
            Some(mut out) => out.flush(),
            None => Ok(()),
        };
        let placed = done.and_then(|()| {
            if self.draft == self.target { Ok(()) } else { fs::rename(&self.draft, &self.target) }
        });
        if placed.is_err() {
            self.discard();
        }
        placed.map_err(|error| Fail::io(&self.target, &error))
    }

    fn discard(&self) {
        if self.draft != self.target {
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
    let Some(name) = target.file_name() else {
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
