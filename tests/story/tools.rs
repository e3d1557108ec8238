//! Story 17, and what tools see: valgrind, a sanitizer, set-user-ID programs, strace, page faults.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{POLICIES, figures, for_strace, program};
use crate::support::{Run, Scratch, compile, library, need};

/// What the ordinary program prints.
const PLAIN: &str = "sum 4950000, threads 1\n";
/// Minor page faults that a preload may cost a process.
const FAULTS: i64 = 10;

#[test]
fn story_17_a_program_under_valgrind_runs_as_before() {
    if !need("valgrind") {
        return;
    }
    for policy in POLICIES {
        let outcome = Run::new("valgrind")
            .args(["-q", "--error-exitcode=9"])
            .args([program("plain")])
            .preload(policy)
            .env("HEAPMM_STATS", "off")
            .limit_as(u64::MAX)
            .run()
            .succeeded();

        assert_eq!(outcome.text(), PLAIN);
    }
}

/// The sanitizer wants to be the first library; told not to look, it must run, and else its own message is the end.
#[test]
fn story_17_a_program_with_a_sanitizer_runs_or_is_told_why_not() {
    let sanitized = compile("story_plain", &["-fno-builtin", "-fsanitize=address"]);
    let run = |options: &str| {
        Run::new(&sanitized).preload(None).env("ASAN_OPTIONS", options).limit_as(u64::MAX).run()
    };

    let unaware = run("detect_leaks=0");
    let ordered = run("detect_leaks=0:verify_asan_link_order=0").succeeded();

    assert_eq!(ordered.text(), PLAIN);
    let told = unaware.errors().contains("ASan runtime does not come first");
    assert_eq!(unaware.signal, None);
    assert!(told || unaware.text() == PLAIN, "{}", unaware.errors());
}

/// A set-user-ID program of the system that prints its version.
fn privileged() -> PathBuf {
    let names = ["/usr/bin/su", "/bin/su", "/usr/bin/mount", "/usr/bin/umount"];
    let found = names
        .iter()
        .map(PathBuf::from)
        .find(|path| fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o4000 != 0));
    found.expect("the system has a set-user-ID su or mount")
}

/// How many reports `program --version` leaves when an ordinary user runs it.
fn reports_of(program: &Path) -> usize {
    let folder = Scratch::new();
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(folder.path(), open).expect("the folder can be opened");
    let place = folder.path().join("libheapmm.so");
    fs::copy(library(), &place).expect("the library can be copied");
    let mut command = Command::new(program);
    command
        .arg("--version")
        .env_clear()
        .env("LD_PRELOAD", &place)
        .env("HEAPMM_STATS", "exit")
        .env("HEAPMM_OUT", folder.path().join("report.%p.%n"));
    // SAFETY: the call has no preconditions.
    if unsafe { libc::geteuid() } == 0 {
        command.uid(65534).gid(65534);
    }
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    let names = fs::read_dir(folder.path()).expect("the folder can be read");
    names
        .filter(|entry| {
            let name = entry.as_ref().expect("the folder can be read").file_name();
            name.to_string_lossy().starts_with("report.")
        })
        .count()
}

#[test]
fn story_17_a_set_user_id_program_ignores_the_library_and_its_settings() {
    assert_eq!(reports_of(Path::new("/usr/bin/ls")), 1);
    assert_eq!(reports_of(&privileged()), 0);
}

/// What a traced run asked of the kernel: bytes by brk, and bytes by anonymous mappings that can be written.
fn asked(log: &str) -> (u64, u64) {
    let (mut low, mut high, mut mapped) = (u64::MAX, 0, 0);
    for line in log.lines() {
        let Some((call, result)) = line.rsplit_once(" = ") else {
            continue;
        };
        let hexadecimal = |text: &str| u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok();
        if call.contains("brk(") {
            let end = hexadecimal(result).expect("brk returns an address");
            (low, high) = (low.min(end), high.max(end));
        }
        if call.contains("mmap(") && call.contains("PROT_WRITE") && call.contains("MAP_ANONYMOUS") {
            let length = call.split(", ").nth(1).expect("mmap has a length");
            mapped += length.parse::<u64>().expect("a length in bytes");
        }
    }
    (high - low, mapped)
}

/// A tree of directories with many files in each.
fn large_tree(folder: &Path) {
    for directory in 0..60 {
        let place = folder.join(format!("directory {directory}"));
        fs::create_dir(&place).expect("a directory can be made");
        for file in 0..150 {
            let name = format!("a file with a rather long name, number {file}");
            fs::write(place.join(name), "").expect("a file can be made");
        }
    }
}

#[test]
fn strace_shows_that_the_heap_comes_from_brk() {
    if !need("strace") {
        return;
    }
    let folder = Scratch::new();
    large_tree(folder.path());
    let log = Scratch::new();
    let log_path = log.path().join("log");

    for policy in POLICIES {
        Run::new("strace")
            .args(["-f", "-e", "trace=brk,mmap,munmap"])
            .args(["-o", &log_path.display().to_string()])
            .args(["-E", &format!("LD_PRELOAD={}", library().display())])
            .args(for_strace(policy))
            .args(["ls", "-R"])
            .args([folder.path()])
            .limit_as(u64::MAX)
            .run()
            .succeeded();

        let text = fs::read_to_string(&log_path).expect("strace writes its log");
        let (by_brk, by_mmap) = asked(&text);
        assert!(by_brk >= 64 << 10, "brk gave only {by_brk} bytes");
        assert!(by_mmap <= by_brk, "{by_mmap} bytes by mmap, {by_brk} by brk");
    }
}

#[test]
fn a_preload_costs_a_process_few_page_faults() {
    let counter = compile("page_faults", &["-fno-builtin"]);
    let library = library().to_str().expect("a plain path");
    let commands =
        ["/bin/true", "/bin/cat /dev/null", "/usr/bin/sort /dev/null", "/bin/ls /", "/bin/ls -l /usr"];
    for command in commands.map(|line| line.split(' ').collect::<Vec<_>>()) {
        let outcome = Run::new(&counter).args([library]).args(&command).run().succeeded();

        let medians = figures(&outcome);
        assert!(medians[0] <= medians[1] + FAULTS, "{command:?}: {medians:?}");
    }
}
