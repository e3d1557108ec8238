/* A block is freed, then three hundred of its size, then the first again. */
#include "misuse.h"

int main(int argc, char **argv)
{
    enum { COUNT = 300 };
    size_t size = number(argc, argv);
    static char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(size);
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);

    fault_is(blocks[0]);
    free(blocks[0]);

    return survived();
}
