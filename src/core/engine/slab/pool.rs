//! A pool: a named cache whose objects are constructed once and stay so between uses.
//!
//! ```text
//!   new slab ─► construct ─► allocate ─► free ─► allocate ─► free ─► … ─► destroy, with its slab
//!               once for each object     as its user left it               on reap
//! ```
//!
//! The object cache of Bonwick (1994): what is dear to set up and the same for every use is set
//! up once. The page heap stands outside, so that pools may share one.
//!
//! The pool itself calls no constructor and no destructor: it says of an object that is taken
//! whether it is new, and of a slab that is dismissed how many objects it has. So its user can
//! give a lock back before he calls them, and they may use the pool.
//!
//! - **PO1** An object is in use from the moment it is taken, before its constructor runs: its slab
//!   is not dismissed, and nobody else gets it.
//! - **PO2** In an empty slab all objects that were ever taken are constructed.

use core::ffi::c_void;

use super::cache::{Cache, Object};
use crate::engine::pages::{Pages, Span};
use crate::heap::Fault;
use crate::os::backing::Backing;
use crate::os::{PAGE, round_up};

/// Called with an object and its bytes.
pub type Hook = unsafe extern "C" fn(*mut c_void, usize);

/// What makes an object, and what unmakes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hooks {
    /// Called once for each object, before it is handed out for the first time.
    pub constructor: Option<Hook>,
    /// Called once for each object that was constructed, before its slab goes back.
    pub destructor: Option<Hook>,
}

impl Hooks {
    /// Constructs a new object of `len` bytes.
    ///
    /// # Safety
    ///
    /// The object was taken from a pool with these hooks, and is new.
    pub unsafe fn construct(&self, object: *mut u8, len: usize) {
        if let Some(construct) = self.constructor {
            // SAFETY: [PO1]: the object has `len` bytes, and nobody else knows it yet.
            unsafe { construct(object.cast(), len) };
        }
    }

    /// Destroys all objects of a slab.
    ///
    /// # Safety
    ///
    /// The slab was dismissed by a pool with these hooks, and did not go back yet.
    pub unsafe fn destroy(&self, slab: &Dismissed) {
        let Some(destroy) = self.destructor else { return };
        for number in 0..slab.constructed {
            let object = slab.span.start.wrapping_add(number * slab.stride);
            // SAFETY: [PO2]: the object was constructed, and nobody uses it.
            unsafe { destroy(object.cast(), slab.len) };
        }
    }
}

/// An object handed out.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// The object.
    pub object: *mut u8,
    /// Whether it has to be constructed first.
    pub is_new: bool,
}

/// An empty slab on its way back to the pages.
#[derive(Clone, Copy, Debug)]
pub struct Dismissed {
    span: Span,
    stride: usize,
    len: usize,
    constructed: usize,
}

// SAFETY: the slab is the holder's alone.
unsafe impl Send for Dismissed {}

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
    /// Bytes from one object to the next: the length, rounded up to the alignment.
    pub stride: usize,
    /// Objects of a slab.
    pub slab_objects: usize,
    /// Bytes of a slab.
    pub slab_bytes: usize,
    /// Slabs.
    pub slabs: usize,
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
        kept.iter_mut().zip(name).for_each(|(kept, byte)| *kept = *byte);
        let cache = Cache::new(size, id);
        Some(Self { name: kept, name_len, id, len, hooks, cache, constructed: 0, destroyed: 0, allocs: 0 })
    }

    /// Its name, cut to 32 bytes.
    pub fn name(&self) -> &[u8] {
        self.name.get(..self.name_len).unwrap_or_default()
    }

    /// What makes and unmakes its objects.
    pub const fn hooks(&self) -> Hooks {
        self.hooks
    }

    /// Its slabs and objects.
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// What it holds and has done.
    pub const fn figures(&self) -> PoolFigures {
        PoolFigures {
            len: self.len,
            stride: self.cache.layout().size,
            slab_objects: self.cache.layout().objects,
            slab_bytes: self.cache.layout().pages * PAGE,
            slabs: self.cache.slabs(),
            used: self.cache.used(),
            objects: self.cache.objects(),
            constructed: self.constructed,
            destroyed: self.destroyed,
            allocs: self.allocs,
        }
    }

    /// An object: from a partial slab, else from an empty one, else from a new one; `None` when
    /// memory is out.
    pub fn take<B: Backing>(&mut self, pages: &mut Pages<B>) -> Option<Taken> {
        let Object { payload, new, .. } = match self.cache.take(pages) {
            Some(object) => object,
            None => {
                let span = pages.take(self.cache.layout().pages, PAGE)?;
                self.cache.adopt(pages, span);
                self.cache.take(pages)?
            }
        };
        self.allocs += 1;
        self.constructed += u64::from(new);
        Some(Taken { object: payload, is_new: new })
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

    /// Takes an empty slab out of the pool; its objects are to be destroyed, then it is to be
    /// given back.
    pub fn dismiss<B>(&mut self, pages: &Pages<B>) -> Option<Dismissed> {
        let span = self.cache.dismiss(pages)?;
        let constructed = Cache::begun(span);
        self.destroyed += constructed as u64;
        Some(Dismissed { span, stride: self.cache.layout().size, len: self.len, constructed })
    }

    /// Gives a dismissed slab back to `pages`.
    pub fn give<B>(pages: &mut Pages<B>, slab: Dismissed) {
        pages.give(slab.span);
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

    unsafe extern "C" fn make(object: *mut c_void, len: usize) {
        MADE.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the pool passes an object of `len` bytes.
        unsafe { object.cast::<u8>().write_bytes(0x77, len) };
    }

    unsafe extern "C" fn unmake(object: *mut c_void, _len: usize) {
        // SAFETY: the pool passes an object.
        assert_eq!(unsafe { object.cast::<u8>().read() }, 0x77, "objects stay constructed");
        UNMADE.fetch_add(1, Ordering::Relaxed);
    }

    fn allocate<B: Backing>(pool: &mut Pool, pages: &mut Pages<B>) -> Option<*mut u8> {
        let Taken { object, is_new } = pool.take(pages)?;
        if is_new {
            // SAFETY: taken just now.
            unsafe { pool.hooks().construct(object, pool.figures().len) };
        }
        Some(object)
    }

    fn reap<B: Backing>(pool: &mut Pool, pages: &mut Pages<B>) {
        while let Some(slab) = pool.dismiss(pages) {
            // SAFETY: dismissed just now.
            unsafe { pool.hooks().destroy(&slab) };
            Pool::give(pages, slab);
        }
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
            let objects: Vec<_> = (0..32).map(|_| allocate(&mut pool, &mut pages).unwrap()).collect();
            assert!(objects.iter().all(|object| object.addr() % 64 == 0));
            objects.iter().for_each(|object| pool.free(&pages, object.addr()).unwrap());
        }
        assert_eq!((pool.figures().allocs, MADE.load(Ordering::Relaxed)), (3200, 32));
        reap(&mut pool, &mut pages);

        assert_eq!(UNMADE.load(Ordering::Relaxed), 32);
        assert_eq!((pool.figures().constructed, pool.figures().destroyed), (32, 32));
        assert_eq!((pool.figures().slabs, pool.name()), (0, &b"session"[..]));
        assert!(pages.trim(0));
    }

    #[test]
    fn a_slab_of_12_kib_holds_six_objects_of_2_kib() {
        let mut pages = pages();
        let mut pool = Pool::new(1, b"buffer", 2048, 16, Hooks::default()).unwrap();

        let objects: Vec<_> = (0..6).map(|_| allocate(&mut pool, &mut pages).unwrap()).collect();
        let one = pool.figures();
        allocate(&mut pool, &mut pages).unwrap();

        assert_eq!((one.slabs, one.slab_bytes, one.objects), (1, 12 << 10, 6));
        assert_eq!(objects[5].addr() - objects[0].addr(), 5 * 2048);
        assert_eq!(pool.figures().slabs, 2);
    }

    #[test]
    fn a_slab_on_its_way_back_is_nobodys() {
        let mut pages = pages();
        let mut pool = Pool::new(1, b"x", 2048, 16, Hooks::default()).unwrap();
        let object = allocate(&mut pool, &mut pages).unwrap();
        pool.free(&pages, object.addr()).unwrap();

        let slab = pool.dismiss(&pages).unwrap();

        assert_eq!(pool.free(&pages, object.addr()), Err(Fault::Freed));
        assert_ne!(allocate(&mut pool, &mut pages), Some(object));
        Pool::give(&mut pages, slab);
        assert_eq!(pool.figures().slabs, 1);
    }

    #[test]
    fn wrong_pointers_are_refused() {
        let mut pages = pages();
        let mut pool = Pool::new(1, b"a", 100, 16, Hooks::default()).unwrap();
        let mut other = Pool::new(2, b"b", 100, 16, Hooks::default()).unwrap();
        let object = allocate(&mut pool, &mut pages).unwrap().addr();
        allocate(&mut other, &mut pages).unwrap();

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

        let objects: Vec<_> = core::iter::from_fn(|| allocate(&mut pool, &mut pages)).collect();
        pool.free(&pages, objects[2].addr()).unwrap();

        assert_eq!(allocate(&mut pool, &mut pages), Some(objects[2]));
        assert_eq!(allocate(&mut pool, &mut pages), None);
    }
}
