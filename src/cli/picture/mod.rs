//! Pictures of replays: memory over time, and what lies where in each heap.
//!
//! ```text
//!   film ─┬─► chart   lines: footprint of each policy over the program's live bytes
//!         └─► map     a heap's addresses by time, an indexed PNG
//!   chart, maps ─┬─► sheet   one SVG
//!                └─► page    one HTML file with the table; no network, no framework
//! ```
//!
//! Policies that did the same at every moment share a line and a map.

pub mod chart;
pub mod map;
pub mod page;
pub mod sheet;

use crate::play::film::Film;
use crate::play::score::Score;

/// A replay with its pictures.
pub struct Play<'a> {
    /// Its figures.
    pub score: &'a Score,
    /// Its pictures.
    pub film: &'a Film,
}

/// Replays that cannot be told apart.
pub struct Group<'a> {
    /// All their names.
    pub names: Vec<&'a str>,
    /// One of them.
    pub play: &'a Play<'a>,
}

impl Group<'_> {
    /// Its names in a few words; `all` is the number of all replays.
    pub fn label(&self, all: usize) -> String {
        const MOST: usize = 3;
        match self.names.len() {
            many if many == all && many > 1 => format!("all {all} policies"),
            many if many > MOST => format!("{} and {} alike", self.names[0], many - 1),
            _ => self.names.join(" = "),
        }
    }
}

/// How many replays the groups hold.
pub fn size(groups: &[Group<'_>]) -> usize {
    groups.iter().map(|group| group.names.len()).sum()
}

/// `plays` sorted into groups, in the order of the first of each.
pub fn groups<'a>(plays: &'a [Play<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for play in plays {
        match groups.iter_mut().find(|group| alike(group.play.film, play.film)) {
            Some(group) => group.names.push(&play.score.policy),
            None => groups.push(Group { names: vec![&play.score.policy], play }),
        }
    }
    groups
}

fn alike(a: &Film, b: &Film) -> bool {
    let pairs = || a.samples.iter().zip(&b.samples);
    a.scale == b.scale
        && pairs().all(|(x, y)| x.figures.footprint == y.figures.footprint)
        && (0..a.samples.len()).all(|at| a.frame(at).eq(b.frame(at)))
}

/// `text` where markup could be.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            letter => out.push(letter),
        }
    }
    out
}

/// `bytes` in base 64.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for piece in bytes.chunks(3) {
        let word =
            piece.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - piece.len()));
        for digit in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * digit)) as usize & 63];
            out.push(if digit <= piece.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_pads_what_is_no_multiple_of_three() {
        assert_eq!(
            ["", "M", "Ma", "Man", "Manx"].map(|text| base64(text.as_bytes())),
            ["", "TQ==", "TWE=", "TWFu", "TWFueA=="]
        );
    }

    #[test]
    fn markup_in_names_is_harmless() {
        assert_eq!(escaped("<b>\"&"), "&lt;b&gt;&quot;&amp;");
    }
}
