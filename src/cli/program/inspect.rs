//! Whether a preload can work for a command, before it runs.
//!
//! ```text
//!   name ─► file ─► (script ─► interpreter)* ─► rights ─► ELF: class, linker, symbols ─► findings
//! ```

use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::elf::{self, ALLOCATORS, Image, Program};
use super::find;
use crate::fail::{Fail, Verdict};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Works.
    Good,
    /// Works in part.
    Partly,
    /// Cannot work, and the program does not mind.
    Never,
    /// Cannot work, and the program would not run with it.
    Harmful,
}

/// One thing found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked at.
    pub topic: &'static str,
    /// How bad it is.
    pub weight: Weight,
    /// What it is, and what to do.
    pub words: String,
}

/// What was found about a command.
#[derive(Debug)]
pub struct Findings {
    /// The file that the name means.
    pub file: PathBuf,
    /// The file that the kernel loads in the end.
    pub program: PathBuf,
    /// Whether it is a shell because the file does not say who reads it.
    pub needs_shell: bool,
    /// In the order of looking.
    pub list: Vec<Finding>,
}

/// Scripts that name scripts are followed so far.
const DEPTH: usize = 4;

/// What runs a text that does not say who should, as execvp(3) does.
pub const SHELL: &str = "/bin/sh";

/// Inspects the command called `name`.
pub fn command(name: &OsStr) -> Verdict<Findings> {
    let file = find::program(name)?;
    let mut this = Findings { program: file.clone(), file, needs_shell: false, list: Vec::new() };
    this.add("file", Weight::Good, this.program.display().to_string());
    for _ in 0..DEPTH {
        match elf::look(&this.program)? {
            Program::Script(interpreter, argument) => {
                let direct = this.interpreter(&interpreter)?;
                let next = behind_env(&interpreter, argument.as_deref());
                this.add("script", Weight::Good, format!("interpreted by {}", next.display()));
                // What env cannot find it says itself.
                this.program = find::program(next.as_os_str()).unwrap_or(direct);
            }
            Program::Image(image) => {
                this.rights();
                this.image(&image);
                return Ok(this);
            }
            Program::Text => {
                this.add("script", Weight::Good, format!("neither ELF nor #!: interpreted by {SHELL}"));
                this.program = this.interpreter(Path::new(SHELL))?;
                this.needs_shell = true;
            }
            Program::Closed => {
                let words = "cannot be read by this user: nothing is known of it".to_owned();
                this.add("file", Weight::Partly, words);
                return Ok(this);
            }
        }
    }
    this.add(
        "script",
        Weight::Partly,
        "interpreters that are scripts themselves: not followed further".to_owned(),
    );
    Ok(this)
}

/// `#!/usr/bin/env NAME` means NAME.
fn behind_env(interpreter: &Path, argument: Option<&OsStr>) -> PathBuf {
    let is_env = interpreter.file_name().is_some_and(|name| name == "env");
    let words = argument.map(OsStr::as_bytes).unwrap_or_default();
    let named = words
        .split(u8::is_ascii_whitespace)
        .find(|word| !word.is_empty() && !word.starts_with(b"-") && !word.contains(&b'='));
    match named {
        Some(word) if is_env => PathBuf::from(OsStr::from_bytes(word)),
        _ => interpreter.to_owned(),
    }
}

impl Findings {
    /// The worst of the list.
    pub fn weight(&self) -> Weight {
        self.list.iter().map(|finding| finding.weight).max().unwrap_or(Weight::Good)
    }

    /// The first reason why a preload cannot work.
    pub fn obstacle(&self) -> Option<&str> {
        self.list.iter().find(|finding| finding.weight >= Weight::Never).map(|finding| finding.words.as_str())
    }

    fn add(&mut self, topic: &'static str, weight: Weight, words: String) {
        self.list.push(Finding { topic, weight, words });
    }

    /// The program of `path`, the interpreter of what is looked at.
    fn interpreter(&self, path: &Path) -> Verdict<PathBuf> {
        find::program(path.as_os_str()).map_err(|fail| {
            let (file, words) = (self.program.display(), "its interpreter is missing");
            Fail::new(fail.status, format!("{file}: {words}: {}", fail.line))
        })
    }

    fn rights(&mut self) {
        let mode = fs::metadata(&self.program).map(|data| data.permissions().mode()).unwrap_or(0);
        let why = match mode {
            _ if mode & 0o4000 != 0 => "set-user-ID",
            _ if mode & 0o2010 == 0o2010 => "set-group-ID",
            _ if has_capabilities(&self.program) => "file capabilities",
            _ => return self.add("rights", Weight::Good, "runs with its user's rights".to_owned()),
        };
        let words = format!("{why}: the system ignores LD_PRELOAD for it");
        self.add("rights", Weight::Never, words);
    }

    fn image(&mut self, image: &Image) {
        match (image.is_64, image.is_native) {
            (false, _) => {
                self.add("class", Weight::Harmful, "a 32-bit program: the library is 64-bit".to_owned())
            }
            (true, false) => self.add("class", Weight::Harmful, "made for another processor".to_owned()),
            (true, true) => self.add("class", Weight::Good, "64-bit, this processor".to_owned()),
        }
        match image.interpreter.as_deref() {
            None if image.has_heapmm => {
                let words = "statically linked, with heapmm in it".to_owned();
                return self.add("linking", Weight::Good, words);
            }
            None => {
                let words = "statically linked: nothing can be preloaded; link it with libheapmm.a instead";
                return self.add("linking", Weight::Never, words.to_owned());
            }
            Some(linker) if linker.contains("ld-musl") => {
                self.add("linking", Weight::Harmful, "linked with musl: the library needs glibc".to_owned());
            }
            Some(linker) => self.add("linking", Weight::Good, format!("dynamic, by {linker}")),
        }
        self.sanitiser(image);
        self.allocator(image);
    }

    fn sanitiser(&mut self, image: &Image) {
        if image.is_torn {
            let words = "its symbols cannot be read: what it brings with it is not known".to_owned();
            self.add("symbols", Weight::Partly, words);
        }
        let kinds = [("asan", "AddressSanitizer"), ("tsan", "ThreadSanitizer"), ("msan", "MemorySanitizer")];
        for (short, long) in kinds {
            let named = |name: &String| name.contains(&format!("lib{short}.so"));
            let marked = |name: &String| name.contains(&format!("{short}_init"));
            if image.needed.iter().any(named) || image.defines.iter().chain(&image.imports).any(marked) {
                let words = format!("built with {long}, which brings its own malloc and refuses another");
                self.add("sanitiser", Weight::Harmful, words);
            }
        }
    }

    fn allocator(&mut self, image: &Image) {
        let before = self.list.len();
        let has = |list: &[String], names: &[&str]| names.iter().any(|name| list.iter().any(|n| n == name));
        if image.has_heapmm {
            self.add("allocator", Weight::Good, "heapmm is linked into it".to_owned());
        } else if has(&image.exports, &["malloc"]) {
            let words = "exports its own malloc, which comes before any preloaded one";
            self.add("allocator", Weight::Never, words.to_owned());
        } else if has(&image.defines, &["malloc"]) {
            let words = "contains its own malloc, which its own code calls";
            self.add("allocator", Weight::Partly, words.to_owned());
        }
        let inside = ALLOCATORS.iter().filter(|name| has(&image.defines, &[name]));
        let inside = inside.copied().collect::<Vec<_>>();
        if !inside.is_empty() {
            let words = format!("bundles an allocator ({}): what it serves is not seen", inside.join(", "));
            self.add("allocator", Weight::Partly, words);
        }
        let libraries = ["libjemalloc", "libtcmalloc", "libmimalloc", "librpmalloc", "libtbbmalloc"];
        for library in &image.needed {
            if libraries.iter().any(|known| library.starts_with(known)) {
                let words = format!("linked with {library}: malloc goes to heapmm, its own calls do not");
                self.add("allocator", Weight::Partly, words);
            }
        }
        if self.list.len() == before {
            self.add("allocator", Weight::Good, "takes malloc from its libraries".to_owned());
        }
    }
}

fn has_capabilities(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: two strings that end in zero, and no buffer: asks for the length only.
    let len =
        unsafe { libc::getxattr(path.as_ptr(), c"security.capability".as_ptr(), std::ptr::null_mut(), 0) };
    len > 0
}
