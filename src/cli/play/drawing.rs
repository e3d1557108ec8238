//! A small heap as text: a bar to scale, the blocks in order, the free ones.
//!
//! ```text
//!   │████████░░░░████████████████░░│     one sign for a piece of address space
//!   0:528 (128) 2:144 1:1040 (96)       id:size of used blocks, (size) of free ones
//!   96@1728 128@528                     free ones again, in the order in which a search meets them
//!   (32)x250 32@4160x250                equal ones in a row
//! ```

use std::collections::BTreeMap;

use heapmm_core::engine::{Kind, Piece};

use super::player::Player;
use crate::show::colour::Ink;
use crate::show::number::{count, some};

/// Pieces that are named before the rest is only counted.
const NAMED: usize = 60;

/// The lines that show the heap of `player`; `touched` is the block of the last event, if it has one.
pub fn lines(player: &Player, touched: Option<u32>, width: usize, ink: Ink) -> Vec<String> {
    let mut pieces = Vec::new();
    player.engine().walk(&mut |piece| pieces.push(piece));
    let owners: BTreeMap<usize, usize> = player.blocks().map(|(id, address)| (address, id)).collect();
    let owner = |piece: &Piece| {
        let inside = owners.range(piece.start..piece.start + piece.size).next();
        inside.map(|(_, id)| *id).filter(|_| matches!(piece.kind, Kind::Used | Kind::Mapped))
    };
    let figures = player.engine().figures();
    let mut free: Vec<(usize, usize)> = Vec::new();
    player.engine().each_free(&mut |start, size| free.push((start - player.start(), size)));
    // Objects of a slab lie in rows.
    let rows = free.chunk_by(|a, b| a.1 == b.1 && a.0 + a.1 == b.0);
    let places = rows.map(|row| times(&format!("{}@{}", row[0].1, row[0].0), row.len()));
    let names: Vec<String> = pieces.iter().map(|piece| name(piece, owner(piece))).collect();
    let blocks = names.chunk_by(|a, b| a == b).map(|row| times(&row[0], row.len()));
    vec![
        bar(
            &pieces,
            |piece| touched.is_some() && owner(piece) == touched.map(|id| id as usize),
            player.start(),
            width,
            ink,
        ),
        format!("blocks  {}", joined(blocks)),
        format!("free    {}", joined(places)),
        format!(
            "sum     {} bytes from the system, {} live in {}, {} free in {}",
            count(figures.footprint as u64),
            count(player.live()),
            some(figures.used_blocks as u64, "block"),
            count(figures.free as u64),
            some(figures.free_blocks as u64, "block")
        ),
    ]
}

fn name(piece: &Piece, owner: Option<usize>) -> String {
    match (piece.kind, owner) {
        (Kind::Free, _) => format!("({})", piece.size),
        (Kind::Own, _) => format!("[{}]", piece.size),
        (Kind::Used | Kind::Mapped, Some(id)) => format!("{id}:{}", piece.size),
        (Kind::Used | Kind::Mapped, None) => format!("?:{}", piece.size),
    }
}

fn times(name: &str, count: usize) -> String {
    if count == 1 { name.to_owned() } else { format!("{name}x{count}") }
}

fn joined(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(" ");
    match names.len() {
        0 => "none".to_owned(),
        many if many > NAMED => format!("{shown} ... and {} more", many - NAMED),
        _ => shown,
    }
}

/// One sign for each piece of address space, by what begins or lies there.
fn bar(
    pieces: &[Piece],
    is_touched: impl Fn(&Piece) -> bool,
    start: usize,
    width: usize,
    ink: Ink,
) -> String {
    let end = pieces.iter().map(|piece| piece.start + piece.size - start).max().unwrap_or(0);
    if end == 0 {
        return "an empty heap".to_owned();
    }
    let sign = |column: usize| {
        let address = start + (2 * column + 1) * end / (2 * width);
        let here = pieces.iter().find(|piece| address >= piece.start && address < piece.start + piece.size);
        match here {
            Some(piece) if is_touched(piece) => ink.wrap("33", "▓"),
            Some(Piece { kind: Kind::Used | Kind::Mapped, .. }) => "█".to_owned(),
            Some(Piece { kind: Kind::Free, .. }) => ink.wrap("2", "░"),
            Some(Piece { kind: Kind::Own, .. }) | None => ink.wrap("2", "·"),
        }
    };
    format!("│{}│", (0..width).map(sign).collect::<String>())
}
