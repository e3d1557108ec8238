//! The table of settings: one row gives the name, when it is read, the values, the default, the help line and
//! the parser.

use super::value;
use super::{Errors, Fill, Format, Pattern, Settings};
use crate::block::SMALLEST;
use crate::heap::Coalesce;
use crate::policy::Policy;

/// When a setting counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Only at start.
    AtStart,
    /// Also later: the program may change it.
    Always,
}

/// One setting. Its words stand in one string: a process that reads no setting should not pay for
/// two relocated pointers a row.
pub struct Row {
    /// The name, and behind it the values.
    words: &'static str,
    name_len: u8,
    /// Whether it can change while the program runs.
    pub when: When,
    pub(super) apply: fn(&mut Settings, &[u8]) -> Option<()>,
}

impl Row {
    /// The row of the setting called `name`, in any case.
    pub fn named(name: &[u8]) -> Option<&'static Self> {
        ROWS.iter().find(|row| row.is_called(name))
    }

    /// Whether `name` is its name, in any case.
    #[inline(never)]
    pub(super) fn is_called(&self, name: &[u8]) -> bool {
        self.name().as_bytes().eq_ignore_ascii_case(name)
    }

    /// The name behind `HEAPMM_`.
    pub fn name(&self) -> &'static str {
        self.words.get(..usize::from(self.name_len)).unwrap_or("")
    }

    /// The values it takes.
    pub fn values(&self) -> &'static str {
        self.words.get(usize::from(self.name_len)..).unwrap_or("")
    }
}

/// Words that stand in every file that the library was linked into, stripped or not.
pub fn mark() -> &'static [u8] {
    ROWS.first().map_or(b"", |row| row.words.as_bytes())
}

/// What there is to say of a setting: for the command, since no process reads it.
pub struct Page {
    /// The name behind `HEAPMM_`.
    pub name: &'static str,
    /// The values it takes.
    pub values: &'static str,
    /// The built-in value.
    pub default: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
}

macro_rules! settings {
    ($($name:literal $when:ident $values:literal $default:literal $help:literal $apply:expr;)*) => {
        /// All settings.
        pub static ROWS: &[Row] = &[$(Row {
            words: concat!($name, $values),
            name_len: $name.len() as u8,
            when: When::$when,
            apply: $apply,
        },)*];

        /// A page for each.
        pub static PAGES: &[Page] =
            &[$(Page { name: $name, values: $values, default: $default, help: $help },)*];
    };
}

settings! {
    "POLICY" AtStart "a name that `heapmm policies` lists" "fast"
        "Where blocks are placed."
        |s, v| { s.policy = Policy::named(v)?; Some(()) };
    "STATS" AtStart "off, exit" "off"
        "Write a report when the process ends."
        |s, v| { s.stats = value::word(v, &[("off", false), ("exit", true)])?; Some(()) };
    "STATS_FORMAT" Always "text, json" "text"
        "The shape of the report."
        |s, v| { s.format = value::word(v, &[("text", Format::Text), ("json", Format::Json)])?; Some(()) };
    "OUT" Always "a file name, or stderr" "stderr"
        "Where reports go: %p is the process number, %c the command, %n the first free number, %t the time."
        |s, v| {
            s.out = match v {
                b"stderr" | b"/dev/stderr" => Pattern::EMPTY,
                // Among the output of the program no report is wanted, and a file of that name is meant by nobody.
                b"stdout" => return None,
                _ => Pattern::of(v)?,
            };
            Some(())
        };
    "LEAKS" AtStart "off, exit" "off"
        "Look for leaks when the process ends, and write what is lost and what is still reachable; it goes where the report goes."
        |s, v| { s.leaks = value::word(v, &[("off", false), ("exit", true)])?; Some(()) };
    "LEAK_EXITCODE" Always "0 to 255" "0"
        "Exit status of a process whose check finds definitely lost blocks; 0 leaves it as it is."
        |s, v| { s.leak_status = u8::try_from(value::plain(v)?).ok()?; Some(()) };
    "TRACE" AtStart "a file name, or off" "off"
        "Record every call of malloc and free there, with the escapes of OUT; a file that exists is kept, and .1 is added."
        |s, v| { s.trace = if v == b"off" { Pattern::EMPTY } else { Pattern::of(v)? }; Some(()) };
    "TRACE_PARENT" AtStart "a process number" "0"
        "Record only processes whose parent has this number; 0 for all."
        |s, v| { s.trace_parent = value::plain(v)?; Some(()) };
    "ERRORS" Always "abort, warn, ignore" "abort"
        "What a double or invalid free leads to; `warn` and `ignore` skip the call."
        |s, v| {
            s.errors = value::word(v, &[
                ("abort", Errors::Abort), ("warn", Errors::Warn), ("ignore", Errors::Ignore),
            ])?;
            Some(())
        };
    "FILL" AtStart "off, junk, zero" "off"
        "Fill blocks: `junk` shows use of uninitialised and freed memory, `zero` hides it."
        |s, v| {
            s.fill = value::word(v, &[("off", Fill::Nothing), ("junk", Fill::Junk), ("zero", Fill::Zero)])?;
            Some(())
        };
    "SPLIT" Always "a size, 32 or more" "32"
        "Smallest remainder that is split off a block."
        |s, v| { s.shape.split = value::size(v).filter(|n| *n >= SMALLEST)?; Some(()) };
    "COALESCE" Always "immediate, deferred" "immediate"
        "When free neighbours merge: at once, or when a search has failed."
        |s, v| {
            s.shape.coalesce = value::word(v, &[
                ("immediate", Coalesce::Immediate), ("deferred", Coalesce::Deferred),
            ])?;
            Some(())
        };
    "CACHE" AtStart "on, off, or a size" "on"
        "Whether threads keep freed objects for their next requests, and how many bytes they may pool (policy `fast` only)."
        |s, v| {
            s.cache_budget = if value::switch(v).is_some() { None } else { Some(value::size(v)?) };
            s.cache = value::switch(v).unwrap_or(true);
            Some(())
        };
    "TRIM" Always "a size" "128K"
        "Free bytes at the top of the heap that stay when the break is lowered."
        |s, v| { s.shape.keep = value::size(v)?; Some(()) };
    "PURGE" Always "a time, or off" "300ms"
        "Time between sweeps: what two of them find free goes back to the system."
        |s, v| { s.purge = if v == b"off" { 0 } else { value::milliseconds(v)? }; Some(()) };
    "HUGE" Always "a size, or off" "8M"
        "A heap that has grown so large, or twice as large beside other threads, grows on in huge pages, where the system has any."
        |s, v| { s.shape.huge = if v == b"off" { usize::MAX } else { value::size(v)? }; Some(()) };
    "LATE" Always "a size, or off" "16M"
        "A process of one thread whose slabs have grown so large finds most double frees one free later, up to 128 later where it only frees; it never hands a block to two owners."
        |s, v| { s.late = if v == b"off" { usize::MAX } else { value::size(v)? }; Some(()) };
    "MMAP_THRESHOLD" Always "a size" "1M, grows to 32M"
        "Larger requests get a mapping of their own; a given size does not adapt."
        |s, v| { s.mmap_threshold = Some(value::size(v)?); Some(()) };
    "VERBOSE" AtStart "on, off" "off"
        "Say at start what is set."
        |s, v| { s.verbose = value::switch(v)?; Some(()) };
    "STRICT" AtStart "on, off" "off"
        "End the process with status 78 when a setting is unknown or ill-formed."
        |s, v| { s.strict = value::switch(v)?; Some(()) };
}
