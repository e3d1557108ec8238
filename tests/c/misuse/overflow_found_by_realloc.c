/* Eight bytes are written behind a block that is then resized. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *block = block_of(size), *next = block_of(size), *last = block_of(size);
    fault_is_within(block - 16, block + malloc_usable_size(block) + 16);

    memset(block + malloc_usable_size(block), 'A', 8);

    block = hide(realloc(block, size + size / 2 + 64));
    free(next);
    free(block);
    free(last);
    return survived();
}
