//! What lies where: a heap's addresses by time, one pixel a cell, as an indexed PNG.
//!
//! Used blocks are coloured by their size and darkened by the free bytes between them; holes are
//! dark; what is above the heap shows the background. All maps of a page have the same scale.

use super::base64;
use crate::play::film::{CLASSES, FREE, Filling, Film, OWN, ROWS};
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

/// Steps from full to free.
const SHADES: usize = 8;

/// The index of what lies above the heap.
const ABOVE: u8 = (CLASSES * SHADES) as u8;

/// The index of a cell's colour.
fn colour(filling: Filling) -> u8 {
    let shade = (filling.free * (SHADES - 1) as f32).round() as usize;
    (filling.class * SHADES + shade.min(SHADES - 1)) as u8
}

/// All colours: each class from full to free.
fn palette() -> Vec<u8> {
    let mix = |class: usize, shade: usize, part: usize| {
        let (full, free) = (usize::from(PALETTE[class][part]), usize::from(PALETTE[FREE][part]));
        ((full * (SHADES - 1 - shade) + free * shade) / (SHADES - 1)) as u8
    };
    let shades = (0..CLASSES).flat_map(|class| (0..SHADES).map(move |shade| (class, shade)));
    shades.flat_map(|(class, shade)| [0, 1, 2].map(|part| mix(class, shade, part))).chain([0, 0, 0]).collect()
}

/// The map of `film` as the address of an image; `tallest` is the height of all maps in bytes.
pub fn image(film: &Film, tallest: usize) -> String {
    let width = film.samples.len();
    let mut pixels = vec![ABOVE; width * ROWS];
    for at in 0..width {
        let cells: Vec<Option<Filling>> = film.frame(at).collect();
        for row in 0..ROWS {
            // The lowest address is at the bottom of the picture.
            let address = (2 * (ROWS - 1 - row) + 1) * tallest / (2 * ROWS);
            let filling = cells.get(address / film.scale).copied().flatten();
            pixels[row * width + at] = filling.map_or(ABOVE, colour);
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
    encoder.set_palette(palette());
    let mut opaque = vec![255; CLASSES * SHADES];
    opaque.push(0);
    encoder.set_trns(opaque);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    if written.is_err() {
        file.clear();
    }
    file
}

/// Colour and meaning of each class of `film`.
pub fn legend(film: &Film) -> Vec<(String, String)> {
    let colour = |class: usize| {
        let [red, green, blue] = PALETTE[class];
        format!("#{red:02x}{green:02x}{blue:02x}")
    };
    let size = |bytes: usize| number::bytes(bytes as u64).replace(".0 ", " ");
    let mut list = vec![(colour(FREE), "free".to_owned()), (colour(OWN), "own".to_owned())];
    let ends = film
        .ends
        .iter()
        .enumerate()
        .map(|(at, end)| (colour(film.class_at(at)), format!("to {}", size(*end))));
    list.extend(ends);
    let last = if film.ends.is_empty() { "used" } else { "larger" };
    list.push((colour(film.class_at(film.ends.len())), last.to_owned()));
    list
}
