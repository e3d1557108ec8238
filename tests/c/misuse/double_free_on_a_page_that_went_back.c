/* A block is freed twice after its page has gone back to the system, if one did: the block's mark went with it. */
#include "misuse.h"
#include <sys/mman.h>

enum { COUNT = 40000, SURVIVES = 50, PAGE = 4096, SIZES = 12 };

static int is_absent(char *block)
{
    unsigned char is_here = 1;
    return mincore((char *)((uintptr_t)block / PAGE * PAGE), PAGE, &is_here) == 0 && !(is_here & 1);
}

int main(int argc, char **argv)
{
    static char *blocks[COUNT];
    size_t size = number(argc, argv);
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(size);
    for (int i = 0; i < COUNT; i++)
        if (i % SURVIVES != 0)
            free(blocks[i]);
    /* Other sizes make the heap grow. */
    for (size_t other = 2 * size, n = 0; n < SIZES; n++, other += 64)
        for (size_t left = COUNT / 2 * size; left > other; left -= other)
            if (next_random(&(uint32_t){(uint32_t)left | 1}) % 4 == 0)
                block_of(other);
    char *block = blocks[1];
    for (int i = 0; i < COUNT; i++)
        if (i % SURVIVES != 0 && is_absent(blocks[i]))
            block = blocks[i];

    fault_is(block);
    free(block);

    return survived();
}
