/* The first two words of a freed block are overwritten before the next request of its size. */
#include "misuse.h"
static char prey[256];

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    /* So many small ones that what follows is a slab's. */
    for (int i = 0; size < 100 && i < 1000; i++)
        (void)block_of(size);
    char *below = block_of(size), *block = block_of(size), *above = block_of(size);
    size_t usable = malloc_usable_size(block);
    free(block);
    fault_is_within(block - 16, block + usable + 16);
    fault_is_within(prey, prey + sizeof prey);

    ((void **)block)[0] = prey + 64;
    ((void **)block)[1] = prey + 128;

    for (int i = 0; i < 8; i++)
        CHECK(malloc(size) != NULL);
    free(below);
    free(above);
    return survived();
}
