//! What can go wrong with a heap, a pool or a family, and what is said about it.

use super::NAMED;
use crate::allocator::Misuse;
use crate::heap::Fault;
use crate::os::out;
use crate::settings::Errors;

/// Most bytes of the name of a heap or a pool that are kept.
const NAME: usize = 32;

/// A name, cut to 32 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    bytes: [u8; NAME],
    len: usize,
}

impl Name {
    /// The first bytes of `name`.
    pub fn of(name: &[u8]) -> Self {
        let mut bytes = [0; NAME];
        bytes.iter_mut().zip(name).for_each(|(kept, byte)| *kept = *byte);
        Self { bytes, len: name.len().min(NAME) }
    }

    /// The same as one word: columns are told apart by blanks.
    pub fn as_word(&self) -> Self {
        Self {
            bytes: self.bytes.map(|byte| if byte.is_ascii_graphic() { byte } else { b'_' }),
            len: self.len,
        }
    }

    /// The text; `?` if it is no UTF-8.
    pub fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|name| core::str::from_utf8(name).ok()).unwrap_or("?")
    }
}

/// Why a call was not carried out.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// No heap or pool has these properties.
    Invalid,
    /// Memory is out.
    Memory,
    /// This very thread is inside: it was interrupted, and the call comes from a signal handler.
    Inside,
    /// Objects are in the hands of the program still.
    InUse,
    /// The handle names nothing, or nothing any more.
    Gone,
    /// The pointer is none that can be freed or resized here: what is wrong, and the name of the
    /// heap or pool.
    Fault(Fault, Name),
}

impl Trouble {
    /// Says what the program did wrong in `call`, as `errors` wants; what is not the program's
    /// fault is not told.
    #[cold]
    #[inline(never)]
    pub fn report(self, call: &'static str, pointer: *mut u8, errors: Errors) {
        match self {
            Self::Fault(Fault::Foreign, name) if NAMED.owner(pointer.addr()).is_none() => {
                tell(errors, format_args!("invalid {call} of {pointer:p}: not a block of '{}'", name.text()))
            }
            Self::Fault(fault, _) => Misuse { call, payload: pointer, fault }.report(errors),
            Self::Gone => tell(
                errors,
                format_args!("invalid {call}: {pointer:p} is no such heap or pool, or no longer one"),
            ),
            Self::Invalid | Self::Memory | Self::Inside | Self::InUse => {}
        }
    }
}

fn tell(errors: Errors, line: core::fmt::Arguments<'_>) {
    match errors {
        Errors::Abort => out::die(line),
        Errors::Warn => out::complain(line),
        Errors::Ignore => {}
    }
}
