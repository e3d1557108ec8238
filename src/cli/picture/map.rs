//! What lies where: a heap's addresses by time, one pixel a cell, as an indexed PNG.
//!
//! Used blocks are coloured by their size, holes are dark, what is above the heap shows the
//! background. All maps of a page have the same scale.

use super::base64;
use crate::play::film::{CLASSES, ENDS, FREE, Film, OWN, ROWS};
use crate::show::number;

/// Red, green, blue of each class: holes, the engine's own, then blocks from small to large.
const PALETTE: [[u8; 3]; CLASSES] = [
    [0x10, 0x12, 0x18],
    [0x8A, 0x90, 0x9C],
    [0xFF, 0xE4, 0x9A],
    [0xFF, 0xBE, 0x5E],
    [0xFB, 0x8B, 0x54],
    [0xE6, 0x59, 0x76],
    [0xB0, 0x56, 0xB4],
    [0x74, 0x66, 0xD2],
    [0x47, 0x8A, 0xDC],
    [0x3E, 0xB8, 0xC2],
];

/// The index of what lies above the heap.
const ABOVE: u8 = CLASSES as u8;

/// The map of `film` as the address of an image; `tallest` is the height of all maps in bytes.
pub fn image(film: &Film, tallest: usize) -> String {
    let width = film.samples.len();
    let mut pixels = vec![ABOVE; width * ROWS];
    for at in 0..width {
        let cells: Vec<Option<usize>> = film.frame(at).collect();
        for row in 0..ROWS {
            // The lowest address is at the bottom of the picture.
            let address = (2 * (ROWS - 1 - row) + 1) * tallest / (2 * ROWS);
            let class = cells.get(address / film.scale).copied().flatten();
            pixels[row * width + at] = class.map_or(ABOVE, |class| class as u8);
        }
    }
    format!("data:image/png;base64,{}", base64(&png(width as u32, &pixels)))
}

/// The file; an empty one if the encoder refuses, which it has no reason to.
fn png(width: u32, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, ROWS as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Best);
    let mut palette = PALETTE.concat();
    palette.extend([0, 0, 0]);
    encoder.set_palette(palette);
    let mut opaque = vec![255; CLASSES];
    opaque.push(0);
    encoder.set_trns(opaque);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    if written.is_err() {
        file.clear();
    }
    file
}

/// Colour and meaning of each class.
pub fn legend() -> Vec<(String, String)> {
    let colour = |class: usize| {
        let [red, green, blue] = PALETTE[class];
        format!("#{red:02x}{green:02x}{blue:02x}")
    };
    let size = |bytes: usize| number::bytes(bytes as u64).replace(".0 ", " ");
    let mut list = vec![(colour(FREE), "free".to_owned()), (colour(OWN), "own".to_owned())];
    let ends = ENDS.iter().enumerate().map(|(at, end)| (colour(2 + at), format!("to {}", size(*end))));
    list.extend(ends);
    list.push((colour(CLASSES - 1), "larger".to_owned()));
    list
}
