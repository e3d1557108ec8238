//! Generates the C header and tells the linker what kind of library this is.

use std::env;
use std::error::Error;
use std::path::PathBuf;

/// The sources of all that the header declares, in its order.
const DECLARED: [&str; 5] =
    ["src/abi/heapmm.rs", "src/abi/leaks.rs", "src/abi/pools.rs", "src/abi/families.rs", "src/abi/heaps.rs"];

fn main() -> Result<(), Box<dyn Error>> {
    // A segment less is a system call and a mapping less in every process; data begins with a page.
    for flag in [
        "-z,nodelete",
        "-z,now",
        "-z,relro",
        "--no-rosegment",
        "-z,separate-loadable-segments",
        "-Bsymbolic",
        "-soname,libheapmm.so",
        "--as-needed",
    ] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{flag}");
    }
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets CARGO_MANIFEST_DIR")?);
    println!("cargo:rustc-cdylib-link-arg=-T{}", root.join("src/layout.ld").display());
    println!("cargo:rerun-if-changed=src/layout.ld");
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
    Ok(())
}
