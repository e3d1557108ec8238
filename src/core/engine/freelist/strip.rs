//! One run of the free-list heap: blocks side by side, the free ones chained.
//!
//! ```text
//!    node            header                      node
//!   ├────┬────┬─────┼─────────────┬─────────────┼────┬────┬─────────────────┤
//!   │size│next│ ... │ size │ seal │   payload   │size│next│ ...             │
//!   ├────┴──┼─┴─────┼─────────────┴─────────────┼────┴────┴─────────────────┤
//!   ▲ first └───────────────────────────────────►                           ▲ end
//! ```
//!
//! Everything is counted in granules of 8 bytes from the base of the run, so that size and next
//! are four bytes each. A header stands 8 bytes behind a multiple of 16: payloads are aligned.
//!
//! - **FS1** Granules `0..granules` lie inside the run, which is the engine's alone.
//! - **FS2** One block follows another without a gap, from granule 0 to the last.
//! - **FS3** Nodes ascend along the chain, and no two of them are neighbours. A chain that says
//!   otherwise was overwritten, and is not followed.

use crate::engine::runs::Site;
use crate::engine::seal::seal;
use crate::fatal;
use crate::os::round_up;

/// Bytes of a granule: those of a node, and those of a header.
pub const GRANULE: usize = 8;

/// No node.
pub const NIL: u32 = u32::MAX;

/// What the heap notes about a run.
#[derive(Clone, Copy, Debug)]
pub struct Note {
    /// The first free node, or [`NIL`].
    pub first: u32,
    /// All granules from here on are zero.
    pub high: u32,
}

impl Note {
    /// A run in which nothing is free yet.
    pub const BLANK: Self = Self { first: NIL, high: 0 };
}

/// Both words of a granule that begins a block: `{size, next}` or `{size, seal}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Node {
    /// Granules behind this one that belong to it.
    pub size: u32,
    /// The next node of the chain, or the seal of a used block.
    pub word: u32,
}

/// A run of the heap.
pub type Strip = Site<Note>;

/// A place in a free node.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// The node before it in the chain, or [`NIL`].
    before: u32,
    /// The node.
    at: u32,
    node: Node,
    /// Granules of the node that stay before the header.
    gap: u32,
}

impl Strip {
    /// Whole granules of the run; what a granule number cannot say stays unused.
    #[inline]
    pub fn granules(&self) -> u32 {
        (self.run.len / GRANULE).min(NIL as usize - 1) as u32
    }

    /// Where granule `at` begins.
    #[inline]
    pub fn address(&self, at: u32) -> *mut u8 {
        self.run.base.wrapping_add(at as usize * GRANULE)
    }

    /// The granule that `address`, which lies in the run, belongs to.
    #[inline]
    pub fn granule_of(&self, address: usize) -> u32 {
        ((address - self.run.base.addr()) / GRANULE).min(NIL as usize) as u32
    }

    fn slot(&self, at: u32) -> *mut Node {
        assert!(at < self.granules(), "[FS1]");
        self.address(at).cast()
    }

    /// The words of granule `at`.
    #[inline]
    pub fn node(&self, at: u32) -> Node {
        let slot = self.slot(at);
        // SAFETY: [FS1]: 8 readable bytes; any bits are two numbers.
        unsafe { slot.read() }
    }

    #[inline]
    fn set_node(&mut self, at: u32, size: u32, word: u32) {
        let slot = self.slot(at);
        // SAFETY: [FS1]: the callers name headers and nodes only, no payload.
        unsafe { slot.write(Node { size, word }) };
    }

    /// Whether the words of granule `at` are the header of a used block.
    #[inline]
    pub fn is_header(&self, at: u32) -> bool {
        let Node { size, word } = self.node(at);
        word == seal(size.into(), self.address(at).addr()) && size < self.granules() - at
    }

    /// Makes granule `at` the header of a used block with `size` granules of payload.
    pub fn set_header(&mut self, at: u32, size: u32) {
        self.set_node(at, size, seal(size.into(), self.address(at).addr()));
    }

    /// The free nodes with their places, ascending ([FS3](self)).
    pub fn chain(&self) -> impl Iterator<Item = (u32, Node)> + use<'_> {
        let mut at = self.note.first;
        core::iter::from_fn(move || {
            if at == NIL {
                return None;
            }
            let found = (at, self.node(at));
            let end = at.saturating_add(found.1.size);
            if end >= self.granules() || found.1.word <= end {
                fatal!("corrupted free list: the node at {:p} was overwritten", self.address(at));
            }
            at = found.1.word;
            Some(found)
        })
    }

    /// The nodes before and behind granule `at`.
    fn around(&self, at: u32) -> (Option<(u32, Node)>, u32) {
        let before = self.chain().take_while(|(node, _)| *node < at).last();
        (before, before.map_or(self.note.first, |(_, node)| node.word))
    }

    /// The last node, if it reaches the end of the run.
    pub fn last(&self) -> Option<(u32, u32)> {
        let (at, node) = self.chain().last()?;
        (at + 1 + node.size == self.granules()).then_some((at, node.size))
    }

    /// The first node with room for `size` granules at a multiple of `align`; counts `probes`.
    pub fn find(&self, size: u32, align: usize, probes: &mut u64) -> Option<Fit> {
        let mut before = NIL;
        for (at, node) in self.chain() {
            *probes += 1;
            let payload = self.address(at).addr() + GRANULE;
            let gap = (round_up(payload, align) - payload) / GRANULE;
            if gap + size as usize <= node.size as usize {
                return Some(Fit { before, at, node, gap: gap as u32 });
            }
            before = at;
        }
        None
    }

    /// Cuts a used block of `size` granules out of `fit`: its header, and how many free nodes
    /// there are more or less. What is left before and behind it stays in the chain.
    pub fn place(&mut self, fit: Fit, size: u32) -> (u32, i32) {
        let Fit { before, at, node, gap } = fit;
        let header = at + gap;
        let mut next = node.word;
        let mut nodes = -1;
        if gap + size < node.size {
            let rest = header + 1 + size;
            self.set_node(rest, node.size - gap - size - 1, next);
            (next, nodes) = (rest, nodes + 1);
        }
        if gap > 0 {
            self.set_node(at, gap - 1, next);
            (next, nodes) = (at, nodes + 1);
        }
        self.link(before, next);
        self.set_header(header, size);
        self.note.high = self.note.high.max((header + size + 2).min(self.granules()));
        (header, nodes)
    }

    /// Lets `before`, or the head of the chain, lead to `next`.
    fn link(&mut self, before: u32, next: u32) {
        if before == NIL {
            self.note.first = next;
        } else {
            self.set_node(before, self.node(before).size, next);
        }
    }

    /// Puts the block at granule `at`, `size` granules behind its header, into the chain, one
    /// with its free neighbours; how many there were.
    pub fn insert(&mut self, at: u32, size: u32) -> u32 {
        let (before, next) = self.around(at);
        let (mut size, mut word, mut merged) = (size, next, 0);
        if next == at + 1 + size {
            let node = self.node(next);
            (size, word, merged) = (size + 1 + node.size, node.word, 1);
        }
        match before {
            Some((before, node)) if before + 1 + node.size == at => {
                // No header is left behind: its seal would still hold.
                self.set_node(at, 0, 0);
                self.set_node(before, node.size + 1 + size, word);
                merged += 1;
            }
            _ => {
                self.set_node(at, size, word);
                self.link(before.map_or(NIL, |(before, _)| before), at);
            }
        }
        merged
    }

    /// The size of the free node at granule `at`, and the node before it, if there is one there.
    pub fn free_at(&self, at: u32) -> Option<u32> {
        self.chain().find(|(node, _)| *node == at).map(|(_, node)| node.size)
    }

    /// Takes the free node at granule `at` out of the chain.
    pub fn remove(&mut self, at: u32) {
        let (before, _) = self.around(at);
        let next = self.node(at).word;
        self.link(before.map_or(NIL, |(before, _)| before), next);
    }

    /// Shortens the run by `granules` that the last node, at `at`, has to spare.
    pub fn cut(&mut self, at: u32, granules: u32) {
        let node = self.node(at);
        self.set_node(at, node.size - granules, node.word);
    }
}
