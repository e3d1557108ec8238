// Rows whose value is memory: what stays resident after a big free, and how many
// resident bytes a payload byte costs.
#include "resident.h"

// 210 MB of blocks from 16 bytes to 16 KiB are freed but for the last few, which
// pin the far end of the heap; then come 1.2 seconds of light work, in which an
// allocator may give memory back. The value is megabytes resident.
static double footprint(void) {
    enum { MOST = 200000, KEPT = 8 };
    static void *block[MOST];
    uint64_t state = seeded(3);
    size_t count = 0, bytes = 0;
    while (bytes < scaled(210e6) && count < MOST) {
        size_t size = log_uniform(&state, 4, 14);
        block[count] = memset(take(size), 1, size);
        bytes += size;
        count++;
    }
    for (size_t i = 0; i + KEPT < count; i++) free(block[i]);

    double end = wall_now() + 1.2;
    while (wall_now() < end) {
        for (int i = 0; i < 50; i++) free(take(log_uniform(&state, 4, 14)));
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    double value = resident() / 1e6;
    for (size_t i = count - KEPT; i < count; i++) free(block[i]);
    return value;
}

// Resident bytes per payload byte for 64 MB of blocks of one size, all written.
static double density(size_t size) {
    size_t count = scaled(64e6) / size;
    void **block = malloc(count * sizeof *block);
    memset(block, 0, count * sizeof *block);
    free(take(size));
    double before = resident();
    for (size_t i = 0; i < count; i++) block[i] = memset(take(size), 1, size);
    double value = (resident() - before) / (double)(count * size);
    for (size_t i = 0; i < count; i++) free(block[i]);
    free(block);
    return value;
}

static double density_32(void) { return density(32); }
static double density_200(void) { return density(200); }
static double density_1500(void) { return density(1500); }
static double density_10000(void) { return density(10000); }

static const row_t ROWS[] = {
    {"footprint", footprint},       {"density-32", density_32},
    {"density-200", density_200},   {"density-1500", density_1500},
    {"density-10000", density_10000},
};

int main(int argc, char **argv) {
    return run_rows(ROWS, sizeof ROWS / sizeof *ROWS, argc, argv);
}
