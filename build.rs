//! Generates the C header and tells the linker what kind of library this is.

use std::env;
use std::path::PathBuf;

fn main() {
    for flag in ["-z,nodelete", "-z,now", "-z,relro", "-Bsymbolic", "-soname,libheapmm.so", "--as-needed"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{flag}");
    }
    println!("cargo:rerun-if-changed=src/abi/heapmm.rs");
    println!("cargo:rerun-if-changed=src/abi/stdlib.rs");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    let sources = ["src/abi/heapmm.rs", "src/abi/stdlib.rs"];
    let builder = sources.iter().fold(cbindgen::Builder::new().with_config(config), |builder, file| {
        builder.with_src(root.join(file))
    });
    builder.generate().expect("the interface can be said in C").write_to_file(out.join("heapmm.h"));
}
