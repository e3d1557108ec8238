/* The first block of a slab is freed again where free looks late, and what the slab has goes back to the heap before
 * free looks: others stand there then. */
#include "misuse.h"

enum { SIZE = 32, OTHERS = 1024, COUNT = 20000 };

static char *blocks[COUNT];

int main(int argc, char **argv)
{
    size_t from = number(argc, argv);
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(SIZE);
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
    (void)block_of(OTHERS);

    while ((uintptr_t)blocks[from] % 65536 != 0)
        CHECK(++from < COUNT);
    fault_is(blocks[from]);
    free(blocks[from]);
    for (int i = 0; i < COUNT * SIZE / OTHERS; i++)
        (void)block_of(OTHERS);
    for (int i = 0; i < COUNT; i++)
        (void)block_of(SIZE);
    return survived();
}
