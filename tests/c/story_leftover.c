/* The first blocks of a size are tagged ones. When its objects come from slabs, a freed one of these is not handed out
   again: free would go now one way and now the other, which no processor foretells. */
#include "check.h"

enum { BLOCKS = 400 };

int main(void)
{
    static char *blocks[BLOCKS];
    for (size_t n = 0; n < BLOCKS; n++)
        blocks[n] = hide(malloc(40));

    for (size_t n = 0; n < 10; n++) {
        char *first = blocks[n];
        free(first);
        blocks[n] = hide(malloc(40));
        CHECK(blocks[n] != first);
    }
    char *last = blocks[BLOCKS - 1];
    free(last);
    CHECK(hide(malloc(40)) == last);
    return 0;
}
