/* The last multiples of a block's length in 64 KiB of equal blocks, which are none of them, are freed. */
#include "misuse.h"

enum { GRANULE = 65536, BLOCKS = 9000 };

int main(int argc, char **argv)
{
    static char *blocks[BLOCKS];
    size_t size = number(argc, argv);
    char *start = NULL;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = block_of(size);
        if ((uintptr_t)blocks[i] % GRANULE == 0)
            start = blocks[i];
    }
    size_t length = malloc_usable_size(blocks[BLOCKS - 1]);
    CHECK(start != NULL);
    char *last = start + (GRANULE - 16) / length * length;
    for (int i = 0; i < BLOCKS; i++)
        CHECK(blocks[i] != last);

    fault_is(last);
    free(last);

    return survived();
}
