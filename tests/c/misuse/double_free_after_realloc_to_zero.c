/* realloc(p, 0) has freed the block already. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *block = block_of(number(argc, argv));
    CHECK(realloc(block, 0) == NULL);

    fault_is(block);
    free(block);

    return survived();
}
