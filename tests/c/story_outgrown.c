/* A block that has grown in the heap to more than a mapping begins with is copied within the heap when its way is blocked:
   a mapping would be touched anew, and given back with the next block of its size. */
#include "check.h"
#include <malloc.h>

int main(void)
{
    size_t const last = 16u << 20;
    char *block = hide(malloc(16)), *neighbour = NULL;
    for (size_t size = 32; size <= last; size *= 2) {
        if (size == last)
            neighbour = hide(malloc(2000));
        block = hide(realloc(block, size));
        block[size / 2] = (char)(size >> 10);
    }

    CHECK_THAT(mallinfo2().hblks, ==, 0);
    for (size_t size = 2048; size <= last; size *= 2)
        CHECK_THAT(block[size / 2], ==, (char)(size >> 10));
    free(block);
    free(neighbour);
    return 0;
}
