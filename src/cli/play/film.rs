//! The heap's picture over time: what lies where at each of many moments.
//!
//! ```text
//!   address ▲  ┌───────────────┐
//!           │  │ 512  ░ ░ ▒    │  one frame a moment; a cell counts the bytes of each class
//!           │  │ ▓ ▓ hole ▒ ▒  │  in its piece of address space
//!           └──┴───────────────┴─► event
//! ```
//!
//! - **M1** All frames have the same scale; it doubles when the heap outgrows it.

use heapmm_core::engine::{Engine, Figures, Kind};

/// Cells of a frame.
pub const ROWS: usize = 128;

/// The class of free bytes, and of the engine's own.
pub const FREE: usize = 0;
pub const OWN: usize = 1;

/// The upper ends of the classes of used blocks; the last class has none.
pub const ENDS: [usize; 7] = [32, 128, 512, 2048, 8192, 32_768, 131_072];

/// Classes in all.
pub const CLASSES: usize = ENDS.len() + 3;

/// The figures of a moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Events played.
    pub event: u64,
    /// Bytes that the program wanted and has.
    pub live: u64,
    /// What the engine says.
    pub figures: Figures,
}

/// Bytes of each class in one cell.
type Cell = [f32; CLASSES];

/// All frames of a replay.
#[derive(Debug)]
pub struct Film {
    start: usize,
    /// Bytes of address space in a cell.
    pub scale: usize,
    /// A frame for each sample.
    frames: Vec<Vec<Cell>>,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// The class of a used block of `size` bytes.
fn class_of(size: usize) -> usize {
    2 + ENDS.iter().position(|end| size <= *end).unwrap_or(ENDS.len())
}

impl Film {
    /// No frame yet of a heap whose memory begins at `start`.
    pub fn new(start: usize) -> Self {
        Self { start, scale: 64, frames: Vec::new(), samples: Vec::new() }
    }

    /// Adds a frame.
    pub fn take(&mut self, sample: Sample, engine: &dyn Engine) {
        let mut frame = vec![[0.0; CLASSES]; ROWS];
        engine.walk(&mut |piece| {
            let class = match piece.kind {
                Kind::Free => FREE,
                Kind::Own => OWN,
                Kind::Used => class_of(piece.size),
            };
            let mut from = piece.start - self.start;
            let end = from + piece.size;
            while end > ROWS * self.scale {
                self.scale *= 2;
                self.frames.iter_mut().for_each(halve);
                halve(&mut frame);
            }
            while from < end {
                let row = from / self.scale;
                let stop = end.min((row + 1) * self.scale);
                frame[row][class] += (stop - from) as f32;
                from = stop;
            }
        });
        self.frames.push(frame);
        self.samples.push(sample);
    }

    /// The class that most bytes of each cell belong to, or none above the heap.
    pub fn frame(&self, number: usize) -> impl Iterator<Item = Option<usize>> {
        self.frames[number].iter().map(|cell| {
            let most = (0..CLASSES).max_by(|a, b| cell[*a].total_cmp(&cell[*b]))?;
            (cell[most] > 0.0).then_some(most)
        })
    }

    /// The most bytes that the heap took in any sample.
    pub fn tallest(&self) -> usize {
        self.samples.iter().map(|sample| sample.figures.footprint).max().unwrap_or(0)
    }
}

/// Pairs of cells become one: the scale has doubled.
fn halve(frame: &mut Vec<Cell>) {
    for row in 0..ROWS / 2 {
        let (low, high) = (frame[2 * row], frame[2 * row + 1]);
        frame[row] = std::array::from_fn(|class| low[class] + high[class]);
    }
    frame[ROWS / 2..].fill([0.0; CLASSES]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_keeps_the_bytes_and_their_order() {
        let mut frame = vec![[0.0; CLASSES]; ROWS];
        frame[0][2] = 10.0;
        frame[1][2] = 5.0;
        frame[127][3] = 7.0;

        halve(&mut frame);

        assert_eq!((frame[0][2], frame[63][3], frame[127][3]), (15.0, 7.0, 0.0));
    }

    #[test]
    fn classes_end_where_they_say() {
        assert_eq!([1, 32, 33, 131_072, 131_073].map(class_of), [2, 2, 3, 8, 9]);
    }
}
