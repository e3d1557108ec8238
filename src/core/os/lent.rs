//! The code that the system lends to every process (the vDSO): it tells the time without a system call.
//!
//! ```text
//!   ELF head ─► program headers ─► dynamic section ─► │ symbols │ names │     one behind the other
//! ```
//!
//! - **V1** What the system lends is a sound ELF image, which is mapped whole and stays.

use libc::{Elf64_Ehdr, Elf64_Phdr, Elf64_Sym};

use super::environment;

const DT_STRTAB: usize = 5;
const DT_SYMTAB: usize = 6;

/// The name `clock_gettime` and the byte that ends it, in two words, of which the second begins with the
/// seventh byte.
const NAME: [u64; 2] = [u64::from_ne_bytes(*b"clock_ge"), u64::from_ne_bytes(*b"gettime\0")];

/// Where the function clock_gettime(2) of the system begins; 0 if it lends none.
#[cold]
#[inline(never)]
pub fn clock() -> usize {
    let base = environment::lent_code();
    if base == 0 {
        return 0;
    }
    let head: Elf64_Ehdr = read(base);
    let (mut shift, mut dynamic) = (0usize, 0);
    for n in 0..usize::from(head.e_phnum) {
        let part: Elf64_Phdr = read(base + head.e_phoff as usize + n * size_of::<Elf64_Phdr>());
        let at = base + part.p_offset as usize;
        match part.p_type {
            libc::PT_LOAD => shift = at.wrapping_sub(part.p_vaddr as usize),
            libc::PT_DYNAMIC => dynamic = at,
            _ => {}
        }
    }
    let (mut symbol, mut names) = (0usize, 0);
    while dynamic != 0 {
        let [tag, value]: [usize; 2] = read(dynamic);
        match tag {
            0 => break,
            DT_SYMTAB => symbol = shift.wrapping_add(value),
            DT_STRTAB => names = shift.wrapping_add(value),
            _ => {}
        }
        dynamic += size_of::<[usize; 2]>();
    }
    while symbol != 0 && symbol < names {
        let Elf64_Sym { st_name, st_value, .. } = read(symbol);
        let name = names + st_name as usize;
        if [read::<u64>(name), read(name + 6)] == NAME {
            return shift.wrapping_add(st_value as usize);
        }
        symbol += size_of::<Elf64_Sym>();
    }
    0
}

/// What stands at `address`, within what the system lends.
fn read<T: Copy>(address: usize) -> T {
    // SAFETY: [V1](self)
    unsafe { core::ptr::with_exposed_provenance::<T>(address).read_unaligned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_lends_tells_the_time() {
        let at = clock();
        if environment::lent_code() == 0 {
            return;
        }
        let mut lent = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let mut asked = lent;

        // SAFETY: the function is the system's, and takes what the call takes.
        let ask: extern "C" fn(libc::clockid_t, *mut libc::timespec) -> i32 =
            unsafe { core::mem::transmute(core::ptr::with_exposed_provenance::<()>(at)) };
        let refusal = ask(libc::CLOCK_MONOTONIC, &raw mut lent);
        // SAFETY: `asked` is ours to write.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut asked) };

        assert_ne!(at, 0);
        assert_eq!(refusal, 0);
        assert!(asked.tv_sec - lent.tv_sec <= 1, "{} is not {}", lent.tv_sec, asked.tv_sec);
    }
}
