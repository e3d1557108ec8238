//! What a program's file says about itself, as far as a preload depends on it.
//!
//! ```text
//!   #! line ──► Script(interpreter)          ELF ──► Image { class, interpreter, needed, symbols }
//!   text ─────► Text, for a shell            what the system refuses ──► status 126
//! ```

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use heapmm_core::settings::mark;
use memmap2::Mmap;
use object::elf::{
    DT_NEEDED, EM_AARCH64, EM_X86_64, ET_DYN, ET_EXEC, FileHeader32, FileHeader64, PT_INTERP, PT_LOAD,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Sym};
use object::{Endianness, FileKind};

use crate::fail::{Fail, Verdict};

/// What kind of file a program is.
#[derive(Debug)]
pub enum Program {
    /// A text that names its interpreter, with the interpreter's first argument if it has one.
    Script(PathBuf, Option<OsString>),
    /// An ELF image.
    Image(Box<Image>),
    /// A text that names none: a shell runs it.
    Text,
    /// Something that this user may run but not read.
    Closed,
}

/// The facts of an ELF image.
#[derive(Debug, Default)]
pub struct Image {
    /// Whether its words have 64 bits.
    pub is_64: bool,
    /// Whether it is for this machine's processor.
    pub is_native: bool,
    /// Its dynamic linker; none in a static image.
    pub interpreter: Option<String>,
    /// The libraries it asks for.
    pub needed: Vec<String>,
    /// Functions that it defines itself, exported or not, of those that matter here.
    pub defines: Vec<String>,
    /// Of these, the ones that other objects see.
    pub exports: Vec<String>,
    /// Functions of interest that it takes from libraries.
    pub imports: Vec<String>,
    /// Whether the library was linked into it.
    pub has_heapmm: bool,
    /// Whether its tables of symbols cannot be read, which the system does not need.
    pub is_torn: bool,
}

/// Functions of allocators that programs bring with them.
pub const ALLOCATORS: &[&str] = &[
    "je_malloc",
    "_rjem_malloc",
    "_rjem_mallocx",
    "mallocx",
    "mi_malloc",
    "tc_malloc",
    "rpmalloc",
    "sn_malloc",
    "scalable_malloc",
];

/// What else tells an allocator or a sanitiser.
const TELLING: &[&str] = &[
    "heapmm_version",
    "malloc",
    "free",
    "calloc",
    "realloc",
    "__asan_init",
    "__tsan_init",
    "__msan_init",
    "__hwasan_init",
];

/// Looks into the file at `path`; status 126 if the system cannot run it.
pub fn look(path: &Path) -> Verdict<Program> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(Program::Closed),
        opened => opened.map_err(|error| Fail::io(path, &error))?,
    };
    let broken = |what: &str| Fail::new(Fail::NOT_EXECUTABLE, format!("{}: {what}", path.display()));
    let mut start = Vec::new();
    file.by_ref().take(256).read_to_end(&mut start).map_err(|error| Fail::io(path, &error))?;
    if let Some(line) = start.strip_prefix(b"#!") {
        return Ok(script(line));
    }
    if !start.starts_with(b"\x7fELF") {
        let is_text = !start.contains(&0);
        return if is_text { Ok(Program::Text) } else { Err(broken("no program: neither ELF nor text")) };
    }
    // SAFETY: a file that somebody cuts short meanwhile ends this process with SIGBUS, no more.
    let bytes = unsafe { Mmap::map(&file) }.map_err(|error| Fail::io(path, &error))?;
    let image = match FileKind::parse(&*bytes) {
        Ok(FileKind::Elf64) => image::<FileHeader64<Endianness>>(&bytes),
        Ok(FileKind::Elf32) => image::<FileHeader32<Endianness>>(&bytes),
        Ok(_) => return Err(broken("no program: ELF of no known class")),
        Err(error) => Err(error),
    };
    match image {
        Ok(Some(image)) => Ok(Program::Image(Box::new(image))),
        Ok(None) => Err(broken("ELF, but no whole program: an object file, or cut off")),
        Err(error) => Err(broken(&format!("a broken program: {error}"))),
    }
}

fn script(line: &[u8]) -> Program {
    let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
    let text = line[..end].trim_ascii();
    let cut = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let own = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let argument = text[cut..].trim_ascii();
    if cut == 0 {
        return Program::Text;
    }
    Program::Script(PathBuf::from(own(&text[..cut])), (!argument.is_empty()).then(|| own(argument)))
}

/// The image in `bytes`; `None` if it is no program, or not all of it is there.
fn image<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> object::Result<Option<Image>> {
    let header = H::parse(bytes)?;
    let endian = header.endian()?;
    if ![ET_EXEC, ET_DYN].contains(&header.e_type(endian)) {
        return Ok(None);
    }
    let machine = if cfg!(target_arch = "aarch64") { EM_AARCH64 } else { EM_X86_64 };
    let mut image = Image {
        is_64: header.is_type_64(),
        is_native: header.e_machine(endian) == machine,
        ..Image::default()
    };
    for part in header.program_headers(endian, bytes)? {
        if part.p_type(endian) == PT_LOAD && part.data(endian, bytes).is_err() {
            return Ok(None);
        }
        if part.p_type(endian) == PT_INTERP {
            let name = part.data(endian, bytes).unwrap_or_default();
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            image.interpreter = Some(String::from_utf8_lossy(name).into_owned());
        }
    }
    image.is_torn = read_sections(header, endian, bytes, &mut image).is_err();
    let has_own = image.interpreter.is_none() || image.defines.iter().any(|name| name == "malloc");
    image.has_heapmm = has_own && bytes.windows(mark().len()).any(|words| words == mark());
    Ok(Some(image))
}

fn read_sections<H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    bytes: &[u8],
    image: &mut Image,
) -> object::Result<()> {
    let sections = header.sections(endian, bytes)?;
    if let Some((entries, strings)) = sections.dynamic(endian, bytes)? {
        let strings = sections.strings(endian, bytes, strings)?;
        for entry in entries.iter().filter(|entry| entry.tag32(endian) == Some(DT_NEEDED)) {
            let name = entry.string(endian, strings)?;
            image.needed.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    for (kind, is_dynamic) in [(object::elf::SHT_DYNSYM, true), (object::elf::SHT_SYMTAB, false)] {
        let symbols = sections.symbols(endian, bytes, kind)?;
        for symbol in symbols.iter() {
            let name = symbol.name(endian, symbols.strings()).unwrap_or_default();
            let mut telling = TELLING.iter().chain(ALLOCATORS);
            let Some(name) = telling.find(|telling| telling.as_bytes() == name) else { continue };
            let lists = match (symbol.is_undefined(endian), is_dynamic) {
                (true, true) => vec![&mut image.imports],
                (true, false) => vec![],
                (false, true) => vec![&mut image.exports, &mut image.defines],
                (false, false) => vec![&mut image.defines],
            };
            for list in lists {
                if !list.iter().any(|known| known == name) {
                    list.push((*name).to_owned());
                }
            }
        }
    }
    Ok(())
}
