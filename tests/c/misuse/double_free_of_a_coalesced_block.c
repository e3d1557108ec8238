/* A block is freed between two freed neighbours, and once more when it is a part of theirs. */
#include "misuse.h"

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    char *blocks[5];
    for (int i = 0; i < 5; i++)
        blocks[i] = block_of(size);
    free(blocks[1]);
    free(blocks[3]);
    free(blocks[2]);

    fault_is(blocks[2]);
    free(blocks[2]);

    return survived();
}
