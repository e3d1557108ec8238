/* A block of the allocator's own is freed: what stands in it stays. */
#include "misuse.h"
#include "heapmm.h"

/* The library that is preloaded has it. */
#pragma weak heapmm_walk

enum { COUNT = 4000 };

static int find_own(void *payload, size_t length, heapmm_kind_t kind, void *found)
{
    uint64_t first;
    memcpy(&first, payload, sizeof first);
    if (kind != HEAPMM_OWN || length < 256 || first == 0)
        return 0;
    *(char **)found = payload;
    return 1;
}

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    static char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(size);
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
    char *own = NULL, before[16];
    CHECK_THAT(heapmm_walk(find_own, &own), ==, 1);
    memcpy(before, own, sizeof before);

    fault_is(own);
    free(own);

    CHECK(memcmp(own, before, sizeof before) == 0);
    return survived();
}
