/* Aligned blocks of more than 4 KiB rest in a cache like others, and the next request of their size finds them there,
 * with or without unaligned ones beside them.
 */
#include "heapmm.h"
#include "check.h"

/* The library that is preloaded has it. */
#pragma weak heapmm_stats

enum { ROUNDS = 1000 };

static size_t cached(void)
{
    heapmm_stats_t stats = {.size = sizeof stats};
    CHECK_THAT(heapmm_stats(&stats), ==, 0);
    return stats.cached;
}

static void *aligned(size_t alignment, size_t length)
{
    void *block = NULL;
    CHECK_THAT(posix_memalign(&block, alignment, length), ==, 0);
    CHECK_THAT((uintptr_t)block % alignment, ==, 0);
    memset(block, 0x5a, length);
    return hide(block);
}

static void rests_and_serves_again(size_t alignment, size_t length)
{
    void *beside = hide(malloc(length));
    void *block = aligned(alignment, length);
    size_t before = cached();
    free(block);
    free(beside);
    CHECK_THAT(cached(), >=, before + 2 * length);
    for (int round = 0; round < ROUNDS; round++) {
        void *again = aligned(alignment, length);
        CHECK(again == block);
        CHECK_THAT(cached(), <, before + 2 * length);
        free(again);
        free(hide(malloc(length)));
    }
}

int main(void)
{
    CHECK(heapmm_stats);
    rests_and_serves_again(64, 5000);
    rests_and_serves_again(4096, 20000);
    rests_and_serves_again(16384, 50000);
    return 0;
}
