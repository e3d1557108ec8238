/* A block is freed, then another one, then the first again. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *block = block_of(size), *other = block_of(size);
    free(block);
    free(other);

    fault_is(block);
    free(block);

    return survived();
}
