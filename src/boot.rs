//! The late and optional parts: what happens at start, at fork and at the end.
//!
//! ```text
//!   constructor   bad settings are named; a private stderr for the report, or to tell that there is none
//!   fork          the locks are taken before, given back in both processes after
//!   end           destructor or _exit: leaks and the report, once for each process
//! ```
//!
//! Nothing here has to run for malloc to work.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use heapmm_core::allocator::Forking;
use heapmm_core::named::NAMED;
use heapmm_core::observe::leak::{self, Leaks, Obstacle};
use heapmm_core::observe::place;
use heapmm_core::observe::report::{self, Process};
use heapmm_core::os::out::{self, Excerpt, Text, complain};
use heapmm_core::os::refusal::{self, Refusal};
use heapmm_core::os::{call, environment, file, thread, window};
use heapmm_core::settings::{self, Format, Settings};

use crate::ALLOCATOR;

/// EX_CONFIG of sysexits(3): the status of a process that was told to be strict.
const BAD_CONFIGURATION: c_int = 78;

/// A copy of stderr for the report and for what goes wrong with it, or -1. Programs close theirs before the report is due.
static REPORT_FD: AtomicI32 = AtomicI32::new(-1);
/// The process that reports; another number means a child that shares our memory (vfork).
#[unsafe(link_section = ".data")]
static PID: AtomicI32 = AtomicI32::new(0);
/// Whether it was said that there can be no report.
#[unsafe(link_section = ".data")]
static TOLD: AtomicBool = AtomicBool::new(false);
/// Whether a report is due.
#[unsafe(link_section = ".data")]
static REPORTS: AtomicBool = AtomicBool::new(false);
/// Forks under way: the C library runs the handlers of several side by side.
#[unsafe(link_section = ".data")]
static FORKS: [Fork; 8] =
    [const { Fork { owner: AtomicUsize::new(0), taken: UnsafeCell::new(Forking::NONE) } }; 8];

/// One of them.
struct Fork {
    /// The thread pointer of the thread that forks, or 0.
    owner: AtomicUsize,
    taken: UnsafeCell<Forking>,
}

// SAFETY: a fork belongs to its owner.
unsafe impl Sync for Fork {}

impl Fork {
    /// A free one for this thread. There is one soon: a fork that waits for others gives up after a while.
    fn begin() -> &'static Self {
        let me = thread::pointer();
        loop {
            let free = |fork: &&Self| {
                fork.owner.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed).is_ok()
            };
            if let Some(fork) = FORKS.iter().find(free) {
                return fork;
            }
            call::give_way();
        }
    }

    /// This thread's last one, which ends; in the child those of other threads end too.
    fn end(is_child: bool) -> Forking {
        let me = thread::pointer();
        let mine = FORKS.iter().rev().find(|fork| fork.owner.load(Ordering::Relaxed) == me);
        // SAFETY: the thread's own.
        let taken = mine.map_or(Forking::NONE, |fork| unsafe { *fork.taken.get() });
        mine.into_iter().for_each(|fork| fork.owner.store(0, Ordering::Release));
        let others = FORKS.iter().filter(|fork| is_child && fork.owner.load(Ordering::Relaxed) != me);
        others.for_each(|fork| fork.owner.store(0, Ordering::Relaxed));
        taken
    }
}

unsafe extern "C" {
    /// What pthread_atfork calls with the handle of the library, for which null stands here: the
    /// handlers stay as long as the process. pthread_atfork itself would be linked into this
    /// library, on a page of its own.
    fn __register_atfork(
        prepare: extern "C" fn(),
        parent: extern "C" fn(),
        child: extern "C" fn(),
        library: *const c_void,
    ) -> c_int;
}

#[ctor::ctor(unsafe)]
fn start() {
    // Early, though a process with one thread could do without: the handlers that others
    // register run before ours then, and no fork can come before it.
    // SAFETY: plain functions that stay loaded: the library is never unloaded.
    unsafe { __register_atfork(before_fork, after_fork_parent, after_fork_child, core::ptr::null()) };
    if environment::settings().next().is_some() && !environment::is_secure() {
        obey();
    }
}

/// The part of the start that only a process with settings has.
#[cold]
#[inline(never)]
fn obey() {
    let settings = ALLOCATOR.settings();
    name_problems(settings.strict);
    if settings.verbose {
        report_settings(&settings);
    }
    if settings.stats || settings.leaks {
        PID.store(file::pid(), Ordering::Relaxed);
        REPORT_FD.store(file::private_copy(2).unwrap_or(-1), Ordering::Relaxed);
        if !settings.out.bytes().is_empty() {
            check_report_file(settings.out.bytes());
        }
        REPORTS.store(true, Ordering::Relaxed);
    }
}

/// Says at once what can be told of a file that cannot be written.
fn check_report_file(pattern: &[u8]) {
    let mut name = [0; 16];
    let path = place::expand(pattern, process(&mut name), 0);
    let path = path.as_path().ok_or(refusal::TOO_LONG);
    if let Err(refusal) = path.and_then(|path| file::may_append(path, place::is_numbered(pattern))) {
        miss_report(pattern, refusal);
    }
}

/// One line for all reports of this process that cannot be written.
fn miss_report(pattern: &[u8], refusal: Refusal) {
    if !TOLD.swap(true, Ordering::Relaxed) {
        refusal::complain(private_stderr(), "report to HEAPMM_OUT=", pattern, refusal);
    }
}

/// One line for each setting that cannot be understood.
fn name_problems(strict: bool) {
    let mut any = false;
    Settings::from_variables(&environment::settings, &mut |problem| {
        any = true;
        complain(format_args!("{problem}"));
    });
    if any && strict {
        out::leave(BAD_CONFIGURATION);
    }
}

/// What is in force, a line each: as they would be set again.
fn report_settings(settings: &Settings) {
    let version = env!("CARGO_PKG_VERSION");
    complain(format_args!("version {version}, policy {}", settings.policy.name()));
    settings::each_given(&environment::settings, |name, value| {
        // The line above says the one, and is there by the other.
        if name != "POLICY" && name != "VERBOSE" {
            complain(format_args!("HEAPMM_{name}={}", Excerpt(value)));
        }
    });
}

extern "C" fn before_fork() {
    let fork = Fork::begin();
    // First what may be held for longer.
    NAMED.before_fork(ALLOCATOR.is_inside());
    let taken = ALLOCATOR.before_fork();
    // SAFETY: it is this thread's.
    unsafe { fork.taken.get().write(taken) };
}

extern "C" fn after_fork_parent() {
    after_fork(false);
}

extern "C" fn after_fork_child() {
    PID.store(file::pid(), Ordering::Relaxed);
    after_fork(true);
    if REPORT_FD.load(Ordering::Relaxed) >= 0 {
        drop_stderr_after_fork();
    }
}

/// Closes the private copy of stderr where the report goes to a file, as long as the other leads there too: who reads what
/// a command says waits for all that have its stderr open, and a daemon closes only the one that it knows of.
#[cold]
#[inline(never)]
fn drop_stderr_after_fork() {
    let private = REPORT_FD.load(Ordering::Relaxed);
    let is_spare = !ALLOCATOR.settings().out.bytes().is_empty();
    if is_spare && window::identity(private) == window::identity(2) {
        REPORT_FD.store(-1, Ordering::Relaxed);
        file::close(private);
    }
}

fn after_fork(is_child: bool) {
    let taken = Fork::end(is_child);
    // SAFETY: this thread, or the one it is a copy of, took these locks in `before_fork`.
    unsafe { ALLOCATOR.after_fork(taken, is_child) };
    // SAFETY: as above.
    unsafe { NAMED.after_fork(is_child) };
}

pub(crate) unsafe extern "C" fn thread_ended(_word: *mut c_void) {
    ALLOCATOR.detach();
}

#[used]
#[unsafe(link_section = ".fini_array")]
static AT_END: extern "C" fn() = end;

/// What is left to do when the process ends.
extern "C" fn end() {
    if let Some(status) = finish() {
        // Streams are still to be flushed, which comes after all destructors.
        // SAFETY: no other exit is under way than the one that called this destructor.
        unsafe { libc::exit(status) }
    }
}

/// Writes what is due, once; another status for the process, if it has lost blocks.
fn finish() -> Option<c_int> {
    ALLOCATOR.note_end();
    ALLOCATOR.look_at_last();
    let due = REPORTS.load(Ordering::Relaxed) && PID.load(Ordering::Relaxed) == file::pid();
    if !due || !REPORTS.swap(false, Ordering::Relaxed) {
        return None;
    }
    let mut status: c_int = 0;
    thread::spill(write_due_reports, (&raw mut status).cast());
    (status != 0).then_some(status)
}

/// The reports themselves: pages of text on the stack, and code that few processes use. The status
/// for the process goes to `status`.
#[cold]
#[inline(never)]
extern "C" fn write_due_reports(status: *mut c_void, sp: usize) {
    let settings = ALLOCATOR.settings();
    let found = settings.leaks.then(|| ALLOCATOR.leaks(sp));
    if settings.stats {
        write_report(&settings);
    }
    let Some(found) = found else { return };
    write_leak_report(&settings, &found);
    if found.is_ok_and(|leaks| leaks.definite().blocks != 0) {
        // SAFETY: a number in the frame of `finish`.
        unsafe { status.cast::<c_int>().write(settings.leak_status.into()) };
    }
}

fn write_report(settings: &Settings) {
    let Some(ledger) = ALLOCATOR.ledger() else { return };
    let mut name = [0; 16];
    let process = process(&mut name);
    let mut page = Text::<4096>::new();
    let _ = match settings.format {
        Format::Text => report::text(&mut page, process, &ledger),
        Format::Json => report::json(&mut page, process, &ledger),
    };
    deliver_report(settings, process, page.bytes());
}

fn write_leak_report(settings: &Settings, found: &Result<Leaks, Obstacle>) {
    let mut name = [0; 16];
    let process = process(&mut name);
    let mut page = Text::<4096>::new();
    let _ = match (found, settings.format) {
        (Ok(leaks), Format::Text) => leak::text(&mut page, process, leaks),
        (Ok(leaks), Format::Json) => leak::json(&mut page, process, leaks),
        (Err(obstacle), _) => {
            let _ = writeln!(page, "heapmm: no leak check of process {}: {}", process.pid, obstacle.words());
            return write_on_private_stderr(page.bytes());
        }
    };
    deliver_report(settings, process, page.bytes());
}

fn write_on_private_stderr(report: &[u8]) {
    out::write_all(private_stderr(), report);
}

/// The private copy of stderr, or stderr itself.
fn private_stderr() -> c_int {
    let private = REPORT_FD.load(Ordering::Relaxed);
    if private < 0 { 2 } else { private }
}

/// Writes `report` to where the settings want it.
#[inline(never)]
fn deliver_report(settings: &Settings, process: Process<'_>, report: &[u8]) {
    let pattern = settings.out.bytes();
    if pattern.is_empty() {
        return write_on_private_stderr(report);
    }
    if let Err(refusal) = append_report(pattern, process, report) {
        miss_report(pattern, refusal);
    }
}

/// The running process, its name in `name`.
pub(crate) fn process(name: &mut [u8; 16]) -> Process<'_> {
    let len = file::command(name);
    Process { pid: file::pid(), command: &name[..len] }
}

/// Appends `report` to the file that `pattern` names. With `%n` it is the first that does not exist.
fn append_report(pattern: &[u8], process: Process<'_>, report: &[u8]) -> Result<(), Refusal> {
    let numbered = place::is_numbered(pattern);
    for sequence in 0..100_000 {
        let path = place::expand(pattern, process, sequence);
        let appended = file::append(path.as_path().ok_or(refusal::TOO_LONG)?, numbered, report);
        if !numbered || appended != Err(refusal::IN_USE) {
            return appended;
        }
    }
    Err(refusal::IN_USE)
}

/// Ends the process without destructors. The report is written here: shells end this way.
#[unsafe(no_mangle)]
pub extern "C" fn _exit(status: c_int) -> ! {
    let status = finish().unwrap_or(status);
    // SAFETY: the call returns to nobody.
    unsafe { thread::system_call(libc::SYS_exit_group, [status as usize, 0, 0, 0]) };
    loop {
        core::hint::spin_loop();
    }
}

/// The same by its C99 name.
#[unsafe(no_mangle)]
pub extern "C" fn _Exit(status: c_int) -> ! {
    _exit(status)
}
