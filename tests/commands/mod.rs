//! Tables of shell commands, and the judgement on each: run without the
//! preload, run with it, compare.
//!
//! A line of a table is `name | needs | command`: a sentence without blanks
//! that names the case, the programs that it needs, and a command for `sh -c`
//! in a fresh copy of the fixture. Blank lines and lines with `#` are passed over.

mod fixture;
mod tree;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::time::Duration;

use crate::support::{self, Outcome, Run, Scratch};
use tree::Tree;

/// No case takes long: a hang shows early.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The cases of one file.
pub(crate) struct Table(Vec<Case>);

/// One line of a table.
struct Case {
    name: String,
    needs: Vec<String>,
    command: String,
}

/// What came of one case: what differs, if anything does.
pub(crate) struct Verdict {
    case: String,
    differences: Vec<String>,
}

impl Table {
    /// Reads `tests/commands/NAME.txt`.
    pub(crate) fn read(name: &str) -> Table {
        let file = support::root().join("tests/commands").join(name).with_extension("txt");
        let text = fs::read_to_string(&file).expect("a table can be read");
        let lines = text.lines().map(str::trim);
        let cases: Vec<Case> =
            lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Case::parse).collect();
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len(), "{name} has two cases of one name");
        Table(cases)
    }

    /// The programs that the table is about.
    pub(crate) fn programs(&self) -> BTreeSet<String> {
        let needs = self.0.iter().flat_map(|case| &case.needs);
        needs.cloned().collect()
    }

    /// Runs every case whose programs are there.
    pub(crate) fn judge(&self, policy: Option<&str>) -> Vec<Verdict> {
        let scratch = Scratch::new();
        let there = |case: &&Case| case.needs.iter().all(|program| support::need(program));
        self.0.iter().filter(there).map(|case| case.judge(&scratch, policy)).collect()
    }
}

impl Case {
    /// Reads one line.
    fn parse(line: &str) -> Case {
        let mut fields = line.splitn(3, " | ");
        let mut field = || match fields.next() {
            Some(field) => field.trim().to_owned(),
            None => panic!("`name | needs | command` expected, not {line:?}"),
        };
        let (name, needs, command) = (field(), field(), field());
        Case { name, needs: needs.split_whitespace().map(str::to_owned).collect(), command }
    }

    /// Runs it twice, in the same place, and compares.
    fn judge(&self, scratch: &Scratch, policy: Option<&str>) -> Verdict {
        let run = || Run::shell(&self.command).timeout(TIMEOUT);
        let plain = perform(run(), scratch);
        let preloaded = perform(run().preload(policy), scratch);

        let differences = match (plain, preloaded) {
            (Ok((plain, before)), Ok((preloaded, after))) => {
                let mut differences = compare(&plain, &preloaded);
                differences.extend(after.difference(&before));
                differences.extend(preloaded.complaint_about_reports());
                differences.extend(preloaded.complaint_about_policy(policy));
                differences
            }
            (Err(message), _) => vec![format!("even without the preload: {message}")],
            (_, Err(message)) => vec![message],
        };
        Verdict { case: format!("{}: {}", self.name, self.command), differences }
    }
}

/// Runs a command in a fresh fixture; tells what it said and what it left.
fn perform(run: Run, scratch: &Scratch) -> Result<(Outcome, Tree), String> {
    let folder = scratch.path().join("fixture");
    fixture::make(&folder);
    let outcome = run.dir(&folder).attempt();
    let tree = Tree::of(&folder);
    fixture::clear(&folder);
    Ok((outcome?, tree))
}

impl Verdict {
    /// The case and what differs, unless nothing does.
    pub(crate) fn failure(&self) -> Option<String> {
        if self.differences.is_empty() {
            return None;
        }
        let mut text = format!("{}\n", self.case);
        for difference in &self.differences {
            writeln!(text, "    {}", difference.replace('\n', "\n    ")).expect("a string takes text");
        }
        Some(text)
    }
}

/// What two runs of one command say differently.
fn compare(plain: &Outcome, preloaded: &Outcome) -> Vec<String> {
    let mut differences = Vec::new();
    if (plain.status, plain.signal) != (preloaded.status, preloaded.signal) {
        differences.push(format!(
            "exit {:?}, signal {:?} became exit {:?}, signal {:?}",
            plain.status, plain.signal, preloaded.status, preloaded.signal
        ));
    }
    if plain.stdout != preloaded.stdout {
        let words = first_difference(&plain.text(), &preloaded.text());
        differences.push(format!("stdout: {words}"));
    }
    if plain.stderr != preloaded.stderr {
        let words = first_difference(&plain.errors(), &preloaded.errors());
        differences.push(format!("stderr: {words}"));
    }
    differences
}

/// The first line in which two texts differ.
fn first_difference(plain: &str, preloaded: &str) -> String {
    let mut ours = preloaded.lines();
    for line in plain.lines() {
        let other = ours.next();
        if other != Some(line) {
            return format!("{line:?} became {other:?}");
        }
    }
    format!("{:?} came after the last line", ours.next())
}
