//! A command as a child: started, sent on what this process is sent, and waited for.
//!
//! ```text
//!   terminal: ^C ──► whole group: the child has it already; nothing is sent twice
//!   kill PID     ──► this process only ──► sent on to the child
//! ```
//!
//! A stream that was closed here is closed there.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::fail::{Fail, Verdict, plain};
use crate::show::stream;

/// The signals that are sent on.
const SIGNALS: [i32; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGCONT,
    libc::SIGWINCH,
];

macro_rules! named {
    ($($name:ident)*) => { &[$((libc::$name, stringify!($name)),)*] };
}

/// The signals that end a program which does not catch them.
const DEADLY: &[(i32, &str)] = named! {
    SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM
    SIGTERM SIGSTKFLT SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGIO SIGPWR SIGSYS
};

/// The child, or 0.
static CHILD: AtomicI32 = AtomicI32::new(0);
/// A signal that came before there was a child, or 0.
static EARLY: AtomicI32 = AtomicI32::new(0);

/// Runs `command` to its end, standing between it and all signals; its number and how it ended.
pub fn run(command: &mut Command) -> Verdict<(u32, ExitStatus)> {
    SIGNALS.into_iter().for_each(catch);
    leave_closed(command);
    let mut child = command.spawn().map_err(|error| refusal(command, &error))?;
    CHILD.store(child.id().cast_signed(), Ordering::SeqCst);
    match EARLY.swap(0, Ordering::SeqCst) {
        0 => {}
        signal => send(signal),
    }
    let status = child.wait().map_err(|error| Fail::new(Fail::OWN, plain(&error)))?;
    CHILD.store(0, Ordering::SeqCst);
    Ok((child.id(), status))
}

/// Has `command` begin without the streams that this process began without.
fn leave_closed(command: &mut Command) {
    let closed = stream::closed();
    let close = move || {
        for fd in (0..3).filter(|fd| closed & (1 << fd) != 0) {
            // SAFETY: the child's own, and nothing of it has begun.
            unsafe { libc::close(fd) };
        }
        Ok(())
    };
    if closed != 0 {
        // SAFETY: it makes system calls and allocates nothing.
        unsafe { command.pre_exec(close) };
    }
}

/// The status that stands for `status`: the child's own, or 128 and its signal.
pub fn code(status: ExitStatus) -> u8 {
    let signal = status.signal().map(|signal| 128 + signal);
    u8::try_from(status.code().or(signal).unwrap_or(0)).unwrap_or(u8::MAX)
}

/// `status` in words.
pub fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("killed by {}", signal_name(signal)),
        (None, None) => "ended".to_owned(),
    }
}

fn signal_name(signal: i32) -> String {
    let name = DEADLY.iter().find(|(number, _)| *number == signal).map(|(_, name)| (*name).to_owned());
    name.unwrap_or_else(|| format!("signal {signal}"))
}

fn refusal(command: &Command, error: &io::Error) -> Fail {
    let name = command.get_program();
    match error.kind() {
        io::ErrorKind::NotFound if std::path::Path::new(name).exists() => {
            Fail::new(Fail::NOT_FOUND, format!("{}: its interpreter is missing", name.display()))
        }
        io::ErrorKind::NotFound => Fail::new(Fail::NOT_FOUND, format!("{}: not found", name.display())),
        _ => Fail::new(Fail::NOT_EXECUTABLE, format!("{}: {}", name.display(), plain(error))),
    }
}

/// Sends `signal` on from now on, unless it is ignored: the child inherits that.
fn catch(signal: i32) {
    // SAFETY: all zero is a valid sigaction.
    let mut old: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: asks only.
    unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut old) };
    if old.sa_sigaction == libc::SIG_IGN {
        return;
    }
    // SAFETY: as above.
    let mut new: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_signal;
    new.sa_sigaction = handler as *const () as usize;
    new.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler makes one system call that is safe in handlers.
    unsafe { libc::sigaction(signal, &raw const new, std::ptr::null_mut()) };
}

extern "C" fn on_signal(signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo.
    let from_terminal = unsafe { (*info).si_code } > 0;
    if !from_terminal {
        send(signal);
    }
}

fn send(signal: i32) {
    match CHILD.load(Ordering::SeqCst) {
        0 => EARLY.store(signal, Ordering::SeqCst),
        child => heapmm_core::os::call::keeping_errno(|| {
            // SAFETY: a call without memory.
            let _ = unsafe { libc::kill(child, signal) };
        }),
    }
}
