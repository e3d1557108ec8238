/* realloc has moved the block; the program frees the old address too. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *block = block_of(size), *fence = block_of(size), *moved = hide(realloc(block, size * 40 + 5000));
    CHECK(moved != NULL && moved != block);

    fault_is(block);
    free(block);

    free(moved);
    free(fence);
    return survived();
}
