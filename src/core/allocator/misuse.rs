//! What a program did wrong, in one line.

use crate::heap::Fault;
use crate::named::{NAMED, Owner};
use crate::os::out;
use crate::settings::Errors;

/// A call that must not be carried out.
#[derive(Clone, Copy, Debug)]
pub struct Misuse {
    /// The function that was called.
    pub call: &'static str,
    /// The pointer it was given.
    pub payload: *mut u8,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Misuse {
    /// Says what happened and ends the process, or goes on, as `errors` wants.
    #[cold]
    #[inline(never)]
    pub fn report(self, errors: Errors) {
        match errors {
            Errors::Abort => self.say(|message| out::die(message)),
            Errors::Warn => self.say(out::complain),
            Errors::Ignore => {}
        }
    }

    fn say<T>(self, end: impl FnOnce(core::fmt::Arguments<'_>) -> T) -> T {
        let Self { call, payload: p, fault } = self;
        let owner = (fault == Fault::Foreign).then(|| NAMED.owner(p.addr())).flatten();
        if let Some(Owner { name, taker }) = owner {
            let name = name.text();
            return end(format_args!(
                "invalid {call} of {p:p}: a block of '{name}', which {taker} takes back"
            ));
        }
        match fault {
            Fault::Freed if call.ends_with("free") => end(format_args!("double free of {p:p}")),
            Fault::Freed => end(format_args!("invalid {call} of {p:p}: the block is free")),
            Fault::Foreign => end(format_args!("invalid {call} of {p:p}: not a pointer from heapmm")),
            Fault::Interior(start) => {
                let inside = p.addr() - start;
                end(format_args!("invalid {call} of {p:p}: {inside} bytes into the block at {start:#x}"))
            }
            Fault::Own => end(format_args!("invalid {call} of {p:p}: the allocator's own memory")),
            Fault::Smashed => {
                end(format_args!("corrupted block at {p:p}: its header was overwritten (seen by {call})"))
            }
            Fault::Written => end(format_args!("corrupted block at {p:p}: written to after it was freed")),
            Fault::Overrun(next) => end(format_args!(
                "corrupted block at {next:#x}: its header was overwritten, perhaps from {p:p} (seen by {call})"
            )),
        }
    }
}
