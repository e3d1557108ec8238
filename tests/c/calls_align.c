/* Alignment: every block to 16 bytes, the aligned family to what was asked. */
#include "makers.h"

#define ALIGNED(block, to) (((uintptr_t)(block) & ((uintptr_t)(to)-1)) == 0)

CASE(every_block_is_aligned_to_sixteen)
{
    for (int m = 0; m < MAKERS; m++)
        for (size_t n = 0; n < 3000; n += 7) {
            void *blocks[3];
            for (int i = 0; i < 3; i++) {
                blocks[i] = hide(makers[m].make(n));
                CHECK_OF(makers[m].name, blocks[i] != NULL && ALIGNED(blocks[i], 16));
            }
            for (int i = 0; i < 3; i++)
                free(blocks[i]);
        }
}

CASE(posix_memalign_refuses_bad_alignments_and_leaves_the_result_alone)
{
    static const size_t bad[] = {0, 1, 2, 3, 4, 5, 7, 12, 24, 40, 48, 100, 4097, 12288, SIZE_MAX, SIZE_MAX - 7};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        void *untouched = &untouched, *same = untouched;
        errno = 4711;

        CHECK_THAT(posix_memalign(&untouched, bad[i], 100), ==, EINVAL);

        CHECK(untouched == same);
        CHECK_THAT(errno, ==, 4711);
    }
}

CASE(posix_memalign_serves_every_power_of_two_up_to_a_gibibyte)
{
    for (size_t alignment = 8; alignment <= (size_t)1 << 30; alignment <<= 1)
        for (size_t n = 0; n <= 100000; n = n * 10 + 1) {
            void *block = NULL;

            CHECK_THAT(posix_memalign(&block, alignment, n), ==, 0);

            CHECK(block != NULL && ALIGNED(block, alignment));
            CHECK_THAT(malloc_usable_size(block), >=, n);
            memset(block, 0x5a, n);
            free(block);
        }
}

CASE(memalign_and_aligned_alloc_serve_every_power_of_two_up_to_a_gibibyte)
{
    for (size_t alignment = 1; alignment <= (size_t)1 << 30; alignment <<= 1) {
        char *blocks[] = {hide(memalign(alignment, 100)), hide(aligned_alloc(alignment, 100)),
                          hide(__libc_memalign(alignment, 100))};

        for (int i = 0; i < 3; i++) {
            CHECK(blocks[i] != NULL && ALIGNED(blocks[i], alignment) && ALIGNED(blocks[i], 16));
            stamp(blocks[i], 100, (unsigned)i);
        }

        for (int i = 0; i < 3; i++) {
            CHECK(is_stamped(blocks[i], 100, (unsigned)i));
            free(blocks[i]);
        }
    }
}

CASE(aligned_blocks_do_not_overlap_their_neighbours)
{
    enum { COUNT = 300 };
    static char *blocks[COUNT];
    static size_t lengths[COUNT];
    uint32_t state = 7;
    for (int i = 0; i < COUNT; i++) {
        size_t alignment = (size_t)8 << next_random(&state) % 13;
        lengths[i] = next_random(&state) % 9000;
        void *block = NULL;
        CHECK_THAT(posix_memalign(&block, alignment, lengths[i]), ==, 0);
        CHECK(ALIGNED(block, alignment));
        blocks[i] = block;
        stamp(blocks[i], lengths[i], (unsigned)i);
        free(hide(malloc(next_random(&state) % 3000)));
    }

    for (int i = 0; i < COUNT; i++)
        CHECK(is_stamped(blocks[i], lengths[i], (unsigned)i));

    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
}

/* What aligned and plain requests of one length free, each other serves: of that only some is aligned. */
CASE(aligned_blocks_among_plain_ones_of_their_length_are_aligned)
{
    enum { COUNT = 500, ROUNDS = 20000 };
    static char *blocks[COUNT];
    static size_t lengths[COUNT];
    uint32_t state = 11;
    for (int round = 0; round < ROUNDS; round++) {
        int i = (int)(next_random(&state) % COUNT);
        size_t alignment = (size_t)16 << next_random(&state) % 10, length = next_random(&state) % 4200;
        if (blocks[i] != NULL)
            CHECK(is_stamped(blocks[i], lengths[i], (unsigned)i));
        free(blocks[i]);
        int is_plain = next_random(&state) % 3 == 0;
        blocks[i] = hide(is_plain ? malloc(length) : aligned_alloc(alignment, length));
        lengths[i] = length;
        CHECK(blocks[i] != NULL && ALIGNED(blocks[i], is_plain ? 16 : alignment));
        CHECK_THAT(malloc_usable_size(blocks[i]), >=, length);
        stamp(blocks[i], length, (unsigned)i);
    }
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
}

CASE(aligned_alloc_takes_any_size)
{
    static const size_t odd[] = {0, 1, 3, 17, 63, 65, 1000, 4095, 4097, 100001};
    for (size_t alignment = 16; alignment <= 65536; alignment <<= 2)
        for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
            char *block = hide(aligned_alloc(alignment, odd[i]));
            CHECK(block != NULL && ALIGNED(block, alignment));
            CHECK_THAT(malloc_usable_size(block), >=, odd[i]);
            free(block);
        }
}

CASE(memalign_rounds_its_alignment_up_to_a_power_of_two)
{
    static const size_t asked[][2] = {{0, 16}, {1, 16}, {3, 16}, {17, 32}, {24, 32}, {33, 64}, {100, 128}, {4097, 8192}, {65537, 131072}};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        char *block = hide(memalign(asked[i][0], 50)), *twin = hide(__libc_memalign(asked[i][0], 50));
        CHECK(block != NULL && ALIGNED(block, asked[i][1]));
        CHECK(twin != NULL && ALIGNED(twin, asked[i][1]));
        free(block);
        free(twin);
    }
}

CASE(memalign_of_an_alignment_that_no_power_of_two_covers_is_einval)
{
    static const size_t asked[] = {SIZE_MAX / 2 + 2, SIZE_MAX - 1, SIZE_MAX};
    for (int i = 0; i < 3; i++) {
        errno = 0;
        CHECK(memalign(asked[i], 8) == NULL);
        CHECK_THAT(errno, ==, EINVAL);
        errno = 0;
        CHECK(__libc_memalign(asked[i], 8) == NULL);
        CHECK_THAT(errno, ==, EINVAL);
    }
}

CASE(valloc_and_pvalloc_give_pages)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t n = 0; n < 20000; n = n * 3 + 1) {
        char *blocks[] = {hide(valloc(n)), hide(pvalloc(n)), hide(__libc_valloc(n)), hide(__libc_pvalloc(n))};
        for (int i = 0; i < 4; i++) {
            CHECK(blocks[i] != NULL && ALIGNED(blocks[i], page));
            CHECK_THAT(malloc_usable_size(blocks[i]), >=, n);
        }
        CHECK_THAT(malloc_usable_size(blocks[1]), >=, (n + page - 1) / page * page);
        CHECK_THAT(malloc_usable_size(blocks[3]), >=, (n + page - 1) / page * page);
        for (int i = 0; i < 4; i++)
            free(blocks[i]);
    }
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
