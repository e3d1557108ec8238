//! What a program's file says about itself, as far as a preload depends on it.
//!
//! ```text
//!   #! line ──► Script(interpreter)          ELF ──► Image { class, interpreter, needed, symbols }
//! ```

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use object::elf::{DT_NEEDED, EM_AARCH64, EM_X86_64, FileHeader32, FileHeader64, PT_INTERP};
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
    /// Neither.
    Other,
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
}

/// Symbols that tell an allocator or a sanitiser.
const TELLING: &[&str] = &[
    "malloc",
    "free",
    "calloc",
    "realloc",
    "je_malloc",
    "_rjem_malloc",
    "_rjem_mallocx",
    "mallocx",
    "mi_malloc",
    "tc_malloc",
    "rpmalloc",
    "sn_malloc",
    "scalable_malloc",
    "__asan_init",
    "__tsan_init",
    "__msan_init",
    "__hwasan_init",
];

/// Looks into the file at `path`.
pub fn look(path: &Path) -> Verdict<Program> {
    let mut file = File::open(path).map_err(|error| Fail::io(path, &error))?;
    let mut start = Vec::new();
    file.by_ref().take(256).read_to_end(&mut start).map_err(|error| Fail::io(path, &error))?;
    if let Some(line) = start.strip_prefix(b"#!") {
        return Ok(script(line));
    }
    if !start.starts_with(b"\x7fELF") {
        return Ok(Program::Other);
    }
    // SAFETY: a file that somebody cuts short meanwhile ends this process with SIGBUS, no more.
    let bytes = unsafe { Mmap::map(&file) }.map_err(|error| Fail::io(path, &error))?;
    let image = match FileKind::parse(&*bytes) {
        Ok(FileKind::Elf64) => image::<FileHeader64<Endianness>>(&bytes),
        Ok(FileKind::Elf32) => image::<FileHeader32<Endianness>>(&bytes),
        Ok(_) => return Ok(Program::Other),
        Err(error) => Err(error),
    };
    image.map(|image| Program::Image(Box::new(image))).map_err(|error| Fail::content(path, "ELF", error))
}

fn script(line: &[u8]) -> Program {
    let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
    let text = line[..end].trim_ascii();
    let cut = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let own = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let argument = text[cut..].trim_ascii();
    if cut == 0 {
        return Program::Other;
    }
    Program::Script(PathBuf::from(own(&text[..cut])), (!argument.is_empty()).then(|| own(argument)))
}

fn image<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> object::Result<Image> {
    let header = H::parse(bytes)?;
    let endian = header.endian()?;
    let machine = if cfg!(target_arch = "aarch64") { EM_AARCH64 } else { EM_X86_64 };
    let mut image = Image {
        is_64: header.is_type_64(),
        is_native: header.e_machine(endian) == machine,
        ..Image::default()
    };
    for part in header.program_headers(endian, bytes)? {
        if part.p_type(endian) == PT_INTERP {
            let name = part.data(endian, bytes).unwrap_or_default();
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            image.interpreter = Some(String::from_utf8_lossy(name).into_owned());
        }
    }
    read_sections(header, endian, bytes, &mut image)?;
    Ok(image)
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
            let Some(name) = TELLING.iter().find(|telling| telling.as_bytes() == name) else { continue };
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
