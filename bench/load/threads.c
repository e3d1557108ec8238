// Threaded rows: nanoseconds of wall time per operation, all threads together.
// The amount of work of a row is fixed and is divided among the threads, so a
// perfect allocator on enough cores halves the value when the threads double.
#include "crew.h"

enum { MOST_THREADS = 64 };

static double per_op(double wall, size_t ops) { return wall * 1e9 / (double)ops; }

// One sends, one receives: the pipe rows, always two threads.

static ring_t pipe_ring;
static size_t pipe_blocks, pipe_low, pipe_high;

static void pipe_work(int me) {
    uint64_t state = seeded(1);
    for (size_t i = 0; i < pipe_blocks; i++) {
        if (me == 0) {
            void *block = take(uniform(&state, pipe_low, pipe_high));
            while (!ring_send(&pipe_ring, block)) sched_yield();
        } else {
            void *block;
            while ((block = ring_receive(&pipe_ring)) == NULL) sched_yield();
            free(block);
        }
    }
    if (me == 0) ring_flush(&pipe_ring);
}

static double pipe_row(size_t low, size_t high, double at_scale_1) {
    pipe_low = low;
    pipe_high = high;
    pipe_blocks = scaled(at_scale_1) * PUBLISH;
    return per_op(crew(2, pipe_work), pipe_blocks);
}

static double pipe_64(void) { return pipe_row(64, 64, 1e5); }
static double pipe_mixed(void) { return pipe_row(16, 1024, 6e4); }

// Whole batches change hands: each thread fills one, posts it to the next thread
// and frees the one it finds in its own box.

enum { BATCH = 1000 };
static mailbox_t box[MOST_THREADS];
static size_t batches_each, batch_low, batch_high;

static void batch_work(int me) {
    uint64_t state = seeded((uint64_t)me + 1);
    for (size_t i = 0; i < batches_each; i++) {
        void **batch = take((BATCH + 1) * sizeof *batch);
        for (int k = 0; k < BATCH; k++) batch[k] = take(uniform(&state, batch_low, batch_high));
        mail_put(&box[(me + 1) % threads], batch);
        batch = mail_take(&box[me]);
        for (int k = 0; k < BATCH; k++) free(batch[k]);
        free(batch);
    }
}

static double batch_row(size_t low, size_t high, double at_scale_1) {
    batch_low = low;
    batch_high = high;
    batches_each = scaled(at_scale_1 / threads);
    return per_op(crew(threads, batch_work), batches_each * BATCH * (size_t)threads);
}

static double batch_mixed(void) { return batch_row(16, 1024, 1600); }

// The bulk hand-over of 64-byte blocks: one thread only allocates, one only frees.

static void bulk_work(int me) {
    for (size_t i = 0; i < batches_each; i++) {
        if (me == 0) {
            void **batch = take((BATCH + 1) * sizeof *batch);
            for (int k = 0; k < BATCH; k++) batch[k] = take(64);
            mail_put(&box[0], batch);
        } else {
            void **batch = mail_take(&box[0]);
            for (int k = 0; k < BATCH; k++) free(batch[k]);
            free(batch);
        }
    }
}

static double bulk_64(void) {
    batches_each = scaled(3000);
    return per_op(crew(2, bulk_work), batches_each * BATCH);
}

// The server: all threads share one array of blocks, and each operation puts a
// new block in a random place and frees what was there, whoever allocated it.

enum { SLOTS = 4096 };
static _Atomic(void *) shared[SLOTS];
static size_t server_ops;

static void server_work(int me) {
    uint64_t state = seeded((uint64_t)me + 1);
    for (size_t i = 0; i < server_ops; i++) {
        void *block = take(uniform(&state, 16, 512));
        free(atomic_exchange_explicit(&shared[below(&state, SLOTS)], block, memory_order_acq_rel));
    }
}

static double server(void) {
    server_ops = scaled(2e6 / threads);
    return per_op(crew(threads, server_work), server_ops * (size_t)threads);
}

// Few producers, many consumers (one in four produces; a lone thread does both).
// Each producer deals its blocks out to its own consumers in turn.

static ring_t ring[MOST_THREADS];
static int producers;
static size_t blocks_per_ring;

static void produce(int me) {
    uint64_t state = seeded((uint64_t)me + 1);
    for (size_t i = 0; i < blocks_per_ring; i++) {
        for (int to = producers + me; to < threads; to += producers) {
            void *block = take(uniform(&state, 16, 512));
            while (!ring_send(&ring[to], block)) sched_yield();
        }
    }
    for (int to = producers + me; to < threads; to += producers) ring_flush(&ring[to]);
}

static void consume(int me) {
    for (size_t i = 0; i < blocks_per_ring; i++) {
        void *block;
        while ((block = ring_receive(&ring[me])) == NULL) sched_yield();
        free(block);
    }
}

static void alone(int me) {
    uint64_t state = seeded(1);
    for (size_t i = 0; i < blocks_per_ring; i++) {
        void *block = take(uniform(&state, 16, 512));
        if (ring_send(&ring[me], block)) continue;
        void *old;
        while ((old = ring_receive(&ring[me])) != NULL) free(old);
        ring_send(&ring[me], block);
    }
}

static void uneven_work(int me) {
    if (threads == 1) alone(me);
    else if (me < producers) produce(me);
    else consume(me);
}

static double uneven(void) {
    producers = threads < 4 ? 1 : threads / 4;
    int rings = threads == 1 ? 1 : threads - producers;
    blocks_per_ring = scaled(1e5 / rings) * PUBLISH;
    return per_op(crew(threads, uneven_work), blocks_per_ring * (size_t)rings);
}

// Churn: a thread lives for one generation, frees what its predecessor left
// over, works, and leaves a tenth of its blocks to its successor.

enum { GENERATION = 2000, LEFT_OVER = 200 };
static void *left_over[MOST_THREADS][LEFT_OVER];
static size_t generations;

static void *churn_life(void *arg) {
    int me = (int)(intptr_t)arg;
    uint64_t state = seeded((uint64_t)me + 1);
    void *block[GENERATION];
    for (int i = 0; i < GENERATION; i++) block[i] = take(log_uniform(&state, 4, 11));
    for (int i = 0; i < LEFT_OVER; i++) {
        free(left_over[me][i]);
        left_over[me][i] = block[i * 10];
        block[i * 10] = NULL;
    }
    for (int i = 0; i < GENERATION; i++) free(block[i]);
    return NULL;
}

static void churn_work(int me) {
    for (size_t i = 0; i < generations; i++) {
        pthread_t life;
        if (pthread_create(&life, NULL, churn_life, (void *)(intptr_t)me) != 0) exit(3);
        pthread_join(life, NULL);
    }
}

static double churn(void) {
    generations = scaled(640.0 / threads);
    return per_op(crew(threads, churn_work), generations * GENERATION * (size_t)threads);
}

// False sharing, active: threads that allocate small blocks at the same time must
// not get halves of one cache line. Passive: neither after they have freed blocks
// that another thread had given them. The value is nanoseconds per write.

enum { WRITES = 400 };
static size_t probes;
static char *given[MOST_THREADS];

static void probe_work(int me) {
    free(given[me]);
    for (size_t i = 0; i < probes; i++) {
        volatile char *block = take(8);
        for (int k = 0; k < WRITES; k++) block[k % 8]++;
        free((void *)block);
    }
}

static double probe(void) {
    probes = scaled(1.2e5 / threads);
    return per_op(crew(threads, probe_work), probes * WRITES * (size_t)threads);
}

static double sharing_active(void) { return probe(); }

static double sharing_passive(void) {
    for (int i = 0; i < threads; i++) given[i] = take(8);
    return probe();
}

// Phases: every thread grows to 4 MB of mixed sizes, shrinks to a tenth, and so on.

enum { PHASE = 4000 };
static size_t phases;

static void phase_work(int me) {
    uint64_t state = seeded((uint64_t)me + 1);
    void **block = calloc(PHASE, sizeof *block);
    for (size_t p = 0; p < phases; p++) {
        for (int i = 0; i < PHASE; i++)
            if (block[i] == NULL) block[i] = take(log_uniform(&state, 4, 13));
        for (int i = 0; i < PHASE; i++) {
            if (below(&state, 10) == 0) continue;
            free(block[i]);
            block[i] = NULL;
        }
    }
    for (int i = 0; i < PHASE; i++) free(block[i]);
    free(block);
}

static double phased(void) {
    phases = scaled(360.0 / threads);
    return per_op(crew(threads, phase_work), phases * PHASE * (size_t)threads);
}

// Microseconds to create a thread, let it make 64 mixed blocks and join it.

static void *brief_life(void *arg) {
    uint64_t state = seeded(7);
    void *block[64];
    for (int i = 0; arg == NULL && i < 64; i++) block[i] = take(log_uniform(&state, 4, 11));
    for (int i = 0; arg == NULL && i < 64; i++) free(block[i]);
    return NULL;
}

static double life_row(void *empty) {
    size_t n = scaled(2500);
    double began = wall_now();
    for (size_t i = 0; i < n; i++) {
        pthread_t life;
        if (pthread_create(&life, NULL, brief_life, empty) != 0) exit(3);
        pthread_join(life, NULL);
    }
    return (wall_now() - began) * 1e6 / (double)n;
}

static double thread_life(void) { return life_row(NULL); }
static double thread_empty(void) { return life_row(&threads); }

static const row_t ROWS[] = {
    {"pipe-64", pipe_64},   {"pipe-mixed", pipe_mixed},
    {"bulk-64", bulk_64},   {"thread-life", thread_life},
    {"thread-empty", thread_empty},
    {"server", server},     {"uneven", uneven},
    {"batch", batch_mixed}, {"churn", churn},
    {"sharing-active", sharing_active},
    {"sharing-passive", sharing_passive},
    {"phases", phased},
};

int main(int argc, char **argv) {
    if (argc > 3 && (atoi(argv[3]) < 1 || atoi(argv[3]) > MOST_THREADS)) return 2;
    return run_rows(ROWS, sizeof ROWS / sizeof *ROWS, argc, argv);
}
