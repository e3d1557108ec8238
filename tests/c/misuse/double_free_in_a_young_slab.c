/* A block is freed again when its place belongs to a slab of other objects, and has not been handed out yet. */
#include "misuse.h"

enum { BLOCKS = 400, OBJECTS = 4000, OLD = 4080, SPAN = 1 << 16 };

static char *blocks[BLOCKS];

/* A freed block above `newest`, the newest object of its span, or null: spans are filled from below. */
static char *stale_above(const char *newest, size_t size)
{
    for (int i = 0; i < BLOCKS; i++)
        if (((uintptr_t)blocks[i] ^ (uintptr_t)newest) < SPAN && blocks[i] > newest + 8 * size)
            return blocks[i];
    return NULL;
}

int main(int argc, char **argv)
{
    size_t size = number(argc, argv);
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = block_of(OLD);
    /* The heap's links take the place of most marks. */
    for (int i = BLOCKS - 1; i >= 0; i--)
        free(blocks[i]);
    char *stale = NULL;
    for (int i = 0; i < OBJECTS && stale == NULL; i++)
        stale = stale_above(block_of(size), size);
    CHECK(stale != NULL);

    fault_is(stale);
    free(stale);

    return survived();
}
