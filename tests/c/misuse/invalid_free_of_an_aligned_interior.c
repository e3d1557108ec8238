/* A pointer sixteen bytes into a block is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *block = block_of(number(argc, argv));

    fault_is(block + 16);
    free(block + 16);

    free(block);
    return survived();
}
