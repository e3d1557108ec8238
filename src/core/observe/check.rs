//! The whole heap, looked over: faults are counted and named, never followed.

use super::ledger::Ledger;
use crate::allocator::State;
use crate::block::tag::PREV_USED;
use crate::block::{SMALLEST, Segment, WORD};
use crate::heap::Coalesce;
use crate::os::out::complain;

/// The number of faults; each gets a line on stderr.
pub fn faults(state: &State, ledger: &Ledger) -> usize {
    let merging = state.heap().shape().coalesce == Coalesce::Immediate;
    let walked: usize = state.heap().segments().iter().map(|s| faults_in(s, merging)).sum();
    if walked != 0 {
        return walked;
    }
    if ledger.rows.sum() == ledger.footprint {
        return 0;
    }
    complain(format_args!("the rows sum to {} of {} bytes", ledger.rows.sum(), ledger.footprint));
    1
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
