// What every load program shares: clocks, a small random generator, sizes, the
// row table and the one line of result that the runner reads.
//
//     PROGRAM ROW [SCALE [THREADS]]   ->   "value 12.345"
//
// SCALE multiplies the amount of work, never its shape.
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    const char *name;
    double (*run)(void);
} row_t;

static double scale = 1.0;
static int threads = 1;

static inline double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline double cpu_now(void) { return seconds(CLOCK_PROCESS_CPUTIME_ID); }
static inline double wall_now(void) { return seconds(CLOCK_MONOTONIC); }

// `n` repetitions at scale 1, at least one.
static inline size_t scaled(double n) {
    double want = n * scale;
    return want < 1 ? 1 : (size_t)want;
}

// xorshift: three shifts, no multiplication, good enough to scatter sizes.
static inline uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static inline uint64_t seeded(uint64_t n) { return n * 0x9E3779B97F4A7C15ull + 0x1234567ull; }

// A number below `bound` (under 2^32): a multiplication, since a division would
// cost as much as the allocation that it serves.
static inline size_t below(uint64_t *state, size_t bound) {
    return (size_t)(((next_random(state) >> 32) * (uint64_t)bound) >> 32);
}

// Equally likely sizes from `low` to `high`.
static inline size_t uniform(uint64_t *state, size_t low, size_t high) {
    return low + below(state, high - low + 1);
}

// Sizes from `1 << low_bit` up to `1 << high_bit`, each doubling equally likely.
static inline size_t log_uniform(uint64_t *state, unsigned low_bit, unsigned high_bit) {
    size_t base = (size_t)1 << (low_bit + below(state, high_bit - low_bit));
    return base + ((size_t)*state & (base - 1));
}

// A block with its first word written, or the end of the program: no row may
// measure failure.
static inline void *take(size_t size) {
    uint64_t *block = malloc(size);
    if (block == NULL) {
        fputs("load: out of memory\n", stderr);
        exit(3);
    }
    *(volatile uint64_t *)block = size;
    return block;
}

static inline int run_rows(const row_t *rows, size_t count, int argc, char **argv) {
    if (argc < 2) {
        for (size_t i = 0; i < count; i++) puts(rows[i].name);
        return 0;
    }
    if (argc > 2) scale = atof(argv[2]);
    if (argc > 3) threads = atoi(argv[3]);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, argv[1]) != 0) continue;
        printf("value %.4f\n", rows[i].run());
        return 0;
    }
    fprintf(stderr, "load: no row is called %s\n", argv[1]);
    return 2;
}

#endif
