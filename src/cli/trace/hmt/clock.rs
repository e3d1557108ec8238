//! Ticks of a processor as microseconds, by the stamps that a raw file holds.
//!
//! ```text
//!   ticks   ├──stamp─────────stamp──────────────────stamp──►
//!   time    linear between two stamps, and behind the last as between the two before
//! ```

/// The two stamps around the calls at hand.
#[derive(Debug, Default)]
pub struct Clock {
    before: Option<Stamp>,
    after: Option<Stamp>,
    /// The last answer.
    last: u64,
}

/// What the clock said at some tick.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The tick.
    pub ticks: u64,
    /// What the clock said.
    pub nanoseconds: u64,
}

/// Nanoseconds from one stamp to the next, for so many of the ticks between them.
fn part(ticks: u64, a: Stamp, b: Stamp) -> u64 {
    let (whole, time) = (b.ticks.saturating_sub(a.ticks), b.nanoseconds.saturating_sub(a.nanoseconds));
    match ticks.checked_mul(time) {
        _ if whole == 0 => 0,
        Some(product) => product / whole,
        None => (u128::from(ticks) * u128::from(time) / u128::from(whole)) as u64,
    }
}

impl Clock {
    /// The calls that come now were made before `stamp`.
    pub fn approach(&mut self, stamp: Stamp) {
        self.before = self.after.replace(stamp);
    }

    /// The time at `ticks` in microseconds, never before the one said last.
    pub fn micros(&mut self, ticks: u64) -> u64 {
        let now = match (self.before, self.after) {
            (Some(a), Some(b)) => a.nanoseconds.saturating_add(part(ticks.saturating_sub(a.ticks), a, b)),
            (_, only) => only.map_or(0, |only| only.nanoseconds),
        };
        self.last = self.last.max(now / 1000);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock behind these stamps.
    fn clock(stamps: &[(u64, u64)]) -> Clock {
        let mut clock = Clock::default();
        stamps.iter().for_each(|&(ticks, nanoseconds)| clock.approach(Stamp { ticks, nanoseconds }));
        clock
    }

    #[test]
    fn time_is_linear_between_stamps_and_behind_them() {
        let mut clock = clock(&[(100, 1_000_000), (200, 2_000_000)]);
        let times = [100, 150, 200].map(|ticks| clock.micros(ticks));
        clock.approach(Stamp { ticks: 300, nanoseconds: 6_000_000 });
        let later = [250, 275, 400].map(|ticks| clock.micros(ticks));

        assert_eq!(times, [1000, 1500, 2000]);
        assert_eq!(later, [4000, 5000, 10_000]);
    }

    #[test]
    fn time_never_runs_backwards() {
        let mut clock = clock(&[(100, 1_000_000), (200, 2_000_000)]);

        assert_eq!([180, 120, 190].map(|ticks| clock.micros(ticks)), [1800, 1800, 1900]);
    }

    #[test]
    fn a_file_without_stamps_has_no_time() {
        assert_eq!(clock(&[]).micros(77), 0);
        assert_eq!(clock(&[(5, 3000)]).micros(77), 3);
    }
}
