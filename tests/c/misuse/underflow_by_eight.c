/* Eight bytes are written below a block. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *below = block_of(size), *block = block_of(size);
    fault_is_within(block - 16, block + 16);

    memset(block - 8, 'A', 8);

    free(block);
    free(below);
    return survived();
}
