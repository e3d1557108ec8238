/* A pointer into a block is resized. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *block = block_of(size);

    fault_is(block + 16);
    hide(realloc(block + 16, size * 2));

    free(block);
    return survived();
}
