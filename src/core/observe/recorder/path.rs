//! The file of a recorder: made by its pattern, found again where the program has closed it, complained of.

use core::ffi::CStr;

use super::Recorder;
use crate::observe::place::{self, Path};
use crate::observe::report::Process;
use crate::os::file;
use crate::os::refusal::{self, Refusal};
use crate::os::window::{self, Open};

/// Most files with one name and different numbers.
const MOST_NUMBERS: u32 = 100_000;

impl Recorder {
    /// The file, still ours or opened again ([D2](crate::os::window)).
    pub(super) fn opened(&self) -> Result<Open, Refusal> {
        let open = self.kept.open.get();
        let ours = self.kept.identity.get();
        if open.fd >= 0 && window::identity(open.fd) == Some(ours) {
            return Ok(open);
        }
        self.with_path(|path| {
            let open = window::open(path.as_path().ok_or(refusal::NO_FILE)?, false)?;
            if window::identity(open.fd) != Some(ours) {
                file::close(open.fd);
                return Err(refusal::NO_FILE);
            }
            self.kept.open.set(open);
            Ok(open)
        })
    }

    /// Closes the file that the parent of this process opened, if it still is that file.
    #[inline(never)]
    pub(super) fn drop_file(&self) {
        let open = self.kept.open.replace(Open { fd: -1, stays: false });
        if open.fd >= 0 && window::identity(open.fd) == Some(self.kept.identity.get()) {
            file::close(open.fd);
        }
    }

    /// Removes what could not be begun: a file without a head is no trace, and takes what little room
    /// there is.
    #[cold]
    #[inline(never)]
    pub(super) fn remove_file(&self) {
        self.with_path(|path| path.as_path().map(window::remove));
        self.drop_file();
    }

    /// A new file by the pattern: a name that is taken gets the next number.
    pub(super) fn create(&self, process: Process<'_>) -> Result<Open, Refusal> {
        let bytes = self.kept.pattern.get();
        let pattern = bytes.get(..self.kept.pattern_len.get()).unwrap_or_default();
        let numbered = place::is_numbered(pattern);
        for sequence in 0..MOST_NUMBERS {
            let mut path = Path::new();
            if pattern.first() != Some(&b'/') {
                let mut folder = [0; 256];
                let len = window::current_folder(&mut folder).ok_or(refusal::NO_FILE)?;
                path.push(folder.get(..len).unwrap_or_default());
                path.push(b"/");
            }
            let name = place::expand(pattern, process, sequence);
            path.push(name.bytes().strip_suffix(&[0]).ok_or(refusal::TOO_LONG)?);
            if !numbered && sequence > 0 {
                let _ = core::fmt::Write::write_fmt(&mut path, format_args!(".{sequence}"));
            }
            path.push(&[0]);
            let opened = window::open(path.as_path().ok_or(refusal::TOO_LONG)?, true);
            self.kept.path.set(path);
            match opened {
                // Beside a device or a folder nobody looks for a trace.
                Err(refusal::IN_USE) if !numbered && sequence == 0 => self.with_path(is_no_other)?,
                Err(refusal::IN_USE) => {}
                other => return other,
            }
        }
        Err(refusal::IN_USE)
    }

    pub(super) fn with_path<T>(&self, run: impl FnOnce(&Path) -> T) -> T {
        let path = self.kept.path.replace(Path::new());
        let out = run(&path);
        self.kept.path.set(path);
        out
    }

    /// One line, if stderr is still the one that it was.
    pub(super) fn complain(&self, refusal: Refusal) {
        let stderr = self.kept.stderr.get();
        if stderr.is_none() || stderr != window::identity(2) {
            return;
        }
        self.with_path(|path| {
            let path = path.as_path().map_or(&b"?"[..], CStr::to_bytes);
            let (what, path) = if place::is_private(path) { ("trace", &b""[..]) } else { ("trace ", path) };
            refusal::complain(2, what, path, refusal);
        });
    }
}

/// Whether what has the name of a trace is a file, or gone by now.
fn is_no_other(path: &Path) -> Result<(), Refusal> {
    match path.as_path().map(file::is_file) {
        Some(Err(other @ (refusal::FOLDER | refusal::NOT_A_FILE))) => Err(other),
        _ => Ok(()),
    }
}
