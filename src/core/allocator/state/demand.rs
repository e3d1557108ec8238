//! How many bytes the program had in use at most, not long ago: so many may rest for its return.
//!
//! ```text
//!   in use   ╱╲    ╱╲    ╱╲
//!           ╱  ╲  ╱  ╲  ╱  ╲
//!          ╱    ╲╱    ╲╱    ╲__________
//!   span   │     │     │     │     │
//! ```
//!
//! Who grows and shrinks wants his peak again; who has shrunk for good does not.

/// The most bytes in use in this span of time and in the one before.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    now: usize,
    before: usize,
}

impl Demand {
    /// Nothing was in use yet.
    pub const NONE: Self = Self { now: 0, before: 0 };

    /// So many bytes are in use; whether that is more than in either span.
    pub const fn note(&mut self, used: usize) -> bool {
        let is_more = used > self.bytes();
        if used > self.now {
            self.now = used;
        }
        is_more
    }

    /// A new span begins, with so many bytes in use.
    pub const fn turn(&mut self, used: usize) {
        *self = Self { now: used, before: self.now };
    }

    /// The most bytes that were in use in either span.
    pub const fn bytes(&self) -> usize {
        if self.now > self.before { self.now } else { self.before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_remembered_for_two_spans() {
        let mut demand = Demand::NONE;

        assert!(demand.note(100));
        assert!(!demand.note(40));
        demand.turn(10);
        assert_eq!(demand.bytes(), 100);
        demand.turn(10);
        assert_eq!(demand.bytes(), 10);
    }
}
