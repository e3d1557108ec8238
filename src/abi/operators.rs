//! C++'s operators new and delete, in the shared library only: two calls less than by way of the C++ library, which
//! would call malloc and free. `build.rs` gives what is labelled here its names. A program that is linked with the static
//! library keeps the operators of its C++ library.
//!
//! ```text
//!   new, delete, and the aligned ones    ─► malloc, memalign, free
//!   arrays, and delete with a size       ─► the operator that the standard has them call: ours, or the program's own
//!   new that returns null                ─► malloc, if the operator that it stands for is ours; else the C++ library's
//! ```
//!
//! All of them stand here, or none: a block of one may go to any other.
//!
//! - **Y1** A request that fails goes on in the C++ library, by a jump: there is the loop over the new-handler, and who
//!   throws. No frame of ours stands between it and the caller.

use core::arch::{global_asm, naked_asm};
use core::ffi::{CStr, c_void};
use core::ptr;

use super::loader;
use super::stdlib::{free, malloc, memalign};

/// Where the operators are that a request goes on in; a process may keep them to itself, as an interpreter does with
/// those of its modules.
const LIBRARIES: [&CStr; 2] = [c"libstdc++.so.6", c"libc++.so.1"];

/// Labels of functions.
macro_rules! labels {
    ($($label:literal = $function:ident;)*) => {
        $(
            global_asm!(
                concat!(".globl ", $label),
                concat!(".hidden ", $label),
                concat!(".set ", $label, ", {function}"),
                function = sym $function,
            );
        )*
    };
}

labels! {
    "heapmm_Znwm" = plain;
    "heapmm_ZnwmSt11align_val_t" = aligned;
    "heapmm_ZdlPv" = free;
    "heapmm_ZdlPvSt11align_val_t" = free;
    "heapmm_nothrow" = nothrow;
    "heapmm_aligned_nothrow" = aligned_nothrow;
}

/// Labels of operators that call another one, whoever's it is.
macro_rules! calls {
    ($($label:literal = $operator:literal;)*) => {
        $(
            global_asm!(
                concat!(".weak ", $operator),
                concat!(".globl ", $label),
                concat!(".hidden ", $label),
                concat!($label, ": jmp qword ptr [rip + ", $operator, "@GOTPCREL]"),
            );
        )*
    };
}

calls! {
    "heapmm_Znam" = "_Znwm";
    "heapmm_ZnamSt11align_val_t" = "_ZnwmSt11align_val_t";
    "heapmm_ZdaPv" = "_ZdlPv";
    "heapmm_ZdlPvm" = "_ZdlPv";
    "heapmm_ZdlPvRKSt9nothrow_t" = "_ZdlPv";
    "heapmm_ZdaPvm" = "_ZdaPv";
    "heapmm_ZdaPvRKSt9nothrow_t" = "_ZdaPv";
    "heapmm_ZdaPvSt11align_val_t" = "_ZdlPvSt11align_val_t";
    "heapmm_ZdlPvmSt11align_val_t" = "_ZdlPvSt11align_val_t";
    "heapmm_ZdlPvSt11align_val_tRKSt9nothrow_t" = "_ZdlPvSt11align_val_t";
    "heapmm_ZdaPvmSt11align_val_t" = "_ZdaPvSt11align_val_t";
    "heapmm_ZdaPvSt11align_val_tRKSt9nothrow_t" = "_ZdaPvSt11align_val_t";
}

/// Labels of operators that return null: what serves if the operator that each stands for is ours, and where it goes on
/// else.
macro_rules! null_for {
    ($($label:literal = $operator:literal: $served:literal if $ours:literal, else $on:ident;)*) => {
        $(
            global_asm!(
                concat!(".weak ", $operator),
                concat!(".globl ", $label),
                concat!(".hidden ", $label),
                concat!($label, ": lea rax, [rip + ", $ours, "]"),
                concat!("cmp rax, qword ptr [rip + ", $operator, "@GOTPCREL]"),
                concat!("je ", $served),
                "jmp {on}",
                on = sym $on,
            );
        )*
    };
}

null_for! {
    "heapmm_ZnwmRKSt9nothrow_t" = "_Znwm": "heapmm_nothrow" if "heapmm_Znwm", else go_on_nothrow;
    "heapmm_ZnamRKSt9nothrow_t" = "_Znam": "heapmm_ZnwmRKSt9nothrow_t" if "heapmm_Znam", else go_on_array_nothrow;
    "heapmm_ZnwmSt11align_val_tRKSt9nothrow_t" = "_ZnwmSt11align_val_t":
        "heapmm_aligned_nothrow" if "heapmm_ZnwmSt11align_val_t", else go_on_aligned_nothrow;
    "heapmm_ZnamSt11align_val_tRKSt9nothrow_t" = "_ZnamSt11align_val_t":
        "heapmm_ZnwmSt11align_val_tRKSt9nothrow_t" if "heapmm_ZnamSt11align_val_t",
        else go_on_aligned_array_nothrow;
}

/// Operators new, and where each goes on without memory.
macro_rules! operators {
    ($($operator:ident($($arg:ident),*) = $block:expr, or $on:ident;)*) => {
        $(
            extern "C" fn $operator($($arg: usize),*) -> *mut c_void {
                let block = $block;
                // SAFETY: the same request.
                if block.is_null() { unsafe { $on($($arg),*) } } else { block }
            }
        )*
    };
}

operators! {
    plain(len) = malloc(len), or go_on_plain;
    nothrow(len) = malloc(len), or go_on_nothrow;
    aligned(len, align) = at_multiple(align, len), or go_on_aligned;
    aligned_nothrow(len, align) = at_multiple(align, len), or go_on_aligned_nothrow;
}

/// `len` bytes at a multiple of `align`; null if that is no power of two.
fn at_multiple(align: usize, len: usize) -> *mut c_void {
    if align.is_power_of_two() { memalign(align, len) } else { ptr::null_mut() }
}

/// Jumps to operators of the C++ library, with the arguments as they are.
macro_rules! jumps {
    ($($on:ident($($arg:ident),*) = $name:literal;)*) => {
        /// The names of these operators.
        const NAMES: &[&CStr] = &[$($name),*];

        #[allow(non_camel_case_types, reason = "numbers of these jumps")]
        enum Jump { $($on),* }

        $(
            #[unsafe(naked)]
            unsafe extern "C" fn $on($($arg: usize),*) -> *mut c_void {
                naked_asm!(
                    "mov eax, {number}",
                    "jmp {go_on}",
                    number = const Jump::$on as usize,
                    go_on = sym go_on,
                )
            }
        )*
    };
}

jumps! {
    go_on_plain(len) = c"_Znwm";
    go_on_nothrow(len) = c"_ZnwmRKSt9nothrow_t";
    go_on_array_nothrow(len) = c"_ZnamRKSt9nothrow_t";
    go_on_aligned(len, align) = c"_ZnwmSt11align_val_t";
    go_on_aligned_nothrow(len, align) = c"_ZnwmSt11align_val_tRKSt9nothrow_t";
    go_on_aligned_array_nothrow(len, align) = c"_ZnamSt11align_val_tRKSt9nothrow_t";
}

/// Jumps to the one whose number is in `eax`; without a C++ library the answer is null.
#[unsafe(naked)]
unsafe extern "C" fn go_on() {
    naked_asm!(
        "push rdi",
        "push rsi",
        "push rdx",
        "mov edi, eax",
        "call {find}",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "test rax, rax",
        "jz 2f",
        "jmp rax",
        "2:",
        "ret",
        find = sym find,
    )
}

/// The operator of the C++ library, or of whoever comes next; null in a static program, which has none. The lookup may
/// allocate: no lock is held here.
extern "C" fn find(number: usize) -> *mut c_void {
    let opened = LIBRARIES.iter().map(|library| loader::find_open(library)).find(|handle| !handle.is_null());
    // SAFETY: a constant name.
    unsafe { libc::dlsym(opened.unwrap_or(libc::RTLD_NEXT), NAMES[number].as_ptr()) }
}
