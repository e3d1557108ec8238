/* A pointer into the middle of a block is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *block = block_of(size), *middle = block + (size / 2 + 15) / 16 * 16;

    fault_is(middle);
    free(middle);

    free(block);
    return survived();
}
