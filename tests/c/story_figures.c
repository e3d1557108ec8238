/* Figures asked for while other threads allocate: whatever a bin is between, nobody falls over. `story_figures COUNT`. */
#include "check.h"
#include "heapmm.h"
#include <pthread.h>
#include <stdatomic.h>

/* The library that is preloaded has them. */
#pragma weak heapmm_stats
#pragma weak heapmm_walk
#pragma weak heapmm_check

enum { THREADS = 3, MOST = 200 };

static atomic_int over;

/* Bins fill and run empty: magazines grow, are swapped and go through the depot. */
static void *works(void *argument)
{
    static _Thread_local void *blocks[MOST];
    uint32_t state = (uint32_t)(uintptr_t)argument;
    while (!over) {
        unsigned number = 1 + next_random(&state) % MOST;
        size_t length = (size_t)256 << next_random(&state) % 5;
        for (unsigned n = 0; n < number; n++)
            CHECK((blocks[n] = hide(malloc(length))) != NULL);
        for (unsigned n = 0; n < number; n++)
            free(blocks[n]);
    }
    return NULL;
}

static int count(void *payload, size_t length, heapmm_kind_t kind, void *sum)
{
    (void)payload, (void)kind;
    *(size_t *)sum += length;
    return 0;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    CHECK_THAT(argc, ==, 2);
    for (uintptr_t n = 0; n < THREADS; n++)
        CHECK(pthread_create(&threads[n], NULL, works, (void *)(n + 1)) == 0);
    for (int n = atoi(argv[1]); n > 0; n--) {
        heapmm_stats_t stats = {.size = sizeof stats};
        CHECK_THAT(heapmm_stats(&stats), ==, 0);
        CHECK_THAT(stats.cached + stats.live, <=, stats.footprint);
        if (n % 64 == 0) {
            size_t sum = 0;
            CHECK_THAT(heapmm_walk(count, &sum), ==, 0);
            CHECK_THAT(sum, <=, stats.peak_footprint + (64u << 20));
            CHECK_THAT(heapmm_check(), ==, 0);
        }
    }
    over = 1;
    for (int n = 0; n < THREADS; n++)
        CHECK(pthread_join(threads[n], NULL) == 0);
    return 0;
}
