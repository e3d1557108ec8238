/* One byte, zero, is written behind a block. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *block = block_of(size), *next = block_of(size), *last = block_of(size);
    fault_is_within(block - 16, block + malloc_usable_size(block) + 16);

    block[malloc_usable_size(block)] = 0;

    free(next);
    free(block);
    free(last);
    return survived();
}
