//! Programs that are linked with the library: shared and static, C and C++, from the tree and as installed.
//!
//! ```text
//!   link_api.c   ─┬─ -lheapmm            with a run path
//!   link_cxx.cpp ─┼─ libheapmm.a         in a dynamic program
//!                 ├─ libheapmm.a -static in a static one
//!                 └─ make install DESTDIR, pkg-config
//! ```

#![allow(clippy::expect_used)]

mod support;

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use heapmm_core::policy::POLICIES;
use support::{Run, Scratch, archive, compile, every_kind, library, need, root, variables};

/// The programs of cases.
const PROGRAMS: [&str; 2] = ["link_api", "link_cxx"];

/// Runs every case of a program.
fn every_case_passes(program: &Path) {
    every_case_passes_under(program, None);
}

/// The same with the variables of a setup.
fn every_case_passes_under(program: &Path, setup: Option<&str>) {
    let names = Run::new(program).args(["--list"]).run().succeeded().text();
    assert!(names.lines().count() >= 3, "{names}");
    let run = |case| {
        let run = Run::new(program).args([case]);
        variables(setup).into_iter().fold(run, |run, (name, value)| run.env(name, value)).run()
    };
    let outcomes = names.lines().map(|case| (case, run(case)));
    let failed = outcomes.filter(|(_, outcome)| outcome.status != Some(0));
    let told: Vec<String> = failed.map(|(case, outcome)| format!("{case}: {}", outcome.errors())).collect();
    assert_eq!(told, Vec::<String>::new());
}

/// An option that names a file or a folder.
fn option(start: &str, path: &Path) -> String {
    format!("{start}{}", path.display())
}

#[test]
fn a_program_links_with_the_shared_library() {
    let folder = library().parent().expect("the library lies in a folder");
    for name in PROGRAMS {
        let run_path = option("-Wl,-rpath,", folder);
        let program =
            compile(name, &["-Werror", "-fno-builtin", &option("-L", folder), "-lheapmm", &run_path]);

        every_case_passes(&program);
    }
}

#[test]
fn a_linked_program_obeys_the_settings_of_its_environment() {
    let archive = archive().to_str().expect("a plain path");
    let program = compile("link_api", &["-Werror", "-fno-builtin", archive]);
    for row in POLICIES {
        let run = Run::new(&program).args(["the_policy_has_a_name"]);

        run.env("HEAPMM_POLICY", row.name).run().succeeded();
    }
}

#[test]
fn the_interface_tells_the_truth_under_every_kind_of_policy() {
    let archive = archive().to_str().expect("a plain path");
    let program = compile("link_api", &["-Werror", "-fno-builtin", archive]);

    every_kind().for_each(|setup| every_case_passes_under(&program, setup));
}

#[test]
fn a_program_links_with_the_static_library() {
    let archive = archive().to_str().expect("a plain path");
    for name in PROGRAMS {
        let program = compile(name, &["-Werror", "-fno-builtin", archive]);

        every_case_passes(&program);
    }
}

#[test]
fn a_static_program_links_with_the_static_library() {
    let archive = archive().to_str().expect("a plain path");
    for name in PROGRAMS {
        let program = compile(name, &["-Werror", "-fno-builtin", "-static", archive]);

        every_case_passes(&program);
    }
}

/// What a program that runs with more rights than its user says of that, and of the settings.
fn told_with_more_rights(program: &Path, variables: &[(&str, &str)]) -> (String, String) {
    let folder = Scratch::new();
    let place = folder.path().join("program");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder can be opened");
    // By another process: a descriptor of ours, inherited by a program that another test starts, would
    // keep the file busy.
    let copied = Command::new("install").args(["-m", "4755"]).arg(program).arg(&place).status();
    assert!(copied.is_ok_and(|status| status.success()), "root can set the bit");
    let mut command = Command::new(&place);
    command.env_clear().env("HEAPMM_VERBOSE", "1").envs(variables.iter().copied()).uid(65534).gid(65534);
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(output.stdout), text(output.stderr))
}

/// Only root can give rights away.
#[test]
fn a_linked_program_with_more_rights_than_its_user_ignores_settings() {
    // SAFETY: the call has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    let archive = archive().to_str().expect("a plain path");
    for how in [&[archive][..], &["-static", archive], &["-static-pie", archive]] {
        let program = compile("link_secure", &[&["-fno-builtin"], how].concat());
        let plain = Run::new(&program).env("HEAPMM_VERBOSE", "1").run().succeeded();
        assert!(plain.text() == "0\n" && plain.errors().contains("heapmm: version"), "{}", plain.errors());

        // What ld.so takes away moves what lies behind the environment.
        let every =
            [("A", "1"), ("LD_PRELOAD", "x"), ("LD_LIBRARY_PATH", "/x"), ("B", "2"), ("TMPDIR", "/x")];
        for count in 0..=every.len() {
            let (secure, errors) = told_with_more_rights(&program, &every[..count]);

            assert_eq!(secure, "1\n", "{how:?} {count}: the file system allows no such program");
            assert!(!errors.contains("heapmm:"), "{how:?} {count}: {errors}");
        }
    }
}

/// Runs a target of the Makefile for an installation below `folder`.
fn make(target: &str, folder: &Scratch) {
    let output = Command::new("make")
        .args([target, "PREFIX=/opt/heapmm"])
        .arg(option("DESTDIR=", folder.path()))
        .current_dir(root())
        .output()
        .expect("make starts");
    assert!(output.status.success(), "make {target}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The options that pkg-config prints for an installation below `folder`.
fn options_of_package(folder: &Scratch) -> Vec<String> {
    let output = Command::new("pkg-config")
        .args(["--cflags", "--libs", "heapmm"])
        .env("PKG_CONFIG_PATH", folder.path().join("opt/heapmm/lib/pkgconfig"))
        .env("PKG_CONFIG_SYSROOT_DIR", folder.path())
        .output()
        .expect("pkg-config starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("options are text");
    text.split_whitespace().map(str::to_owned).collect()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn an_installed_library_is_found_by_pkg_config_and_removed_without_a_trace() {
    if !need("make") || !need("pkg-config") {
        return;
    }
    let folder = Scratch::new();
    make("install", &folder);
    let place = folder.path().join("opt/heapmm");
    for file in ["lib/libheapmm.so", "lib/libheapmm.a", "include/heapmm.h", "bin/heapmm"] {
        assert!(place.join(file).exists(), "no {file}");
    }

    let mut options = options_of_package(&folder);
    options.push(option("-Wl,-rpath,", &place.join("lib")));
    let program = folder.path().join("program");
    let output = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-O1", "-Wall", "-Werror", "-fno-builtin", "-pthread", "-o"])
        .args([&program, &root().join("tests/c/link_api.c")])
        .args(&options)
        .output()
        .expect("the compiler starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    every_case_passes(&program);
    fs::remove_file(&program).expect("the program can be removed");
    make("uninstall", &folder);
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
}
