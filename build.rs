//! Generates the C header and tells the linker what kind of library this is.

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The sources of all that the header declares, in its order.
const DECLARED: [&str; 5] =
    ["src/abi/heapmm.rs", "src/abi/leaks.rs", "src/abi/pools.rs", "src/abi/families.rs", "src/abi/heaps.rs"];

/// C++'s operators new and delete, mangled. In the shared library each is the function whose label is its name behind
/// `heapmm` (`src/abi/operators.rs`).
const OPERATORS: [&str; 20] = [
    "_Znwm",
    "_Znam",
    "_ZnwmRKSt9nothrow_t",
    "_ZnamRKSt9nothrow_t",
    "_ZnwmSt11align_val_t",
    "_ZnamSt11align_val_t",
    "_ZnwmSt11align_val_tRKSt9nothrow_t",
    "_ZnamSt11align_val_tRKSt9nothrow_t",
    "_ZdlPv",
    "_ZdaPv",
    "_ZdlPvm",
    "_ZdaPvm",
    "_ZdlPvRKSt9nothrow_t",
    "_ZdaPvRKSt9nothrow_t",
    "_ZdlPvSt11align_val_t",
    "_ZdaPvSt11align_val_t",
    "_ZdlPvmSt11align_val_t",
    "_ZdaPvmSt11align_val_t",
    "_ZdlPvSt11align_val_tRKSt9nothrow_t",
    "_ZdaPvSt11align_val_tRKSt9nothrow_t",
];

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
    if env::var_os("CARGO_CFG_TARGET_ARCH").is_some_and(|arch| arch == "x86_64") {
        export_operators(&out)?;
    }
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let builder = cbindgen::Builder::new().with_config(config);
    let builder = DECLARED.iter().fold(builder, |builder, source| builder.with_src(root.join(source)));
    builder.generate()?.write_to_file(out.join("heapmm.h"));
    Ok(())
}

/// They are exported beside the names that the compiler knows, and bound to a program's own if it has some.
fn export_operators(out: &Path) -> io::Result<()> {
    for operator in OPERATORS {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--defsym={operator}=heapmm{operator}");
    }
    let list = OPERATORS.join(";");
    let lists =
        [("version-script", format!("{{ global: {list}; }};")), ("dynamic-list", format!("{{ {list}; }};"))];
    for (option, text) in lists {
        let file = out.join(option);
        fs::write(&file, text)?;
        println!("cargo:rustc-cdylib-link-arg=-Wl,--{option}={}", file.display());
    }
    Ok(())
}
