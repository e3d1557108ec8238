//! The settings: one table gives parser, help, and the section of the README.
//!
//! ```text
//!   built-in  <  HEAPMM_CONF="option:value,option:value"  <  HEAPMM_OPTION=value
//! ```
//!
//! Parsing allocates nothing and can run before any constructor.

use crate::heap::{Coalesce, Growth, Shape};
use crate::policy::Policy;

mod problem;
mod table;
mod value;

pub use problem::{Place, Problem, Wrong};
pub use table::{PAGES, Page, ROWS, Row, When, mark};
pub use value::nearest;

/// What a misuse leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// A line on stderr, then SIGABRT.
    Abort,
    /// A line on stderr; the call is ignored.
    Warn,
    /// The call is ignored.
    Ignore,
}

/// The shape of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One line of JSON.
    Json,
}

/// What blocks are filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// They keep what they have.
    Nothing,
    /// 0xA5 when handed out, 0x5A when freed.
    Junk,
    /// Zero when handed out.
    Zero,
}

/// A file name with `%` escapes, kept by value.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    bytes: [u8; Self::MOST],
    len: usize,
}

impl Pattern {
    /// Most bytes of it.
    pub const MOST: usize = 256;
    /// No file.
    pub const EMPTY: Self = Self { bytes: [0; Self::MOST], len: 0 };

    /// The text; empty where none is set.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn of(text: &[u8]) -> Option<Self> {
        let mut this = Self::EMPTY;
        this.bytes.get_mut(..text.len())?.copy_from_slice(text);
        this.len = text.len();
        (!text.is_empty()).then_some(this)
    }
}

/// All settings with their values.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Placement policy.
    pub policy: Policy,
    /// Whether a report is written when the process ends.
    pub stats: bool,
    /// Its shape.
    pub format: Format,
    /// Where it goes; stderr if empty.
    pub out: Pattern,
    /// Whether leaks are looked for when the process ends.
    pub leaks: bool,
    /// The status of a process that has lost blocks, if it is not 0.
    pub leak_status: u8,
    /// Where the trace goes; none is written if empty.
    pub trace: Pattern,
    /// Only children of this process write one, if it is not 0.
    pub trace_parent: u32,
    /// What a misuse leads to.
    pub errors: Errors,
    /// What blocks are filled with.
    pub fill: Fill,
    /// Splitting, coalescing, growth, and what stays at the top.
    pub shape: Shape,
    /// Whether threads keep freed objects for their next requests.
    pub cache: bool,
    /// Bytes that the depot behind their caches may keep; `None` goes by the footprint.
    pub cache_budget: Option<usize>,
    /// Bytes of slabs from which on free looks late at what it gets.
    pub late: usize,
    /// Milliseconds between sweeps; 0 for never.
    pub purge: u64,
    /// Requests above this many bytes get a mapping of their own; `None` adapts.
    pub mmap_threshold: Option<usize>,
    /// Whether a line at start says what is set.
    pub verbose: bool,
    /// Whether a bad setting ends the process.
    pub strict: bool,
}

impl Settings {
    /// Before the environment was read: all zero.
    pub(crate) const UNSETTLED: Self = Self {
        policy: Policy::Fast,
        stats: false,
        format: Format::Text,
        out: Pattern::EMPTY,
        leaks: false,
        leak_status: 0,
        trace: Pattern::EMPTY,
        trace_parent: 0,
        errors: Errors::Abort,
        fill: Fill::Nothing,
        shape: Shape { split: 0, coalesce: Coalesce::Immediate, growth: Growth::Exact, keep: 0, huge: 0 },
        cache: false,
        cache_budget: None,
        late: 0,
        purge: 0,
        mmap_threshold: None,
        verbose: false,
        strict: false,
    };

    /// The built-in values. No constant: that would stand in the library with all its zeros. Every process asks
    /// for them, and none of those that set nothing shall map the code beside this for it (`src/layout.ld`).
    #[inline(always)]
    pub fn built_in() -> Self {
        let mut this = Self::UNSETTLED;
        this.shape = Shape::DEFAULT;
        this.cache = true;
        this.late = 16 << 20;
        this.purge = 300;
        this
    }
}

/// Variables that begin like settings and are none: those collected in one, and where the command looks for the
/// library.
const NO_SETTINGS: [&[u8]; 2] = [COLLECTED, b"LIB"];
const COLLECTED: &[u8] = b"CONF";

impl Settings {
    /// The settings that `variables` (each `NAME=value`, without `HEAPMM_`) make; every problem goes
    /// to `report`.
    #[inline(never)]
    pub fn from_variables<'a, V: Iterator<Item = &'a [u8]>>(
        variables: &dyn Fn() -> V,
        report: &mut dyn FnMut(Problem<'a>),
    ) -> Self {
        let mut this = Self::built_in();
        each(variables, &mut |place, name, value| {
            if let Err(wrong) = this.apply(name, value) {
                report(Problem { place, wrong });
            }
        });
        this
    }

    /// Sets one option; the name's case does not matter.
    #[inline(never)]
    pub fn apply<'a>(&mut self, name: &'a [u8], value: Option<&'a [u8]>) -> Result<(), Wrong<'a>> {
        let value = value.ok_or(Wrong::NoValue(name))?;
        let Some(row) = Row::named(name) else {
            return Err(Wrong::Unknown(name, nearest(name, &mut ROWS.iter().map(Row::name))));
        };
        (row.apply)(self, value).ok_or_else(|| {
            // The others list the words that they take.
            let is_policy = row.name() == "POLICY";
            let near = if is_policy { nearest(value, &mut Policy::names()) } else { None };
            Wrong::Value { name: row.name(), value, values: row.values(), near }
        })
    }
}

/// Calls `see` with the name and the value of every setting that `variables` give and that counts, in the order
/// of the table.
pub fn each_given<'a, V: Iterator<Item = &'a [u8]>>(
    variables: &dyn Fn() -> V,
    mut see: impl FnMut(&'static str, &'a [u8]),
) {
    for row in ROWS {
        let mut last = None;
        each(variables, &mut |_, name, value| {
            if row.is_called(name) && Settings::built_in().apply(name, value).is_ok() {
                last = value;
            }
        });
        if let Some(value) = last {
            see(row.name(), value);
        }
    }
}

/// Calls `see` with where every setting stands, its name and its value: what counts more comes later.
fn each<'a, V: Iterator<Item = &'a [u8]>>(
    variables: &dyn Fn() -> V,
    see: &mut dyn FnMut(Place, &'a [u8], Option<&'a [u8]>),
) {
    let pairs = || variables().filter_map(|v| cut(v, |byte| byte == b'='));
    for (_, text) in pairs().filter(|(name, _)| *name == COLLECTED) {
        for piece in text.split(|byte| *byte == b',').filter(|piece| !piece.is_empty()) {
            match cut(piece, |byte| byte == b':' || byte == b'=') {
                Some((name, value)) => see(Place::Collected, name, Some(value)),
                None => see(Place::Collected, piece, None),
            }
        }
    }
    for (name, value) in pairs().filter(|(name, _)| !NO_SETTINGS.contains(name)) {
        see(Place::Variable, name, Some(value));
    }
}

fn cut(text: &[u8], is_mark: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| is_mark(*byte))?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::SMALLEST;
    use std::vec::Vec;

    fn parse<'a>(variables: &[&'a str]) -> (Settings, Vec<Problem<'a>>) {
        let mut problems = Vec::new();
        let bytes = || variables.iter().map(|v| v.as_bytes());
        let settings = Settings::from_variables(&bytes, &mut |problem| problems.push(problem));
        (settings, problems)
    }

    fn words(problems: &[Problem<'_>]) -> Vec<std::string::String> {
        problems.iter().map(|problem| std::format!("{problem}")).collect()
    }

    #[test]
    fn a_single_variable_beats_the_collected_ones() {
        let (settings, problems) =
            parse(&["POLICY=lifo-first", "CONF=policy:implicit-best,split=64,trim:2M"]);

        assert_eq!(problems, []);
        assert_eq!(settings.policy, Policy::LifoFirst);
        assert_eq!((settings.shape.split, settings.shape.keep), (64, 2 << 20));
    }

    #[test]
    fn a_design_is_a_policy_and_an_unknown_one_points_to_the_list() {
        let (settings, problems) = parse(&["POLICY=buddy-fibonacci", "CONF=policy:nix"]);

        assert_eq!(settings.policy, Policy::BuddyFibonacci);
        let told = "HEAPMM_CONF: POLICY cannot be 'nix'; it takes: a name that `heapmm policies` lists";
        assert_eq!(words(&problems), [told]);
    }

    #[test]
    fn a_mistyped_name_gets_a_suggestion_and_a_wild_one_none() {
        let (_, problems) = parse(&["POLICI=x", "ELEPHANT=x"]);

        let told = [
            "unknown setting HEAPMM_POLICI; did you mean HEAPMM_POLICY?",
            "unknown setting HEAPMM_ELEPHANT; `heapmm options` lists them",
        ];
        assert_eq!(words(&problems), told);
    }

    #[test]
    fn a_problem_of_the_collected_ones_says_that_it_stands_there() {
        let long = "x".repeat(10_000);
        let conf = std::format!("CONF=polizy:fast,trim=12Q,/etc/heapmm.conf,{long},:1,out:a\nb,");
        let (_, problems) = parse(&[&conf]);

        let many = std::format!(
            "HEAPMM_CONF: '{}...' has no value; it takes option:value,option:value, not a file's name",
            &long[..256]
        );
        let told = [
            "HEAPMM_CONF: unknown setting polizy; did you mean POLICY?",
            "HEAPMM_CONF: TRIM cannot be '12Q'; it takes: a size",
            "HEAPMM_CONF: '/etc/heapmm.conf' has no value; it takes option:value,option:value, not a file's name",
            &many,
            "HEAPMM_CONF: unknown setting ; `heapmm options` lists them",
        ];
        assert_eq!(words(&problems), told);
    }

    #[test]
    fn a_mistyped_policy_gets_a_suggestion_also_by_a_part_of_its_name() {
        let near = |name| words(&parse(&[&std::format!("POLICY={name}")]).1).concat();

        assert!(near("implicit-frist").ends_with("lists; did you mean implicit-first?"));
        assert!(near("bets-fit").ends_with("lists; did you mean segregated-best?"));
        assert!(near("next-fit").ends_with("lists; did you mean implicit-next?"));
        assert!(near("buddy").ends_with("lists; did you mean buddy-binary?"));
        assert!(near("x").ends_with("lists"));
    }

    #[test]
    fn the_commands_own_variable_is_no_problem_of_the_library() {
        assert_eq!(parse(&["LIB=/x/libheapmm.so"]).1, []);
        assert_eq!(words(&parse(&["CONF=lib:/x"]).1).len(), 1);
    }

    #[test]
    fn what_is_given_is_told_once_with_the_value_that_counts() {
        let variables = ["TRIM=2M", "CONF=trim:1M,fill:junk,stats:never", "LIB=x", "FILL=", "WRONG=1"];
        let mut given = Vec::new();

        each_given(&|| variables.iter().map(|v| v.as_bytes()), |name, value| given.push((name, value)));

        assert_eq!(given, [("FILL", &b"junk"[..]), ("TRIM", b"2M")]);
    }

    #[test]
    fn an_ill_formed_value_changes_nothing() {
        let (settings, problems) = parse(&["SPLIT=16", "TRIM=12Q", "CONF=stats"]);

        assert_eq!(settings.shape.split, SMALLEST);
        assert_eq!(problems.len(), 3);
        assert_eq!(problems[0], Problem { place: Place::Collected, wrong: Wrong::NoValue(b"stats") });
    }

    #[test]
    fn every_default_in_the_table_is_the_built_in_value() {
        for (row, page) in ROWS.iter().zip(PAGES).filter(|(row, _)| row.name() != "MMAP_THRESHOLD") {
            let mut settings = Settings::built_in();

            assert!((row.apply)(&mut settings, page.default.as_bytes()).is_some(), "{}", row.name());
            assert_eq!(std::format!("{settings:?}"), std::format!("{:?}", Settings::built_in()));
        }
    }
}
