/* A string that is too long is copied into a block. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *block = block_of(size), *next = block_of(size), *last = block_of(size), *text = block_of(2 * size + 200);
    fault_is_within(block - 16, block + malloc_usable_size(block) + 40);
    memset(text, 'A', malloc_usable_size(block) + 20);
    text[malloc_usable_size(block) + 20] = 0;

    strcpy(block, text);

    free(block);
    free(next);
    free(last);
    return survived();
}
