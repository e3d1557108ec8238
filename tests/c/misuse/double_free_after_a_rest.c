/* Much memory lies idle, and a block is freed. A while later, when what the caches kept goes back, it is freed again. */
#include "misuse.h"

int main(int argc, char **argv)
{
    enum { COUNT = 400, IDLE = 100000, WHILE = 150 * 1000 };
    size_t size = number(argc, argv);
    static char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(IDLE);
    char *block = block_of(size), *behind = block_of(size);
    for (int i = 0; i < COUNT - 10; i++)
        free(blocks[i]);
    free(block);
    usleep(WHILE);

    fault_is(block);
    free(block);

    free(behind);
    return survived();
}
