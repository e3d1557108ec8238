/* Requests that cannot be met: NULL with ENOMEM, and nothing else changes. */
#include "makers.h"

static const size_t impossible[] = {
    (size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX + 16, SIZE_MAX / 4 * 3, SIZE_MAX - 8192,
    SIZE_MAX - 4096,     SIZE_MAX - 4095,         SIZE_MAX - 64,            SIZE_MAX - 16,    SIZE_MAX - 15,
    SIZE_MAX - 8,        SIZE_MAX - 7,            SIZE_MAX - 1,             SIZE_MAX,
};
enum { IMPOSSIBLE = sizeof impossible / sizeof impossible[0] };

CASE(a_size_over_half_the_address_space_is_enomem_from_every_function)
{
    for (int m = 0; m < MAKERS; m++)
        for (int i = 0; i < IMPOSSIBLE; i++) {
            errno = 0;
            CHECK_OF(makers[m].name, makers[m].make(impossible[i]) == NULL);
            CHECK_OF(makers[m].name, errno == ENOMEM);
        }
}

CASE(a_size_that_the_machine_cannot_map_is_enomem)
{
    for (int m = 0; m < MAKERS; m++)
        for (int shift = 48; shift < 63; shift++) {
            errno = 0;
            CHECK_OF(makers[m].name, makers[m].make((size_t)1 << shift) == NULL);
            CHECK_OF(makers[m].name, errno == ENOMEM);
        }
}

CASE(a_product_that_overflows_is_enomem)
{
    static const size_t pairs[][2] = {
        {SIZE_MAX / 2, 3}, {3, SIZE_MAX / 2 + 1}, {(size_t)1 << 32, (size_t)1 << 32}, {SIZE_MAX, SIZE_MAX},
        {SIZE_MAX, 2},     {2, SIZE_MAX},         {SIZE_MAX / 16 + 1, 16},            {SIZE_MAX / 24 + 1, 24},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char *kept = hide(malloc(40));
        stamp(kept, 40, 1);

        errno = 0;
        CHECK(calloc(pairs[i][0], pairs[i][1]) == NULL);
        CHECK_THAT(errno, ==, ENOMEM);
        errno = 0;
        CHECK(__libc_calloc(pairs[i][0], pairs[i][1]) == NULL);
        CHECK_THAT(errno, ==, ENOMEM);
        errno = 0;
        CHECK(reallocarray(NULL, pairs[i][0], pairs[i][1]) == NULL);
        CHECK_THAT(errno, ==, ENOMEM);
        errno = 0;
        CHECK(reallocarray(kept, pairs[i][0], pairs[i][1]) == NULL);
        CHECK_THAT(errno, ==, ENOMEM);

        CHECK(is_stamped(kept, 40, 1));
        free(kept);
    }
}

CASE(a_failing_realloc_keeps_the_old_block)
{
    for (int s = 0; s < SIZES; s++)
        for (int i = 0; i < IMPOSSIBLE; i++) {
            size_t n = sizes[s] > 4096 ? 4096 : sizes[s];
            char *block = hide(malloc(sizes[s]));
            stamp(block, n, 5);
            size_t usable = malloc_usable_size(block);

            errno = 0;
            CHECK(realloc(block, impossible[i]) == NULL);
            CHECK_THAT(errno, ==, ENOMEM);
            errno = 0;
            CHECK(__libc_realloc(block, impossible[i]) == NULL);
            CHECK_THAT(errno, ==, ENOMEM);
            errno = 0;
            CHECK(reallocarray(block, impossible[i], 1) == NULL);
            CHECK_THAT(errno, ==, ENOMEM);

            CHECK(is_stamped(block, n, 5));
            CHECK_THAT(malloc_usable_size(block), ==, usable);
            free(block);
        }
}

CASE(pvalloc_that_overflows_when_rounded_is_enomem)
{
    for (size_t less = 0; less < 5000; less += 499) {
        errno = 0;
        CHECK(pvalloc(SIZE_MAX - less) == NULL);
        CHECK_THAT(errno, ==, ENOMEM);
        errno = 0;
        CHECK(__libc_pvalloc(SIZE_MAX - less) == NULL);
        CHECK_THAT(errno, ==, ENOMEM);
    }
}

CASE(an_aligned_request_that_overflows_is_enomem)
{
    for (size_t alignment = 16; alignment <= (size_t)1 << 40; alignment <<= 4)
        for (int i = 0; i < IMPOSSIBLE; i++) {
            void *untouched = &untouched, *same = untouched;
            CHECK_THAT(posix_memalign(&untouched, alignment, impossible[i]), ==, ENOMEM);
            CHECK(untouched == same);
            errno = 0;
            CHECK(memalign(alignment, impossible[i]) == NULL);
            CHECK_THAT(errno, ==, ENOMEM);
            errno = 0;
            CHECK(aligned_alloc(alignment, impossible[i]) == NULL);
            CHECK_THAT(errno, ==, ENOMEM);
            errno = 0;
            CHECK(__libc_memalign(alignment, impossible[i]) == NULL);
            CHECK_THAT(errno, ==, ENOMEM);
        }
}

CASE(an_alignment_of_two_to_the_62_is_enomem)
{
    void *untouched = &untouched, *same = untouched;

    CHECK_THAT(posix_memalign(&untouched, (size_t)1 << 62, 8), ==, ENOMEM);
    CHECK(untouched == same);
    errno = 0;
    CHECK(memalign((size_t)1 << 62, 8) == NULL);
    CHECK_THAT(errno, ==, ENOMEM);
    errno = 0;
    CHECK(aligned_alloc((size_t)1 << 62, 8) == NULL);
    CHECK_THAT(errno, ==, ENOMEM);
}

CASE(after_every_refusal_ordinary_requests_are_served)
{
    for (int m = 0; m < MAKERS; m++)
        for (int i = 0; i < IMPOSSIBLE; i++)
            CHECK_OF(makers[m].name, makers[m].make(impossible[i]) == NULL);

    for (int m = 0; m < MAKERS; m++) {
        char *block = hide(makers[m].make(1000));
        CHECK_OF(makers[m].name, block != NULL);
        stamp(block, 1000, 9);
        CHECK_OF(makers[m].name, is_stamped(block, 1000, 9));
        free(block);
    }
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
