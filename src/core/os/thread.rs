//! Who runs, and one word for each thread. All that heapmm knows about a processor stands in
//! this file.
//!
//! The word lives in static thread-local storage and is read in the initial-exec model: two
//! loads, no call, no check whether it was initialised. Its first value is the address of
//! `FIRST`, which sends every thread that has no structure of its own to the slow side.
//! `thread_local!` would cost a call to `__tls_get_addr` each time.
//!
//! To bring heapmm to another architecture, write the functions here for it.

use core::ffi::c_void;

/// Bytes that there are for a thread's structure.
pub const MAIN_BYTES: usize = 2688;

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".pushsection .tdata,\"awT\",@progbits",
    ".p2align 3",
    ".hidden heapmm_thread_word",
    ".globl heapmm_thread_word",
    ".type heapmm_thread_word, @object",
    ".size heapmm_thread_word, 8",
    "heapmm_thread_word:",
    ".quad {first}",
    ".popsection",
    first = sym FIRST,
);

/// The head of a structure that says "busy, and nobody's" for ever: a thread that finds it asks the
/// slow side, which gives it one of its own. Constant, so that it costs no process a page.
#[repr(C, align(64))]
struct Head([u8; 64]);

const NOBODYS: Head = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    Head(bytes)
};

static FIRST: Head = NOBODYS;
static LAST: Head = NOBODYS;

/// What the word of a thread points to before it was ever set.
#[inline(always)]
pub fn first() -> *mut u8 {
    (&raw const FIRST).cast_mut().cast()
}

/// What the word of a thread that has ended points to.
#[inline(always)]
pub fn last() -> *mut u8 {
    (&raw const LAST).cast_mut().cast()
}

/// Zeroed room for the structure of the first thread: in the heap it would touch a page for itself.
#[repr(C, align(64))]
struct Room(core::cell::UnsafeCell<[u8; MAIN_BYTES]>);

// SAFETY: only the first thread uses it.
unsafe impl Sync for Room {}

#[unsafe(link_section = ".data.thread")]
static MAIN: Room = Room(core::cell::UnsafeCell::new([0; MAIN_BYTES]));

/// Where the first thread's structure is built.
#[inline(always)]
pub const fn main() -> *mut u8 {
    MAIN.0.get().cast()
}

/// The running thread's word.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub fn word() -> *mut u8 {
    let word: *mut u8;
    // SAFETY: the offset is filled in by the linker, and the storage lives as long as the thread.
    unsafe {
        core::arch::asm!(
            "mov {0}, qword ptr [rip + heapmm_thread_word@GOTTPOFF]",
            "mov {0}, qword ptr fs:[{0}]",
            out(reg) word,
            options(nostack, preserves_flags, readonly, pure),
        );
    }
    word
}

/// Sets the running thread's word.
#[cfg(target_arch = "x86_64")]
pub fn set_word(word: *mut u8) {
    // SAFETY: as for `word`; only this thread reads it.
    unsafe {
        core::arch::asm!(
            "mov {0}, qword ptr [rip + heapmm_thread_word@GOTTPOFF]",
            "mov qword ptr fs:[{0}], {1}",
            out(reg) _,
            in(reg) word,
            options(nostack, preserves_flags),
        );
    }
}

/// The running thread's pointer: never 0, unique among live threads, kept by the child of a fork.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub fn pointer() -> usize {
    let word: usize;
    // SAFETY: the System V ABI keeps the thread control block's own address at fs:0.
    unsafe {
        core::arch::asm!("mov {}, fs:0", out(reg) word, options(nostack, preserves_flags, readonly));
    }
    word
}

/// Where the stack ends now: calls go below.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub fn stack() -> usize {
    let end: usize;
    // SAFETY: reads a register.
    unsafe {
        core::arch::asm!("mov {}, rsp", out(reg) end, options(nomem, nostack, preserves_flags));
    }
    end
}

/// Whether this thread runs on the stack that it has set aside for signals.
pub fn is_on_signal_stack() -> bool {
    let mut now = libc::stack_t { ss_sp: core::ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: writes to the struct that is passed.
    unsafe { system_call(libc::SYS_sigaltstack, [0, (&raw mut now).expose_provenance(), 0, 0]) };
    now.ss_flags & libc::SS_ONSTACK != 0
}

/// A counter that grows steadily, by something like a thousand million a second.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub fn ticks() -> u64 {
    // SAFETY: the instruction reads a counter.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// A system call without the C library: no errno, and none of its pages.
///
/// # Safety
///
/// As the call itself demands.
pub unsafe fn system_call(number: i64, arguments: [usize; 4]) -> isize {
    let [first, second, third, fourth] = arguments;
    // SAFETY: the caller's promise; a call that takes fewer arguments does not look at the others.
    unsafe { long_call(number, [first, second, third, fourth, 0, 0]) }
}

/// The same for a call that takes six arguments.
///
/// # Safety
///
/// As the call itself demands.
#[cfg(target_arch = "x86_64")]
pub unsafe fn long_call(number: i64, arguments: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel keeps all registers but these three.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            in("r9") arguments[5],
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result
}

/// Writes `new` to `word` if it is `old`; whether it was. Whole to signal handlers of this thread, not
/// to other threads: a third of what a locked exchange costs.
///
/// # Safety
///
/// `word` can be written, and no other thread writes it meanwhile.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub unsafe fn exchange_alone(word: *mut u64, old: u64, new: u64) -> bool {
    let was: u64;
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "cmpxchg qword ptr [{}], {}",
            in(reg) word,
            in(reg) new,
            inlateout("rax") old => was,
            options(nostack),
        );
    }
    was == old
}

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".pushsection .tbss,\"awT\",@nobits",
    ".p2align 3",
    ".hidden heapmm_thread_number",
    ".globl heapmm_thread_number",
    ".type heapmm_thread_number, @object",
    ".size heapmm_thread_number, 8",
    "heapmm_thread_number:",
    ".zero 8",
    ".popsection",
);

/// The running thread's number, as the system knows it: asked once for each thread.
#[cfg(target_arch = "x86_64")]
pub fn number() -> u32 {
    let known: u32;
    // SAFETY: the offset is filled in by the linker, and the storage lives as long as the thread.
    unsafe {
        core::arch::asm!(
            "mov {0:r}, qword ptr [rip + heapmm_thread_number@GOTTPOFF]",
            "mov {0:e}, dword ptr fs:[{0:r}]",
            out(reg) known,
            options(nostack, preserves_flags, readonly),
        );
    }
    if known != 0 { known } else { ask_number() }
}

/// Asks for the running thread's number: after a fork it is another.
#[cold]
#[cfg(target_arch = "x86_64")]
pub fn ask_number() -> u32 {
    // SAFETY: asks only.
    let number = unsafe { system_call(libc::SYS_gettid, [0; 4]) } as u32;
    // SAFETY: as in `number`; only this thread reads it.
    unsafe {
        core::arch::asm!(
            "mov {0:r}, qword ptr [rip + heapmm_thread_number@GOTTPOFF]",
            "mov dword ptr fs:[{0:r}], {1:e}",
            out(reg) _,
            in(reg) number,
            options(nostack, preserves_flags),
        );
    }
    number
}

/// The number of the running process.
pub fn process() -> u32 {
    // SAFETY: asks only.
    (unsafe { system_call(libc::SYS_getpid, [0; 4]) }) as u32
}

/// Whether the system knows no thread `number` of `process`; where it does not say, that is not so.
pub fn is_gone(process: u32, number: u32) -> bool {
    let arguments = [process as usize, number as usize, 0, 0];
    // SAFETY: asks only: 0 is no signal.
    (unsafe { system_call(libc::SYS_tgkill, arguments) }) == -libc::ESRCH as isize
}

const MEMBARRIER_EXPEDITED: usize = 1 << 3;
const MEMBARRIER_REGISTER_EXPEDITED: usize = 1 << 4;

/// Asks for [`barrier`] in this process; whether the system has it (Linux 4.14 does).
pub fn enable_barrier() -> bool {
    membarrier(MEMBARRIER_REGISTER_EXPEDITED)
}

/// Every running thread of the process passes a full barrier; whether they did.
pub fn barrier() -> bool {
    membarrier(MEMBARRIER_EXPEDITED)
}

fn membarrier(command: usize) -> bool {
    // SAFETY: orders memory only.
    unsafe { system_call(libc::SYS_membarrier, [command, 0, 0, 0]) == 0 }
}

/// Registers of a stopped thread, as ptrace(2) tells them, and the places of two of them.
#[cfg(target_arch = "x86_64")]
pub const REGISTERS: usize = size_of::<libc::user_regs_struct>() / 8;
/// Where its stack pointer stands.
#[cfg(target_arch = "x86_64")]
pub const STACK_REGISTER: usize = core::mem::offset_of!(libc::user_regs_struct, rsp) / 8;
/// Where its thread pointer stands.
#[cfg(target_arch = "x86_64")]
pub const POINTER_REGISTER: usize = core::mem::offset_of!(libc::user_regs_struct, fs_base) / 8;

/// Starts a helper: a process that shares memory and files, of which neither a signal nor a plain wait
/// tells. It runs `help` with `argument`, on the stack that ends at `top`. Its number, or less than 1.
///
/// # Safety
///
/// The stack is the helper's until it has ended. `help` uses no thread-local variable and nothing of
/// the C library: it has the thread pointer of the caller.
#[cfg(target_arch = "x86_64")]
pub unsafe fn begin_helper(help: extern "C" fn(*mut u8) -> !, argument: *mut u8, top: *mut u8) -> i32 {
    let flags = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_UNTRACED;
    let pid: isize;
    // SAFETY: the caller's promise; the helper leaves by the call.
    unsafe {
        core::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "2:",
            inlateout("rax") libc::SYS_clone as isize => pid,
            in("rdi") flags,
            in("rsi") top,
            in("rdx") 0,
            in("r10") 0,
            in("r8") 0,
            in("r12") help,
            in("r13") argument,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    pid as i32
}

/// Lets the process `tracer` stop threads of this one, where the system asks; 0 takes it back.
pub fn allow_tracer(tracer: i32) -> bool {
    let arguments = [libc::PR_SET_PTRACER as usize, tracer as usize, 0, 0];
    // SAFETY: gives a permission only.
    unsafe { system_call(libc::SYS_prctl, arguments) == 0 }
}

/// This process ends when the thread ends that started it.
pub fn die_with_parent() {
    let arguments = [libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize, 0, 0];
    // SAFETY: asks for a signal.
    unsafe { system_call(libc::SYS_prctl, arguments) };
}

/// What [`spill`] calls: its argument, and the stack pointer.
pub type Spilt = extern "C" fn(*mut c_void, usize);

/// Calls `run` with `argument` and the stack pointer, at which the registers stand that a function
/// keeps for its caller: from there on the stack has all that this thread still uses.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub extern "C" fn spill(run: Spilt, argument: *mut c_void) {
    // Seven words, so that the stack is aligned for the call; none is left as it was.
    core::arch::naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push rsi",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rsp",
        "call rax",
        "pop rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// A function that runs when a thread ends.
pub type ExitHook = unsafe extern "C" fn(*mut c_void);

/// A key whose destructor runs when a thread ends; `None` if there are no more keys.
pub fn exit_key(ended: ExitHook) -> Option<u32> {
    let mut key = 0;
    // SAFETY: `key` is ours to write.
    let code = unsafe { libc::pthread_key_create(&mut key, Some(ended)) };
    (code == 0).then_some(key)
}

/// Asks for the destructor of `key` when this thread ends, with `value`, not null.
pub fn tell_exit(key: u32, value: *mut u8) {
    // SAFETY: the key is ours. The first 32 keys need no memory; a later one may allocate.
    unsafe { libc::pthread_setspecific(key, value.cast()) };
}
