/* A freed block is freed again by a realloc to zero. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *block = block_of(number(argc, argv));
    free(block);

    fault_is(block);
    CHECK(realloc(block, 0) == NULL);

    return survived();
}
