//! Slabs over a heap in an arena: what is handed out, what comes back, and who serves next.

use std::boxed::Box;
use std::vec::Vec;

use super::{Spans, capacity};
use crate::heap::draw::{TestHeap, arena};
use crate::heap::{Heap, Request, Shape};
use crate::os::PAGE;
use crate::os::tables::Tables;
use crate::policy::AnyIndex;
use crate::slab::class::{class_of, len_of};
use crate::slab::rooms::{GRANULE, Room, Rooms};

/// Bytes of an object; a multiple of it is a page.
const LEN: usize = 64;

struct Rig {
    heap: TestHeap,
    tables: Tables,
    rooms: &'static Rooms,
    spans: Spans,
}

impl Rig {
    fn new() -> Self {
        let mut heap = Heap::new(arena(4 << 20), AnyIndex::EMPTY, Shape::DEFAULT);
        let rooms: &Rooms = Box::leak(Box::new(Rooms::EMPTY));
        let first = heap.allocate(Request::of(100)).unwrap().block().payload();
        rooms.found(first.addr());
        rooms.claim(first.addr(), first.addr() + (3 << 20), Room::TAGGED);
        Self { heap, tables: Tables::EMPTY, rooms, spans: Spans::EMPTY }
    }

    /// So many objects.
    fn take(&mut self, count: usize) -> Vec<*mut u8> {
        let mut objects = Vec::new();
        while objects.len() < count {
            let mut some = [core::ptr::null_mut(); 64];
            let most = some.len().min(count - objects.len());
            let Self { heap, tables, rooms, spans } = self;
            // SAFETY: the array is as long.
            let taken = unsafe { spans.take(heap, tables, rooms, class_of(LEN), some.as_mut_ptr(), most) };
            assert!(taken.count > 0);
            objects.extend_from_slice(&some[..taken.count]);
        }
        objects
    }

    fn give(&mut self, objects: &[*mut u8]) -> usize {
        self.spans.give(&mut self.heap, self.rooms, objects).unwrap()
    }

    /// All objects of as many slabs.
    fn full<const SLABS: usize>(&mut self) -> [Vec<*mut u8>; SLABS] {
        core::array::from_fn(|_| self.take(capacity(len_of(class_of(LEN)))))
    }

    /// Whether the next object comes from the slab of `object`.
    fn serves(&mut self, object: *mut u8) -> bool {
        let next = self.take(1)[0];
        self.give(&[next]);
        next.addr() / GRANULE == object.addr() / GRANULE
    }
}

#[test]
fn what_comes_back_twice_or_was_never_carved_is_not_taken() {
    let mut rig = Rig::new();
    let objects = rig.take(200);
    let behind = objects[199].wrapping_add(LEN * 64);

    assert_eq!(rig.give(&objects[..100]), 100);
    assert_eq!((rig.spans.used_objects(), rig.spans.free_bytes()), (100, 100 * LEN));
    assert_eq!(rig.give(&[objects[100], objects[50], objects[101]]), 1);
    assert_eq!(rig.give(&[behind]), 0);

    assert_eq!((rig.spans.used_objects(), rig.spans.used_bytes()), (99, 99 * LEN));
}

#[test]
fn the_fullest_slab_serves_whatever_came_back_last() {
    let mut rig = Rig::new();
    let [full, half, sparse] = rig.full();
    rig.give(&sparse[..900]);
    rig.give(&half[..500]);
    rig.give(&full[..1]);

    assert!(rig.serves(full[0]));
    rig.give(&full[1..700]);
    assert!(rig.serves(half[0]));
}

#[test]
fn a_slab_that_was_filled_again_serves_as_soon_as_one_object_comes_back() {
    let mut rig = Rig::new();
    let [first, second] = rig.full();
    rig.give(&first[..600]);
    rig.take(600);
    rig.give(&second[..600]);
    rig.give(&first[..1]);

    assert!(rig.serves(first[0]));
}

#[test]
fn an_empty_slab_goes_back_to_the_heap_with_the_counts_of_all_its_objects() {
    let mut rig = Rig::new();
    let [first, second] = rig.full();

    assert_eq!(rig.give(&[&first[..], &second[..1]].concat()), first.len() + 1);

    assert_eq!((rig.spans.count(), rig.spans.used_objects()), (1, second.len() - 1));
    assert_eq!((rig.spans.free_bytes(), rig.spans.fresh_bytes()), (LEN, 0));
}

/// What has come back since its pages were looked at is worth another look.
#[test]
fn a_slab_that_drains_gives_more_pages_back_when_more_objects_came() {
    let mut rig = Rig::new();
    let [sparse, fuller] = rig.full();
    rig.give(&fuller[..1]);
    // Ten objects of its first page are left, and ten of another one.
    rig.give(&[&sparse[10..500], &sparse[510..]].concat());
    rig.spans.drain(rig.rooms);
    let hollow = |rig: &mut Rig| {
        // The first look only finds out that it drains.
        for _ in 0..2 {
            while !rig.spans.hollow(&mut rig.heap, rig.rooms) {}
        }
        rig.spans.hollow_bytes()
    };
    let pages = hollow(&mut rig);
    assert!(pages > 0 && pages == hollow(&mut rig));

    rig.give(&sparse[500..510]);

    assert_eq!(hollow(&mut rig), pages + PAGE);
}
