/* What HEAPMM_FILL writes: `junk` shows the use of what was never written or was freed, `zero` hides the first. */
#include "check.h"
#include <malloc.h>

enum { NEW = 0xa5, FREED = 0x5a, HELD = 200, LINKS = 4 * sizeof(void *) };

/* Enough of each to fill slabs, and to leave them for whole blocks and mappings. */
static const size_t sizes[] = {1, 16, 24, 100, 256, 1000, 4096, 20000, 70000, 1 << 20, 3 << 20};
enum { SIZES = sizeof sizes / sizeof *sizes };

static int holds_only(const unsigned char *bytes, size_t from, size_t to, unsigned char value)
{
    for (size_t i = from; i < to; i++)
        if (bytes[i] != value)
            return 0;
    return 1;
}

/* Blocks of all sizes, dirtied and freed, in three rounds: all later ones come from used memory. */
static void new_blocks_hold(unsigned char value)
{
    static unsigned char *held[HELD];
    for (int round = 0; round < 3; round++)
        for (int s = 0; s < SIZES; s++) {
            int count = sizes[s] > 10000 ? 4 : HELD;
            for (int i = 0; i < count; i++) {
                held[i] = hide(malloc(sizes[s]));
                CHECK(held[i] != NULL);
                CHECK_THAT(holds_only(held[i], 0, malloc_usable_size(held[i]), value), ==, 1);
                memset(held[i], i, malloc_usable_size(held[i]));
            }
            for (int i = 0; i < count; i++)
                free(held[i]);
        }
}

CASE(junk_fills_a_new_block)
{
    new_blocks_hold(NEW);
}

CASE(zero_fills_a_new_block)
{
    new_blocks_hold(0);
}

/* The links of free blocks lie at the ends of what was freed. */
CASE(junk_fills_a_freed_block)
{
    for (int s = 0; s < SIZES && sizes[s] < 70000; s++) {
        unsigned char *first = hide(malloc(sizes[s])), *block = hide(malloc(sizes[s])), *last = hide(malloc(sizes[s]));
        size_t n = malloc_usable_size(block);
        memset(block, 1, n);
        free(block);
        if (n > 2 * LINKS)
            CHECK_THAT(holds_only(block, LINKS, n - LINKS, FREED), ==, 1);
        free(first);
        free(last);
    }
}

/* A block grows over a dirty neighbour that was freed, or into a longer mapping. */
static void longer_blocks_hold(unsigned char value)
{
    for (int s = 0; s < SIZES; s++)
        for (int percent = 110; percent <= 200; percent += 90) {
            unsigned char *block = hide(malloc(sizes[s])), *next = hide(malloc(2 * sizes[s])), *last = hide(malloc(sizes[s]));
            size_t n = malloc_usable_size(block);
            memset(block, 7, n);
            memset(next, 7, malloc_usable_size(next));
            free(next);
            block = hide(realloc(block, n * percent / 100));
            CHECK(block != NULL);
            CHECK_THAT(holds_only(block, 0, n, 7), ==, 1);
            CHECK_THAT(holds_only(block, n, malloc_usable_size(block), value), ==, 1);
            free(block);
            free(last);
        }
}

CASE(junk_fills_what_realloc_adds)
{
    longer_blocks_hold(NEW);
}

CASE(zero_fills_what_realloc_adds)
{
    longer_blocks_hold(0);
}

CASE(junk_leaves_what_calloc_and_realloc_promise)
{
    for (int s = 0; s < SIZES; s++)
        for (int i = 0; i < 20; i++) {
            unsigned char *clean = hide(calloc(1, sizes[s]));
            CHECK_THAT(holds_only(clean, 0, sizes[s], 0), ==, 1);
            memset(clean, 7, sizes[s]);
            unsigned char *grown = hide(realloc(clean, 2 * sizes[s]));
            CHECK_THAT(holds_only(grown, 0, sizes[s], 7), ==, 1);
            free(grown);
        }
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
