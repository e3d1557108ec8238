//! `heapmm record`: every call of a command, as a trace to play again.
//!
//! ```text
//!   library ─► HEAPMM_TRACE=scratch/%p.%n ─► child ─► raw files ─► packed: one for each process
//! ```

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use super::convert::pack;
use crate::fail::{Fail, Verdict, plain};
use crate::program::scratch::Scratch;
use crate::program::{child, find, inspect, library};
use crate::trace::Trace;

/// Run a command under the library and write every call of malloc and free to a trace.
#[derive(Debug, Args)]
pub struct Record {
    /// The trace of the command itself; its children get their number before the ending.
    #[arg(short, long, value_name = "FILE.hmt")]
    output: PathBuf,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Record {
    pub fn run(self) -> Verdict {
        let mut command = library::command(&self.command)?;
        find::program(&self.command[0])?;
        if let Some(obstacle) = inspect::command(&self.command[0])?.obstacle() {
            let name = self.command[0].display();
            return Err(Fail::new(Fail::OWN, format!("{name}: {obstacle}; there is nothing to record")));
        }
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize();
        let folder = folder.map_err(|error| Fail::io(&self.output, &error))?;
        let scratch = Scratch::within(&folder).map_err(|error| Fail::io(&self.output, &error))?;
        command.env("HEAPMM_TRACE", scratch.path().join("%p.%n"));
        let (pid, status) = child::run(&mut command)?;
        let files = raw_files(scratch.path()).map_err(|error| Fail::new(Fail::OWN, plain(&error)))?;
        let main = files.iter().position(|file| number_of(file) == Some(pid)).unwrap_or(0);
        for (at, file) in files.iter().enumerate() {
            let target = if at == main { self.output.clone() } else { self.beside(file) };
            let packed = Trace::open(file).and_then(|trace| pack(&trace, trace.losses()?, &target));
            if let Err(fail) = packed {
                eprintln!("heapmm: {}", fail.line);
            }
        }
        if files.is_empty() {
            let what = "the command left no trace: it was killed, or its library cannot record";
            return Err(Fail::new(Fail::OWN, what));
        }
        eprintln!("next:  heapmm compare {}", self.output.display());
        Ok(child::code(status))
    }

    /// The name for the trace of another process: `prog.hmt` and 4711 make `prog.4711.hmt`.
    fn beside(&self, raw: &Path) -> PathBuf {
        let mut name = self.output.file_stem().unwrap_or_default().to_owned();
        name.push(".");
        name.push(raw.file_name().unwrap_or_default().to_string_lossy().trim_end_matches(".0"));
        if let Some(ending) = self.output.extension() {
            name.push(".");
            name.push(ending);
        }
        self.output.with_file_name(name)
    }
}

/// The files that processes left, those with nothing in them apart, in order of their names.
fn raw_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let file = file?;
        if file.metadata()?.len() > 0 {
            files.push(file.path());
        }
    }
    files.sort();
    Ok(files)
}

/// The process number in a name like `4711.0`.
fn number_of(file: &Path) -> Option<u32> {
    file.file_name()?.to_str()?.split('.').next()?.parse().ok()
}
