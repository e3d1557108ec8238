/* A block from any function goes to any freeing function. */
#include "makers.h"

CASE(every_freeing_function_takes_blocks_from_every_function)
{
    for (int m = 0; m < MAKERS; m++)
        for (int b = 0; b < BREAKERS; b++)
            for (int s = 0; s < SIZES - 1; s++) {
                char *before = hide(makers[m].make(sizes[s])), *middle = hide(makers[m].make(sizes[s])),
                     *after = hide(makers[m].make(sizes[s]));
                CHECK_OF(makers[m].name, before != NULL && middle != NULL && after != NULL);
                size_t n = sizes[s] > 1000 ? 1000 : sizes[s];
                stamp(before, n, 1);
                stamp(middle, n, 2);
                stamp(after, n, 3);

                breakers[b].give_back(middle, sizes[s]);

                CHECK_OF(breakers[b].name, is_stamped(before, n, 1) && is_stamped(after, n, 3));
                breakers[b].give_back(before, sizes[s]);
                breakers[b].give_back(after, sizes[s]);
            }
}

CASE(mixed_pairs_leave_nothing_behind)
{
    for (int round = 0; round < 2; round++) {
        size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
        for (int m = 0; m < MAKERS; m++)
            for (int b = 0; b < BREAKERS; b++)
                for (int i = 0; i < 100; i++)
                    breakers[b].give_back(hide(makers[m].make(500)), 500);
        size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;

        CHECK_THAT(after, <=, before + 65536);
    }
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
