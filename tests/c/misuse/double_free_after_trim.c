/* A block is freed, its memory given back, and it is freed again. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *block = block_of(size), *above = block_of(size);
    free(block);
    malloc_trim(0);

    fault_is(block);
    free(block);

    free(above);
    return survived();
}
