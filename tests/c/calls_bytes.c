/* What the bytes of a block do: calloc's are zero, realloc's come along, usable ones are all the caller's. */
#include "makers.h"

CASE(calloc_is_zero_where_dirty_blocks_were_freed)
{
    for (int s = 0; s < SIZES; s++)
        for (int m = 0; m < MAKERS; m++) {
            if (!makers[m].zeroed)
                continue;
            for (int i = 0; i < 4; i++) {
                char *dirty = hide(malloc(sizes[s]));
                memset(dirty, 0xa5, malloc_usable_size(dirty));
                free(dirty);
            }

            char *clean = hide(makers[m].make(sizes[s]));

            CHECK_OF(makers[m].name, is_zero(clean, sizes[s]));
            free(clean);
        }
}

CASE(calloc_is_zero_in_any_history)
{
    enum { SLOTS = 200 };
    static char *blocks[SLOTS];
    uint32_t state = 99;
    for (int step = 0; step < 30000; step++) {
        int slot = (int)(next_random(&state) % SLOTS);
        size_t n = next_random(&state) % (next_random(&state) % 50 == 0 ? 200000 : 2000);
        if (blocks[slot] != NULL)
            memset(blocks[slot], 0xa5, malloc_usable_size(blocks[slot]));
        free(blocks[slot]);
        blocks[slot] = hide(calloc(n, 1));
        CHECK(blocks[slot] != NULL && is_zero(blocks[slot], n));
    }
}

/* The kernel keeps the page that the break stands in: what went back there must come again as zeros. */
CASE(calloc_is_zero_where_a_break_inside_a_page_went_back)
{
    enum { COUNT = 200, SMALL = 5000, LARGE = 70000 };
    static char *blocks[COUNT];
    free(hide(malloc(100)));
    for (int round = 0; round < 3; round++) {
        CHECK(sbrk(3 * 4096 + 1000 + 16 * round) != (void *)-1);
        for (int i = 0; i < COUNT; i++) {
            blocks[i] = hide(malloc(SMALL));
            memset(blocks[i], 0xa5, malloc_usable_size(blocks[i]));
        }
        for (int i = 0; i < COUNT; i++)
            free(blocks[i]);
        malloc_trim(0);
        for (int i = 0; i < COUNT; i++) {
            blocks[i] = hide(calloc(LARGE, 1));
            CHECK(blocks[i] != NULL && is_zero(blocks[i], LARGE));
        }
        for (int i = 0; i < COUNT; i++)
            free(blocks[i]);
        malloc_trim(0);
        CHECK(is_zero(sbrk(64), 64));
    }
}

CASE(realloc_keeps_the_bytes_both_fit)
{
    for (int from = 0; from < SIZES; from++)
        for (int to = 1; to < SIZES; to++) {
            size_t common = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
            char *block = hide(malloc(sizes[from]));
            stamp(block, common, 3);

            block = hide(realloc(block, sizes[to]));

            CHECK(block != NULL && is_stamped(block, common, 3));
            CHECK_THAT(malloc_usable_size(block), >=, sizes[to]);
            memset(block, 1, sizes[to]);
            free(block);
        }
}

CASE(realloc_takes_blocks_from_every_function)
{
    static const size_t to[] = {1, 50, 5000, 200000};
    for (int m = 0; m < MAKERS; m++)
        for (int s = 1; s < SIZES; s++)
            for (int t = 0; t < 4; t++) {
                size_t common = sizes[s] < to[t] ? sizes[s] : to[t];
                char *block = hide(makers[m].make(sizes[s]));
                stamp(block, common, 4);

                block = t % 2 ? hide(__libc_realloc(block, to[t])) : hide(reallocarray(block, to[t], 1));

                CHECK_OF(makers[m].name, block != NULL && is_stamped(block, common, 4));
                free(block);
            }
}

CASE(a_growing_block_keeps_its_bytes_beside_growing_neighbours)
{
    enum { ROWS = 8 };
    char *rows[ROWS] = {0};
    for (size_t n = 1; n < 300000; n += n / 9 + 1)
        for (int i = 0; i < ROWS; i++) {
            size_t before = n == 1 ? 0 : n - ((n - 1) / 10 + 1);
            rows[i] = hide(realloc(rows[i], n));
            CHECK(rows[i] != NULL);
            for (size_t at = 0; at < before; at += 97)
                CHECK_THAT((unsigned char)rows[i][at], ==, 0x40 + i);
            memset(rows[i], 0x40 + i, n);
        }

    for (int i = 0; i < ROWS; i++)
        free(rows[i]);
}

CASE(a_shrunk_block_gives_memory_back)
{
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    enum { COUNT = 20 };
    char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        blocks[i] = hide(malloc(1 << 20));

    for (int i = 0; i < COUNT; i++)
        blocks[i] = hide(realloc(blocks[i], 100));

    CHECK_THAT(mallinfo2().uordblks + mallinfo2().hblkhd, <, before + (1 << 20));
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
}

CASE(usable_size_of_null_is_zero)
{
    CHECK_THAT(malloc_usable_size(NULL), ==, 0);
}

CASE(all_usable_bytes_are_writable_and_belong_to_the_block)
{
    enum { COUNT = MAKERS * 12 };
    static char *blocks[COUNT];
    static size_t lengths[COUNT];
    for (int i = 0; i < COUNT; i++) {
        size_t n = sizes[i / MAKERS];
        blocks[i] = hide(makers[i % MAKERS].make(n));
        lengths[i] = malloc_usable_size(blocks[i]);
        CHECK_OF(makers[i % MAKERS].name, lengths[i] >= n);
        stamp(blocks[i], lengths[i], (unsigned)i);
    }

    for (int i = 0; i < COUNT; i++) {
        CHECK_OF(makers[i % MAKERS].name, is_stamped(blocks[i], lengths[i], (unsigned)i));
        CHECK_OF(makers[i % MAKERS].name, malloc_usable_size(blocks[i]) == lengths[i]);
    }

    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
}

CASE(usable_size_is_stable_over_a_history)
{
    char *watched = hide(malloc(77));
    size_t usable = malloc_usable_size(watched);
    uint32_t state = 5;
    char *others[64] = {0};

    for (int step = 0; step < 20000; step++) {
        int slot = (int)(next_random(&state) % 64);
        free(others[slot]);
        others[slot] = hide(malloc(next_random(&state) % 1000));
        CHECK_THAT(malloc_usable_size(watched), ==, usable);
    }
    free(watched);
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
