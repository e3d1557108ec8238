/* Aligned blocks of more than 4 KiB rest in a cache like others, and the next request of their size finds them there,
 * with or without unaligned ones beside them, wherever in the cache they are. One that stands where another one was freed
 * does not look freed.
 */
#include "heapmm.h"
#include "check.h"

/* The library that is preloaded has it. */
#pragma weak heapmm_stats
#pragma weak heapmm_trim

enum { ROUNDS = 1000, MANY = 60 };

static heapmm_stats_t stats(void)
{
    heapmm_stats_t stats = {.size = sizeof stats};
    CHECK_THAT(heapmm_stats(&stats), ==, 0);
    return stats;
}

static size_t cached(void)
{
    return stats().cached;
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

static void all_serve_again(size_t alignment, size_t length)
{
    void *block[MANY];
    for (int i = 0; i < MANY; i++)
        block[i] = aligned(alignment, length);
    size_t before = cached();
    for (int i = 0; i < MANY; i++)
        free(block[i]);
    size_t resting = (cached() - before) / length;
    CHECK_THAT(resting, >, MANY / 2);
    for (size_t i = 0; i < resting; i++)
        block[i] = aligned(alignment, length);
    CHECK_THAT(cached(), <, before + length);
    for (size_t i = 0; i < resting; i++)
        free(block[i]);
}

/* The mark of a free block is its second word. One that is handed out with it would be looked up when it is freed. */
static void carries_no_mark_of_another(size_t alignment, size_t length)
{
    volatile uint64_t *block = aligned(alignment, length);
    free((void *)block);
    uint64_t mark = block[1];
    heapmm_trim(1 << 20);
    void *again = NULL;
    CHECK_THAT(posix_memalign(&again, alignment, length), ==, 0);
    CHECK(again == block);
    CHECK(block[1] != mark);
    free(again);
}

int main(void)
{
    CHECK(heapmm_stats);
    carries_no_mark_of_another(64, 8000);
    rests_and_serves_again(64, 5000);
    rests_and_serves_again(4096, 20000);
    rests_and_serves_again(16384, 50000);
    all_serve_again(4096, 8192);
    all_serve_again(64, 20000);
    return 0;
}
