//! Ticks of a processor as microseconds, by the stamps that a raw file holds.
//!
//! ```text
//!   ticks   ├──stamp─────────stamp──────────────────stamp──►
//!   time    linear between two stamps, and behind the last as between the two before
//! ```

use super::raw::{Kind, Slot};

/// The stamps of a file, and the place between them at which the last question was.
pub struct Clock {
    stamps: Vec<Stamp>,
    at: usize,
    /// The last answer, and the ticks that it was given for.
    last: u64,
    asked: u64,
}

#[derive(Clone, Copy)]
struct Stamp {
    ticks: u64,
    nanoseconds: u64,
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
    /// The clock of a file with these slots.
    pub fn of(slots: impl Iterator<Item = Slot>) -> Self {
        let stamps = slots
            .filter(|slot| slot.kind == Kind::Stamp)
            .map(|slot| Stamp { ticks: slot.ticks, nanoseconds: slot.len })
            .collect();
        Self { stamps, at: 0, last: 0, asked: u64::MAX }
    }

    /// The time at `ticks` in microseconds, never before the one said last.
    pub fn micros(&mut self, ticks: u64) -> u64 {
        if ticks == self.asked {
            return self.last;
        }
        self.asked = ticks;
        while self.stamps.get(self.at + 2).is_some_and(|_| self.stamps[self.at + 1].ticks <= ticks) {
            self.at += 1;
        }
        let now = match self.stamps[self.at.min(self.stamps.len())..] {
            [] => 0,
            [only] => only.nanoseconds,
            [a, b, ..] => a.nanoseconds.saturating_add(part(ticks.saturating_sub(a.ticks), a, b)),
        };
        self.last = self.last.max(now / 1000);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(stamps: &[(u64, u64)]) -> Clock {
        let slot =
            |&(ticks, len)| Slot { kind: Kind::Stamp, align_log: 0, thread: 0, ticks, len, address: 0 };
        Clock::of(stamps.iter().map(slot))
    }

    #[test]
    fn time_is_linear_between_stamps_and_behind_them() {
        let mut clock = clock(&[(100, 1_000_000), (200, 2_000_000), (300, 6_000_000)]);

        let times = [100, 150, 200, 250, 275, 400].map(|ticks| clock.micros(ticks));

        assert_eq!(times, [1000, 1500, 2000, 4000, 5000, 10_000]);
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
