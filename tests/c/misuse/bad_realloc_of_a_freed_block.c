/* A freed block is resized. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *block = block_of(size), *fence = block_of(size);
    free(block);

    fault_is(block);
    hide(realloc(block, size * 2));

    free(fence);
    return survived();
}
