// Cost as work grows.
//
//     growth live MEGABYTES     "value NS" for replacing random blocks at that size
//     growth age OPERATIONS SECONDS
//                               "point OPERATIONS NS RESIDENT_MB" at 10^5, 10^5.5, 10^6, ...,
//                               the last one after SECONDS at the latest
#include "resident.h"
#include <math.h>

// Blocks of 16 bytes to 4 KiB, random ones replaced; nanoseconds of CPU time.
static double live(double megabytes) {
    const double mean = 743; // of log_uniform(4, 12): the mean of 1.5 * 2^bit
    size_t count = (size_t)(megabytes * 1e6 / mean) + 1, ops = 1000000;
    uint64_t state = seeded(5);
    void **block = malloc(count * sizeof *block);
    for (size_t i = 0; i < count; i++) block[i] = take(log_uniform(&state, 4, 12));
    double start = cpu_now();
    for (size_t i = 0; i < ops; i++) {
        size_t at = below(&state, count);
        free(block[at]);
        block[at] = take(log_uniform(&state, 4, 12));
    }
    return (cpu_now() - start) * 1e9 / (double)ops;
}

// The same live bytes all the time, while the mix of sizes wanders: every 200,000
// operations another doubling is the favourite, so old holes stop fitting.
static void age(double most, double seconds_left) {
    enum { COUNT = 60000 };
    static void *block[COUNT];
    static unsigned size[COUNT];
    uint64_t state = seeded(9);
    size_t done = 0, bytes = 0, target = 32u << 20;
    double next = 1e5, start = cpu_now(), since = 0, end = start + seconds_left;
    while (next <= most * 1.001) {
        unsigned favourite = 4 + (unsigned)(done / 200000 * 5 % 9);
        size_t at = below(&state, COUNT);
        free(block[at]);
        bytes -= size[at];
        block[at] = NULL;
        size[at] = 0;
        for (int tries = 0; bytes < target && tries < 2; tries++) {
            at = below(&state, COUNT);
            if (block[at] != NULL) continue;
            unsigned want = (unsigned)(below(&state, 4) == 0
                ? log_uniform(&state, 4, 13)
                : log_uniform(&state, favourite, favourite + 1));
            block[at] = take(size[at] = want);
            bytes += want;
        }
        int late = ++done % 100000 == 0 && cpu_now() > end;
        if (done < (size_t)next && !late) continue;
        printf("point %zu %.3f %.3f\n", done, (cpu_now() - start) * 1e9 / ((double)done - since),
               resident() / 1e6);
        fflush(stdout);
        since = (double)done;
        next *= sqrt(10);
        start = cpu_now();
        if (late) return;
    }
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "live") == 0) {
        printf("value %.4f\n", live(atof(argv[2])));
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "age") == 0) {
        age(atof(argv[2]), atof(argv[3]));
        return 0;
    }
    fputs("growth: live MEGABYTES | age OPERATIONS SECONDS\n", stderr);
    return 2;
}
