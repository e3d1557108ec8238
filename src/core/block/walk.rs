//! All blocks of a segment, in address order.

use super::{Block, Segment, Tag};

/// The blocks of `segment` with their tags, without prologue and epilogue.
///
/// # Safety
///
/// The segment is alive and nobody changes it while the iterator is in use.
pub unsafe fn blocks(segment: Segment) -> impl Iterator<Item = (Block, Tag)> {
    // SAFETY: the caller's promise.
    unsafe { blocks_from(segment.first()) }
}

/// The blocks from `start` to the epilogue of its segment.
///
/// # Safety
///
/// `start` is a block or the epilogue of a live segment that nobody changes meanwhile.
pub unsafe fn blocks_from(start: Block) -> impl Iterator<Item = (Block, Tag)> {
    let mut at = start;
    core::iter::from_fn(move || {
        // SAFETY: [B1]: we start at a header, and [B2] leads to the next.
        let tag = unsafe { at.tag() };
        if tag.is_epilogue() {
            return None;
        }
        let this = at;
        at = at.offset(tag.size());
        Some((this, tag))
    })
}
