//! Whether HEAPMM_STRICT ends a command before it begins: the library says which setting is wrong, and the
//! command is not to be blamed.

use std::collections::BTreeMap;
use std::env;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, ExitStatus};

use heapmm_core::settings::Settings;

/// EX_CONFIG of sysexits(3), with which the library ends a process.
const STATUS: i32 = 78;

/// What is said of a command that did not begin.
pub const WORDS: &str = "HEAPMM_STRICT ended it before it began: a setting is unknown or ill-formed";

/// Whether the library ended `command`, whose status is `status`.
pub fn ended(command: &Command, status: ExitStatus) -> bool {
    status.code() == Some(STATUS) && refuses(command)
}

/// Whether the environment of `command` is strict and wrong.
fn refuses(command: &Command) -> bool {
    let mut variables: BTreeMap<_, _> = env::vars_os().collect();
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => variables.insert(name.to_owned(), value.to_owned()),
            None => variables.remove(name),
        };
    }
    let ours = variables.iter().filter_map(|(name, value)| {
        let name = name.as_bytes().strip_prefix(b"HEAPMM_")?;
        Some([name, b"=", value.as_bytes()].concat())
    });
    let ours: Vec<Vec<u8>> = ours.collect();
    let mut is_wrong = false;
    let settings = Settings::from_variables(&|| ours.iter().map(Vec::as_slice), &mut |_| is_wrong = true);
    settings.strict && is_wrong
}
