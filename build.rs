//! Generates the C header and tells the linker what kind of library this is.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

/// Sections of what few programs use; it stands behind everything else. Between the code of malloc
/// it would cost every process the pages that it lies on.
const COLD: [&str; 6] = [
    "heapmm_*",
    "*heapmm_core6engine*",
    "*heapmm_core..engine*",
    "*heapmm_core5named*",
    "*heapmm_core..named*",
    "*heapmm_core7observe*",
];

/// The sources of all that the header declares, in its order.
const DECLARED: [&str; 4] =
    ["src/abi/heapmm.rs", "src/abi/pools.rs", "src/abi/families.rs", "src/abi/heaps.rs"];

fn main() -> Result<(), Box<dyn Error>> {
    for flag in [
        "-z,nodelete",
        "-z,now",
        "-z,relro",
        "-z,separate-loadable-segments",
        "-Bsymbolic",
        "-soname,libheapmm.so",
        "--as-needed",
    ] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{flag}");
    }
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets CARGO_MANIFEST_DIR")?);
    println!("cargo:rustc-cdylib-link-arg=-T{}", root.join("src/designs.ld").display());
    println!("cargo:rerun-if-changed=src/designs.ld");
    // The compiler's start files would run code on three more pages at every start and end.
    println!("cargo:rustc-cdylib-link-arg=-nostartfiles");
    for source in DECLARED {
        println!("cargo:rerun-if-changed={source}");
    }
    println!("cargo:rerun-if-changed=cbindgen.toml");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let builder = cbindgen::Builder::new().with_config(config);
    let builder = DECLARED.iter().fold(builder, |builder, source| builder.with_src(root.join(source)));
    builder.generate()?.write_to_file(out.join("heapmm.h"));
    let script = out.join("cold.ld");
    let sections = COLD.map(|name| format!("*(.text.{name})")).join(" ");
    fs::write(&script, format!("SECTIONS {{ .text_cold : {{ {sections} }} }} INSERT AFTER .text;\n"))?;
    println!("cargo:rustc-cdylib-link-arg=-Wl,-T,{}", script.display());
    Ok(())
}
