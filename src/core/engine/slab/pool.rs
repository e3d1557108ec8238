//! A pool: a named cache whose objects are constructed once and stay so between uses.
//!
//! ```text
//!   new slab ─► construct ─► allocate ─► free ─► allocate ─► free ─► … ─► destroy, with its slab
//!               once for each object     as its user left it               on reap
//! ```
//!
//! The object cache of Bonwick (1994): what is dear to set up and the same for every use is set
//! up once. The page heap stands outside, so that many pools share one.

use super::cache::{Cache, Object};
use crate::engine::pages::{Pages, Span};
use crate::heap::Fault;
use crate::os::backing::Backing;
use crate::os::{PAGE, round_up};

/// Called with an object and its size. It must not call the pool that calls it.
pub type Hook = unsafe extern "C" fn(*mut u8, usize);

/// What makes an object, and what unmakes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hooks {
    /// Called once for each object, before it is handed out for the first time.
    pub constructor: Option<Hook>,
    /// Called once for each object that was constructed, before its slab goes back.
    pub destructor: Option<Hook>,
}

/// Most bytes of an object.
const LARGEST: usize = 1 << 30;

/// Most bytes of a name that are kept.
pub const NAME: usize = 32;

/// A cache of objects with a constructor.
#[derive(Debug)]
pub struct Pool {
    name: [u8; NAME],
    name_len: usize,
    id: u16,
    len: usize,
    align: usize,
    hooks: Hooks,
    cache: Cache,
    constructed: u64,
    destroyed: u64,
    allocs: u64,
}

// SAFETY: the pool's slabs are its own; it may move between threads.
unsafe impl Send for Pool {}

/// What a pool holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolFigures {
    /// Bytes of an object.
    pub len: usize,
    /// Slabs.
    pub slabs: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Objects in use.
    pub used: usize,
    /// Objects that the slabs have room for.
    pub objects: usize,
    /// Objects created so far: calls of the constructor, if there is one.
    pub constructed: u64,
    /// Objects whose slab went back.
    pub destroyed: u64,
    /// Objects handed out so far.
    pub allocs: u64,
}

impl Pool {
    /// A pool of objects of `len` bytes at multiples of `align`, a power of two up to a page;
    /// `None` if there can be no such object. Pools with the same pages have different `id`s.
    pub fn new(id: u16, name: &[u8], len: usize, align: usize, hooks: Hooks) -> Option<Self> {
        let fits = align.is_power_of_two() && align <= PAGE && len != 0 && len <= LARGEST;
        let size = fits.then(|| round_up(len, align.max(16)))?;
        let name_len = name.len().min(NAME);
        let mut kept = [0; NAME];
        kept[..name_len].copy_from_slice(&name[..name_len]);
        let cache = Cache::new(size, id);
        Some(Self {
            name: kept,
            name_len,
            id,
            len,
            align,
            hooks,
            cache,
            constructed: 0,
            destroyed: 0,
            allocs: 0,
        })
    }

    /// Its name, cut to 32 bytes.
    pub fn name(&self) -> &[u8] {
        &self.name[..self.name_len]
    }

    /// The alignment of its objects.
    pub const fn align(&self) -> usize {
        self.align
    }

    /// What it holds and has done.
    pub const fn figures(&self) -> PoolFigures {
        PoolFigures {
            len: self.len,
            slabs: self.cache.slabs(),
            bytes: self.cache.slabs() * self.cache.layout().pages * PAGE,
            used: self.cache.used(),
            objects: self.cache.objects(),
            constructed: self.constructed,
            destroyed: self.destroyed,
            allocs: self.allocs,
        }
    }

    /// An object, constructed; `None` when memory is out.
    pub fn allocate<B: Backing>(&mut self, pages: &mut Pages<B>) -> Option<*mut u8> {
        let Object { payload, new, .. } = match self.cache.take(pages) {
            Some(object) => object,
            None => {
                let span = pages.take(self.cache.layout().pages, PAGE)?;
                self.cache.adopt(pages, span);
                self.cache.take(pages)?
            }
        };
        self.allocs += 1;
        if new {
            self.constructed += 1;
            if let Some(construct) = self.hooks.constructor {
                // SAFETY: the object has `len` bytes, and nobody else knows it yet.
                unsafe { construct(payload, self.len) };
            }
        }
        Some(payload)
    }

    /// Takes the object at `address` back, as it is; says what is wrong if none is in use there.
    pub fn free<B>(&mut self, pages: &Pages<B>, address: usize) -> Result<(), Fault> {
        let (span, number) = self.find(pages, address)?;
        self.cache.put(span, number);
        Ok(())
    }

    /// The slab and the number of the object in use that begins at `address`.
    fn find<B>(&self, pages: &Pages<B>, address: usize) -> Result<(Span, usize), Fault> {
        let span = pages.around(address)?;
        if span.owner != self.id {
            return Err(Fault::Foreign);
        }
        let Some(aim) = self.cache.aim(span, address) else { return Err(Fault::Own) };
        match (aim.used, aim.offset) {
            (false, _) => Err(Fault::Freed),
            (true, 0) => Ok((span, aim.number)),
            (true, offset) => Err(Fault::Interior(address - offset)),
        }
    }

    /// Destroys the objects of empty slabs and gives the slabs back; how many.
    pub fn reap<B>(&mut self, pages: &mut Pages<B>) -> usize {
        let mut slabs = 0;
        while let Some(span) = self.cache.dismiss(pages) {
            let begun = Cache::begun(span);
            self.destroyed += begun as u64;
            if let Some(destroy) = self.hooks.destructor {
                for number in 0..begun {
                    let object = span.start.wrapping_add(number * self.cache.layout().size);
                    // SAFETY: the object was constructed, and nobody uses it.
                    unsafe { destroy(object, self.len) };
                }
            }
            pages.give(span);
            slabs += 1;
        }
        slabs
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::vec::Vec;

    use super::*;
    use crate::heap::Growth;
    use crate::heap::draw::arena;
    use crate::os::fake::Arena;

    static MADE: AtomicUsize = AtomicUsize::new(0);
    static UNMADE: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" fn make(object: *mut u8, len: usize) {
        MADE.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the pool passes an object of `len` bytes.
        unsafe { object.write_bytes(0x77, len) };
    }

    unsafe extern "C" fn unmake(object: *mut u8, _len: usize) {
        // SAFETY: the pool passes an object.
        assert_eq!(unsafe { object.read() }, 0x77, "objects stay constructed");
        UNMADE.fetch_add(1, Ordering::Relaxed);
    }

    fn pages() -> Pages<Arena> {
        Pages::new(arena(1 << 20), Growth::Geometric)
    }

    #[test]
    fn objects_are_constructed_when_they_are_created_and_not_when_they_are_allocated() {
        let mut pages = pages();
        let hooks = Hooks { constructor: Some(make), destructor: Some(unmake) };
        let mut pool = Pool::new(1, b"session", 200, 64, hooks).unwrap();

        for _ in 0..100 {
            let objects: Vec<_> = (0..32).map(|_| pool.allocate(&mut pages).unwrap()).collect();
            assert!(objects.iter().all(|object| object.addr() % 64 == 0));
            objects.iter().for_each(|object| pool.free(&pages, object.addr()).unwrap());
        }
        assert_eq!((pool.figures().allocs, MADE.load(Ordering::Relaxed)), (3200, 32));
        pool.reap(&mut pages);

        assert_eq!(UNMADE.load(Ordering::Relaxed), 32);
        assert_eq!((pool.figures().constructed, pool.figures().destroyed), (32, 32));
        assert_eq!((pool.figures().slabs, pool.name()), (0, &b"session"[..]));
        assert!(pages.trim(0));
    }

    #[test]
    fn a_slab_of_12_kib_holds_six_objects_of_2_kib() {
        let mut pages = pages();
        let mut pool = Pool::new(1, b"buffer", 2048, 16, Hooks::default()).unwrap();

        let objects: Vec<_> = (0..6).map(|_| pool.allocate(&mut pages).unwrap()).collect();
        let one = pool.figures();
        pool.allocate(&mut pages).unwrap();

        assert_eq!((one.slabs, one.bytes, one.objects), (1, 12 << 10, 6));
        assert_eq!(objects[5].addr() - objects[0].addr(), 5 * 2048);
        assert_eq!(pool.figures().slabs, 2);
    }

    #[test]
    fn wrong_pointers_are_refused() {
        let mut pages = pages();
        let mut pool = Pool::new(1, b"a", 100, 16, Hooks::default()).unwrap();
        let mut other = Pool::new(2, b"b", 100, 16, Hooks::default()).unwrap();
        let object = pool.allocate(&mut pages).unwrap().addr();
        other.allocate(&mut pages).unwrap();

        assert_eq!(pool.free(&pages, object + 16), Err(Fault::Interior(object)));
        assert_eq!(other.free(&pages, object), Err(Fault::Foreign));
        assert_eq!(pool.free(&pages, object), Ok(()));
        assert_eq!(pool.free(&pages, object), Err(Fault::Freed));
        assert_eq!(pool.free(&pages, 16), Err(Fault::Foreign));
    }

    #[test]
    fn impossible_objects_are_refused() {
        let pool = |len, align| Pool::new(1, b"x", len, align, Hooks::default());

        assert!(pool(0, 16).is_none() && pool(8, 24).is_none() && pool(8, 2 * PAGE).is_none());
        assert!(pool(usize::MAX, 16).is_none());
    }

    #[test]
    fn a_pool_without_memory_answers_and_recovers() {
        let mut pages = Pages::new(arena(16 << 10), Growth::Geometric);
        let mut pool = Pool::new(1, b"x", 1000, 16, Hooks::default()).unwrap();

        let objects: Vec<_> = core::iter::from_fn(|| pool.allocate(&mut pages)).collect();
        pool.free(&pages, objects[2].addr()).unwrap();

        assert_eq!(pool.allocate(&mut pages), Some(objects[2]));
        assert_eq!(pool.allocate(&mut pages), None);
    }
}
