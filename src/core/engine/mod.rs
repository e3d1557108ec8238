//! Floor 3: what live use, replay and the other allocators of the literature share.
//!
//! ```text
//!   Engine ◄─┬─ tagged      the heap of blocks, with any index
//!            ├─ freelist    nodes {size, next} in the free memory itself
//!            ├─ buddy       binary, Fibonacci, weighted, tertiary
//!            ├─ families    pages for each kind of structure, worst fit
//!            ├─ slab        caches of equal objects, and named pools
//!            └─ a process that is played again: the whole allocator, floors above
//!
//!   table   each design's engine             pages   what families and slabs are cut from
//!                                            runs    what was taken from the backing
//! ```
//!
//! - **Y1** An engine takes all its memory from one backing and can say where every byte of it is.

pub mod buddy;
pub mod families;
pub mod freelist;
pub mod pages;
mod runs;
mod seal;
pub mod slab;
pub mod table;
mod tagged;
mod tally;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod suite;

use core::ptr::NonNull;

use crate::block::ALIGN;
use crate::heap::Fault;

/// Memory handed out: two words, also where it is optional, since what is returned in memory is read back before it
/// is there.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    payload: NonNull<u8>,
    /// Leading bytes that may not be zero.
    pub dirty: usize,
}

impl Grant {
    /// The memory at `payload`, which is not null, of which so many leading bytes may not be zero.
    #[inline]
    pub const fn new(payload: *mut u8, dirty: usize) -> Self {
        debug_assert!(!payload.is_null());
        // SAFETY: no memory that is handed out stands at address 0, which no process can map.
        Self { payload: unsafe { NonNull::new_unchecked(payload) }, dirty }
    }

    /// The payload.
    #[inline]
    pub const fn payload(self) -> *mut u8 {
        self.payload.as_ptr()
    }
}

/// A block in the hands of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its payload.
    pub payload: *mut u8,
    /// Bytes that the program may use.
    pub len: usize,
}

/// What a piece of an engine's memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In the hands of the program.
    Used,
    /// In the hands of the program, a mapping of its own.
    Mapped,
    /// Free.
    Free,
    /// The engine's own: tables, heads, what nobody can use.
    Own,
}

/// A contiguous piece of an engine's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Address of its first byte, header included.
    pub start: usize,
    /// Bytes, header included.
    pub size: usize,
    /// Of these, bytes before the payload: a header, or what an alignment cost.
    pub lead: usize,
    /// What it is.
    pub kind: Kind,
}

impl Piece {
    /// Where the payload begins.
    pub const fn payload(&self) -> usize {
        self.start + self.lead
    }

    /// Bytes of the payload.
    pub const fn len(&self) -> usize {
        self.size - self.lead
    }
}

/// What an engine has done and holds. `live + tags + free + tail + metadata` is `footprint`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes taken from the backing.
    pub footprint: usize,
    /// The most it ever was.
    pub peak_footprint: usize,
    /// Bytes that the program may use.
    pub live: usize,
    /// Headers of used blocks.
    pub tags: usize,
    /// Free bytes that a request could get.
    pub free: usize,
    /// Never touched, behind the last block.
    pub tail: usize,
    /// The engine's own.
    pub metadata: usize,
    /// Blocks in the hands of the program.
    pub used_blocks: usize,
    /// Free blocks.
    pub free_blocks: usize,
    /// Size of the largest free block.
    pub largest_free: usize,
    /// Runs of memory from the backing.
    pub segments: usize,
    /// Times the backing gave memory.
    pub grows: u64,
    /// Times memory went back.
    pub shrinks: u64,
    /// Blocks handed out so far.
    pub allocs: u64,
    /// Blocks taken back so far.
    pub frees: u64,
    /// Blocks split.
    pub splits: u64,
    /// Neighbours merged.
    pub coalesces: u64,
    /// Free blocks looked at by searches.
    pub probes: u64,
}

/// A thread of the program, for an engine that keeps something for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat(pub(crate) *mut u8);

/// An allocator over one backing.
pub trait Engine {
    /// `len` bytes at a multiple of `align`, a power of two; `None` when memory is out.
    fn allocate(&mut self, len: usize, align: usize) -> Option<Grant>;

    /// The used block whose payload begins at `address`, checked before anything is followed.
    fn locate(&self, address: usize) -> Result<Held, Fault>;

    /// Takes back a block.
    ///
    /// # Safety
    ///
    /// `held` came from [`Engine::locate`] and nothing has changed since.
    unsafe fn release(&mut self, held: Held);

    /// Makes a block hold `len` bytes where it is; whether that was possible.
    ///
    /// # Safety
    ///
    /// As for [`Engine::release`].
    unsafe fn resize(&mut self, held: Held, len: usize) -> bool;

    /// The same where the block may move, as realloc lets it; its bytes need not follow. `None` leaves
    /// it as it was: then the caller needs another block.
    ///
    /// # Safety
    ///
    /// As for [`Engine::release`].
    unsafe fn relocate(&mut self, held: Held, len: usize) -> Option<*mut u8> {
        // SAFETY: the caller's promise.
        unsafe { self.resize(held, len) }.then_some(held.payload)
    }

    /// `len` bytes for a calloc, which some engines serve in another way; they need not be zero.
    fn allocate_zeroed(&mut self, len: usize) -> Option<Grant> {
        self.allocate(len, ALIGN)
    }

    /// Takes back the block whose payload begins at `address`.
    fn release_at(&mut self, address: usize) -> Result<(), Fault> {
        let held = self.locate(address)?;
        // SAFETY: located just now.
        unsafe { self.release(held) };
        Ok(())
    }

    /// [`Engine::relocate`] for the block whose payload begins at `address`.
    fn relocate_at(&mut self, address: usize, len: usize) -> Result<Option<*mut u8>, Fault> {
        let held = self.locate(address)?;
        // SAFETY: located just now.
        Ok(unsafe { self.relocate(held, len) })
    }

    /// One more thread begins; `None` where threads make no difference.
    fn seat(&mut self) -> Option<Seat> {
        None
    }

    /// The calls that follow are those of a thread that has this seat.
    fn sit(&mut self, seat: Seat) {
        let _ = seat;
    }

    /// The thread with this seat ends.
    fn stand_up(&mut self, seat: Seat) {
        let _ = seat;
    }

    /// It is so many milliseconds since the program began.
    fn tell(&mut self, milliseconds: u64) {
        let _ = milliseconds;
    }

    /// Calls `see` with every piece, in address order within each run of memory.
    fn walk(&self, see: &mut dyn FnMut(Piece));

    /// What it has done and holds. Some engines have to look at every free block for it.
    fn figures(&self) -> Figures;

    /// Bytes taken from the backing, at once.
    fn footprint(&self) -> usize;

    /// Bytes in the hands of the program, at once.
    fn live(&self) -> usize;

    /// Gives back what can be given back but `keep` bytes; whether any was.
    fn trim(&mut self, keep: usize) -> bool;

    /// Calls `see` with start and size of every free block, in the order in which the engine keeps
    /// them: that of the addresses, unless it has a list of its own.
    fn each_free(&self, see: &mut dyn FnMut(usize, usize)) {
        self.walk(&mut |piece| {
            if piece.kind == Kind::Free {
                see(piece.start, piece.size);
            }
        });
    }
}
