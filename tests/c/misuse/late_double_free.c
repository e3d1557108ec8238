/* A block is freed, then another one, then the first again, where free may look at it late. What finds it out is told
 * by the number: 1 the next free, 2 the next free after malloc has handed the block out, 3 realloc, 4 what comes later,
 * 5 malloc_trim, 6 a walk, 7 the end of the process, 8 realloc to the same length. Plus ten: the program frees only, and free looks at many blocks
 * together, 1 is the frees that fill a magazine. Plus twenty: it does, and the block was freed long before. */
#include "misuse.h"
#include "heapmm.h"

/* The library that is preloaded has it. */
#pragma weak heapmm_walk

enum { SIZE = 48, COUNT = 600, LEFT = 200 };

static int goes_on(void *payload, size_t length, heapmm_kind_t kind, void *none)
{
    (void)payload, (void)length, (void)kind, (void)none;
    return 0;
}

int main(int argc, char **argv)
{
    static char *blocks[COUNT];
    size_t where = number(argc, argv) / 10, way = number(argc, argv) % 10;
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(SIZE);
    for (int i = 0; i < COUNT - LEFT; i++)
        free(blocks[i]);

    if (where == 0)
        (void)block_of(SIZE);

    char *block = blocks[where == 2 ? COUNT / 2 : COUNT - 1], *again = NULL;
    fault_is(block);
    if (where != 2)
        free(block);
    free(blocks[COUNT - 2]);
    free(block);
    say(1, "not yet\n");
    if (way == 2)
        for (int i = 0; i < LEFT && again != block; i++)
            again = block_of(SIZE);
    if (way == 3)
        (void)!realloc(block, 100 * SIZE);
    else if (way == 8)
        (void)!realloc(block, SIZE);
    else if (way == 5)
        malloc_trim(0);
    else if (way == 6)
        CHECK_THAT(heapmm_walk(goes_on, NULL), ==, 0);
    else if (way == 7)
        return 0;
    else if (way != 4)
        for (int i = COUNT - LEFT; i < (where == 0 ? COUNT - LEFT + 1 : COUNT - 2); i++)
            free(blocks[i]);
    say(1, "too late\n");

    /* Told to go on, nobody else gets what has an owner. */
    if (again == block)
        for (int i = 0; i < COUNT; i++)
            CHECK(block_of(SIZE) != block);
    return survived();
}
