//! The shared object as a file: what it exports, what it needs, how it is linked.

#![allow(clippy::expect_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use support::library;

/// The names that are always exported, beside those that start with `heapmm_`.
const EXPORTED: &[&str] = &[
    "malloc",
    "free",
    "calloc",
    "realloc",
    "reallocarray",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "pvalloc",
    "malloc_usable_size",
    "free_sized",
    "free_aligned_sized",
    "cfree",
    "malloc_trim",
    "mallopt",
    "mallinfo",
    "mallinfo2",
    "malloc_stats",
    "malloc_info",
    "__libc_malloc",
    "__libc_free",
    "__libc_calloc",
    "__libc_realloc",
    "__libc_memalign",
    "__libc_valloc",
    "__libc_pvalloc",
    "dlopen",
    "_exit",
    "_Exit",
];

/// Bytes of code that every process may map: less than what the kernel maps around one page fault. The designs, a
/// program's own heaps, traces and reports stand apart (`src/layout.ld`): who uses none of them does not touch them.
const COMMON_CODE: u64 = 44 << 10;

/// Bytes of the whole file.
const SIZE: u64 = 384 << 10;

/// What a tool of the binutils prints of the library.
fn print(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool)
        .env("LC_ALL", "C")
        .args(arguments)
        .arg(library())
        .output()
        .expect("the binutils are installed with the compiler");
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are ASCII")
}

/// Whether a name may be exported without being one that must be.
fn may_be_exported(name: &str) -> bool {
    ["heapmm_", "_Zn", "_Zd"].iter().any(|start| name.starts_with(start))
}

#[test]
fn the_exported_names_are_the_promised_ones_and_no_other() {
    let listing = print("nm", &["-D", "--defined-only", "-f", "posix"]);

    let found: BTreeSet<&str> = listing
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(|name| name.split('@').next().unwrap_or(name))
        .collect();
    let missing: Vec<&&str> = EXPORTED.iter().filter(|name| !found.contains(*name)).collect();
    let strange: Vec<&&str> =
        found.iter().filter(|name| !EXPORTED.contains(name) && !may_be_exported(name)).collect();
    assert_eq!(missing, Vec::<&&str>::new(), "missing");
    assert_eq!(strange, Vec::<&&str>::new(), "not promised");
    assert!(found.iter().any(|name| name.starts_with("heapmm_")));
}

#[test]
fn the_c_library_is_all_that_it_needs() {
    let dynamic = print("readelf", &["-dW"]);

    let needed: Vec<&str> = dynamic.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert_eq!(needed.len(), 1, "{needed:?}");
    assert!(needed[0].contains("[libc.so.6]"), "{needed:?}");
}

#[test]
fn it_is_bound_at_once_never_unloaded_and_has_a_name() {
    let dynamic = print("readelf", &["-dW"]);

    let flags: Vec<&str> = dynamic.lines().filter(|line| line.contains("FLAGS")).collect();
    assert!(flags.iter().any(|line| line.contains("NOW")), "{flags:?}");
    assert!(flags.iter().any(|line| line.contains("NODELETE")), "{flags:?}");
    assert!(dynamic.contains("(SONAME)") && dynamic.contains("[libheapmm.so"), "{dynamic}");
    assert!(!dynamic.contains("TEXTREL"), "{dynamic}");
}

#[test]
fn a_process_maps_it_in_three_pieces() {
    let segments = print("readelf", &["-lW"]);

    let loads: Vec<&str> = segments.lines().filter(|line| line.trim_start().starts_with("LOAD")).collect();
    assert_eq!(loads.len(), 3, "{loads:?}");
    assert!(segments.contains("GNU_RELRO"), "{segments}");
}

#[test]
fn it_takes_at_most_64_bytes_of_static_tls() {
    let segments = print("readelf", &["-lW"]);

    let sizes: Vec<u64> = segments
        .lines()
        .filter(|line| line.trim_start().starts_with("TLS "))
        .filter_map(|line| line.split_whitespace().nth(5))
        .filter_map(|size| u64::from_str_radix(size.trim_start_matches("0x"), 16).ok())
        .collect();
    assert!(segments.contains("LOAD"), "{segments}");
    assert!(sizes.iter().sum::<u64>() <= 64, "{sizes:?}");
}

#[test]
fn no_segment_is_writable_and_executable() {
    let segments = print("readelf", &["-lW"]);

    let both: Vec<&str> = segments.lines().filter(|line| line.contains(" RWE ")).collect();
    assert_eq!(both, Vec::<&str>::new());
}

#[test]
fn the_file_and_the_code_of_every_process_are_small() {
    let size = fs::metadata(library()).expect("the library was built").len();
    let sections = print("readelf", &["-SW"]);
    let common = sections.lines().find_map(|line| {
        let words: Vec<&str> = line.split_once(']')?.1.split_whitespace().collect();
        (words.first() == Some(&".text")).then(|| u64::from_str_radix(words[4], 16).expect("a number"))
    });

    assert!(size < SIZE, "{size} bytes");
    assert!(common.is_some_and(|bytes| bytes < COMMON_CODE), "{common:?} bytes of code");
}
