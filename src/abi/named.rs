//! What the calls about heaps, pools and families have in common: errors, names, text.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;

use errno::{Errno, set_errno};
use heapmm_core::named::{NAMED, Named, Trouble};
use heapmm_core::os::out;
use heapmm_core::os::scroll::Scroll;

use crate::ALLOCATOR;

/// The heaps, pools and families. The first call makes the allocator ready: what is made here is
/// sealed with the key that it draws.
pub(super) fn named() -> &'static Named {
    if !NAMED.is_used() {
        ALLOCATOR.settings();
    }
    &NAMED
}

/// A call: its name, the heap or pool that it is about, and a block of it.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub name: &'static str,
    pub handle: *mut c_void,
    pub payload: *mut c_void,
}

impl Call {
    /// A call that is about no heap or pool.
    pub(super) const fn new(name: &'static str) -> Self {
        Self::on::<c_void>(name, ptr::null_mut())
    }

    /// A call about `handle`.
    pub(super) const fn on<T>(name: &'static str, handle: *mut T) -> Self {
        Self { name, handle: handle.cast(), payload: ptr::null_mut() }
    }

    /// A call about a block of `handle`.
    pub(super) const fn about(self, payload: *mut c_void) -> Self {
        Self { payload, ..self }
    }

    /// What came of it. What went wrong is reported if it is the program's fault, and in `errno`.
    #[inline]
    pub(super) fn end<T>(self, result: Result<T, Trouble>) -> Option<T> {
        result.map_err(|trouble| self.explain(trouble)).ok()
    }

    /// The same for a call that returns a pointer.
    pub(super) fn end_with<T>(self, result: Result<*mut u8, Trouble>) -> *mut T {
        self.end(result).map_or(ptr::null_mut(), <*mut u8>::cast)
    }

    /// The same for a call that returns 0 or -1.
    pub(super) fn status(self, result: Result<(), Trouble>) -> c_int {
        self.end(result).map_or(-1, |()| 0)
    }

    #[cold]
    #[inline(never)]
    fn explain(self, trouble: Trouble) {
        let errors = || ALLOCATOR.settings().errors;
        let code = match trouble {
            Trouble::Memory => libc::ENOMEM,
            Trouble::Inside => libc::EDEADLK,
            Trouble::InUse => libc::EBUSY,
            Trouble::Invalid => libc::EINVAL,
            Trouble::Gone => {
                trouble.report(self.name, self.handle.cast(), errors());
                libc::EINVAL
            }
            Trouble::Fault(..) => {
                trouble.report(self.name, self.payload.cast(), errors());
                libc::EINVAL
            }
        };
        set_errno(Errno(code));
    }

    /// Writes what was collected to `fd`; 0, or -1 with errno. Nothing else is held meanwhile.
    pub(super) fn write(self, fd: c_int, text: Result<Scroll, Trouble>) -> c_int {
        let Some(scroll) = self.end(text) else { return -1 };
        match out::try_write(fd, scroll.bytes().unwrap_or_default()) {
            Ok(()) => 0,
            Err(code) => {
                set_errno(Errno(code));
                -1
            }
        }
    }
}

/// The bytes of a string; none for NULL.
///
/// # Safety
///
/// `text` is NULL or a string that ends in a zero byte.
pub(super) unsafe fn bytes_of<'a>(text: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Copies the first `size` bytes of `known` to `figures`: what an older caller knows.
///
/// # Safety
///
/// `figures` can be written for `size` bytes.
pub(super) unsafe fn fill<T>(figures: *mut T, known: &T, size: usize) {
    let size = size.min(size_of::<T>());
    // SAFETY: the caller's promise; `size` is no more than either side has.
    unsafe { figures.cast::<u8>().copy_from_nonoverlapping(ptr::from_ref(known).cast(), size) };
}

/// What a caller has set as the size of its structure, which is its first field; `None` with EINVAL
/// if that cannot be.
///
/// # Safety
///
/// `figures` is NULL or points to a structure whose first field is a `size_t`.
pub(super) unsafe fn size_of_caller<T>(figures: *const T) -> Option<usize> {
    // SAFETY: the caller's promise.
    let size = if figures.is_null() { 0 } else { unsafe { figures.cast::<usize>().read() } };
    if size < size_of::<usize>() {
        set_errno(Errno(libc::EINVAL));
        return None;
    }
    Some(size)
}
