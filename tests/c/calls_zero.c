/* Empty requests: a unique block that is not NULL, from every function that makes one. */
#include "makers.h"

CASE(an_empty_block_is_not_null_and_unique)
{
    for (int m = 0; m < MAKERS; m++) {
        void *blocks[50];

        for (int i = 0; i < 50; i++)
            blocks[i] = hide(makers[m].make(0));

        for (int i = 0; i < 50; i++) {
            CHECK_OF(makers[m].name, blocks[i] != NULL);
            for (int j = 0; j < i; j++)
                CHECK_OF(makers[m].name, blocks[i] != blocks[j]);
        }
        for (int i = 0; i < 50; i++)
            free(blocks[i]);
    }
}

CASE(calloc_of_none_of_something_is_a_block)
{
    void *none = hide(calloc(0, 100)), *empty = hide(calloc(100, 0)), *both = hide(calloc(0, 0));

    CHECK(none != NULL && empty != NULL && both != NULL);
    CHECK(none != empty && empty != both && none != both);

    free(none);
    free(empty);
    free(both);
}

CASE(realloc_of_null_to_zero_is_a_block)
{
    void *first = hide(realloc(NULL, 0)), *second = hide(reallocarray(NULL, 0, 5)), *third = hide(__libc_realloc(NULL, 0));

    CHECK(first != NULL && second != NULL && third != NULL);

    free(first);
    free(second);
    free(third);
}

static void resize_to_zero(size_t size, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        void *block = hide(malloc(size));
        CHECK(block != NULL);
        errno = 4711;
        CHECK(realloc(block, 0) == NULL);
        CHECK_THAT(errno, ==, 4711);
    }
}

/* The first round is not counted: it may make a table of the allocator's own. */
CASE(realloc_to_zero_frees_and_returns_null_with_errno_kept)
{
    for (int s = 0; s < SIZES; s++) {
        resize_to_zero(sizes[s], 1);
        size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;

        resize_to_zero(sizes[s], 1000);

        CHECK_THAT(mallinfo2().uordblks + mallinfo2().hblkhd, <=, before + 4096);
    }
}

CASE(freeing_null_does_nothing)
{
    errno = 4711;

    free(NULL);
    __libc_free(NULL);
    CHECK(cfree != NULL && free_sized != NULL && free_aligned_sized != NULL);
    cfree(NULL);
    free_sized(NULL, 8);
    free_aligned_sized(NULL, 16, 8);

    CHECK_THAT(errno, ==, 4711);
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
