/* A pointer eight bytes into a block is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *block = block_of(number(argc, argv));

    fault_is(block + 8);
    free(block + 8);

    free(block);
    return survived();
}
