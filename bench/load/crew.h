// A crew of threads that start together, and the two ways in which the threaded
// rows hand blocks on: a ring for one sender and one receiver, and a mailbox.
// Waiting gives the processor away, because there may be more threads than cores.
#ifndef CREW_H
#define CREW_H

#include "load.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

typedef struct {
    void (*work)(int me);
    pthread_barrier_t *start;
    int me;
} member_t;

static void *member_main(void *arg) {
    member_t *member = arg;
    pthread_barrier_wait(member->start);
    member->work(member->me);
    return NULL;
}

// Wall seconds from the moment when all `count` threads stand ready to the end
// of the last.
static inline double crew(int count, void (*work)(int me)) {
    pthread_t thread[count];
    member_t member[count];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, (unsigned)count + 1);
    for (int i = 0; i < count; i++) {
        member[i] = (member_t){work, &start, i};
        if (pthread_create(&thread[i], NULL, member_main, &member[i]) != 0) {
            fputs("load: no more threads\n", stderr);
            exit(3);
        }
    }
    double began = wall_now();
    pthread_barrier_wait(&start);
    for (int i = 0; i < count; i++) pthread_join(thread[i], NULL);
    double took = wall_now() - began;
    pthread_barrier_destroy(&start);
    return took;
}

// One sender, one receiver. Each side publishes its index every 16 steps or when
// it must wait, so that the ring costs little beside the allocator.
enum { RING = 1024, PUBLISH = 16 };

typedef struct {
    _Alignas(128) _Atomic size_t sent;
    size_t sending, seen_received;
    _Alignas(128) _Atomic size_t received;
    size_t receiving, seen_sent;
    _Alignas(128) void *slot[RING];
} ring_t;

static inline void ring_flush(ring_t *ring) {
    atomic_store_explicit(&ring->sent, ring->sending, memory_order_release);
}

// Whether the block was taken on; a full ring publishes what it holds.
static inline int ring_send(ring_t *ring, void *block) {
    if (ring->sending - ring->seen_received == RING) {
        ring->seen_received = atomic_load_explicit(&ring->received, memory_order_acquire);
        if (ring->sending - ring->seen_received == RING) {
            ring_flush(ring);
            return 0;
        }
    }
    ring->slot[ring->sending++ % RING] = block;
    if (ring->sending % PUBLISH == 0) ring_flush(ring);
    return 1;
}

static inline void *ring_receive(ring_t *ring) {
    if (ring->receiving == ring->seen_sent) {
        ring->seen_sent = atomic_load_explicit(&ring->sent, memory_order_acquire);
        if (ring->receiving == ring->seen_sent) {
            atomic_store_explicit(&ring->received, ring->receiving, memory_order_release);
            return NULL;
        }
    }
    void *block = ring->slot[ring->receiving++ % RING];
    if (ring->receiving % PUBLISH == 0)
        atomic_store_explicit(&ring->received, ring->receiving, memory_order_release);
    return block;
}

// A place for one parcel.
typedef struct {
    _Alignas(128) _Atomic(void *) parcel;
} mailbox_t;

static inline void mail_put(mailbox_t *box, void *parcel) {
    while (atomic_load_explicit(&box->parcel, memory_order_relaxed) != NULL) sched_yield();
    atomic_store_explicit(&box->parcel, parcel, memory_order_release);
}

static inline void *mail_take(mailbox_t *box) {
    void *parcel;
    while ((parcel = atomic_exchange_explicit(&box->parcel, NULL, memory_order_acquire)) == NULL)
        sched_yield();
    return parcel;
}

#endif
