//! The few file calls that a report needs, made by their numbers: a thread that is to be cancelled goes on through them.

use core::ffi::CStr;
use core::mem::MaybeUninit;

use super::call::keeping_errno;
use super::out::{Text, try_write};
use super::refusal::{FOLDER, NOT_A_FILE, Refusal, TOO_LONG, checked};
use super::thread::system_call;
use super::window::remove;

/// A private descriptor stays above this number, if the process may have so many: programs count and close the
/// low ones.
pub const LEAST_PRIVATE: i32 = 500;

/// A copy of `fd` with a number from `least` on, closed on exec.
pub fn copy_above(fd: i32, least: i32) -> Result<i32, Refusal> {
    let arguments = [fd as usize, libc::F_DUPFD_CLOEXEC as usize, least as usize, 0];
    // SAFETY: a new number changes nothing of ours.
    checked(unsafe { system_call(libc::SYS_fcntl, arguments) }).map(|copy| copy as i32)
}

/// A copy of `fd` that is closed on exec and out of everybody's way; `None` if there can be none.
pub fn private_copy(fd: i32) -> Option<i32> {
    // The highest that is free, where all that are allowed are low.
    let mut copies = (3..=LEAST_PRIVATE).rev().map(|least| copy_above(fd, least));
    copies.find(|copy| !matches!(copy, Err(libc::EINVAL | libc::EMFILE)))?.ok()
}

/// Opens `path` of `folder` with `flags`, closed on exec; a file that is made is everybody's to read.
pub fn open(folder: i32, path: &CStr, flags: i32) -> Result<i32, Refusal> {
    let arguments = [folder as usize, path.as_ptr().addr(), (flags | libc::O_CLOEXEC) as usize, 0o644];
    // SAFETY: the path ends in a zero byte.
    checked(unsafe { system_call(libc::SYS_openat, arguments) }).map(|fd| fd as i32)
}

/// Appends `bytes` to the file at `path`, creating it; only to a new file if `fresh`. A pipe that nobody reads is not
/// waited for, and a file that was made for them and takes none is removed.
pub fn append(path: &CStr, fresh: bool, bytes: &[u8]) -> Result<(), Refusal> {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND;
    let made = open(libc::AT_FDCWD, path, flags | libc::O_EXCL);
    let fd = match made {
        Err(_) if !fresh => open_at_once(path, flags),
        made => made,
    }?;
    let written = try_write(fd, bytes);
    if made.is_ok() && written.is_err() && is_empty(fd) {
        remove(path);
    }
    close(fd);
    written
}

/// Opens `path` with `flags`: a pipe is refused while nobody reads it. What is written is waited for as ever.
fn open_at_once(path: &CStr, flags: i32) -> Result<i32, Refusal> {
    let fd = open(libc::AT_FDCWD, path, flags | libc::O_NONBLOCK)?;
    // SAFETY: it was opened here.
    unsafe { system_call(libc::SYS_fcntl, [fd as usize, libc::F_SETFL as usize, flags as usize, 0]) };
    Ok(fd)
}

/// Whether the file of `fd` has no bytes.
fn is_empty(fd: i32) -> bool {
    // SAFETY: the descriptor is the caller's.
    unsafe { system_call(libc::SYS_lseek, [fd as usize, 0, libc::SEEK_END as usize, 0]) == 0 }
}

/// Whether that will go well, as far as it can be told without making the file.
pub fn may_append(path: &CStr, fresh: bool) -> Result<(), Refusal> {
    match is_file(path) {
        Err(libc::ENOENT) => {}
        _ if fresh => {}
        Ok(()) => return allows(path, libc::W_OK).and_then(|()| may_grow()),
        Err(NOT_A_FILE) => return allows(path, libc::W_OK),
        other => return other,
    }
    let bytes = path.to_bytes();
    let mut folder = Text::<512>::new();
    folder.push(bytes.iter().rposition(|byte| *byte == b'/').map_or(b".", |end| &bytes[..=end]));
    folder.push(&[0]);
    allows(folder.as_path().ok_or(TOO_LONG)?, libc::W_OK | libc::X_OK)?;
    may_grow()
}

/// Whether files of the process may have any bytes.
fn may_grow() -> Result<(), Refusal> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let arguments = [0, libc::RLIMIT_FSIZE as usize, 0, (&raw mut limit).expose_provenance()];
    // SAFETY: writes to the struct that is passed.
    checked(unsafe { system_call(libc::SYS_prlimit64, arguments) })?;
    if limit.rlim_cur == 0 { Err(libc::EFBIG) } else { Ok(()) }
}

/// Whether the process may do at `path` what `mode` says.
fn allows(path: &CStr, mode: i32) -> Result<(), Refusal> {
    // SAFETY: the path ends in a zero byte.
    checked(unsafe { system_call(libc::SYS_access, [path.as_ptr().addr(), mode as usize, 0, 0]) }).map(|_| ())
}

/// Whether a file stands at `path`; the refusal says what else, if that is no file to begin.
pub fn is_file(path: &CStr) -> Result<(), Refusal> {
    let mut data = MaybeUninit::<libc::stat>::zeroed();
    let arguments = [libc::AT_FDCWD as usize, path.as_ptr().addr(), data.as_mut_ptr().expose_provenance(), 0];
    // SAFETY: the path ends in a zero byte, and `data` is ours to write.
    checked(unsafe { system_call(libc::SYS_newfstatat, arguments) })?;
    // SAFETY: all bytes are written, and any bytes are a stat.
    match unsafe { data.assume_init() }.st_mode & libc::S_IFMT {
        libc::S_IFREG => Ok(()),
        libc::S_IFDIR => Err(FOLDER),
        _ => Err(NOT_A_FILE),
    }
}

/// Closes `fd`.
pub fn close(fd: i32) {
    // SAFETY: the caller opened it.
    unsafe { system_call(libc::SYS_close, [fd as usize, 0, 0, 0]) };
}

/// Opens the file or folder `path` to read.
pub fn open_to_read(path: &CStr) -> Option<i32> {
    open_in(libc::AT_FDCWD, path)
}

/// Opens the file `path` of `folder` to read.
pub fn open_in(folder: i32, path: &CStr) -> Option<i32> {
    open(folder, path, libc::O_RDONLY).ok()
}

/// Reads from `fd`; how many bytes, `None` if that failed.
pub fn read(fd: i32, into: &mut [u8]) -> Option<usize> {
    let arguments = [fd as usize, into.as_mut_ptr().expose_provenance(), into.len(), 0];
    // SAFETY: the slice can be written.
    usize::try_from(unsafe { system_call(libc::SYS_read, arguments) }).ok()
}

/// Calls `see` with every name in `folder`, from the first on.
pub fn each_name(folder: i32, see: &mut dyn FnMut(&[u8])) {
    /// Bytes of an entry before its name; the last two but one are its length.
    const HEAD: usize = 19;
    let mut entries = [0u8; 1024];
    // SAFETY: the descriptor is the caller's.
    unsafe { system_call(libc::SYS_lseek, [folder as usize, 0, libc::SEEK_SET as usize, 0]) };
    loop {
        let arguments = [folder as usize, entries.as_mut_ptr().expose_provenance(), entries.len(), 0];
        // SAFETY: the array is ours to write.
        let got = unsafe { system_call(libc::SYS_getdents64, arguments) };
        let mut rest = entries.get(..usize::try_from(got).unwrap_or(0)).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        while let [_, .., low, high, _] = rest.get(..HEAD).unwrap_or_default() {
            let len = usize::from(u16::from_le_bytes([*low, *high]));
            let Some((entry, after)) = rest.split_at_checked(len.max(HEAD)) else { return };
            let name = entry.get(HEAD..).unwrap_or_default();
            see(name.split(|byte| *byte == 0).next().unwrap_or_default());
            rest = after;
        }
    }
}

/// The process's number.
pub fn pid() -> i32 {
    // SAFETY: asks only.
    unsafe { libc::getpid() }
}

/// Seconds since 1970.
pub fn seconds() -> i64 {
    (super::clock::since_1970() / 1_000_000_000) as i64
}

/// The name of the running command into `name`; its length.
pub fn command(name: &mut [u8; 16]) -> usize {
    // SAFETY: PR_GET_NAME writes at most sixteen bytes.
    keeping_errno(|| unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) });
    name.iter().position(|byte| *byte == 0).unwrap_or(name.len())
}
