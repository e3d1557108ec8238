//! Which of the candidates is taken.

use crate::block::Block;

/// A rule that chooses among free blocks, given in the order of the index.
pub trait Fit {
    /// Whether the candidates begin behind the block placed last.
    const ROVES: bool = false;

    /// The chosen block of at least `need` bytes.
    fn choose(candidates: impl Iterator<Item = (Block, usize)>, need: usize) -> Option<Block>;
}

/// The first block that is large enough.
#[derive(Debug)]
pub struct FirstFit;

/// The first block that is large enough, from where the last search ended.
#[derive(Debug)]
pub struct NextFit;

/// Smallest block that is large enough; the first in order wins a tie.
#[derive(Debug)]
pub struct BestFit;

/// Largest block of all; the first in order wins a tie.
#[derive(Debug)]
pub struct WorstFit;

impl Fit for FirstFit {
    fn choose(mut candidates: impl Iterator<Item = (Block, usize)>, need: usize) -> Option<Block> {
        candidates.find(|(_, size)| *size >= need).map(|(block, _)| block)
    }
}

impl Fit for NextFit {
    const ROVES: bool = true;

    fn choose(candidates: impl Iterator<Item = (Block, usize)>, need: usize) -> Option<Block> {
        FirstFit::choose(candidates, need)
    }
}

impl Fit for BestFit {
    fn choose(candidates: impl Iterator<Item = (Block, usize)>, need: usize) -> Option<Block> {
        let mut best: Option<(Block, usize)> = None;
        for (block, size) in candidates {
            if size >= need && best.is_none_or(|(_, least)| size < least) {
                best = Some((block, size));
                if size == need {
                    break;
                }
            }
        }
        best.map(|(block, _)| block)
    }
}

impl Fit for WorstFit {
    fn choose(candidates: impl Iterator<Item = (Block, usize)>, need: usize) -> Option<Block> {
        let mut worst: Option<(Block, usize)> = None;
        for (block, size) in candidates {
            if size >= need && worst.is_none_or(|(_, most)| size > most) {
                worst = Some((block, size));
            }
        }
        worst.map(|(block, _)| block)
    }
}
