/* A block that lies free in its slab is freed again, where free looks late. Before it looks somebody takes from that
 * slab, or gives it up, by the number: 0 the last block of it that was in use is freed, and goes to the slab at once,
 * since that drains; 1 a thread that has never had a block trims, and takes large ones; 2 an aligned block is wanted
 * for which the bin has none. */
#include "misuse.h"
#include <pthread.h>

enum { SIZE = 64, COUNT = 60000, SPAN = 1 << 16, OTHERS = 3000, LARGE = 30000, SOME = 100 };

static char *blocks[COUNT], *some[SOME], *large[SOME];

static size_t span_of(const char *block) { return (uintptr_t)block / SPAN; }

static void *take_large(void *none)
{
    for (int i = 0; i < SOME; i++)
        large[i] = block_of(LARGE);
    return none;
}

static void *stranger(void *none)
{
    malloc_trim(0);
    return take_large(none);
}

/* Slabs of which two blocks are left, the first and another one, drain; one stays full. Block 0 is the first one of
 * such a slab, and lies free in it: the other one is the last. */
static char *drain(void)
{
    char *last = NULL, *others[200];
    for (int i = 1; i < COUNT; i++) {
        size_t at = (uintptr_t)blocks[i] % SPAN;
        if (at != 0 && at != 500 * SIZE && span_of(blocks[i]) != span_of(blocks[COUNT - 2000]))
            free(blocks[i]);
    }
    for (int i = 0; i < OTHERS; i++)
        (void)block_of(OTHERS);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 200; i++)
            others[i] = block_of(16 * (round % 60 + 8));
        for (int i = 0; i < 200; i++)
            free(others[i]);
        malloc_trim(0);
    }
    for (int i = COUNT / 2; last == NULL; i++) {
        CHECK(i + 1000 < COUNT);
        if ((uintptr_t)blocks[i] % SPAN != 0)
            continue;
        for (int k = i + 1; k < i + 1000; k++)
            if ((uintptr_t)blocks[k] % SPAN == 500 * SIZE && span_of(blocks[k]) == span_of(blocks[i]))
                last = blocks[k];
        blocks[0] = blocks[i];
    }
    free(blocks[0]);
    malloc_trim(0);
    return last;
}

int main(int argc, char **argv)
{
    size_t way = number(argc, argv);
    static char *tagged[SOME], *idle[6 * SOME], *last = NULL;
    for (int i = 0; i < SOME; i++)
        tagged[i] = block_of(SIZE);
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(SIZE);
    if (way == 0) {
        last = drain();
        for (int i = 0; i < SOME; i++)
            some[i] = block_of(SIZE);
        for (int i = 0; i < SOME / 8; i++)
            free(some[i]);
    } else if (way == 1) {
        blocks[0] = blocks[COUNT / 2];
        for (int i = COUNT / 2 - 1100; i < COUNT / 2 + 3005; i++)
            free(blocks[i]);
    } else {
        for (int i = 0; i < 6 * SOME; i++)
            idle[i] = block_of(100000);
        blocks[0] = blocks[COUNT / 2];
        free(blocks[0]);
        malloc_trim(0);
        for (int i = 1; i < 6 * SOME; i++)
            free(idle[i]);
        for (int i = 0; i < SOME / 2; i++)
            free(tagged[i]);
    }

    fault_is(blocks[0]);
    free(blocks[0]);
    if (way == 0) {
        free(last);
        take_large(NULL);
    } else if (way == 1) {
        pthread_t thread;
        CHECK_THAT(pthread_create(&thread, NULL, stranger, NULL), ==, 0);
        CHECK_THAT(pthread_join(thread, NULL), ==, 0);
    } else {
        CHECK(memalign(SIZE, SIZE) != NULL);
    }
    for (int i = SOME / 2; i < SOME; i++)
        free(tagged[i]);
    for (int i = SOME / 8; i < SOME / 4; i++)
        free(some[i]);
    return survived();
}
