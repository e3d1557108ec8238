//! Real programs under the preload: interpreters, compilers, databases and
//! servers say and do what they say and do without it, and every report that
//! their processes leave adds up.
//!
//! Each has a script in `tests/real`, which takes the amount of work as its
//! argument and runs in an empty directory.

#![allow(clippy::expect_used)]

mod support;

use std::fs;
use std::time::Duration;

use support::{Outcome, Run, Scratch, UNCACHED, designs, need};

/// A program's script and what it takes to run it.
struct Program {
    /// The interpreter of the script, and its options.
    runner: &'static [&'static str],
    /// A file in `tests/real`.
    script: &'static str,
    /// Programs without which it cannot run, beside the runner.
    needs: &'static [&'static str],
    /// Commands that must be among those that report.
    reports: &'static [&'static str],
}

/// What the program runs under.
#[derive(Clone, Copy)]
struct Under {
    policy: Option<&'static str>,
    work: &'static str,
}

impl Program {
    /// Runs it without and with the preload, and compares.
    fn runs_as_without(&self, under: Under) {
        if !self.needs.iter().chain(&self.runner[..1]).all(|name| need(name)) {
            return;
        }
        let scratch = Scratch::new();
        let plain = self.perform(&scratch, under.work, |run| run);
        let preloaded = self.perform(&scratch, under.work, |run| run.preload(under.policy));

        assert_eq!(plain.status, Some(0), "{}", plain.errors());
        assert_eq!((preloaded.text(), preloaded.errors()), (plain.text(), plain.errors()));
        assert_eq!(preloaded.status, plain.status);
        assert_eq!(preloaded.complaint_about_reports(), None);
        assert_eq!(preloaded.complaint_about_policy(under.policy), None);
        for command in self.reports {
            let reported = preloaded.reports.iter().any(|r| r.command == *command);
            assert!(reported, "no process called {command} left a report");
        }
    }

    /// Runs the script in a directory of its own, always at the same path.
    fn perform(&self, scratch: &Scratch, work: &str, how: impl Fn(Run) -> Run) -> Outcome {
        let folder = scratch.path().join("work");
        fs::create_dir(&folder).expect("a directory can be made");
        let script = support::root().join("tests/real").join(self.script);
        // Virtual machines reserve more than they use: their time is bounded.
        let run = Run::new(self.runner[0])
            .args(&self.runner[1..])
            .args([script.as_os_str(), work.as_ref()])
            .dir(&folder)
            .limit_as(u64::MAX)
            .timeout(Duration::from_secs(120));
        let outcome = how(run).run();
        fs::remove_dir_all(&folder).expect("a directory can be removed");
        outcome
    }
}

/// Makes two tests of each line: the work under the default policy, and that
/// under the literal one, which walks the whole list for every request.
macro_rules! programs {
    ($($name:ident: $runner:tt $script:literal needs $needs:expr, reports $reports:expr,
       work $work:literal, literally $little:literal;)*) => {
        mod under_the_default_policy {
            $(#[test]
            fn $name() {
                let under = super::Under { policy: None, work: $work };
                super::Program { runner: &$runner, script: $script, needs: &$needs, reports: &$reports }
                    .runs_as_without(under);
            })*
        }
        mod under_the_literal_policy {
            $(#[test]
            fn $name() {
                let under = super::Under { policy: Some("implicit-first"), work: $little };
                super::Program { runner: &$runner, script: $script, needs: &$needs, reports: &$reports }
                    .runs_as_without(under);
            })*
        }
        /// Every program that a case names, with little work, by its name.
        fn little(name: &str, under: Under) {
            match name {
                $(stringify!($name) => {
                    let under = Under { work: $little, ..under };
                    Program { runner: &$runner, script: $script, needs: &$needs, reports: &$reports }
                        .runs_as_without(under);
                })*
                _ => panic!("no program of that name: {name}"),
            }
        }
    };
}

/// A few programs under every design, and under the default without its caches.
macro_rules! under_every_design {
    ($($name:ident)*) => {
        mod under_every_design {
            $(#[test]
            fn $name() {
                for policy in super::designs().chain([super::UNCACHED]) {
                    super::little(stringify!($name), super::Under { policy, work: "" });
                }
            })*
        }
    };
}

under_every_design! {
    bash_scripts_do_the_same
    perl_threads_do_the_same
    python_objects_threads_and_forks_do_the_same
    git_keeps_the_same_history
    gcc_compiles_the_same
    sqlite_answers_the_same
}

programs! {
    bash_scripts_do_the_same: ["bash"] "bash.bash"
        needs [], reports ["bash", "sort"], work "600", literally "100";
    perl_threads_do_the_same: ["perl"] "threads.pl"
        needs [], reports ["perl"], work "1000", literally "100";
    python_objects_threads_and_forks_do_the_same: ["sh"] "python.sh"
        needs ["python3"], reports ["python3"], work "800", literally "20";
    node_values_and_workers_do_the_same: ["node"] "values.js"
        needs [], reports ["node"], work "1000", literally "50";
    php_with_deeply_bound_modules_does_the_same: ["php"] "values.php"
        needs [], reports ["php"], work "1000", literally "50";
    ruby_objects_and_forks_do_the_same: ["ruby", "--disable-gems"] "values.rb"
        needs [], reports ["ruby"], work "1000", literally "50";
    java_collections_and_threads_do_the_same: ["sh"] "java.sh"
        needs ["java", "javac"], reports ["java"], work "2000", literally "50";
    ghostscript_renders_the_same: ["sh"] "ghostscript.sh"
        needs ["gs"], reports ["gs"], work "150", literally "10";
    git_keeps_the_same_history: ["sh"] "git.sh"
        needs ["git"], reports ["git"], work "12", literally "4";
    sqlite_answers_the_same: ["sh"] "sqlite.sh"
        needs ["sqlite3"], reports ["sqlite3"], work "20000", literally "1000";
    redis_saves_and_loads_the_same: ["sh"] "redis.sh"
        needs ["redis-server", "redis-cli", "awk"], reports ["redis-server"],
        work "4000", literally "200";
    postgres_answers_the_same: ["sh"] "postgres.sh"
        needs ["initdb", "postgres", "psql", "setpriv"], reports ["postgres", "psql"],
        work "5000", literally "200";
    nginx_serves_the_same: ["sh"] "nginx.sh"
        needs ["nginx", "perl"], reports ["nginx"], work "20000", literally "1000";
    gdb_sees_the_same: ["sh"] "gdb.sh"
        needs ["gdb", "gcc"], reports ["gdb"], work "run", literally "read";
    vim_edits_the_same: ["sh"] "vim.sh"
        needs ["vim"], reports ["vim"], work "2000", literally "60";
    gcc_compiles_the_same: ["sh"] "compile.sh"
        needs ["gcc"], reports ["cc1", "prog"], work "60", literally "3";
    gxx_compiles_the_same: ["sh"] "templates.sh"
        needs ["g++"], reports ["cc1plus", "prog"], work "300", literally "50";
    make_builds_the_same: ["sh"] "make.sh"
        needs ["make", "gcc"], reports ["make", "prog"], work "20", literally "3";
    archives_of_a_real_tree_come_back_the_same: ["sh"] "archives.sh"
        needs ["tar", "gzip", "bzip2", "xz", "zstd"], reports ["tar", "xz"],
        work "usr/include/linux", literally "usr/include/asm-generic";
}
