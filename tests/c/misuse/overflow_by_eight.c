/* Eight bytes are written behind a block. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *block = block_of(size), *next = block_of(size), *last = block_of(size);
    fault_is_within(block - 16, block + malloc_usable_size(block) + 16);

    memset(block + malloc_usable_size(block), 'A', 8);

    free(next);
    free(block);
    free(last);
    return survived();
}
