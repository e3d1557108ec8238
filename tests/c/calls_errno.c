/* Success keeps errno, and so does every way of freeing. */
#include "makers.h"

CASE(success_keeps_errno)
{
    for (int m = 0; m < MAKERS; m++)
        for (int s = 0; s < SIZES; s++) {
            errno = 4711;
            void *block = hide(makers[m].make(sizes[s]));
            CHECK_OF(makers[m].name, errno == 4711);
            CHECK_OF(makers[m].name, block != NULL);

            CHECK_OF(makers[m].name, malloc_usable_size(block) >= sizes[s]);
            CHECK_OF(makers[m].name, errno == 4711);

            block = hide(realloc(block, sizes[s] * 2 + 1));
            CHECK_OF(makers[m].name, block != NULL && errno == 4711);
            free(block);
            CHECK_OF(makers[m].name, errno == 4711);
        }
}

CASE(every_way_of_freeing_keeps_errno)
{
    for (int b = 0; b < BREAKERS; b++)
        for (int s = 0; s < SIZES; s++) {
            void *block = hide(malloc(sizes[s]));
            CHECK(block != NULL);
            errno = 4711;

            breakers[b].give_back(block, sizes[s]);

            CHECK_OF(breakers[b].name, errno == 4711);
        }
}

CASE(looking_keeps_errno)
{
    errno = 4711;

    struct mallinfo2 info = mallinfo2();
    malloc_trim(0);

    CHECK_THAT(errno, ==, 4711);
    CHECK_THAT(info.arena + info.hblkhd, >=, info.uordblks);
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
