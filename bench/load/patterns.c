// One thread, one pattern a row, nanoseconds of CPU time per operation. An
// operation is a malloc with its free (or the step of a realloc); every block
// has its first word written.
#include "load.h"

// The time of `work` in nanoseconds, divided by `count`.
#define PER(count, ...)                              \
    ({                                               \
        double start_ = cpu_now();                   \
        { __VA_ARGS__; }                             \
        (cpu_now() - start_) * 1e9 / (double)(count); \
    })

static double pair(size_t size, double at_scale_1) {
    size_t n = scaled(at_scale_1);
    return PER(n, for (size_t i = 0; i < n; i++) free(take(size)));
}

static double pair_16(void) { return pair(16, 8e6); }
static double pair_1k(void) { return pair(1024, 8e6); }
static double pair_8k(void) { return pair(8192, 4e6); }
static double pair_64k(void) { return pair(65536, 1e6); }
static double pair_1m(void) { return pair(1 << 20, 4e5); }

static double calloc_64(void) {
    size_t n = scaled(4e6);
    return PER(n, for (size_t i = 0; i < n; i++) {
        uint64_t *block = calloc(1, 64);
        *(volatile uint64_t *)block = i;
        free(block);
    });
}

// `live` blocks are allocated, then freed newest or oldest first, `rounds` times.
static double batches(size_t live, size_t size, double at_scale_1, int newest_first) {
    void **block = malloc(live * sizeof *block);
    size_t rounds = scaled(at_scale_1);
    double value = PER(rounds * live, for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < live; i++) block[i] = take(size);
        for (size_t i = 0; i < live; i++) free(block[newest_first ? live - 1 - i : i]);
    });
    free(block);
    return value;
}

static double lifo_1000(void) { return batches(1000, 64, 10000, 1); }
static double fifo_100k(void) { return batches(100000, 64, 60, 0); }

// `live` blocks are held; each operation frees a random one and replaces it. The
// blocks are made before the clock starts.
static double replace(size_t live, double ops, unsigned low, unsigned high, int logarithmic) {
    uint64_t state = seeded(live);
    void **block = malloc(live * sizeof *block);
#define NEXT_SIZE() (logarithmic ? log_uniform(&state, low, high) : uniform(&state, low, high))
    for (size_t i = 0; i < live; i++) block[i] = take(NEXT_SIZE());
    size_t n = scaled(ops);
    double value = PER(n, for (size_t i = 0; i < n; i++) {
        size_t at = below(&state, live);
        free(block[at]);
        block[at] = take(NEXT_SIZE());
    });
#undef NEXT_SIZE
    for (size_t i = 0; i < live; i++) free(block[i]);
    free(block);
    return value;
}

static double replace_10k(void) { return replace(10000, 4e6, 16, 1024, 0); }
static double replace_100k(void) { return replace(100000, 2e6, 16, 1024, 0); }
static double replace_1m(void) { return replace(1000000, 1e6, 16, 128, 0); }
static double replace_log(void) { return replace(10000, 1e6, 4, 16, 1); }

// 400,000 blocks are freed in any order, made again, and read in the order in which they were made: three visits a
// block. They are made before the clock starts.
static double rebuild(void) {
    enum { LIVE = 400000 };
    uint64_t state = seeded(LIVE), sum = 0;
    void **block = malloc(LIVE * sizeof *block);
    uint32_t *order = malloc(LIVE * sizeof *order);
    for (uint32_t i = 0; i < LIVE; i++) {
        block[i] = take(uniform(&state, 16, 128));
        uint32_t at = (uint32_t)below(&state, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    size_t rounds = scaled(5);
    double value = PER(rounds * LIVE, for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < LIVE; i++) free(block[order[i]]);
        for (size_t i = 0; i < LIVE; i++) block[i] = take(uniform(&state, 16, 128));
        for (size_t i = 0; i < LIVE; i++) sum += *(uint64_t *)block[i];
    });
    *(volatile uint64_t *)block[0] = sum;
    for (size_t i = 0; i < LIVE; i++) free(block[i]);
    free(order);
    free(block);
    return value;
}

// Microseconds for one block that doubles from 16 bytes to 16 MiB. At 8 MiB a
// neighbour turns up, so that no heap gets the whole way for nothing.
static double realloc_double(void) {
    size_t n = scaled(60);
    double nanoseconds = PER(n, for (size_t i = 0; i < n; i++) {
        char *block = take(16), *neighbour = NULL;
        for (size_t size = 32; size <= (16u << 20); size *= 2) {
            block = realloc(block, size);
            block[size / 2] = (char)size;
            if (size == 8u << 20) neighbour = take(2000);
        }
        free(block);
        free(neighbour);
    });
    return nanoseconds / 1000;
}

// Nanoseconds a step for one block that grows by 64 bytes up to `top`.
static double creep(size_t top, double at_scale_1) {
    size_t n = scaled(at_scale_1), steps = top / 64;
    return PER(n * steps, for (size_t i = 0; i < n; i++) {
        char *block = take(64);
        for (size_t size = 128; size <= top; size += 64) {
            block = realloc(block, size);
            block[size - 64] = (char)size;
        }
        free(block);
    });
}

static double realloc_10m(void) { return creep(10 << 20, 8); }
static double realloc_4k(void) { return creep(4096, 40000); }

static const row_t ROWS[] = {
    {"pair-16", pair_16},
    {"pair-1k", pair_1k},
    {"pair-8k", pair_8k},
    {"pair-64k", pair_64k},
    {"pair-1m", pair_1m},
    {"lifo-1000", lifo_1000},
    {"fifo-100k", fifo_100k},
    {"replace-10k", replace_10k},
    {"replace-100k", replace_100k},
    {"replace-1m", replace_1m},
    {"replace-log", replace_log},
    {"rebuild", rebuild},
    {"calloc-64", calloc_64},
    {"realloc-double", realloc_double},
    {"realloc-10m", realloc_10m},
    {"realloc-4k", realloc_4k},
};

int main(int argc, char **argv) {
    return run_rows(ROWS, sizeof ROWS / sizeof *ROWS, argc, argv);
}
