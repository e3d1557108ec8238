/* A block is freed, written to, which wipes what says that it is free, and freed again. Then all that the caches hold goes
 * back to the heap. */
#include "misuse.h"

enum { COUNT = 1000, LARGE = 50000 };

int main(int argc, char **argv)
{
    static char *blocks[COUNT];
    size_t size = number(argc, argv), wiped = size < 64 ? size : 64;
    /* So many small ones that they are a slab's. */
    int count = size < LARGE ? COUNT : 10;
    for (int i = 0; i < count; i++)
        blocks[i] = block_of(size);
    char *block = blocks[count / 2];
    free(block);

    fault_is(block);
    memset(block, 0x41, wiped);
    free(block);

    for (int i = 0; i < count; i++)
        if (blocks[i] != block)
            free(blocks[i]);
    malloc_trim(0);
    return survived();
}
