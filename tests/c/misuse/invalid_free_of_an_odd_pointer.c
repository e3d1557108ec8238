/* A pointer one byte into a block is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *block = block_of(number(argc, argv));

    fault_is(block + 1);
    free(block + 1);

    free(block);
    return survived();
}
