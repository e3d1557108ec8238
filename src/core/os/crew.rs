//! The other threads of the process, stopped for a while.
//!
//! ```text
//!   this thread   ─ clone ─────────────── waits ──► looks at memory ──► done ─┬─ waits ─► goes on
//!   helper            └─ seize, stop, read registers ─► ready ─► waits ───────┴─► let go, end
//!   other threads ─ run ────────┤ stopped                                     ├─ run
//! ```
//!
//! A process cannot stop its own threads from the outside, but a helper that shares its memory, and is
//! no thread of it, can: by ptrace(2), as a debugger does (the leak check of LLVM works in this way). System calls that were under way
//! are begun again by the kernel.
//!
//! - **CW1** The helper makes system calls only: it shares the thread pointer of who started it.
//! - **CW2** While the others are stopped, nobody may wait for a lock: they may hold it.

use core::ffi::CStr;
use core::fmt::Write;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::desk::{self, Blank, Desk};
use super::out::Text;
use super::thread::{self, REGISTERS, system_call};
use super::{call, file, window};

/// Bytes of the helper's stack.
const STACK: usize = 32 << 10;

/// Threads that may come while they are counted.
const SPARE: usize = 64;

/// How often the helper looks for threads that are new, and for a stop: some two seconds.
const ROUNDS: usize = 32;
const PATIENCE: usize = 40_000;
/// How often it asks for the permission to stop one.
const TRIES: usize = 100;

/// A thread that was stopped.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    tid: u32,
    /// The signal that it was about to take, or 0.
    signal: u32,
    /// All its registers.
    pub registers: [usize; REGISTERS],
}

// SAFETY: numbers.
unsafe impl Blank for Member {}

impl Member {
    /// Its stack pointer.
    pub const fn sp(&self) -> usize {
        self.registers[thread::STACK_REGISTER]
    }

    /// Its thread pointer.
    pub const fn pointer(&self) -> usize {
        self.registers[thread::POINTER_REGISTER]
    }
}

/// What both sides see.
struct Shared {
    /// 0; then READY, set by the helper; then DONE, set by the other side.
    stage: AtomicU32,
    folder: i32,
    caller: u32,
    members: *mut Member,
    room: usize,
    count: AtomicUsize,
    /// Threads that could not be stopped.
    moving: AtomicUsize,
}

const READY: u32 = 1;
const DONE: u32 = 2;

/// All other threads; they go on when this is dropped.
pub struct Crew {
    held: Option<(Desk, i32)>,
    /// Threads that were not stopped.
    moving: usize,
}

impl Crew {
    /// Stops all other threads, as far as the system lets.
    pub fn halt() -> Self {
        let alone = Self { held: None, moving: 0 };
        let Some(folder) = file::open_to_read(c"/proc/self/task") else { return alone };
        let others = count(folder).saturating_sub(1);
        let crew = if others == 0 { alone } else { Self::halt_others(folder, others) };
        file::close(folder);
        crew
    }

    fn halt_others(folder: i32, others: usize) -> Self {
        let none = Self { held: None, moving: others };
        let room = others + SPARE;
        let bytes = desk::bytes::<u8>(size_of::<Shared>()) + STACK + desk::bytes::<Member>(room);
        let Some(desk) = Desk::new(bytes) else { return none };
        let shared = desk.cut::<u8>(size_of::<Shared>()).as_mut_ptr().cast::<Shared>();
        let (members, stack) = (desk.cut::<Member>(room).as_mut_ptr(), desk.cut::<u8>(STACK));
        let value = Shared {
            stage: AtomicU32::new(0),
            folder,
            caller: thread::ask_number(),
            members,
            room,
            count: AtomicUsize::new(0),
            moving: AtomicUsize::new(0),
        };
        // SAFETY: cut for it just now.
        unsafe { shared.write(value) };
        let top = stack.as_mut_ptr_range().end;
        // A signal that a helper took would run a handler of the program beside the program.
        // SAFETY: [CW1]: the helper runs `help`, on a stack that stays until it has ended.
        let begun = window::undisturbed(|| Ok(unsafe { thread::begin_helper(help, shared.cast(), top) }));
        let Some(helper) = begun.ok().filter(|pid| *pid > 0) else { return none };
        let mut crew = Self { held: Some((desk, helper)), moving: 0 };
        crew.moving = if crew.await_stage() { crew.shared().moving.load(Ordering::Relaxed) } else { others };
        crew
    }

    /// Waits until the helper is ready; whether it is, and did not end.
    fn await_stage(&self) -> bool {
        let Some((_, helper)) = &self.held else { return false };
        let _ = thread::allow_tracer(*helper);
        loop {
            if self.shared().stage.load(Ordering::Acquire) == READY {
                return true;
            }
            if has_ended(*helper, libc::WNOHANG) {
                return false;
            }
            call::doze();
        }
    }

    fn shared(&self) -> &Shared {
        let start = self.held.as_ref().map_or(0, |(desk, _)| desk.bounds().0);
        // SAFETY: only asked for while there is a desk, on which it lies first.
        unsafe { &*core::ptr::with_exposed_provenance::<Shared>(start) }
    }

    /// The threads that are stopped.
    pub fn members(&self) -> &[Member] {
        if self.held.is_none() {
            return &[];
        }
        let shared = self.shared();
        // SAFETY: the helper has written so many.
        unsafe { core::slice::from_raw_parts(shared.members, shared.count.load(Ordering::Acquire)) }
    }

    /// How many threads were not stopped.
    pub const fn moving(&self) -> usize {
        self.moving
    }

    /// The first byte of what the crew keeps, and one past its last.
    pub fn bounds(&self) -> (usize, usize) {
        self.held.as_ref().map_or((0, 0), |(desk, _)| desk.bounds())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if let Some((_, helper)) = &self.held {
            self.shared().stage.store(DONE, Ordering::Release);
            has_ended(*helper, 0);
            let _ = thread::allow_tracer(0);
        }
    }
}

/// What the helper does ([CW1](self)).
extern "C" fn help(shared: *mut u8) -> ! {
    // SAFETY: `halt_others` waits, and its desk with it.
    let shared = unsafe { &*shared.cast::<Shared>() };
    thread::die_with_parent();
    for _ in 0..ROUNDS {
        let before = shared.count.load(Ordering::Relaxed);
        shared.moving.store(0, Ordering::Relaxed);
        each_thread(shared.folder, |tid| stop(shared, tid));
        if shared.count.load(Ordering::Relaxed) == before {
            break;
        }
    }
    shared.stage.store(READY, Ordering::Release);
    while shared.stage.load(Ordering::Acquire) != DONE {
        call::doze();
    }
    for n in 0..shared.count.load(Ordering::Relaxed) {
        // SAFETY: so many were written.
        let member = unsafe { shared.members.wrapping_add(n).read() };
        trace(libc::PTRACE_DETACH, member.tid, member.signal as usize);
    }
    loop {
        // SAFETY: ends the helper alone.
        unsafe { system_call(libc::SYS_exit, [0; 4]) };
    }
}

/// Stops the thread `tid`, unless it is the caller or was stopped before.
fn stop(shared: &Shared, tid: u32) {
    let count = shared.count.load(Ordering::Relaxed);
    // SAFETY: so many were written.
    let known = (0..count).any(|n| unsafe { (*shared.members.wrapping_add(n)).tid } == tid);
    if known || tid == shared.caller {
        return;
    }
    let mut member = Member { tid, signal: 0, registers: [0; REGISTERS] };
    let fate = if count == shared.room { Fate::Moving } else { seize(shared.folder, &mut member) };
    if fate == Fate::Moving {
        shared.moving.fetch_add(1, Ordering::Relaxed);
    }
    if fate == Fate::Stopped {
        // SAFETY: there is room for one more.
        unsafe { shared.members.wrapping_add(count).write(member) };
        shared.count.store(count + 1, Ordering::Release);
    }
}

/// What has become of a thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stopped,
    Moving,
    /// It is ending, or has ended: it uses nothing any more.
    Gone,
}

fn seize(folder: i32, member: &mut Member) -> Fate {
    // Where the system asks for a permission, the other side is just giving it.
    for round in 0.. {
        if trace(libc::PTRACE_SEIZE, member.tid, 0) == 0 {
            break;
        }
        if has_died(folder, member.tid) {
            return Fate::Gone;
        }
        if round == TRIES {
            return Fate::Moving;
        }
        call::doze();
    }
    trace(libc::PTRACE_INTERRUPT, member.tid, 0);
    let mut status = 0i32;
    let stopped = (0..PATIENCE).any(|_| {
        let at = (&raw mut status).expose_provenance();
        let options = (libc::__WALL | libc::WNOHANG) as usize;
        // SAFETY: `status` is ours to write.
        let got = unsafe { system_call(libc::SYS_wait4, [member.tid as usize, at, options, 0]) };
        if got == 0 {
            call::doze();
        }
        got != 0
    });
    if !stopped || !libc::WIFSTOPPED(status) {
        return if stopped { Fate::Gone } else { Fate::Moving };
    }
    // A stop that was asked for says so above the signal; any other signal is the thread's own.
    member.signal = if status >> 16 == 0 { libc::WSTOPSIG(status) as u32 } else { 0 };
    let at = member.registers.as_mut_ptr().expose_provenance();
    if trace(libc::PTRACE_GETREGS, member.tid, at) == 0 { Fate::Stopped } else { Fate::Gone }
}

/// Whether the thread has ended, though its number may still be listed.
fn has_died(folder: i32, tid: u32) -> bool {
    let mut path = Text::<32>::new();
    let _ = write!(path, "{tid}/stat\0");
    let path = CStr::from_bytes_until_nul(path.bytes()).unwrap_or_default();
    let Some(fd) = file::open_in(folder, path) else { return true };
    let mut text = [0; 64];
    let len = file::read(fd, &mut text).unwrap_or(0);
    file::close(fd);
    // The state stands behind the name, which is in brackets and at most sixteen bytes long.
    let mut after = text.get(..len).unwrap_or_default().rsplit(|byte| *byte == b')');
    matches!(after.next(), None | Some([] | [b' ', b'Z' | b'X' | b'x', ..]))
}

fn trace(request: libc::c_uint, tid: u32, data: usize) -> isize {
    // SAFETY: the only request that writes is given a place for all registers.
    unsafe { system_call(libc::SYS_ptrace, [request as usize, tid as usize, 0, data]) }
}

/// Whether the helper has ended; with `options` 0 it waits for that.
fn has_ended(helper: i32, options: i32) -> bool {
    loop {
        let options = (libc::__WALL | options) as usize;
        // SAFETY: writes nothing.
        let got = unsafe { system_call(libc::SYS_wait4, [helper as usize, 0, options, 0]) };
        if got != -(libc::EINTR as isize) {
            return got != 0;
        }
    }
}

fn count(folder: i32) -> usize {
    let mut count = 0;
    each_thread(folder, |_| count += 1);
    count
}

/// Calls `see` with the number of every thread in `folder`.
fn each_thread(folder: i32, mut see: impl FnMut(u32)) {
    file::each_name(folder, &mut |name| {
        let number = core::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
        number.into_iter().for_each(&mut see);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicBool;
    use std::vec::Vec;

    #[test]
    fn threads_stand_still_while_the_crew_is_held_and_go_on_then() {
        let (counter, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let wait_for_more = |than: usize| {
            while counter.load(Ordering::Relaxed) <= than {
                call::give_way();
            }
        };

        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            wait_for_more(0);

            let crew = Crew::halt();
            let first = counter.load(Ordering::Relaxed);
            (0..20).for_each(|_| call::doze());
            let (second, moving) = (counter.load(Ordering::Relaxed), crew.moving());
            let sound: Vec<bool> =
                crew.members().iter().map(|m| m.sp() != 0 && m.pointer() != thread::pointer()).collect();
            drop(crew);

            wait_for_more(second);
            is_over.store(true, Ordering::Relaxed);
            // Where the system forbids it, nobody was stopped, and that is told.
            assert!(moving > 0 || first == second && sound.len() >= 3 && sound.iter().all(|is| *is));
        });
    }
}
