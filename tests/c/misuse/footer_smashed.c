/* The last eight bytes of a freed block, its footer, are overwritten before its neighbour is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *below = block_of(size), *block = block_of(size), *above = block_of(size), *fence = block_of(size);
    size_t usable = malloc_usable_size(block);
    free(block);
    fault_is_within(block - 16, block + usable + 16);

    memset(block + usable - 8, 'A', 8);

    free(above);
    free(below);
    free(fence);
    return survived();
}
