//! A bar on stderr for work that takes longer than two seconds, if a person looks.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work shorter than this gets no bar.
const QUIET: Duration = Duration::from_secs(2);

/// The progress of one piece of work; several threads may report.
pub struct Progress {
    bar: ProgressBar,
    since: Instant,
    done: AtomicU64,
    shown: AtomicBool,
    visible: bool,
}

impl Progress {
    /// Nothing done yet of `total` steps; `what` stands before the bar.
    pub fn new(total: u64, what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let template = "{msg} {wide_bar} {percent} % {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self {
            bar,
            since: Instant::now(),
            done: AtomicU64::new(0),
            shown: AtomicBool::new(false),
            visible: std::io::stderr().is_terminal(),
        }
    }

    /// `steps` more are done.
    pub fn add(&self, steps: u64) {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        if !self.visible || self.since.elapsed() < QUIET {
            return;
        }
        if !self.shown.swap(true, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
