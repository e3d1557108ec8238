//! The whole heap, looked over: faults are counted and named, never followed.

use super::ledger::Ledger;
use crate::allocator::State;
use crate::block::tag::PREV_USED;
use crate::block::{SMALLEST, Segment, WORD};
use crate::engine::{Engine, Kind};
use crate::heap::Coalesce;
use crate::os::out::complain;

/// The number of faults; each gets a line on stderr.
pub fn faults(state: &State, ledger: &Ledger) -> usize {
    if let Some(engine) = state.engine() {
        return faults_of_design(engine) + faults_of_rows(ledger);
    }
    let merging = state.heap().shape().coalesce == Coalesce::Immediate;
    let walked: usize = state.heap().segments().iter().map(|s| faults_in(s, merging)).sum();
    if walked != 0 { walked } else { faults_of_rows(ledger) }
}

/// Whether the rows sum to something else than the footprint.
fn faults_of_rows(ledger: &Ledger) -> usize {
    if ledger.rows.sum() == ledger.footprint {
        return 0;
    }
    complain(format_args!("the rows sum to {} of {} bytes", ledger.rows.sum(), ledger.footprint));
    1
}

/// Asks the engine about each of its used pieces, and compares what a walk meets with its figures.
fn faults_of_design(engine: &impl Engine) -> usize {
    let (mut found, mut met) = (0, [(0, 0); 3]);
    engine.walk(&mut |piece| {
        let known = engine.locate(piece.payload());
        let is_sound = known.is_ok_and(|held| held.payload.addr() == piece.payload());
        if is_sound != (piece.kind == Kind::Used) {
            complain(format_args!("corrupted block at {:#x}: the engine does not know it", piece.payload()));
            found += 1;
        }
        let row = match piece.kind {
            Kind::Used | Kind::Mapped => &mut met[0],
            Kind::Free => &mut met[1],
            Kind::Own => &mut met[2],
        };
        (row.0, row.1) = (row.0 + 1, row.1 + piece.size);
    });
    let figures = engine.figures();
    let [(used, _), (free, free_bytes), _] = met;
    let (blocks, bytes) = ((used, free), met.iter().map(|(_, bytes)| bytes).sum::<usize>());
    if blocks != (figures.used_blocks, figures.free_blocks)
        || free_bytes != figures.free + figures.tail
        || bytes != figures.footprint
    {
        complain(format_args!(
            "a walk met {used} used and {free} free blocks in {bytes} bytes; the figures are {}, {} and {}",
            figures.used_blocks, figures.free_blocks, figures.footprint
        ));
        found += 1;
    }
    found
}

/// Walks one segment as far as its headers hold.
fn faults_in(segment: Segment, merging: bool) -> usize {
    let (mut found, mut at, mut before_used) = (0, segment.first(), true);
    let mut fault = |what: &str, payload: *mut u8| {
        complain(format_args!("corrupted block at {payload:p}: {what}"));
        found += 1;
    };
    while at != segment.epilogue() {
        // SAFETY: before the epilogue, so in the segment.
        let Some(tag) = (unsafe { at.try_tag() }) else {
            fault("its header was overwritten", at.payload());
            break;
        };
        let next = at.offset(tag.size());
        if tag.size() < SMALLEST || next.addr() > segment.epilogue().addr() {
            fault("its size leads out of the segment", at.payload());
            break;
        }
        if tag.has(PREV_USED) != before_used {
            fault("it is wrong about the block before it", at.payload());
        }
        if !tag.is_used() {
            let footer = next.offset(0_usize.wrapping_sub(WORD));
            // SAFETY: the last word of a block in the segment.
            if unsafe { footer.try_tag() }.is_none_or(|f| f.size() != tag.size()) {
                fault("its footer was overwritten", at.payload());
            }
            if merging && !before_used {
                fault("two free neighbours were not merged", at.payload());
            }
        }
        before_used = tag.is_used();
        at = next;
    }
    found
}
