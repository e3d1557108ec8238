/* The introspection calls tell the truth. */
#include "makers.h"

CASE(mallopt_returns_one_for_every_known_parameter)
{
    CHECK_THAT(mallopt(M_MXFAST, 64), ==, 1);
    CHECK_THAT(mallopt(M_TRIM_THRESHOLD, 256 * 1024), ==, 1);
    CHECK_THAT(mallopt(M_TOP_PAD, 64 * 1024), ==, 1);
    CHECK_THAT(mallopt(M_MMAP_THRESHOLD, 256 * 1024), ==, 1);
    CHECK_THAT(mallopt(M_MMAP_MAX, 1000), ==, 1);
    CHECK_THAT(mallopt(M_CHECK_ACTION, 3), ==, 1);
    CHECK_THAT(mallopt(M_PERTURB, 0), ==, 1);
    CHECK_THAT(mallopt(M_ARENA_TEST, 2), ==, 1);
    CHECK_THAT(mallopt(M_ARENA_MAX, 2), ==, 1);

    for (int s = 0; s < SIZES; s++)
        free(hide(malloc(sizes[s])));
}

CASE(mallopt_does_not_claim_to_fill_blocks)
{
    CHECK_THAT(mallopt(M_PERTURB, 0x55), ==, 0);
}

CASE(mallinfo2_follows_a_large_allocation)
{
    size_t twenty = 20 << 20;
    struct mallinfo2 before = mallinfo2();

    char *block = hide(malloc(twenty));
    struct mallinfo2 during = mallinfo2();
    free(block);
    struct mallinfo2 after = mallinfo2();

    size_t held = (during.uordblks + during.hblkhd) - (before.uordblks + before.hblkhd);
    CHECK_THAT(held, >=, twenty);
    CHECK_THAT(held, <=, twenty + (1 << 20));
    CHECK_THAT(during.arena + during.hblkhd, >=, twenty);
    CHECK_THAT(after.uordblks + after.hblkhd, <=, before.uordblks + before.hblkhd + 65536);
}

CASE(mallinfo2_follows_small_allocations)
{
    enum { COUNT = 20000 };
    static void *blocks[COUNT];
    struct mallinfo2 before = mallinfo2();

    for (int i = 0; i < COUNT; i++)
        blocks[i] = hide(malloc(1000));
    struct mallinfo2 during = mallinfo2();
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
    struct mallinfo2 after = mallinfo2();

    CHECK_THAT(during.uordblks, >=, before.uordblks + COUNT * 1000);
    CHECK_THAT(during.uordblks, <=, before.uordblks + COUNT * 1300);
    CHECK_THAT(after.uordblks, <=, before.uordblks + COUNT * 50);
    CHECK_THAT(during.arena, >=, during.uordblks);
    CHECK_THAT(during.uordblks + during.fordblks, ==, during.arena);
}

CASE(mallinfo_agrees_with_mallinfo2)
{
    void *block = hide(malloc(3 << 20)), *small = hide(malloc(100));

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    struct mallinfo old = mallinfo();
#pragma GCC diagnostic pop
    struct mallinfo2 now = mallinfo2();

    CHECK_THAT(old.arena, ==, now.arena);
    CHECK_THAT(old.hblkhd, ==, now.hblkhd);
    CHECK_THAT(old.uordblks, ==, now.uordblks);
    CHECK_THAT(old.fordblks, ==, now.fordblks);
    free(block);
    free(small);
}

CASE(malloc_info_refuses_options)
{
    char text[64] = "untouched";
    FILE *file = fmemopen(text, sizeof text, "r+");

    CHECK_THAT(malloc_info(1, file), ==, EINVAL);
    CHECK_THAT(malloc_info(-1, file), ==, EINVAL);

    fflush(file);
    CHECK(strcmp(text, "untouched") == 0);
    fclose(file);
}

/* The driver reads this one's output as XML. */
CASE(malloc_info_prints_xml)
{
    void *blocks[100];
    for (int i = 0; i < 100; i++)
        blocks[i] = hide(malloc((size_t)i * i * 20));
    for (int i = 0; i < 100; i += 3)
        free(blocks[i]);

    CHECK_THAT(malloc_info(0, stdout), ==, 0);
    CHECK_THAT(fflush(stdout), ==, 0);
}

/* The driver looks for the text on stderr. */
CASE(malloc_stats_writes_to_stderr)
{
    free(hide(malloc(5000)));

    malloc_stats();
}

CASE(malloc_trim_returns_zero_or_one)
{
    CHECK(malloc_trim(0) == 0 || malloc_trim(0) == 1);
    void *blocks[500];
    for (int i = 0; i < 500; i++) {
        blocks[i] = hide(malloc(20000));
        memset(blocks[i], 1, 20000);
    }
    for (int i = 0; i < 500; i++)
        free(blocks[i]);

    int trimmed = malloc_trim(0);

    CHECK(trimmed == 0 || trimmed == 1);
}

CASE(malloc_trim_that_is_to_leave_more_than_there_is_takes_nothing_in_use)
{
    for (size_t pad = SIZE_MAX; pad >= (size_t)1 << 30; pad /= 2) {
        char *block = hide(malloc(300000));
        free(block);

        CHECK_THAT(malloc_trim(pad), <=, 1);
        CHECK_THAT(malloc_trim(pad & ~(size_t)4095), <=, 1);

        block = hide(malloc(1000000));
        stamp(block, 1000000, 3);
        CHECK(is_stamped(block, 1000000, 3));
        free(block);
    }
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
