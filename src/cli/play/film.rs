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

/// Classes of used blocks, by size.
pub const COLOURS: usize = 8;

/// Classes in all.
pub const CLASSES: usize = COLOURS + 2;

/// What fills a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filling {
    /// The class of most of its bytes that are not free; the class of free bytes if there are none.
    pub class: usize,
    /// The share of its bytes that is free.
    pub free: f32,
}

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
    /// The upper ends of the classes of used blocks, in bytes; the last class has none.
    pub ends: Vec<usize>,
    /// Bytes of address space in a cell.
    pub scale: usize,
    /// A frame for each sample.
    frames: Vec<Vec<Cell>>,
    /// The samples.
    pub samples: Vec<Sample>,
}

impl Film {
    /// No frame yet of a heap whose memory begins at `start`; `ends` part the sizes of its blocks.
    pub const fn new(start: usize, ends: Vec<usize>) -> Self {
        Self { start, ends, scale: 64, frames: Vec::new(), samples: Vec::new() }
    }

    /// The class of a used block of `size` bytes.
    fn class_of(&self, size: usize) -> usize {
        self.class_at(self.ends.iter().position(|end| size <= *end).unwrap_or(self.ends.len()))
    }

    /// The class of sizes number `at`: few sizes have colours that are far apart.
    pub fn class_at(&self, at: usize) -> usize {
        OWN + 1 + at * (COLOURS - 1) / self.ends.len().max(1)
    }

    /// Adds a frame.
    pub fn take(&mut self, sample: Sample, engine: &dyn Engine) {
        let mut frame = vec![[0.0; CLASSES]; ROWS];
        engine.walk(&mut |piece| {
            let class = match piece.kind {
                Kind::Free => FREE,
                Kind::Own => OWN,
                Kind::Used | Kind::Mapped => self.class_of(piece.size),
            };
            // What lies elsewhere, a mapping of its own, has no place in the picture.
            let Some(mut from) = piece.start.checked_sub(self.start) else { return };
            let end = from + piece.size;
            while end > ROWS * self.scale {
                self.scale *= 2;
                self.frames.iter_mut().for_each(|frame| halve(frame));
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

    /// What fills each cell of a frame; nothing does above the heap.
    pub fn frame(&self, number: usize) -> impl Iterator<Item = Option<Filling>> {
        self.frames[number].iter().map(|cell| {
            let sum: f32 = cell.iter().sum();
            let most = (OWN..CLASSES).max_by(|a, b| cell[*a].total_cmp(&cell[*b]))?;
            let class = if cell[most] > 0.0 { most } else { FREE };
            (sum > 0.0).then_some(Filling { class, free: cell[FREE] / sum })
        })
    }

    /// The most bytes that the heap took in any sample.
    pub fn tallest(&self) -> usize {
        self.samples.iter().map(|sample| sample.figures.footprint).max().unwrap_or(0)
    }
}

/// Pairs of cells become one: the scale has doubled.
fn halve(frame: &mut [Cell]) {
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
    fn classes_use_all_colours() {
        let film = Film::new(0, vec![64, 512]);

        assert_eq!([1, 64, 65, 512, 513].map(|size| film.class_of(size)), [2, 2, 5, 5, 9]);
        assert_eq!(Film::new(0, Vec::new()).class_of(4096), 2);
        assert_eq!(Film::new(0, vec![1, 2, 3, 4, 5, 6, 7]).class_of(8), CLASSES - 1);
    }
}
