/* A block is freed twice in a row. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *block = block_of(number(argc, argv));
    free(block);

    fault_is(block);
    free(block);

    return survived();
}
