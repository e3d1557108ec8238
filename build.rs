//! Generates the C header and tells the linker what kind of library this is.

use std::env;
use std::error::Error;
use std::path::PathBuf;

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
    println!("cargo:rerun-if-changed=src/abi/heapmm.rs");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let builder = cbindgen::Builder::new().with_config(config).with_src(root.join("src/abi/heapmm.rs"));
    builder.generate()?.write_to_file(out.join("heapmm.h"));
    Ok(())
}
